"""Keys and values kept between steps.

All samples of a user read one prompt cache: it is computed once and never copied. What a sample
adds itself stands in its own cache of a fixed number of slots, so that shapes stay static. The
heads stand first, and samples in one row of rows: so laid out, no matrix product of a step has to
move its operands, and a step writes where the entries lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from calrec.model.backbone.config import DecoderConfig


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class PromptCache:
    """Keys and values of U prompts, padded right to P tokens, one pair per layer."""

    keys: tuple[Float[Array, "U G P H"], ...]
    values: tuple[Float[Array, "U G P H"], ...]
    length: Int[Array, " U"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class SampleCache:
    """Keys and values of what N samples of each of U users have generated, in S slots."""

    keys: tuple[Float[Array, "UGN S H"], ...]
    values: tuple[Float[Array, "UGN S H"], ...]

    @classmethod
    def empty(
        cls, config: DecoderConfig, users: int, samples: int, slots: int, dtype: jnp.dtype
    ) -> SampleCache:
        """Zeros: nothing generated yet."""
        shape = (users * config.num_key_value_heads * samples, slots, config.head_dim)
        zeros = tuple(jnp.zeros(shape, dtype) for _ in range(config.num_hidden_layers))
        return cls(keys=zeros, values=zeros)


@jax.tree_util.register_dataclass
@dataclass(frozen=True, kw_only=True)
class TreeCache:
    """Keys and values of tokens that continue one prompt as a tree, in M slots.

    A token stands in the tree by its number in preorder and the first number behind its subtree:
    its ancestors, and itself, are the slots whose interval holds its number. So no list of parents
    is kept, and a slot whose token nobody needs any more can be given away.

    Attributes:
      keys, values: one pair per layer.
      number: of each slot's token, in preorder.
      behind: the first number behind its subtree; 0 for an empty slot.
      depth: tokens from the prompt's end to it, itself included.
    """

    keys: tuple[Float[Array, "G M H"], ...]
    values: tuple[Float[Array, "G M H"], ...]
    number: Int[Array, " M"]
    behind: Int[Array, " M"]
    depth: Int[Array, " M"]

    @classmethod
    def empty(cls, config: DecoderConfig, slots: int, dtype: jnp.dtype) -> TreeCache:
        """No token yet. No two arrays are one, so that the whole can be given away to a step."""
        shape = (config.num_key_value_heads, slots, config.head_dim)
        layers = range(config.num_hidden_layers)
        return cls(
            keys=tuple(jnp.zeros(shape, dtype) for _ in layers),
            values=tuple(jnp.zeros(shape, dtype) for _ in layers),
            number=jnp.zeros(slots, jnp.int32),
            behind=jnp.zeros(slots, jnp.int32),
            depth=jnp.zeros(slots, jnp.int32),
        )

    def kept(self, slots: Int[Array, " K"], count: Int[Array, ""]) -> TreeCache:
        """The first `count` of these slots in a cache of K; the others are empty."""
        there = jnp.arange(len(slots)) < count
        return TreeCache(
            keys=tuple(layer[:, slots] for layer in self.keys),
            values=tuple(layer[:, slots] for layer in self.values),
            number=jnp.where(there, self.number[slots], 0),
            behind=jnp.where(there, self.behind[slots], 0),
            depth=jnp.where(there, self.depth[slots], 0),
        )
