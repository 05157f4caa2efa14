"""From generated texts to item scores: Algorithm 1 of the paper (section 3.5), arrays to arrays.

Samples are sorted by score and repeats dropped, each kept text is one column of BM25 scores over
the whole corpus, the columns are scaled to [0, 1], modulated by exp(epsilon x score) and pooled.
The paper's two other ways from texts to items are `calrec.ranking.hierarchical` and
`calrec.ranking.rerank`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from calrec.errors import CalrecError
from calrec.records.settings import Pooling, RankingSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class Match:
    """Scores of N items against K kept texts, at each step of Algorithm 1.

    `calrec.ranking.hierarchical` and `calrec.ranking.rerank` say what they fill in instead.

    Attributes:
      raw: BM25 scores.
      scaled: each column scaled linearly to [0, 1].
      modulated: scaled x exp(epsilon x the text's score).
      scores: pooled score per item; higher is better.
      unranked: items that no text matches at all, where those stand behind all others.
    """

    raw: Float[np.ndarray, "N K"]
    scaled: Float[np.ndarray, "N K"]
    modulated: Float[np.ndarray, "N K"]
    scores: Float[np.ndarray, " N"]
    unranked: Bool[np.ndarray, " N"] | None = None


def fold(text: str) -> str:
    """The text with each run of white space as one space: equal ones are repeats."""
    return " ".join(text.split())


def keep(
    texts: Sequence[str], scores: Sequence[float], n_pred: int
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """Which samples become columns: the `n_pred` best distinct texts (Algorithm 1, lines 1-4).

    Texts of equal score stand in alphabetical order, so that the order drawn has no say.

    Args:
      texts: generated texts in the order drawn.
      scores: their scores in nats, higher is better.
      n_pred: how many to keep.

    Returns:
      indices of the kept samples, best first; and for each sample why it was not kept, empty for
      a kept one. Samples are named by their place in the order drawn, from 0.

    Raises:
      CalrecError: if a score is not finite.
    """
    for i, score in enumerate(scores):
        if not math.isfinite(score):
            raise CalrecError(
                f"expected finite sample scores, found {score} for sample {i}: the checkpoint's "
                "weights are damaged or its training diverged; choose another checkpoint"
            )
    folded = [fold(text) for text in texts]
    by_score = sorted(range(len(texts)), key=lambda i: (-scores[i], folded[i], i))
    best: dict[str, int] = {}
    for i in by_score:
        best.setdefault(folded[i], i)
    kept = tuple(best.values())[:n_pred]

    def why_not(i: int) -> str:
        if best[folded[i]] != i:
            return f"duplicate of sample {best[folded[i]]}"
        return "" if i in kept else f"not among the best {n_pred}"

    return kept, tuple(why_not(i) for i in range(len(texts)))


def scale(raw: Float[np.ndarray, "N K"]) -> Float[np.ndarray, "N K"]:
    """Each column scaled linearly to [0, 1]; a constant column becomes zeros."""
    if raw.shape[0] == 0:
        return np.zeros(raw.shape)
    low = raw.min(axis=0)
    spread = raw.max(axis=0) - low
    # A constant column is zeros before the division; nothing of the matrix's size is chosen from.
    return (raw - low) / np.where(spread > 0, spread, 1.0)


def modulate(
    scaled: Float[np.ndarray, "N K"], scores: Float[np.ndarray, " K"], epsilon: float
) -> Float[np.ndarray, "N K"]:
    """Each column multiplied by exp(epsilon x its text's score in nats)."""
    return scaled * np.exp(epsilon * np.asarray(scores, dtype=np.float64))


def pool(modulated: Float[np.ndarray, "N K"], pooling: Pooling) -> Float[np.ndarray, " N"]:
    """One score per item over the columns; zeros where there is no column."""
    if modulated.shape[1] == 0:
        return np.zeros(modulated.shape[0])
    return {"max": np.max, "mean": np.mean, "min": np.min}[pooling](modulated, axis=1)


def match(
    raw: Float[np.ndarray, "N K"],
    scores: Sequence[float],
    settings: RankingSettings,
) -> Match:
    """Item scores from the BM25 columns of the kept texts (Algorithm 1, lines 6-11).

    Args:
      raw: BM25 scores of N items against K kept texts.
      scores: the texts' scores in nats, one per column.
      settings: pooling and modulation.
    """
    scaled = scale(raw)
    factors = np.asarray(scores, dtype=np.float64)
    modulated = modulate(scaled, factors, settings.epsilon) if settings.modulation else scaled
    return Match(
        raw=raw, scaled=scaled, modulated=modulated, scores=pool(modulated, settings.pooling)
    )
