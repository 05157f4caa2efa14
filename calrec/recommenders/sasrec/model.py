"""The network: item and position vectors, causal self-attention, the item vectors as output.

Shapes:
  B rows, T places of a row, D hidden_size, N items, H heads, E = D / H.

A row holds one history, or several behind one another. `position` says all about it: the place of
each item in its own history, from 0; -1 on padding. An item sees those of its own history up to
itself, and nothing sees padding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.layers import Linear, normal, project
from calrec.recommenders.sasrec.settings import SASRecSettings

Drop = Callable[[jax.Array], jax.Array]
"""Sets a share of the values to 0 and scales up the others, in training."""


def visible(position: Int[Array, "B T"]) -> Bool[Array, "B T T"]:
    """Whether the item at place t (second axis) sees the one at place s (third axis)."""
    place = jnp.arange(position.shape[1])
    first = place[None] - position
    return (place[None] <= place[:, None])[None] & (place[None, None] >= first[..., None])


def _keys(key: jax.Array) -> Iterator[jax.Array]:
    """Keys of the masks, in turn."""
    while True:
        key, mask = jax.random.split(key)
        yield mask


def _norm(settings: SASRecSettings, rngs: nnx.Rngs) -> nnx.LayerNorm:
    return nnx.LayerNorm(settings.hidden_size, use_fast_variance=False, rngs=rngs)


class Layer(nnx.Module):
    """Self-attention, then feed-forward; each is added to its input, and the sum normalised."""

    def __init__(self, settings: SASRecSettings, *, rngs: nnx.Rngs) -> None:
        size, inner = settings.hidden_size, settings.hidden_size * settings.feed_forward
        self.heads = settings.heads
        self.query = Linear(size, size, bias=True, rngs=rngs)
        self.key = Linear(size, size, bias=True, rngs=rngs)
        self.value = Linear(size, size, bias=True, rngs=rngs)
        self.out = Linear(size, size, bias=True, rngs=rngs)
        self.attention_norm = _norm(settings, rngs)
        self.up = Linear(size, inner, bias=True, rngs=rngs)
        self.down = Linear(inner, size, bias=True, rngs=rngs)
        self.feed_forward_norm = _norm(settings, rngs)

    def __call__(
        self, x: Float[Array, "B T D"], sees: Bool[Array, "B T T"], drop: Drop
    ) -> Float[Array, "B T D"]:
        """The hidden states after this layer."""
        x = self.attention_norm(x + drop(self._attend(x, sees, drop)))
        inner = jax.nn.gelu(self.up(x), approximate=False)
        return self.feed_forward_norm(x + drop(self.down(inner)))

    def _attend(
        self, x: Float[Array, "B T D"], sees: Bool[Array, "B T T"], drop: Drop
    ) -> Float[Array, "B T D"]:
        heads = (*x.shape[:-1], self.heads, x.shape[-1] // self.heads)
        query, key, value = (f(x).reshape(heads) for f in (self.query, self.key, self.value))
        scores = jnp.einsum("bthe,bshe->bhts", query, key) / heads[-1] ** 0.5
        # Finite, so that padding, which sees nothing, gets no NaN; nobody reads what it gets.
        scores = jnp.where(sees[:, None], scores, jnp.finfo(scores.dtype).min)
        weights = drop(jax.nn.softmax(scores, axis=-1))
        return self.out(jnp.einsum("bhts,bshe->bthe", weights, value).reshape(x.shape))


class SASRecModel(nnx.Module):
    """Scores of the next item after every item of a history."""

    def __init__(self, items: int, settings: SASRecSettings, *, rngs: nnx.Rngs) -> None:
        self.dropout = nnx.Dropout(settings.dropout)
        self.items = normal(rngs, items, settings.hidden_size)
        self.positions = normal(rngs, settings.max_length, settings.hidden_size)
        self.norm = _norm(settings, rngs)
        self.layers = nnx.List([Layer(settings, rngs=rngs) for _ in range(settings.layers)])

    def hidden(
        self,
        items: Int[Array, "B T"],
        position: Int[Array, "B T"],
        key: jax.Array | None = None,
    ) -> Float[Array, "B T D"]:
        """Hidden states; with a key under dropout.

        Args:
          items: item indices; any valid one on padding.
          position: see the module's text; below `max_length`.
          key: draws what is dropped.
        """
        keys = None if key is None else _keys(key)

        def drop(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
            return x if keys is None else self.dropout(x, deterministic=False, rngs=next(keys))

        sees = visible(position)
        x = self.items[...][items] + self.positions[...][jnp.maximum(position, 0)]
        x = drop(self.norm(x))
        for layer in self.layers:
            x = layer(x, sees, drop)
        return x

    def logits(self, hidden: Float[Array, "*lead D"]) -> Float[Array, "*lead N"]:
        """Scores of every item as the next one, in nats up to a constant."""
        return project(hidden, self.items[...])
