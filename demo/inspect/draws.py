"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cachetools import LRUCache

from calrec.records import Generation

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
        self._lock = threading.Lock()
        self._kept: LRUCache[Draw, Generation] = LRUCache(KEPT)

    def known(self, draw: Draw) -> Generation | None:
        """The texts of a draw, if they are kept."""
        with self._lock:
            return self._kept.get(draw)

    def put(self, draw: Draw, generation: Generation) -> None:
        """Keeps what the model wrote."""
        with self._lock:
            self._kept[draw] = generation
