"""The comparisons of evaluations, made once for everybody who looks at the same runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Any

import plotly.graph_objects as go
from cachetools import LRUCache, cachedmethod

from calrec.errors import CalrecError
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.slices import Dimension
from calrec.evaluation.statistics import Bootstrap
from calrec.report import figures
from calrec.report.comparison import Comparison, groups
from calrec.report.report import Content, content

KEPT = 16
"""Reports kept, and as many pairs and slices: of some choices of runs."""
BOOTSTRAP = Bootstrap(resamples=2000, seed=0)

Runs = tuple[EvaluationRun, ...]


class Reports:
    """Bounded caches; safe for several threads. They hold nothing of a visitor.

    The plots of a page ask at once for what its tables ask for: one makes it, others wait. An
    evaluation that was run again has the name of the old one, and is another object.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._reports: LRUCache[Any, Content] = LRUCache(KEPT)
        self._pairs: LRUCache[Any, Comparison] = LRUCache(KEPT)
        self._slices: LRUCache[Any, go.Figure] = LRUCache(KEPT)

    def known(self, runs: Sequence[EvaluationRun], metric: str) -> bool:
        """Whether the report is there already."""
        with self._turn:
            return (tuple(runs), metric) in self._reports

    @cachedmethod(
        attrgetter("_reports"),
        condition=attrgetter("_turn"),
        key=lambda reports, runs, metric: (tuple(runs), metric),
    )
    def report(self, runs: Sequence[EvaluationRun], metric: str) -> Content:
        """All tables of some runs.

        Raises:
          CalrecError: if there is no run, or one is damaged.
        """
        return content(runs, BOOTSTRAP, metric)

    @cachedmethod(
        attrgetter("_pairs"),
        condition=attrgetter("_turn"),
        key=lambda reports, first, second: (first, second),
    )
    def pair(self, first: EvaluationRun, second: EvaluationRun) -> Comparison:
        """Two runs on the users that they have in common, the first one first.

        Raises:
          CalrecError: if they are one run, on different data or without a common user.
        """
        return _paired(first, second)

    @cachedmethod(
        attrgetter("_slices"),
        condition=attrgetter("_turn"),
        key=lambda reports, runs, metric, dimension: (tuple(runs), metric, dimension),
    )
    def slices(self, runs: Sequence[EvaluationRun], metric: str, dimension: Dimension) -> go.Figure:
        """The metric by the bands of a dimension, of the first comparison of the report.

        Raises:
          CalrecError: as `report`.
        """
        one = self.report(runs, metric).comparisons[0][1]
        return figures.metric_by_slice(one, dimension, metric, TITLES[metric])


def _paired(first: EvaluationRun, second: EvaluationRun) -> Comparison:
    if first is second:
        raise CalrecError("expected two different runs, found one twice; choose another beside it")
    if len(groups((first, second))) > 1:
        raise CalrecError(
            "expected two runs on the same held-out purchases by the same rules, found another"
            f" split, state of the shop's data or rules ({first.rules}; {second.rules}); choose two"
            " with the same"
        )
    one = Comparison.of((first, second), BOOTSTRAP)
    if one.left_out:
        raise CalrecError(
            "expected two runs with users in common, found none; evaluate both on the same users"
        )
    return one


def chosen(names: Sequence[str], runs: Mapping[str, EvaluationRun]) -> Runs:
    """The runs of some names; those that are gone by now are left out."""
    return tuple(runs[name] for name in names if name in runs)
