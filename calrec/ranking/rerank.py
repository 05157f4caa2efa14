"""Retrieve-and-rerank: Algorithm 1 over the best items of another recommender (paper, section 6).

The first stage's best items are the candidates, and the corpus of Algorithm 1: each column of text
scores is scaled over them alone. The other items follow behind, in the order of the first stage.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Real

from calrec.errors import CalrecError
from calrec.ranking.algorithm import Match, match
from calrec.records.settings import RankingSettings


def candidates(first_stage: Float[np.ndarray, " N"], count: int) -> Int[np.ndarray, " C"]:
    """The items of the `count` highest scores; of items that tie at the cut, the first ones.

    Args:
      first_stage: scores, higher is better; finite.
      count: how many; all items where it is N or more.

    Returns:
      their indices, ascending.
    """
    n_items = len(first_stage)
    if count >= n_items:
        return np.arange(n_items)
    cut = np.partition(first_stage, n_items - count)[n_items - count]
    above = first_stage > cut
    at_cut = np.flatnonzero(first_stage == cut)
    above[at_cut[: count - np.count_nonzero(above)]] = True
    return np.flatnonzero(above)


def rerank(
    first_stage: Real[np.ndarray, " N"],
    raw: Float[np.ndarray, "N K"],
    scores: Sequence[float],
    settings: RankingSettings,
) -> Match:
    """Item scores by Algorithm 1 over the candidates, behind them by the first stage.

    With as many candidates as items it is Algorithm 1, to the bit.

    Args:
      first_stage: another recommender's scores of the N items, higher is better; finite.
      raw: BM25 scores of the items against K kept texts.
      scores: the texts' scores in nats, one per column.
      settings: how many candidates, pooling and modulation.

    Returns:
      raw: as given.
      scaled, modulated: of the candidates; zeros for the other items.
      scores: of a candidate its pooled score, which is at least 0; of another item its first-stage
        score, moved so that the best of them stands at -1: ties and differences stay what they
        were.

    Raises:
      CalrecError: if a first-stage score is not finite.
    """
    first_stage = np.asarray(first_stage, dtype=np.float64)
    if not np.isfinite(first_stage).all():
        item = int(np.flatnonzero(~np.isfinite(first_stage))[0])
        raise CalrecError(
            f"expected finite first-stage scores, found {first_stage[item]} for item {item}; "
            "choose another first stage"
        )
    if settings.candidates >= len(first_stage):
        return match(raw, scores, settings)
    inside = candidates(first_stage, settings.candidates)
    # Columns lie in one piece (`catalog.bm25`): taken and laid back as rows of the transpose.
    among = match(raw.T.take(inside, axis=1).T, scores, settings)
    scaled, modulated = np.zeros_like(raw), np.zeros_like(raw)
    scaled.T[:, inside] = among.scaled.T
    modulated.T[:, inside] = among.modulated.T
    outside = np.ones(len(first_stage), dtype=bool)
    outside[inside] = False
    pooled = first_stage - first_stage[outside].max() - 1
    pooled[inside] = among.scores
    return Match(raw=raw, scaled=scaled, modulated=modulated, scores=pooled)
