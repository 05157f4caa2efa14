"""CALRec over many cases: its texts drawn, or those of an earlier run ranked again."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int

from calrec.ranking.hierarchical import AttributeIndex
from calrec.ranking.retrieval import Retrieval
from calrec.recommenders.ruled import Ruled
from calrec.records.ranks import ranks_of
from calrec.records.recommendation import Recommendation, Sample
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, parse
from catalog.store import Catalogue
from train.evaluation import baselines
from train.evaluation.best import best
from train.evaluation.cases import Cases
from train.evaluation.earlier import Earlier
from train.evaluation.results import GENERATED
from train.evaluation.settings import Evaluate, check_ranking

if TYPE_CHECKING:
    from calrec.recommenders.calrec import CALRec


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
        self, settings: Evaluate, catalogue: Catalogue, model: CALRec, device: str
    ) -> None:
        """See `train.evaluation.work`; `model` is loaded and has no corpus yet."""
        given = settings.calrec
        if given.template is not None:
            model = model.with_template(given.template)
        self._ranking = given.ranking(model.description.ranking)
        check_ranking(given, self._ranking)
        self._model = model.with_corpus(
            catalogue.corpus(),
            catalogue.items,
            first_stage=_first_stage(settings, catalogue, self._ranking),
        )
        self._given = {"temperature": given.temperature, "samples": given.samples}
        self._width = given.width
        self._seed = settings.seed
        self._rules = settings.rules
        self.device = device
        self._items = catalogue.items
        self.settings = self._model.settings_with(ranking=self._ranking, **self._given)

    def results(self, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results.GENERATED`, one a case as it finishes."""
        histories = [[self._items[i] for i in cases.histories[place]] for place in places]
        seeds = [case_seed(self._seed, cases.user_ids[place]) for place in places]
        drawn = self._model.recommend_many(
            histories, seeds, ranking=self._ranking, width=self._width, **self._given
        )
        for user, record in drawn:
            yield _table(record.under(self._rules), cases, int(places[user]), seeds[user])


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
        self._retrieval = Retrieval(
            corpus=catalogue.corpus(),
            attributes=AttributeIndex(catalogue.items, text),
            text=text,
            first_stage=_first_stage(settings, catalogue, self._ranking),
        )
        self._items = catalogue.items
        self._earlier = earlier
        self.device = earlier.meta["device"]
        self.settings = {**shown, **self._retrieval.settings(self._ranking)}

    def results(self, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
        """Tables of `train.evaluation.results.GENERATED`, one a case.

        Raises:
          CalrecError: if the earlier run did not evaluate all of these users.
        """
        self._earlier.require([cases.user_ids[place] for place in places])
        for place in places.tolist():
            record, seed = self._ranked(cases, place)
            yield _table(record.under(self._rules), cases, place, seed)

    def _ranked(self, cases: Cases, place: int) -> tuple[Recommendation, int]:
        drawn = self._earlier.drawn(cases.user_ids[place])
        n_items = len(self._items)
        none = np.zeros((n_items, 0))
        record = Recommendation(
            recommender="calrec",
            settings=self.settings,
            history=tuple(self._items[i] for i in cases.histories[place]),
            prompt_tokens=drawn.prompt_tokens,
            items_cut=drawn.items_cut,
            samples=tuple(_sample(one, self._retrieval.text) for one in drawn.samples),
            rows=np.arange(n_items),
            item_ids=self._retrieval.corpus.item_ids,
            raw=none,
            scaled=none,
            modulated=none,
            scores=np.zeros(n_items),
            corpus_size=n_items,
            timings={"sample": drawn.sample_seconds},
        )
        return self._retrieval.rank(record, self._ranking), drawn.seed


def _first_stage(settings: Evaluate, catalogue: Catalogue, ranking: RankingSettings) -> Any:
    if ranking.retrieval != "rerank":
        return None
    name = settings.calrec.first_stage or "item-knn"
    made = baselines.recommender(name, catalogue, settings.split, settings.rules)
    return Ruled(made, settings.rules)


def _table(record: Recommendation, cases: Cases, place: int, seed: int) -> pa.Table:
    """A table of `train.evaluation.results.GENERATED` with the one case."""
    target = int(cases.targets[place])
    optimistic, pessimistic = ranks_of(record.scores, target, record.unranked)
    top = best(record.scores)
    column = {text: place for place, text in enumerate(record.columns)}
    row = {
        "case": place,
        "optimistic_rank": int(optimistic),
        "pessimistic_rank": int(pessimistic),
        "target_score": float(record.scores[target]),
        "top_items": top.tolist(),
        "top_scores": record.scores[top].tolist(),
        "seed": seed,
        "prompt_tokens": record.prompt_tokens,
        "items_cut": record.items_cut,
        "sample_seconds": record.timings["sample"],
        "match_seconds": record.timings["match"],
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
                "match_level": sample.match_level,
                "kept": sample.kept,
                "column": column[sample.text] if sample.kept else None,
                "why_not": sample.why_not,
            }
            for sample in record.samples
        ],
    }
    return pa.Table.from_pylist([row], schema=GENERATED)


def _sample(row: Mapping[str, Any], text: TextSettings) -> Sample:
    """The sample that a row of `samples.parquet` tells of; `text` is how items became text."""
    return Sample(
        text=row["text"],
        token_ids=tuple(row["token_ids"]),
        log_probs=tuple(row["log_probs"]),
        tempered_log_probs=(),
        score=row["score"],
        order=row["order"],
        finished=row["finished"],
        attributes=parse(row["text"], text),
        match_level=row["match_level"],
    )
