"""How the tokens of a row mix what they see: softmax of query x key, times the values.

Shapes as in `calrec.model.backbone.decoder`; queries come scaled and turned, keys turned.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

HIDDEN = -1e30
"""Score of what a token may not see: its weight is 0 to the bit."""
BLOCK = 128
"""Queries that `packed` takes together."""


@runtime_checkable
class Mix(Protocol):
    """Attention of whole rows, the last argument being the cap of the scores (Gemma 2)."""

    def __call__(
        self,
        q: Float[Array, "B T G R H"],
        k: Float[Array, "B G T H"],
        v: Float[Array, "B G T H"],
        softcap: float | None,
        /,
    ) -> Float[Array, "B T G R H"]:
        """The mixed values."""
        ...


def scores(
    products: Float[Array, "*lead K"], visible: Bool[Array, "*#lead K"], softcap: float | None
) -> Float[Array, "*lead K"]:
    """Query x key as what the softmax takes: float32, capped, masked."""
    score = products.astype(jnp.float32)
    if softcap is not None:
        score = softcap * jnp.tanh(score / softcap)
    return jnp.where(visible, score, HIDDEN)


def _as_it_is(weight: Array) -> Array:
    return weight


def _placed(drop: Callable[[Array, int], Array], place: int, weight: Array) -> Array:
    return drop(weight, place)


def _mixed(
    q: Float[Array, "B Q G R H"],
    k: Float[Array, "B G K H"],
    v: Float[Array, "B G K H"],
    visible: Bool[Array, "B Q K"],
    softcap: float | None,
    drop: Callable[[Array], Array] = _as_it_is,
) -> Float[Array, "B Q G R H"]:
    score = scores(jnp.einsum("btgrh,bgsh->bgrts", q, k), visible[:, None, None], softcap)
    weight = jax.nn.softmax(score, axis=-1).astype(q.dtype)
    return jnp.einsum("bgrts,bgsh->btgrh", drop(weight), v)


def dense(visible: Bool[Array, "B T T"]) -> Mix:
    """Every token against all of its row that it may see."""

    def mix(q, k, v, softcap, /):
        return _mixed(q, k, v, visible, softcap)

    return mix


def packed(
    segment: Int[Array, "B T"],
    window: int | None,
    drop: Callable[[Array, int], Array] | None = None,
) -> Mix:
    """Each token against those before it in its own segment.

    In blocks of queries, each against the keys up to its end alone: half the products and half the
    memory of `dense`.

    Args:
      segment: number of each token's segment.
      window: how many of the last tokens, itself included, a token sees; None is all.
      drop: thins out the weights of a block, by a number of its own from 2 on.
    """
    tokens = segment.shape[1]

    def mix(q, k, v, softcap, /):
        parts = []
        for number, start in enumerate(range(0, tokens, BLOCK)):
            end = min(start + BLOCK, tokens)
            first = 0 if window is None else max(0, start - window + 1)
            at, seen = jnp.arange(start, end), jnp.arange(first, end)
            visible = segment[:, start:end, None] == segment[:, None, first:end]
            behind = at[:, None] - seen[None]
            visible &= (behind >= 0)[None]
            if window is not None:
                visible &= (behind < window)[None]
            keys, values = k[:, :, first:end], v[:, :, first:end]
            thinned = partial(_placed, drop, 2 + number) if drop else _as_it_is
            parts.append(_mixed(q[:, start:end], keys, values, visible, softcap, thinned))
        return jnp.concatenate(parts, axis=1)

    return mix
