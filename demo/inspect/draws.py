"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

from dataclasses import dataclass

from calrec.records import Generation
from demo.inspect.bounded import Bounded

KEPT = 32
"""Draws kept; one with alternatives takes about 1 MB."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """All that determines the samples, for one checkpoint.

    Attributes:
      domain: the shop.
      fingerprint: of the shop's data.
      history: item ids, oldest first.
      seed: of the samples.
      temperature: of the samples.
      samples: how many.
      template: of the prompt.
    """

    domain: str
    fingerprint: str
    history: tuple[str, ...]
    seed: int
    temperature: float
    samples: int
    template: str


class Draws:
    """The last generations by what determines them."""

    def __init__(self) -> None:
        self._kept: Bounded[Draw, Generation] = Bounded(KEPT)

    def known(self, draw: Draw) -> Generation | None:
        """The texts of a draw, if they are kept."""
        return self._kept.known(draw)

    def put(self, draw: Draw, generation: Generation) -> None:
        """Keeps what the model wrote."""
        self._kept.put(draw, generation)
