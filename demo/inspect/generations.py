"""What the model wrote, kept for a while: ranking it otherwise needs no second sampling."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from calrec.records import Generation, Sample
from calrec.records.settings import Decoder

KEPT = 2_048
"""Texts kept, of several generations; one with alternatives takes about 30 kB."""
BEGUN = 32
"""Jobs whose unfinished texts are kept, until a Stop asks for them."""


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
      decoder: how they are written. Of one that draws nothing, or writes all, the fields that have
        no say hold what they usually do.
      first: id of the recommender whose best items are the candidates; empty where all are.
      finished: of how many samples, where the model was stopped before it had finished all.
    """

    domain: str
    fingerprint: str
    history: tuple[str, ...]
    seed: int
    temperature: float
    samples: int
    template: str
    decoder: Decoder = "sample"
    first: str = ""
    finished: int | None = None


_Kept = tuple[Generation, Mapping[str, Any] | None]


class Generations:
    """The last generations by what determines them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: LRUCache[GenerationKey, _Kept] = LRUCache(KEPT, getsizeof=_size)
        self._begun: LRUCache[GenerationKey, tuple[Sample, ...]] = LRUCache(BEGUN)

    def known(self, key: GenerationKey) -> Generation | None:
        """What the model wrote for a key, if it is kept."""
        with self._lock:
            kept = self._kept.get(key)
        return kept and kept[0]

    def decoding(self, key: GenerationKey) -> Mapping[str, Any] | None:
        """What a decoder over the items' texts knew besides; see `demo.inspect.decoding.Texts`."""
        with self._lock:
            kept = self._kept.get(key)
        return kept and kept[1]

    def put(
        self,
        key: GenerationKey,
        generation: Generation,
        decoding: Mapping[str, Any] | None = None,
    ) -> None:
        """Keeps what the model wrote, and what its decoder knew besides."""
        with self._lock:
            self._kept[key] = generation, decoding

    def begin(self, key: GenerationKey, samples: Sequence[Sample] = ()) -> None:
        """Notes how far the model is with a key's samples."""
        with self._lock:
            self._begun[key] = tuple(samples)

    def end(self, key: GenerationKey) -> tuple[Sample, ...]:
        """How far the model came with a key's samples; forgotten with the answer."""
        with self._lock:
            return self._begun.pop(key, ())


def _size(kept: _Kept) -> int:
    return len(kept[0].samples)
