"""Optimistic and pessimistic rank of one item among all (paper section 4, "Evaluation Metrics").

Distinct items can carry equal text and so equal scores; the optimistic rank puts the target first
among its ties, the pessimistic rank last.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

TIE = 1e-9
"""Scores this close to each other tie."""


def ranks_of(
    scores: Float[np.ndarray, "*batch N"],
    target: int | np.integer | Int[np.ndarray, "*batch"],
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
        optimistic, pessimistic = ranks_of(scores, target)
        last, items = unranked[target], scores.shape[-1]
        return np.where(last, items, optimistic), np.where(last, items, pessimistic)
    if scores.ndim == 1:  # a third of the general way's time at 17,000 items
        level = scores[target]
        higher = np.count_nonzero(scores > level + TIE)
        return np.asarray(higher + 1), np.asarray(np.count_nonzero(scores >= level - TIE))
    level = np.take_along_axis(scores, np.asarray(target)[..., None], axis=-1)
    return (
        1 + np.count_nonzero(scores > level + TIE, axis=-1),
        np.count_nonzero(scores >= level - TIE, axis=-1),
    )
