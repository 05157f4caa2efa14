"""Low-rank adapters beside the frozen projections of a decoder (LoRA, Hu et al. 2021).

y = x W^T + b + alpha / rank · drop(x) A^T B^T. B starts at zero: so does training, from the frozen
model as it is. Adapters stand stacked like the layers they belong to, each under its projection's
name: `{"self_attn": {"q_proj": {"a": [N, K, I], "b": [N, O, K]}, ...}, "mlp": {...}}`.

Shapes, further to `calrec.model.backbone.stacked`: N layers that have adapters, the last ones; K
rank; I inputs and O outputs of a projection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from calrec.model.backbone.layers import Linear, project
from calrec.model.backbone.lora_settings import LoraSettings

Weights = dict[str, Any]
Thin = Callable[[Array, int], Array]
"""Dropout of the input of an adapter, by the adapter's number in its layer."""

PARTS = ("self_attn", "mlp")
TOKEN_ROWS = ("embed_tokens", "lm_head")
"""Weights with a row for each token; a tied head has none of its own."""


def fresh(layers: Weights, settings: LoraSettings, key: Key[Array, ""]) -> Weights:
    """Adapters that change nothing yet.

    Args:
      layers: the stacked weights of all layers, or their shapes.
      settings: rank, and how many layers have adapters.
      key: of the matrices A.
    """
    found = {part: _projections(layers[part]) for part in PARTS if part in layers}
    keys = iter(jax.random.split(key, sum(map(len, found.values()))))

    def adapter(weight: Any) -> Weights:
        depth, outputs, inputs = weight.shape
        depth = min(settings.layers or depth, depth)
        bound = inputs**-0.5
        shape = (depth, settings.rank, inputs)
        return {
            "a": jax.random.uniform(next(keys), shape, minval=-bound, maxval=bound),
            "b": jnp.zeros((depth, outputs, settings.rank)),
        }

    return {
        part: {name: adapter(weight) for name, weight in each.items()}
        for part, each in found.items()
    }


def trained(
    weights: Weights, settings: LoraSettings, added: int, key: Key[Array, ""] | None = None
) -> Weights:
    """What is trained beside the stacked weights of a frozen model, before the first step.

    Args:
      weights: of the model, with rows for all tokens.
      settings: of the adapters.
      added: tokens whose rows, the last ones, are trained too where the settings say so.
      key: of the matrices A; by default always the same.
    """
    found = {
        "adapters": fresh(weights["layers"], settings, jax.random.key(0) if key is None else key)
    }
    if added and settings.new_tokens:
        found["new_tokens"] = {
            name: weights[name][-added:].astype(jnp.float32)
            for name in TOKEN_ROWS
            if name in weights
        }
    return found


def _projections(part: Weights) -> dict[str, Any]:
    """Weight of each projection of a part of the layers, by its name; norms are none."""
    return {
        name: modules["weight"]
        for name, modules in sorted(part.items())
        if isinstance(modules, dict) and "weight" in modules and modules["weight"].ndim == 3
    }


def merged(layers: Weights, adapters: Weights, settings: LoraSettings) -> Weights:
    """The stacked weights of layers that compute what they and their adapters do together."""

    def one(weight: Array, adapter: Weights) -> Array:
        depth = len(adapter["a"])
        more = jnp.einsum("nok,nki->noi", adapter["b"], adapter["a"]) * settings.scale
        top = weight[-depth:].astype(jnp.float32) + more
        return jnp.concatenate([weight[:-depth], top.astype(weight.dtype)])

    def part(weights: Weights, adapters: Weights) -> Weights:
        changed = {
            name: {**weights[name], "weight": one(weights[name]["weight"], adapter)}
            for name, adapter in adapters.items()
        }
        return {**weights, **changed}

    return {**layers, **{name: part(layers[name], each) for name, each in adapters.items()}}


def attach(layer: Any, adapters: Weights, settings: LoraSettings, thin: Thin) -> None:
    """Lays the adapters of one layer, [K, I] and [O, K], beside its projections."""
    number = 0
    for part, each in sorted(adapters.items()):
        module = getattr(layer, part)
        for name, adapter in sorted(each.items()):
            adapted = Adapted(getattr(module, name), adapter, settings, thin, number)
            setattr(module, name, adapted)
            number += 1


class Adapted(nnx.Module):
    """A projection with its adapter."""

    def __init__(
        self, linear: Linear, adapter: Weights, settings: LoraSettings, thin: Thin, number: int
    ) -> None:
        self.linear = linear
        self.a, self.b = nnx.Param(adapter["a"]), nnx.Param(adapter["b"])
        self.scale, self.thin, self.number = settings.scale, thin, number

    def __call__(self, x: Float[Array, "*lead I"]) -> Float[Array, "*lead O"]:
        """Both, in the dtype of `x`."""
        inner = project(self.thin(x, self.number), self.a[...])
        return self.linear(x) + project(inner, self.b[...]) * self.scale
