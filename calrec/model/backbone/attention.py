"""Grouped-query attention: over whole rows, and behind a prompt that samples or a tree share.

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
from calrec.model.backbone.mixing import Mix, scores


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


Turn = tuple[Float[Array, "*lead 1 pairs"], Float[Array, "*lead 1 pairs"]]
"""Cosine and sine of the angles by which the heads of each token are turned."""


def turn(position: Int[Array, "*lead"], rope: Rope | None, config: DecoderConfig) -> Turn | None:
    """The angles at these positions, in float32; None without rotary positions."""
    if rope is None:
        return None
    at = position[..., None, None].astype(jnp.float32)
    angle = at * along_last(frequencies(rope, config.head_dim), at)
    return jnp.cos(angle), jnp.sin(angle)


def rotate(x: Float[Array, "*lead heads H"], by: Turn) -> Float[Array, "*lead heads H"]:
    """Turns each head, the two halves of a head paired as Hugging Face does."""
    cos, sin = (part.astype(x.dtype) for part in by)
    left, right = jnp.split(x, 2, axis=-1)
    return jnp.concatenate([left * cos - right * sin, right * cos + left * sin], axis=-1)


class Attention(nnx.Module):
    """R query heads share each key/value head."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        self.groups = config.num_key_value_heads
        self.head_dim = config.head_dim
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
        self, x: Float[Array, "*lead D"], by: Turn | None
    ) -> tuple[Float[Array, "*lead G R H"], Float[Array, "*lead G H"], Float[Array, "*lead G H"]]:
        """Queries, scaled; keys; values; queries and keys turned."""
        q, k, v = (
            proj(x).reshape(*x.shape[:-1], -1, self.head_dim)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if by is not None:
            q, k = rotate(q, by), rotate(k, by)
        return (q * self.scale).reshape(*x.shape[:-1], self.groups, -1, self.head_dim), k, v

    def __call__(
        self, x: Float[Array, "B T D"], by: Turn | None, mix: Mix
    ) -> tuple[Float[Array, "B T D"], Float[Array, "B G T H"], Float[Array, "B G T H"]]:
        """Attention within rows; also the keys and values, for a prompt cache."""
        q, k, v = self.project(x, by)
        k, v = k.swapaxes(1, 2), v.swapaxes(1, 2)
        mixed = mix(q, k, v, self.softcap)
        return self.o_proj(mixed.reshape(*x.shape[:-1], -1)), k, v

    def step(
        self,
        x: Float[Array, "U N D"],
        prompt_keys: Float[Array, "U G P H"],
        prompt_values: Float[Array, "U G P H"],
        keys: Float[Array, "UGN S H"],
        values: Float[Array, "UGN S H"],
        by: Turn | None,
        see_prompt: Bool[Array, "U P"],
        see_sample: Bool[Array, "U S"],
        step: Int[Array, " U"],
    ) -> tuple[Float[Array, "U N D"], Float[Array, "UGN S H"], Float[Array, "UGN S H"]]:
        """One token of every sample against the shared prompt, the sample's own past.

        The softmax runs over both without joining them: each is read where it lies.
        """
        q, k, v = self.project(x, by)
        # Heads before samples, so that no product has to move its operands.
        q, k, v = (jnp.moveaxis(array, 2, 1) for array in (q, k, v))
        keys, values = _put(keys, k, step), _put(values, v, step)

        users, groups, samples, repeats, width = q.shape
        rows = (users, groups, samples * repeats, width)
        shared = jnp.einsum("ugmh,ugph->ugmp", q.reshape(rows), prompt_keys)
        shared = shared.reshape(*q.shape[:-1], -1)
        shared = scores(shared, see_prompt[:, None, None, None], self.softcap)
        own = jnp.einsum("brh,bsh->brs", q.reshape(-1, repeats, width), keys)
        own = scores(own.reshape(*q.shape[:-1], -1), see_sample[:, None, None, None], self.softcap)
        shared, own, total = _weights(shared, own)
        mixed = shared.astype(x.dtype).reshape(*rows[:-1], -1) @ prompt_values
        own = own.astype(x.dtype).reshape(len(keys), repeats, -1) @ values
        mixed = (mixed.reshape(q.shape) + own.reshape(q.shape)) / total
        mixed = jnp.moveaxis(mixed, 1, 2).astype(x.dtype)
        return self.o_proj(mixed.reshape(*x.shape[:-1], -1)), keys, values

    def branch(
        self,
        x: Float[Array, "T D"],
        prompt_keys: Float[Array, "1 G P H"],
        prompt_values: Float[Array, "1 G P H"],
        keys: Float[Array, "G M H"],
        values: Float[Array, "G M H"],
        by: Turn | None,
        see_prompt: Bool[Array, "T P"],
        see_tree: Bool[Array, "T M"],
        start: Int[Array, ""],
    ) -> tuple[Float[Array, "T D"], Float[Array, "G M H"], Float[Array, "G M H"]]:
        """T tokens of a tree against its prompt and their ancestors, themselves included.

        Their own keys and values take the tree's slots from `start` on before any is read.
        """
        q, k, v = self.project(x, by)
        keys = jax.lax.dynamic_update_slice_in_dim(keys, k.swapaxes(0, 1), start, axis=1)
        values = jax.lax.dynamic_update_slice_in_dim(values, v.swapaxes(0, 1), start, axis=1)
        q = jnp.moveaxis(q, 0, 2)
        rows = (q.shape[0], -1, q.shape[-1])

        def against(past: Array, visible: Bool[Array, "T K"]) -> Array:
            products = jnp.einsum("gmh,gkh->gmk", q.reshape(rows), past)
            return scores(products.reshape(*q.shape[:-1], -1), visible[None, None], self.softcap)

        shared, own, total = _weights(against(prompt_keys[0], see_prompt), against(keys, see_tree))

        def mixed(weights: Array, past: Array) -> Array:
            return weights.astype(x.dtype).reshape(*rows[:-1], past.shape[1]) @ past

        both = mixed(shared, prompt_values[0]) + mixed(own, values)
        out = jnp.moveaxis(both.reshape(q.shape) / total, 2, 0).astype(x.dtype)
        return self.o_proj(out.reshape(len(x), -1)), keys, values


def _weights(
    shared: Float[Array, "*lead P"], own: Float[Array, "*lead S"]
) -> tuple[Float[Array, "*lead P"], Float[Array, "*lead S"], Float[Array, "*lead 1"]]:
    """The softmax over the scores of both without joining them; not yet divided by its sum."""
    top = jnp.maximum(shared.max(axis=-1), own.max(axis=-1))[..., None]
    shared, own = jnp.exp(shared - top), jnp.exp(own - top)
    return shared, own, (shared.sum(axis=-1) + own.sum(axis=-1))[..., None]


def _put(
    cache: Float[Array, "UGN S H"], new: Float[Array, "U G N H"], step: Int[Array, " U"]
) -> Float[Array, "UGN S H"]:
    """The cache with each user's new entries in the slot of that user's step.

    User by user: as one operation it would be a scatter, which copies the cache.
    """
    entries = new.reshape(len(new), -1, 1, new.shape[-1])

    def put(user: Int[Array, ""], cache: Float[Array, "UGN S H"]) -> Float[Array, "UGN S H"]:
        return jax.lax.dynamic_update_slice(
            cache, entries[user], (user * entries.shape[1], step[user], 0)
        )

    return jax.lax.fori_loop(0, len(entries), put, cache)
