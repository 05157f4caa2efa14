"""From a generation to a ranking, by the retrieval that the settings name."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from calrec.errors import CalrecError
from calrec.ranking.algorithm import Match, keep, match
from calrec.ranking.corpus import ItemCorpus, words_rule
from calrec.ranking.exact import exact
from calrec.ranking.hierarchical import hierarchical
from calrec.ranking.rerank import rerank
from calrec.records import Generation, Outcome, Ranking, Sample
from calrec.records.settings import RankingSettings
from calrec.text import query_words

RECOMMENDER = "calrec"


def rank(
    generation: Generation,
    corpus: ItemCorpus,
    settings: RankingSettings,
    *,
    first_stage: Ranking | None = None,
) -> Ranking:
    """The items of a corpus by how well the texts of a generation describe them.

    Args:
      generation: at least one sample, with finite scores.
      corpus: the N items.
      settings: how texts become scores.
      first_stage: another recommender's ranking of the same items after the same history, for the
        retrieval `rerank`; the other retrievals read none.

    Raises:
      CalrecError: if there is no sample, a score is not finite, or `rerank` lacks a first stage or
        has one of other items.
    """
    check_first_stage(settings, first_stage)
    if not generation.samples:
        raise CalrecError(
            "expected a generation with samples to rank, found one without any; generate again"
        )
    start = time.perf_counter()
    samples = generation.samples
    kept, why_not = keep([s.text for s in samples], [s.score for s in samples], settings.n_pred)
    columns = [samples[i] for i in kept]
    if settings.retrieval == "exact":
        matched = _exact(samples, corpus, len(columns))
    else:
        matched = _match(columns, corpus, settings, first_stage)
    column_of = {sample: column for column, sample in enumerate(kept)}
    return Ranking(
        recommender=RECOMMENDER,
        settings=described(
            corpus, settings, first_stage and (first_stage.recommender, first_stage.settings)
        ),
        columns=tuple(sample.text for sample in columns),
        column_scores=tuple(sample.score for sample in columns),
        outcomes=tuple(
            Outcome(
                column=column_of.get(i),
                why_not=why_not[i],
                match_level=corpus.attributes.level(sample.attributes),
            )
            for i, sample in enumerate(samples)
        ),
        rows=np.arange(len(matched.scores)),
        item_ids=corpus.item_ids,
        raw=matched.raw,
        scaled=matched.scaled,
        modulated=matched.modulated,
        scores=matched.scores,
        unranked=matched.unranked,
        corpus_size=len(matched.scores),
        seconds=time.perf_counter() - start,
    )


def described(
    corpus: ItemCorpus,
    settings: RankingSettings,
    first_stage: tuple[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The settings of a ranking, JSON-able.

    Args:
      corpus: whose items are ranked.
      settings: how texts become scores.
      first_stage: id and settings of the recommender before it; read for `rerank` alone.
    """
    first = None
    if settings.retrieval == "rerank" and first_stage is not None:
        first = {"recommender": first_stage[0], "settings": dict(first_stage[1])}
    return {
        "bm25": dataclasses.asdict(corpus.bm25.settings),
        "ranking": dataclasses.asdict(settings),
        "first_stage": first,
    }


def check_first_stage(settings: RankingSettings, first_stage: object | None) -> None:
    """Refuses settings that ask for a first stage where there is none.

    Raises:
      CalrecError: if so.
    """
    if settings.retrieval == "rerank" and first_stage is None:
        raise CalrecError(
            'expected a first stage for the retrieval "rerank", found none: give one as '
            "first_stage, or choose another retrieval"
        )


def _exact(samples: Sequence[Sample], corpus: ItemCorpus, columns: int) -> Match:
    """By all distinct texts, of which the first ones are columns."""
    texts, scores = [s.text for s in samples], [s.score for s in samples]
    distinct, _ = keep(texts, scores, len(samples))
    found = [corpus.attributes.find(samples[i].attributes) for i in distinct]
    own = [one.items if one.level == 4 else one.items[:0] for one in found]
    return exact(own, [scores[i] for i in distinct], columns, len(corpus.item_ids))


def _match(
    columns: Sequence[Sample],
    corpus: ItemCorpus,
    settings: RankingSettings,
    first_stage: Ranking | None,
) -> Match:
    scores = [sample.score for sample in columns]
    if settings.retrieval == "hierarchical":
        matches = [corpus.attributes.find(sample.attributes) for sample in columns]
        return hierarchical(matches, scores, len(corpus.item_ids))
    rule = words_rule(corpus.bm25)
    raw = corpus.bm25.scores([query_words(one.text, corpus.text, rule) for one in columns])
    if settings.retrieval == "rerank" and first_stage is not None:
        if first_stage.item_ids != corpus.item_ids:
            raise CalrecError(
                f"expected a first stage over the corpus's {len(corpus.item_ids)} items, found "
                f"{first_stage.recommender!r} over other ones ({len(first_stage.item_ids)}); make "
                "both from one catalogue"
            )
        return rerank(first_stage.scores, raw, scores, settings)
    return match(raw, scores, settings)
