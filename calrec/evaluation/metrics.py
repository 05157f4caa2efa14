"""Metrics over the ranks of the items really bought (paper section 4, "Evaluation Metrics").

Each is taken of the optimistic and of the pessimistic ranks (`calrec.records.ranks`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int


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

TITLES = {"ndcg@10": "NDCG@10", "recall@1": "Recall@1", "recall@10": "Recall@10", "mrr": "MRR"}
"""As the paper writes them."""


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
