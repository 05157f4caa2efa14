"""The best items of a ranking."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from calrec.rerank import candidates

TOP = 100
"""Items of each ranking that a run keeps."""

_STRIDE = 16


def best(scores: Float[np.ndarray, " N"], count: int = TOP) -> Int[np.ndarray, " K"]:
    """Indices of the `count` highest scores, best first; equal scores in item order.

    Args:
      scores: finite, higher is better.
      count: how many; all where there are fewer.
    """
    among = np.arange(len(scores))
    if len(scores) > 20 * count:
        # Three times as many as needed pass the cut that a sixteenth of the scores suggest; looking
        # at them alone takes a quarter of the time at 17,000 items. Where too few pass, all do.
        sample = scores[::_STRIDE]
        place = len(sample) - (3 * count) // _STRIDE
        passing = np.flatnonzero(scores >= np.partition(sample, place)[place])
        among = passing if len(passing) >= count else among
    chosen = among[candidates(scores[among], count)]
    return chosen[np.argsort(-scores[chosen], kind="stable")]
