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
