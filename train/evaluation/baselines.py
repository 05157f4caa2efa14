"""The recommenders that score items from a history at once, and their ranks over many cases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from calrec.ranking.rules import Rules
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.counting import counting
from calrec.recommenders.lir import LastItemRepeater
from calrec.recommenders.protocol import Recommender
from calrec.records.ranks import TIE, ranks_of
from calrec.text import DEFAULT_TEXT
from catalog.store import Catalogue
from train.evaluation.best import best
from train.evaluation.cases import Cases
from train.evaluation.results import ranked_table

BLOCK = 32
"""Histories scored at once: a block of scores stays within tens of MB."""

MANY = 8
"""Cases of one history above which its scores are sorted once, instead of counted for each."""


@dataclass(frozen=True, kw_only=True)
class Scorer:
    """What ranking many cases needs of a recommender; see `calrec.recommenders.baseline.Baseline`.

    Attributes:
      settings: the recommender's own.
      reads: how many last items of a history it looks at.
      scores: float64 scores of all N items after each of Q histories of item indices.
    """

    settings: Mapping[str, Any]
    reads: int | None
    scores: Callable[[Sequence[Int[np.ndarray, " L"]]], Float[np.ndarray, "Q N"]]

    @classmethod
    def of(cls, baseline: Baseline) -> Scorer:
        """That of a baseline over item indices."""
        return cls(settings=baseline.settings, reads=baseline.reads, scores=baseline.scores)

    def under(self, rules: Rules) -> Scorer:
        """The same with its scores by the rule for items of the history."""
        if rules.bought == "ranked":
            return self

        def scores(histories: Sequence[Int[np.ndarray, " L"]]) -> Float[np.ndarray, "Q N"]:
            pairs = zip(self.scores(histories), histories, strict=True)
            return np.stack([rules.scores(row, history) for row, history in pairs])

        # All of a history tells what was bought.
        return replace(self, reads=None, scores=scores)


def recommender(
    name: str, catalogue: Catalogue, split: str, rules: Rules, checkpoint: str | None = None
) -> Recommender:
    """A baseline over what the domain's users bought before their targets of a split.

    Args:
      name: `lir`, `popular`, `markov`, `item-knn` or `sasrec`.
      catalogue: of the domain.
      split: `test` or `validation`.
      rules: `count` says which of these purchases; `bought` is whoever ranks to apply.
      checkpoint: for `sasrec`, the folder that `calrec-train sasrec` wrote.

    Raises:
      CalrecError: if the checkpoint cannot be loaded, or is of another catalogue.
    """
    if name == "lir":
        return LastItemRepeater(catalogue.corpus(), DEFAULT_TEXT)
    if name == "sasrec":
        from calrec.recommenders.sasrec.recommender import SASRec

        return SASRec.load(Path(checkpoint), catalogue.item_ids)
    return counting(name, catalogue.item_ids, catalogue.sequences().counted(split, rules.count))


def scorer(
    name: str, catalogue: Catalogue, split: str, rules: Rules, checkpoint: str | None = None
) -> Scorer:
    """The same recommender, by item index and by both rules."""
    made = recommender(name, catalogue, split, rules, checkpoint)
    if isinstance(made, Baseline):
        return Scorer.of(made).under(rules)

    def after_last(histories: Sequence[Int[np.ndarray, " L"]]) -> Float[np.ndarray, "Q N"]:
        # One row a history: a rank is a count along it.
        last = [catalogue.items[history[-1]] for history in histories]
        return np.ascontiguousarray(made.scores(last).T)

    return Scorer(settings=dict(made.settings), reads=1, scores=after_last).under(rules)


def rank_cases(scorer: Scorer, cases: Cases, places: Int[np.ndarray, " P"]) -> Iterator[pa.Table]:
    """Ranks the targets of some cases; histories that the recommender cannot tell apart, once.

    Blocks of histories go over the threads of this process, one for each CPU.

    Yields:
      tables of `train.evaluation.results.RANKED`, a block each.
    """
    alike: dict[bytes, list[int]] = {}
    for place in places.tolist():
        history = cases.histories[place]
        start = 0 if scorer.reads is None else max(0, len(history) - scorer.reads)
        alike.setdefault(history[start:].tobytes(), []).append(place)
    groups = list(alike.values())
    blocks = [groups[start : start + BLOCK] for start in range(0, len(groups), BLOCK)]
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = ThreadPoolExecutor(threads)
    try:
        yield from pool.map(lambda block: _rank_block(scorer, cases, block), blocks)
    finally:
        pool.shutdown(cancel_futures=True)


def _rank_block(scorer: Scorer, cases: Cases, groups: Sequence[Sequence[int]]) -> pa.Table:
    """Ranks the cases of each group by the scores after its one history."""
    rows = scorer.scores([cases.histories[group[0]] for group in groups])
    targets = [cases.targets[group] for group in groups]
    top = np.array([best(row) for row in rows])
    row_of = np.repeat(np.arange(len(groups)), list(map(len, groups)))
    return ranked_table(
        cases=np.concatenate(groups),
        ranks=np.concatenate([_ranks(*pair) for pair in zip(rows, targets, strict=True)]),
        target_scores=rows[row_of, np.concatenate(targets)],
        top_items=top[row_of],
        top_scores=np.take_along_axis(rows, top, axis=1)[row_of],
    )


def _ranks(row: Float[np.ndarray, " N"], targets: Int[np.ndarray, " C"]) -> Int[np.ndarray, "C 2"]:
    if len(targets) > MANY:
        ordered, scores = np.sort(row), row[targets]
        above = np.searchsorted(ordered, scores + TIE, side="right")
        below = np.searchsorted(ordered, scores - TIE, side="left")
        return len(row) - np.stack([above - 1, below], axis=1)
    return np.array([ranks_of(row, target) for target in targets])
