"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from cachetools import LRUCache

from calrec.records import Generation, Sample

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
      finished: of how many samples, where the model was stopped before it had finished all.
    """

    domain: str
    fingerprint: str
    history: tuple[str, ...]
    seed: int
    temperature: float
    samples: int
    template: str
    finished: int | None = None


class Generations:
    """The last generations by what determines them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[GenerationKey, Generation] = LRUCache(KEPT)
        self._begun: LRUCache[GenerationKey, tuple[Sample, ...]] = LRUCache(KEPT)

    def known(self, key: GenerationKey) -> Generation | None:
        """What the model wrote for a key, if it is kept."""
        with self._lock:
            return self._kept.get(key)

    def put(self, key: GenerationKey, generation: Generation) -> None:
        """Keeps what the model wrote."""
        with self._lock:
            self._kept[key] = generation

    def begin(self, key: GenerationKey, samples: Sequence[Sample] = ()) -> None:
        """Notes how far the model is with a key's samples."""
        with self._lock:
            self._begun[key] = tuple(samples)

    def end(self, key: GenerationKey) -> tuple[Sample, ...]:
        """How far the model came with a key's samples; forgotten with the answer."""
        with self._lock:
            return self._begun.pop(key, ())
