"""How adapters are laid beside frozen weights; read by commands that compute nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from calrec.errors import CalrecError


@dataclass(frozen=True, kw_only=True)
class LoraSettings:
    """Low-rank adapters on all projections of attention and MLP (LoRA, Hu et al. 2021).

    Attributes:
      rank: of the adapters; 0 trains all weights instead.
      alpha: what an adapter adds is multiplied by alpha / rank.
      dropout: share dropped of an adapter's input.
      layers: how many of the last layers have adapters; 0: all. The others need no backward pass.
      new_tokens: whether the embeddings of tokens that `prepare` added are trained too; the
        gradient then goes through all layers.

    Raises:
      CalrecError: for a value out of range.
    """

    rank: int = 0
    alpha: float = 32.0
    dropout: float = 0.0
    layers: int = 0
    new_tokens: bool = True

    def __post_init__(self) -> None:
        for name, found, holds, expected in (
            ("rank", self.rank, self.rank >= 0, "at least 0"),
            ("alpha", self.alpha, 0 < self.alpha < math.inf, "a positive number"),
            ("dropout", self.dropout, 0 <= self.dropout < 1, "from 0 to below 1"),
            ("layers", self.layers, self.layers >= 0, "at least 0"),
        ):
            if not holds:
                raise CalrecError(
                    f"expected lora {name} {expected}, found {found}; give another --lora-{name}"
                )

    @property
    def scale(self) -> float:
        """By which an adapter's product is multiplied."""
        return self.alpha / self.rank
