"""The recommenders that write texts over many cases: CALRec, and the hybrid, whose ranking adds the
blend. The texts are drawn, or, for CALRec, those of an earlier run ranked again."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.evaluation.run_folder.schema import FURTHER
from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.rank import described, rank
from calrec.recommenders import register
from calrec.recommenders.calrec import CALRec
from calrec.recommenders.entry import Inputs
from calrec.recommenders.hybrid.recommender import Hybrid, over
from calrec.recommenders.ruled import Ruled
from calrec.records import Generation, Recommendation, Sample
from calrec.records.ranks import ranks_of
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, parse
from catalog.bm25 import Corpus
from catalog.store import Catalogue
from train.evaluation.best import best
from train.evaluation.cases import HeldOutCases
from train.evaluation.earlier import Earlier
from train.evaluation.results import GENERATED
from train.evaluation.settings import FIRST_STAGE, Evaluate, Generating, check_ranking

if TYPE_CHECKING:
    from calrec.generation.model import GenerativeModel


TEXT_SETTINGS = ("text", "max_prompt_tokens", "sampling", "decoder", "candidates")
"""The settings of a run that shaped its texts."""


def case_seed(seed: int, user_id: str) -> int:
    """The seed of one user's samples, the same whoever else is evaluated."""
    return zlib.crc32(f"{seed}:{user_id}".encode())


class Drawing:
    """Draws each user's samples with a seed of the user's own, and ranks them.

    Attributes:
      settings: the model's, with what the evaluation changes.
      device: what the model computes on.
    """

    def __init__(
        self,
        settings: Evaluate,
        catalogue: Catalogue,
        model: GenerativeModel,
        inputs: Inputs,
        device: str,
    ) -> None:
        """See `train.evaluation.work`; `model` is loaded, `inputs` are what a hybrid needs."""
        given = settings.calrec
        if given.template is not None:
            model = model.with_template(given.template)
        recommender = CALRec.over(model, _bm25(given, catalogue), catalogue.items)
        limited = given.candidates if settings.decoder == "likelihood" else None
        recommender = recommender.with_decoder(settings.decoder, limited)
        if settings.decoder != "sample" and limited is None:
            _ = recommender.texts.trie  # made while loading, in no user's time
        self._ranking = given.ranking(recommender.ranking)
        check_ranking(given, self._ranking)
        needed = self._ranking.retrieval == "rerank" or limited is not None
        first = _first_stage(settings, catalogue) if needed else None
        recommender = dataclasses.replace(recommender, first_stage=first)
        self._given = {"temperature": given.temperature, "samples": given.samples}
        self._width = given.width
        self._recommender: CALRec | Hybrid = recommender
        if settings.recommender == "hybrid":
            self._recommender = over(recommender, inputs, width=given.width, **self._given)
        self._seeds = range(settings.seed, settings.seed + settings.seeds)
        self._rules = settings.rules
        self.device = device
        self._items = catalogue.items
        self.settings = self._recommender.settings_with(ranking=self._ranking, **self._given)

    def results(self, cases: HeldOutCases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results.GENERATED`, one a case as it finishes; of `SEEDED`
        with several seeds."""
        count = len(self._seeds)
        each = np.repeat(places, count)  # the seeds of a user one after another: they share much
        histories = [[self._items[i] for i in cases.histories[place]] for place in each]
        seeds = [case_seed(s, cases.user_ids[place]) for place in places for s in self._seeds]
        drawn = self._recommender.recommend_many(
            histories, seeds, ranking=self._ranking, width=self._width, **self._given
        )
        waiting: dict[int, dict[int, Any]] = {}
        for number, record in drawn:
            place, ruled = int(each[number]), self._rules.applied(record)
            found = waiting.setdefault(place, {})
            if number % count:
                found[number % count] = _ranks(ruled, cases, place)
            else:
                found[0] = _table(ruled, cases, place, seeds[number])
            if len(found) == count:
                first, *further = (found[k] for k in range(count))
                del waiting[place]
                yield _with_further(first, further)


class Again:
    """Ranks the samples of an earlier evaluation with other settings; no model is loaded.

    Attributes:
      settings: the earlier run's, with what the evaluation changes.
      device: what the earlier run computed on.
    """

    def __init__(self, settings: Evaluate, catalogue: Catalogue, earlier: Earlier) -> None:
        """See `train.evaluation.work`."""
        shown = earlier.settings
        text = TextSettings(**shown["text"])
        self._ranking = settings.calrec.ranking(RankingSettings(**shown["ranking"]))
        check_ranking(settings.calrec, self._ranking)
        self._rules = settings.rules
        self._corpus = ItemCorpus.of(_bm25(settings.calrec, catalogue), catalogue.items, text)
        needed = self._ranking.retrieval == "rerank"
        self._first_stage = _first_stage(settings, catalogue) if needed else None
        self._items = catalogue.items
        self._earlier = earlier
        self.device = earlier.meta.device
        first = self._first_stage and (self._first_stage.name, self._first_stage.settings)
        self._generated = {name: shown[name] for name in TEXT_SETTINGS if name in shown}
        # Of a hybrid's run only the texts are taken.
        kept = {name: value for name, value in shown.items() if name != "hybrid"}
        self.settings = {**kept, **described(self._corpus, self._ranking, first)}

    def results(self, cases: HeldOutCases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results.GENERATED`, one a case.

        Raises:
          CalrecError: if the earlier run did not evaluate all of these users.
        """
        self._earlier.require([cases.user_ids[place] for place in places])
        for place in places.tolist():
            record, seed = self._ranked(cases, place)
            yield _table(self._rules.applied(record), cases, place, seed)

    def _ranked(self, cases: HeldOutCases, place: int) -> tuple[Recommendation, int]:
        drawn = self._earlier.drawn(cases.user_ids[place])
        history = tuple(self._items[i] for i in cases.histories[place])
        generation = Generation(
            history=history,
            prompt="",
            prompt_tokens=drawn.prompt_tokens,
            items_cut=drawn.items_cut,
            samples=tuple(_sample(one, self._corpus.text) for one in drawn.samples),
            settings=self._generated,
            seconds=drawn.sample_seconds,
        )
        first = None if self._first_stage is None else self._first_stage.recommend(history).ranking
        ranking = rank(generation, self._corpus, self._ranking, first_stage=first)
        record = Recommendation(history=history, generation=generation, ranking=ranking)
        return record, drawn.seed


def _bm25(given: Generating, catalogue: Catalogue) -> Corpus:
    """The items by their words, with the parameters that were given."""
    default = catalogue.corpus()
    values = {"k1": given.k1, "b": given.b}
    changed = {name: value for name, value in values.items() if value is not None}
    if not changed:
        return default
    return catalogue.corpus(dataclasses.replace(default.settings, **changed))


def _first_stage(settings: Evaluate, catalogue: Catalogue) -> Ruled:
    inputs = Inputs(
        shop=catalogue,
        split=settings.split,
        rules=settings.rules,
        checkpoint=settings.calrec.first_stage_checkpoint,
    )
    made = register.build(settings.calrec.first_stage or FIRST_STAGE, inputs)
    return Ruled(recommender=made, rules=settings.rules)


def _with_further(first: pa.Table, further: list[tuple[int, int]]) -> pa.Table:
    """A case's table with its ranks by further seeds, if there are any."""
    for field, side in zip(FURTHER, zip(*further, strict=True), strict=False):
        first = first.append_column(field, pa.array([side], field.type))
    return first


def _ranks(record: Recommendation, cases: HeldOutCases, place: int) -> tuple[int, int]:
    """The optimistic and the pessimistic rank of the case's target."""
    ranking = record.ranking
    best, worst = ranks_of(ranking.scores, int(cases.targets[place]), ranking.unranked)
    return int(best), int(worst)


def _table(record: Recommendation, cases: HeldOutCases, place: int, seed: int) -> pa.Table:
    """A table of `train.evaluation.results.GENERATED` with the one case."""
    target = int(cases.targets[place])
    ranking, generation = record.ranking, record.generation
    if generation is None:
        raise ValueError("a recommendation without texts")
    optimistic, pessimistic = _ranks(record, cases, place)
    top = best(ranking.scores)
    decoding = record.parts.get("decoding", {})
    outside = decoding.get("outside", (None, None))
    row = {
        "case": place,
        "optimistic_rank": optimistic,
        "pessimistic_rank": pessimistic,
        "target_score": float(ranking.scores[target]),
        "top_items": top.tolist(),
        "top_scores": ranking.scores[top].tolist(),
        "seed": seed,
        "prompt_tokens": generation.prompt_tokens,
        "items_cut": generation.items_cut,
        "sample_seconds": generation.seconds,
        "match_seconds": ranking.seconds,
        "outside_least": outside[0],
        "outside_most": outside[1],
        "exact": decoding.get("exact"),
        "samples": [
            {
                "order": sample.order,
                "text": sample.text,
                "score": sample.score,
                "token_ids": sample.token_ids,
                "log_probs": sample.log_probs,
                "tokens": len(sample.token_ids),
                "finished": sample.finished,
                "format_error": sample.attributes is None,
                "match_level": outcome.match_level,
                "kept": outcome.column is not None,
                "column": outcome.column,
                "why_not": outcome.why_not,
            }
            for sample, outcome in zip(generation.samples, ranking.outcomes, strict=True)
        ],
    }
    return pa.Table.from_pylist([row], schema=GENERATED)


def _sample(row: Mapping[str, Any], text: TextSettings) -> Sample:
    """The sample that a row of an earlier run's texts tells of; `text` is how items became text."""
    return Sample(
        text=row["text"],
        token_ids=tuple(row["token_ids"]),
        log_probs=tuple(row["log_probs"]),
        score=row["score"],
        order=row["order"],
        finished=row["finished"],
        attributes=parse(row["text"], text),
    )
