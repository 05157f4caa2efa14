"""From a record's samples to its ranking, by the retrieval that the settings name."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.ranking.algorithm import Match, keep, match
from calrec.ranking.corpus import words_rule
from calrec.ranking.hierarchical import AttributeIndex, hierarchical
from calrec.ranking.rerank import rerank
from calrec.records import Item
from calrec.records.recommendation import Recommendation, Sample
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, query_words

if TYPE_CHECKING:
    from calrec.ranking.corpus import Corpus
    from calrec.recommenders.protocol import Recommender


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Retrieval:
    """A corpus of N items with what each retrieval needs of it.

    Attributes:
      corpus: BM25 scores of the items.
      attributes: the items by their attributes.
      text: how items became text.
      first_stage: a recommender over the same items, for the retrieval `rerank`.
    """

    corpus: Corpus
    attributes: AttributeIndex
    text: TextSettings
    first_stage: Recommender | None

    def check(self, ranking: RankingSettings) -> None:
        """Refuses settings that ask for what is not there.

        Raises:
          CalrecError: if the retrieval is `rerank` and there is no first stage.
        """
        if ranking.retrieval == "rerank" and self.first_stage is None:
            raise CalrecError(
                'expected a first stage for the retrieval "rerank", found none: call with_corpus '
                "with first_stage, or choose another retrieval"
            )

    def rank(self, record: Recommendation, ranking: RankingSettings) -> Recommendation:
        """The record with its samples ranked; its settings and timings say how and how long.

        Raises:
          CalrecError: if there is no first stage or it ranks other items.
        """
        self.check(ranking)
        start = time.perf_counter()
        texts, scores = [s.text for s in record.samples], [s.score for s in record.samples]
        kept, why_not = keep(texts, scores, ranking.n_pred)
        columns = [record.samples[i] for i in kept]
        matched = self._match(record.history, columns, ranking)
        return dataclasses.replace(
            record,
            settings={**record.settings, **self.settings(ranking)},
            samples=tuple(
                dataclasses.replace(sample, kept=i in kept, why_not=why_not[i])
                for i, sample in enumerate(record.samples)
            ),
            columns=tuple(sample.text for sample in columns),
            column_scores=tuple(sample.score for sample in columns),
            rows=np.arange(len(matched.scores)),
            item_ids=self.corpus.item_ids,
            raw=matched.raw,
            scaled=matched.scaled,
            modulated=matched.modulated,
            scores=matched.scores,
            unranked=matched.unranked,
            corpus_size=len(matched.scores),
            timings={**record.timings, "match": time.perf_counter() - start},
            row_ranks=None,
        )

    def _match(
        self, history: Sequence[Item], columns: Sequence[Sample], ranking: RankingSettings
    ) -> Match:
        scores = [sample.score for sample in columns]
        if ranking.retrieval == "hierarchical":
            matches = [self.attributes.find(sample.attributes) for sample in columns]
            return hierarchical(matches, scores, len(self.corpus.item_ids))
        rule = words_rule(self.corpus)
        raw = self.corpus.scores([query_words(one.text, self.text, rule) for one in columns])
        if ranking.retrieval == "rerank":
            return rerank(self._first_stage_scores(history), raw, scores, ranking)
        return match(raw, scores, ranking)

    def _first_stage_scores(self, history: Sequence[Item]) -> Float[np.ndarray, " N"]:
        first = self.first_stage.recommend(history)
        if first.item_ids != self.corpus.item_ids:
            raise CalrecError(
                f"expected a first stage over the corpus's {len(self.corpus.item_ids)} items, "
                f"found {first.recommender!r} over other ones ({len(first.item_ids)}); make both "
                "from one catalogue"
            )
        return first.scores

    def settings(self, ranking: RankingSettings) -> dict[str, Any]:
        """What of a record's settings says how it was ranked, JSON-able."""
        first = self.first_stage if ranking.retrieval == "rerank" else None
        return {
            "bm25": dataclasses.asdict(self.corpus.settings),
            "ranking": dataclasses.asdict(ranking),
            "first_stage": first and {"recommender": first.name, "settings": dict(first.settings)},
        }
