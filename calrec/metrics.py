"""Ranks of the item really bought, optimistic and pessimistic, and the metrics over them.

Paper section 4, "Evaluation Metrics". Distinct items can carry equal text and so equal scores;
the optimistic rank puts the target first among its ties, the pessimistic rank last.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

TIE = 1e-9
"""Scores this close to each other tie."""


def ranks(
    scores: Float[np.ndarray, "*batch N"],
    target: int | Int[np.ndarray, "*batch"],
    unranked: Bool[np.ndarray, " N"] | None = None,
) -> tuple[Int[np.ndarray, "*batch"], Int[np.ndarray, "*batch"]]:
    """Rank of the target among all N items, from 1.

    Args:
      scores: one score per item, higher is better.
      target: index of the item really bought.
      unranked: items that the recommender says nothing of, where there are such.

    Returns:
      optimistic, 1 + the number of items that score higher, and pessimistic, the number of items
      that score at least as high (the target itself included), ties within `TIE`; N and N for a
      target that is not ranked.
    """
    if unranked is not None:
        optimistic, pessimistic = ranks(scores, target)
        last, items = unranked[target], scores.shape[-1]
        return np.where(last, items, optimistic), np.where(last, items, pessimistic)
    if scores.ndim == 1:  # a third of the general way's time at 17,000 items
        level = scores[target]
        return np.count_nonzero(scores > level + TIE) + 1, np.count_nonzero(scores >= level - TIE)
    level = np.take_along_axis(scores, np.asarray(target)[..., None], axis=-1)
    return (
        1 + np.count_nonzero(scores > level + TIE, axis=-1),
        np.count_nonzero(scores >= level - TIE, axis=-1),
    )


def ndcg(ranks: Int[np.ndarray, " C"], k: int = 10) -> Float[np.ndarray, " C"]:
    """1 / log2(1 + rank) up to rank k, 0 beyond: NDCG@k of a single relevant item."""
    return np.where(ranks <= k, 1 / np.log2(1 + ranks), 0.0)


def recall(ranks: Int[np.ndarray, " C"], k: int) -> Float[np.ndarray, " C"]:
    """1 up to rank k, 0 beyond."""
    return (ranks <= k).astype(np.float64)


def reciprocal_rank(ranks: Int[np.ndarray, " C"]) -> Float[np.ndarray, " C"]:
    """1 / rank, without a cut."""
    return 1 / ranks


METRICS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "ndcg@10": ndcg,
    "recall@1": lambda ranks: recall(ranks, 1),
    "recall@10": lambda ranks: recall(ranks, 10),
    "mrr": reciprocal_rank,
}


def summarise(
    optimistic: Int[np.ndarray, " C"], pessimistic: Int[np.ndarray, " C"]
) -> dict[str, dict[str, float]]:
    """Means over C cases: `{"ndcg@10": {"optimistic": x, "pessimistic": y}, ...}`.

    Raises:
      ValueError: if there is no case.
    """
    if len(optimistic) == 0:
        raise ValueError("metrics are means over cases and need at least one, found none")
    return {
        name: {
            "optimistic": float(metric(np.asarray(optimistic)).mean()),
            "pessimistic": float(metric(np.asarray(pessimistic)).mean()),
        }
        for name, metric in METRICS.items()
    }
