"""Grouped-query attention: over whole rows, and one step over a prompt that samples share.

Shapes as in `calrec.model.backbone.decoder`.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Bool, Float, Int

from calrec.model.backbone.config import DecoderConfig, Rope
from calrec.model.backbone.layers import Linear, Norm, along_last

HIDDEN = -1e30
"""Score of what a token may not see: its weight is 0 to the bit."""


def frequencies(rope: Rope, head_dim: int) -> Float[Array, " pairs"]:
    """Radians a position by which each pair of a head's dimensions turns.

    Source: RoFormer (Su et al. 2021); `llama3` as in Llama 3.1's published code.
    """
    half = head_dim // 2
    frequency = rope.theta ** (-jnp.arange(half, dtype=jnp.float32) / half)
    if rope.kind == "linear":
        return frequency / rope.factor
    if rope.kind == "llama3":
        # How often a pair turns within the original context: rarely means a low frequency.
        turns = rope.original_max_position_embeddings * frequency / (2 * math.pi)
        low, high = rope.low_freq_factor, rope.high_freq_factor
        kept = jnp.clip((turns - low) / (high - low), 0.0, 1.0)
        return frequency * (kept + (1 - kept) / rope.factor)
    return frequency


def rotate(
    x: Float[Array, "*lead heads H"], position: Int[Array, "*lead"], rope: Rope
) -> Float[Array, "*lead heads H"]:
    """Turns each head by its position, the two halves of a head paired as Hugging Face does."""
    turned = position[..., None, None].astype(jnp.float32)
    angle = turned * along_last(frequencies(rope, x.shape[-1]), turned)
    cos, sin = jnp.cos(angle).astype(x.dtype), jnp.sin(angle).astype(x.dtype)
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


class Attention(nnx.Module):
    """R query heads share each key/value head."""

    def __init__(self, config: DecoderConfig, layer: int, *, rngs: nnx.Rngs) -> None:
        self.groups = config.num_key_value_heads
        self.head_dim = config.head_dim
        self.rope = config.layer_rope(layer)
        self.window = config.layer_window(layer)
        self.scale = config.attention_scale or config.head_dim**-0.5
        self.softcap = config.attention_softcap
        queries = config.num_attention_heads * config.head_dim
        shared = config.num_key_value_heads * config.head_dim
        width, bias = config.hidden_size, config.attention_bias
        self.q_proj = Linear(width, queries, bias=bias, rngs=rngs)
        self.k_proj = Linear(width, shared, bias=bias, rngs=rngs)
        self.v_proj = Linear(width, shared, bias=bias, rngs=rngs)
        self.o_proj = Linear(queries, width, bias=config.output_bias, rngs=rngs)
        normed = config.norm_queries_and_keys
        self.q_norm = Norm(config.head_dim, config) if normed else None
        self.k_norm = Norm(config.head_dim, config) if normed else None

    def project(
        self, x: Float[Array, "*lead D"], position: Int[Array, "*lead"]
    ) -> tuple[Float[Array, "*lead G R H"], Float[Array, "*lead G H"], Float[Array, "*lead G H"]]:
        """Queries, scaled; keys; values; queries and keys turned by their positions."""
        q, k, v = (
            proj(x).reshape(*x.shape[:-1], -1, self.head_dim)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.rope is not None:
            q, k = rotate(q, position, self.rope), rotate(k, position, self.rope)
        return (q * self.scale).reshape(*x.shape[:-1], self.groups, -1, self.head_dim), k, v

    def scores(
        self, products: Float[Array, "*lead K"], visible: Bool[Array, "*#lead K"]
    ) -> Float[Array, "*lead K"]:
        """Query x key as what the softmax takes: float32, capped, masked."""
        score = products.astype(jnp.float32)
        if self.softcap is not None:
            score = self.softcap * jnp.tanh(score / self.softcap)
        return jnp.where(visible, score, HIDDEN)

    def __call__(
        self,
        x: Float[Array, "B T D"],
        position: Int[Array, "B T"],
        visible: Bool[Array, "B T T"],
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B G T H"], Float[Array, "B G T H"]]:
        """Attention within rows; also the keys and values, for a prompt cache."""
        q, k, v = self.project(x, position)
        k, v = k.swapaxes(1, 2), v.swapaxes(1, 2)
        if self.window is not None:
            visible &= position[:, :, None] - position[:, None, :] < self.window
        score = self.scores(jnp.einsum("btgrh,bgsh->bgrts", q, k), visible[:, None, None])
        weight = jax.nn.softmax(score, axis=-1).astype(x.dtype)
        mixed = jnp.einsum("bgrts,bgsh->btgrh", weight, v)
        return self.o_proj(mixed.reshape(*x.shape[:-1], -1)), k, v

    def step(
        self,
        x: Float[Array, "U N D"],
        prompt_keys: Float[Array, "U G P H"],
        prompt_values: Float[Array, "U G P H"],
        keys: Float[Array, "UGN S H"],
        values: Float[Array, "UGN S H"],
        length: Int[Array, " U"],
        step: Int[Array, " U"],
    ) -> tuple[Float[Array, "U N D"], Float[Array, "UGN S H"], Float[Array, "UGN S H"]]:
        """One token of every sample against the shared prompt, the sample's own past.

        The softmax runs over both without joining them: each is read where it lies.
        """
        now = (length + step)[:, None]
        q, k, v = self.project(x, jnp.broadcast_to(now, x.shape[:2]))
        # Heads before samples, so that no product has to move its operands.
        q, k, v = (jnp.moveaxis(array, 2, 1) for array in (q, k, v))
        keys, values = _put(keys, k, step), _put(values, v, step)
        in_prompt = jnp.arange(prompt_keys.shape[2])[None]
        in_sample = jnp.arange(keys.shape[1])[None]
        see_prompt, see_sample = in_prompt < length[:, None], in_sample <= step[:, None]
        if self.window is not None:
            see_prompt &= in_prompt > now - self.window
            see_sample &= in_sample > step[:, None] - self.window

        users, groups, samples, repeats, width = q.shape
        rows = (users, groups, samples * repeats, width)
        shared = jnp.einsum("ugmh,ugph->ugmp", q.reshape(rows), prompt_keys)
        shared = self.scores(shared.reshape(*q.shape[:-1], -1), see_prompt[:, None, None, None])
        own = jnp.einsum("brh,bsh->brs", q.reshape(-1, repeats, width), keys)
        own = self.scores(own.reshape(*q.shape[:-1], -1), see_sample[:, None, None, None])
        top = jnp.maximum(shared.max(axis=-1), own.max(axis=-1))[..., None]
        shared, own = jnp.exp(shared - top), jnp.exp(own - top)
        total = (shared.sum(axis=-1) + own.sum(axis=-1))[..., None]
        mixed = shared.astype(x.dtype).reshape(*rows[:-1], -1) @ prompt_values
        own = own.astype(x.dtype).reshape(len(keys), repeats, -1) @ values
        mixed = (mixed.reshape(q.shape) + own.reshape(q.shape)) / total
        mixed = jnp.moveaxis(mixed, 1, 2).astype(x.dtype)
        return self.o_proj(mixed.reshape(*x.shape[:-1], -1)), keys, values


def _put(
    cache: Float[Array, "UGN S H"], new: Float[Array, "U G N H"], step: Int[Array, " U"]
) -> Float[Array, "UGN S H"]:
    """The cache with each user's new entries in the slot of that user's step.

    User by user: as one operation it would be a scatter, which copies the cache.
    """
    entries = new.reshape(len(new), -1, 1, new.shape[-1])
    for user, entry in enumerate(entries):
        cache = jax.lax.dynamic_update_slice(cache, entry, (user * len(entry), step[user], 0))
    return cache
