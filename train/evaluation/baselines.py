"""The recommenders that score items from a history at once, and their ranks over many cases."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from calrec.ranking.rules import Rules
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from calrec.recommenders.protocol import Recommender, Scorer
from calrec.records import Item
from calrec.records.ranks import TIE, ranks_of
from train.evaluation.best import best
from train.evaluation.cases import HeldOutCases
from train.evaluation.results import ranked_table

BLOCK = 32
"""Histories scored at once: a block of scores stays within tens of MB."""

MANY = 8
"""Cases of one history above which its scores are sorted once, instead of counted for each."""


@dataclass(frozen=True, kw_only=True)
class RuledScorer:
    """A recommender that scores many histories at once, by the rule for items bought before.

    Attributes:
      scorer: one that was built by `rules.count`.
      rules: which.
    """

    scorer: Scorer
    rules: Rules

    @property
    def settings(self) -> Mapping[str, Any]:
        """The recommender's own."""
        return self.scorer.settings

    @property
    def reads(self) -> int | None:
        """How many last items of a history tell the scores apart; `None`: all."""
        # All of a history tells what was bought.
        return self.scorer.reads if self.rules.bought == "ranked" else None

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores of all N items after each of Q histories of item indices."""
        scores = self.scorer.scores(histories)
        if self.rules.bought == "ranked":
            return scores
        each = zip(scores, histories, strict=True)
        return np.stack([self.rules.scores(row, history) for row, history in each])


class EachHistory:
    """A recommender that ranks one history at a time, as a `Scorer`."""

    reads = None

    def __init__(self, recommender: Recommender, items: Sequence[Item]) -> None:
        """Takes the recommender and the N items that it ranks, in item-index order."""
        self._recommender = recommender
        self._items = items
        self.name = recommender.name
        self.settings = recommender.settings
        self.recommend = recommender.recommend

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores of all N items after each of Q histories of item indices."""
        each = ([self._items[i] for i in history] for history in histories)
        return np.stack([self._recommender.recommend(history).ranking.scores for history in each])


def scorer(recommender: str, inputs: Inputs) -> RuledScorer:
    """A recommender over what the domain's users bought before their targets, by both rules.

    Args:
      recommender: its id in the register; one that writes no texts.
      inputs: the shop, the split, the rules, and a checkpoint where it needs one.

    Raises:
      CalrecError: if the checkpoint cannot be loaded, or is of another catalogue.
    """
    made = register.build(recommender, inputs)
    if not isinstance(made, Scorer):
        made = EachHistory(made, inputs.shop.items)
    return RuledScorer(scorer=made, rules=inputs.rules)


def rank_cases(
    scorer: RuledScorer, cases: HeldOutCases, places: Int[np.ndarray, " P"]
) -> Iterator[pa.Table]:
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


def _rank_block(
    scorer: RuledScorer, cases: HeldOutCases, groups: Sequence[Sequence[int]]
) -> pa.Table:
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
