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
    q: Float[Array, "B G R Q H"],
    k: Float[Array, "B G K H"],
    v: Float[Array, "B G K H"],
    visible: Bool[Array, "B Q K"],
    softcap: float | None,
    drop: Callable[[Array], Array] = _as_it_is,
) -> Float[Array, "B G R Q H"]:
    """Softmax of the scores, times the values.

    Heads stand before tokens, so that no product has to move the scores, by far the largest array.
    The mixed values are divided by the softmax's sum, not its weights: one pass fewer, forward and
    backward.
    """
    rows = (*q.shape[:2], -1, q.shape[-1])
    products = jnp.einsum("bgmh,bgkh->bgmk", q.reshape(rows), k)
    score = scores(products.reshape(*q.shape[:-1], -1), visible[:, None, None], softcap)
    weight = jnp.exp(score - jax.lax.stop_gradient(score.max(axis=-1, keepdims=True)))
    total = weight.sum(axis=-1, keepdims=True)
    kept = drop(weight).astype(q.dtype).reshape(products.shape)
    mixed = jnp.einsum("bgmk,bgkh->bgmh", kept, v)
    return (mixed.reshape(q.shape) / total).astype(q.dtype)


def dense(visible: Bool[Array, "B T T"]) -> Mix:
    """Every token against all of its row that it may see."""

    def mix(q, k, v, softcap, /):
        mixed = _mixed(jnp.moveaxis(q, 1, 3), k, v, visible, softcap)
        return jnp.moveaxis(mixed, 3, 1)

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
        q, parts = jnp.moveaxis(q, 1, 3), []
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
            block = q[:, :, :, start:end]
            parts.append(_mixed(block, keys, values, visible, softcap, thinned))
        return jnp.moveaxis(jnp.concatenate(parts, axis=3), 3, 1)

    return mix
