"""The same history by several recommenders: CALRec's texts as a ranking, and others beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from calrec.errors import CalrecError
from calrec.ranking.corpus import Corpus
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.records import Generation, Recommendation
from calrec.records.settings import RankingSettings
from demo.inspect.shop import FIRST_STAGE, Shop


@dataclass(frozen=True, kw_only=True)
class RankedBy:
    """How texts become a ranking, and what stands beside it.

    Attributes:
      settings: of the ranking of texts.
      rules: of all rankings.
      k1: of BM25.
      b: of BM25.
      first_stage: id of the recommender before `rerank`; the other retrievals ask none.
      others: ids of the recommenders beside.
    """

    settings: RankingSettings
    rules: Rules
    k1: float
    b: float
    first_stage: str
    others: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Rankings of the same items after the same history.

    Attributes:
      calrec: that of the texts.
      others: those beside it.
      corpora: of each, `calrec` first, the BM25 whose words decide; `None` where no words do.
      missing: why an asked recommender is not among them, a line each.
    """

    calrec: Recommendation
    others: Sequence[Recommendation]
    corpora: Sequence[Corpus | None]
    missing: Sequence[str]


def ranked(shop: Shop, generation: Generation, by: RankedBy) -> Recommendation:
    """The texts as a ranking.

    Raises:
      CalrecError: if the checkpoint cannot be loaded, or the first stage has none for this shop.
    """
    # A first stage that nobody asks need not be there.
    first = by.first_stage if by.settings.retrieval == "rerank" else FIRST_STAGE
    calrec, corpus = shop.calrec(by.rules, first), shop.corpus(by.k1, by.b)
    return by.rules.applied(calrec.rank(generation, by.settings, corpus=corpus))


def side_by_side(
    shop: Shop, history: Sequence[str], generation: Generation, by: RankedBy
) -> SideBySide:
    """The texts as a ranking, beside what the others make of the history.

    Args:
      shop: whose items are ranked.
      history: item ids, oldest first.
      generation: texts written after the same history.
      by: how.

    Raises:
      CalrecError: as `ranked`, or if the shop has no such item.
    """
    calrec, items = ranked(shop, generation, by), shop.items(history)
    others, missing = [], []
    for name in by.others:
        try:
            others.append(shop.recommender(name, by.rules).recommend(items))
        except CalrecError as error:
            missing.append(str(error))
    # The words say nothing where texts are matched by whole attributes.
    words = by.settings.retrieval not in ("hierarchical", "exact")
    corpora = [shop.corpus(by.k1, by.b) if words else None]
    for other in others:
        by_words = "texts" in register.entry(other.recommender).needs
        corpora.append(shop.catalogue.corpus() if by_words else None)
    return SideBySide(calrec=calrec, others=others, corpora=corpora, missing=missing)
