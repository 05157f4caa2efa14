"""Exact match: an item whose own text was written has that text's log-probability as its score.

Made for the decoders that write nothing but items' texts (`calrec.records.settings.Decoder`), whose
scores are then the items' exact log-probabilities. All texts count, whether they are columns or
not. Items of equal text tie; those whose text was not written stand behind all others in one tie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from calrec.ranking.algorithm import Match


def exact(
    items: Sequence[Int[np.ndarray, " _"]], scores: Sequence[float], columns: int, n_items: int
) -> Match:
    """Item scores from the items that each of some distinct texts is the text of.

    Args:
      items: of each text the items whose text it is, best text first.
      scores: the texts' scores in nats, one per text; finite.
      columns: K, how many of them, the first ones, are columns.
      n_items: N.

    Returns:
      raw: 1 where the column is the item's own text.
      scaled: the text's probability there.
      modulated: 1 / (1 + the nats by which the text's score is below the best one's) there.
      scores: the score of the item's text; 1 nat below the least of them where none was written.
    """
    raw, scaled, modulated = (np.zeros((n_items, columns), order="F") for _ in range(3))
    pooled = np.full(n_items, (min(scores) if len(scores) else 0.0) - 1)
    for column, (own, score) in enumerate(zip(items, scores, strict=True)):
        pooled[own] = score
        if column < columns:
            raw[own, column] = 1
            scaled[own, column] = np.exp(score)
            modulated[own, column] = 1 / (1 + scores[0] - score)
    return Match(raw=raw, scaled=scaled, modulated=modulated, scores=pooled)
