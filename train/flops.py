"""How much a step computes, by counting, and what the chip could."""

from __future__ import annotations

import math
from typing import Any

import jax

from calrec.model.backbone import stacked
from calrec.model.backbone.config import DecoderConfig

PEAK = {
    "TPU v4": 275e12,
    "TPU v5 lite": 197e12,
    "TPU v5e": 197e12,
    "TPU v5": 459e12,
    "TPU v5p": 459e12,
    "TPU v6 lite": 918e12,
    "TPU v6e": 918e12,
    "NVIDIA A100": 312e12,
    "NVIDIA H100": 989e12,
    "NVIDIA H200": 989e12,
}
"""Dense bfloat16 operations a second of a chip, as its maker states them."""


def peak(kind: str) -> float | None:
    """The chip's operations a second, by what jax calls it; None for one that is not listed."""
    names = [name for name in PEAK if kind.startswith(name)]
    return PEAK[max(names, key=len)] if names else None


def parameters(config: DecoderConfig) -> int:
    """All of the decoder's."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(stacked.outline(config)))


def training(
    config: DecoderConfig, tokens: int, predicted: int, row: int, *, forwards: int = 1
) -> float:
    """Operations of a step: a multiplication and an addition are two.

    Args:
      config: the decoder's.
      tokens: that the layers read.
      predicted: tokens that the vocabulary head predicts.
      row: tokens of a row; each sees half of it (Kaplan et al. 2020; PaLM, appendix B).
      forwards: forward passes for each backward one, which counts twice.
    """
    outline: Any = stacked.outline(config)
    layers = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(outline["layers"]))
    heads = config.num_attention_heads * config.head_dim
    attention = 2 * config.num_hidden_layers * heads * row
    head = 2 * config.vocab_size * config.hidden_size
    forward = tokens * (2.0 * layers + attention) + predicted * head
    return (forwards + 2) * forward
