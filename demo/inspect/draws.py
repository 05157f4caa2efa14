"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from calrec.records.recommendation import Recommendation
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
    """The last records by what determines them; the matrices, which are large, are left out."""

    def __init__(self) -> None:
        self._kept: Bounded[Draw, Recommendation] = Bounded(KEPT)

    def known(self, draw: Draw) -> Recommendation | None:
        """The record of a draw, without matrices, if it is kept."""
        return self._kept.known(draw)

    def put(self, draw: Draw, record: Recommendation) -> None:
        """Keeps what the model wrote."""
        none = np.zeros((0, 0))
        self._kept.put(
            draw,
            dataclasses.replace(
                record,
                columns=(),
                column_scores=(),
                rows=np.arange(0),
                item_ids=(),
                raw=none,
                scaled=none,
                modulated=none,
                scores=np.zeros(0),
                unranked=None,
            ),
        )
