"""What a layer is made of besides attention: projections, norms, the MLP.

A projection's weight stands as [out, in], as in torch: it comes as it is from a Hugging Face
folder, and on a CPU XLA then computes a float32 row alike whatever the number of rows, from
`SAME_BITS` rows on (as [in, out], from 64 on). So a sample is the same alone and in a batch.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from calrec.model.backbone.config import Activation, DecoderConfig

SAME_BITS = 32
"""Rows from which on a row is computed alike on a CPU whatever their number: products to the bit,
sums over odd or small sizes up to their last bit. Fewer rows go through other kernels."""

ACTIVATIONS: dict[Activation, Callable[[jax.Array], jax.Array]] = {
    "silu": jax.nn.silu,
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
}


def normal(rngs: nnx.Rngs, *shape: int) -> nnx.Param:
    """A parameter drawn from a normal distribution with a standard deviation of 0.02."""
    return nnx.Param(nnx.initializers.normal(0.02)(rngs.params(), shape))


def project(
    x: Float[Array, "*lead I"], weight: Float[Array, "O I"], dtype: jnp.dtype | None = None
) -> Float[Array, "*lead O"]:
    """x W^T, accumulated and returned in `dtype` (default: that of `x`).

    The rows of all leading axes are flattened first: 1.5x a training step's speed on a CPU.
    """
    rows = x.reshape(-1, x.shape[-1])
    out = jnp.matmul(rows, weight.T, preferred_element_type=dtype or x.dtype)
    return out.reshape(*x.shape[:-1], weight.shape[0])


def along_last(vector: Float[Array, " D"], like: Float[Array, "*like"]) -> Float[Array, "*ones D"]:
    """The vector with as many axes as `like` has, to be broadcast along all but the last."""
    return vector.reshape((1,) * (like.ndim - 1) + vector.shape)


class Linear(nnx.Module):
    """y = x W^T + b."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool = False, rngs: nnx.Rngs) -> None:
        self.weight = normal(rngs, outputs, inputs)
        self.bias = nnx.Param(jnp.zeros(outputs)) if bias else None

    def __call__(self, x: Float[Array, "*lead I"]) -> Float[Array, "*lead O"]:
        """The projection, in the dtype of `x`."""
        out = project(x, self.weight[...])
        return out if self.bias is None else out + along_last(self.bias[...], out)


class Norm(nnx.Module):
    """Root mean square norm, with weight or 1 + weight, or LayerNorm; computed in float32."""

    def __init__(self, size: int, config: DecoderConfig) -> None:
        self.kind = config.norm
        self.eps = config.norm_eps
        start = jnp.zeros if self.kind == "rms_offset" else jnp.ones
        self.weight = nnx.Param(start(size))
        self.bias = nnx.Param(jnp.zeros(size)) if self.kind == "layer" else None

    def __call__(self, x: Float[Array, "*lead D"]) -> Float[Array, "*lead D"]:
        """The normalised vectors, in the dtype of `x`."""
        full = x.astype(jnp.float32)
        if self.kind == "layer":
            full -= full.mean(axis=-1, keepdims=True)
        full *= jax.lax.rsqrt(jnp.mean(full**2, axis=-1, keepdims=True) + self.eps)
        if self.kind == "rms_offset":
            weight = 1 + self.weight[...].astype(jnp.float32)
            return (full * along_last(weight, full)).astype(x.dtype)
        scaled = full.astype(x.dtype) * along_last(self.weight[...], full)
        return scaled if self.bias is None else scaled + along_last(self.bias[...], full)


class MLP(nnx.Module):
    """Up, activation, down; the activation gates a second projection where the config says so."""

    def __init__(self, config: DecoderConfig, *, rngs: nnx.Rngs) -> None:
        narrow, wide, bias = config.hidden_size, config.intermediate_size, config.mlp_bias
        self.act = ACTIVATIONS[config.activation]
        gated = config.gated_mlp
        self.gate_proj = Linear(narrow, wide, bias=bias, rngs=rngs) if gated else None
        self.up_proj = Linear(narrow, wide, bias=bias, rngs=rngs)
        self.down_proj = Linear(wide, narrow, bias=bias, rngs=rngs)

    def __call__(self, x: Float[Array, "*lead D"]) -> Float[Array, "*lead D"]:
        """The projection up and its way back."""
        if self.gate_proj is None:
            return self.down_proj(self.act(self.up_proj(x)))
        # The backward pass computes the activation again: cheaper than to keep and to read it.
        gated = jax.checkpoint(lambda gate, up: self.act(gate) * up)
        return self.down_proj(gated(self.gate_proj(x), self.up_proj(x)))
