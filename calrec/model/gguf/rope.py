"""The rotary positions of a GGUF file as a config.json names them.

Llama 3's scaling is no setting there but a tensor, one factor for each frequency.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Float

from calrec.model.backbone.config import Rope
from calrec.model.gguf.reading import File

FACTORS = "rope_freqs.weight"
TOLERANCE = 1e-4
"""Relative; what factors in float32 may be off the formula."""


def scaling_of(file: File, head_dim: int) -> dict[str, Any]:
    """`rope_parameters` of the layers that see all tokens.

    Args:
      file: the file.
      head_dim: width of a head.

    Raises:
      CalrecError: for another scaling than a linear one or Llama 3's.
    """
    theta = file.own(float, "rope.freq_base", 10_000.0)
    kind = file.own(str, "rope.scaling.type", "none")
    # An earlier name of a linear one.
    linear = file.own(float, "rope.scaling.factor", file.own(float, "rope.scale_linear", 1.0))
    if kind not in ("none", "linear", "llama3"):
        raise file.refused("a rope scaling of none, linear, llama3", repr(kind))
    if FACTORS in file.tensors:
        found = file.tensors[FACTORS].numbers(0, 1)[0]
        return _llama3(file, theta, found.astype(np.float64), head_dim)
    if kind == "none" or linear == 1.0:
        return {"rope_type": "default", "rope_theta": theta}
    return {"rope_type": "linear", "rope_theta": theta, "factor": linear}


def _llama3(
    file: File, theta: float, factors: Float[np.ndarray, " F"], head_dim: int
) -> dict[str, Any]:
    """The settings whose formula gives these factors."""
    turns = theta ** (-np.arange(0, head_dim, 2) / head_dim) / (2 * math.pi)  # a token
    if factors.shape == turns.shape:
        if np.allclose(factors, 1, rtol=TOLERANCE):
            return {"rope_type": "default", "rope_theta": theta}
        for rope in _candidates(theta, factors, turns):
            if np.allclose(_factors(rope, turns), factors, rtol=TOLERANCE):
                return {
                    "rope_type": "llama3",
                    "rope_theta": theta,
                    "factor": rope.factor,
                    "low_freq_factor": rope.low_freq_factor,
                    "high_freq_factor": rope.high_freq_factor,
                    "original_max_position_embeddings": rope.original_max_position_embeddings,
                }
    raise file.refused("rope factors by Llama 3's formula", f"others in {FACTORS}")


def _factors(rope: Rope, turns: Float[np.ndarray, " F"]) -> Float[np.ndarray, " F"]:
    """By what Llama 3 divides frequencies that turn so often a token."""
    low, high = rope.low_freq_factor, rope.high_freq_factor
    smooth = (rope.original_max_position_embeddings * turns - low) / (high - low)
    return 1 / ((1 - np.clip(smooth, 0, 1)) / rope.factor + np.clip(smooth, 0, 1))


def _candidates(
    theta: float, factors: Float[np.ndarray, " F"], turns: Float[np.ndarray, " F"]
) -> Iterator[Rope]:
    """What the factors leave open, the published bounds (1 and 4) first.

    Between the bounds the share kept is linear in the frequency: context x turns - low, over
    high - low. Multiplying context and both bounds by one number changes nothing.
    """
    factor = float(factors.max())
    between = (factors > 1 + TOLERANCE) & (factors < factor * (1 - TOLERANCE))
    kept, at = (1 / factors[between] - 1 / factor) / (1 - 1 / factor), turns[between]

    def rope(context: float, low: float, high: float) -> Rope:
        whole = max(1, round(context))
        exact = abs(whole / context - 1) < TOLERANCE
        by = 1.0 if exact else whole / context
        return Rope(
            theta=theta,
            kind="llama3",
            factor=round(factor, 4),
            low_freq_factor=round(low * by, 6),
            high_freq_factor=round(high * by, 6),
            original_max_position_embeddings=whole,
        )

    if len(at):
        yield rope(float(np.median((3 * kept + 1) / at)), 1.0, 4.0)
    else:
        # Any context between the last frequency that is kept and the first that is divided.
        least, most = 4 / turns[factors < 1 + TOLERANCE], 1 / turns[factors > 1 + TOLERANCE]
        if len(least) and least.max() < most.min():
            yield rope(float(2 ** math.ceil(math.log2(least.max()))), 1.0, 4.0)
            yield rope(float(least.max() * most.min()) ** 0.5, 1.0, 4.0)
    if len(at) > 1:
        slope, shift = np.polyfit(at, kept, 1)
        if shift < 0:
            yield rope(float(slope / -shift), 1.0, float(1 - 1 / shift))
