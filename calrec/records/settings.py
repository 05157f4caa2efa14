"""The settings that shape a recommendation: how texts are drawn, and how they become a ranking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from calrec.records.codec import Number

Pooling = Literal["max", "mean", "min"]
Retrieval = Literal["bm25", "hierarchical", "rerank", "exact"]
Decoder = Literal["sample", "trie-sample", "trie-beam", "trie-unique", "likelihood"]
"""How texts come of a model; `calrec.records.decoders` says what each does."""

LOWEST, HIGHEST = 1e-3, 1e3
"""Temperatures; beyond them logits over temperature leave the range of float32."""


@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How texts are drawn: the full softmax at a temperature, no top-k, no top-p.

    Attributes:
      samples: texts per user (N_gen).
      temperature: of the draw; scores are taken at temperature 1.
      max_new_tokens: the most tokens of a text, end token included.
      stride: tokens decoded between two looks at the state.
      alternatives: how many of the most probable tokens are kept beside each drawn one.

    Raises:
      ValueError: if a value is out of range.
    """

    samples: int = 32
    temperature: float = 0.5
    max_new_tokens: int = 80
    stride: int = 8
    alternatives: int = 0

    def __post_init__(self) -> None:
        counts = (self.samples, self.max_new_tokens, self.stride, self.alternatives)
        if not all(isinstance(count, int) for count in counts):
            raise ValueError(f"counts must be whole numbers, found {self}")
        if min(self.samples, self.max_new_tokens, self.stride) < 1:
            raise ValueError(f"samples, max_new_tokens and stride must be at least 1, found {self}")
        if not LOWEST <= self.temperature <= HIGHEST:
            raise ValueError(
                f"temperature must be from {LOWEST} to {HIGHEST}, found {self.temperature}"
            )
        if self.alternatives < 0:
            raise ValueError(f"alternatives must be at least 0, found {self.alternatives}")


@dataclass(frozen=True, kw_only=True)
class RankingSettings:
    """How texts become item scores.

    Attributes:
      n_pred: how many distinct texts become columns.
      epsilon: weight of a text's score (per nat) in its column's factor exp(epsilon x score).
      pooling: how the columns become one score per item.
      modulation: whether the factor is applied.
      retrieval: `bm25`, Algorithm 1 over the whole corpus; `rerank`, Algorithm 1 over the best
        items of another recommender (`calrec.ranking.rerank`); `hierarchical`, exact matches of
        attributes (`calrec.ranking.hierarchical`), and `exact`, items whose own text was written
        (`calrec.ranking.exact`), in both of which epsilon, pooling and modulation have no say.
      candidates: how many items of the other recommender `rerank` ranks.

    Raises:
      ValueError: if a value is out of its range.
    """

    n_pred: int = 10
    epsilon: Number = 1 / 5000
    pooling: Pooling = "max"
    modulation: bool = True
    retrieval: Retrieval = "bm25"
    candidates: int = 10_000

    def __post_init__(self) -> None:
        if self.n_pred < 1:
            raise ValueError(f"n_pred must be at least 1, found {self.n_pred}")
        if not 0 <= self.epsilon < math.inf:
            raise ValueError(f"epsilon must be a number from 0 up, found {self.epsilon}")
        if self.pooling not in get_args(Pooling):
            raise ValueError(f"pooling must be one of {get_args(Pooling)}, found {self.pooling!r}")
        if self.retrieval not in get_args(Retrieval):
            raise ValueError(
                f"retrieval must be one of {get_args(Retrieval)}, found {self.retrieval!r}"
            )
        if self.candidates < 1:
            raise ValueError(f"candidates must be at least 1, found {self.candidates}")
