"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from cachetools import LRUCache

from calrec.records import Generation

KEPT = 32
"""Generations kept; one with alternatives takes about 1 MB."""


@dataclass(frozen=True, kw_only=True)
class GenerationKey:
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


class Generations:
    """The last generations by what determines them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[GenerationKey, Generation] = LRUCache(KEPT)

    def known(self, key: GenerationKey) -> Generation | None:
        """What the model wrote for a key, if it is kept."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: GenerationKey, generation: Generation) -> None:
        """Keeps what the model wrote."""
        with self._lock:
            self._kept[key] = generation
