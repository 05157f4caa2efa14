"""The comparisons of evaluations, made once for everybody who looks at the same runs."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from calrec.errors import CalrecError
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.slices import Dimension
from calrec.evaluation.statistics import Bootstrap
from calrec.report import figures
from calrec.report.comparison import Comparison, groups
from calrec.report.report import Content, content
from demo.inspect.bounded import Bounded

KEPT = 48
"""Reports, pairs and slices kept: some choices of runs, with the metrics and parts looked at."""
BOOTSTRAP = Bootstrap(resamples=2000, seed=0)

Runs = tuple[EvaluationRun, ...]


class Reports:
    """A bounded cache; safe for several threads. It holds nothing of a visitor."""

    def __init__(self) -> None:
        self._kept: Bounded[tuple[Any, ...], tuple[Runs, Any]] = Bounded(KEPT)
        self._making = threading.Lock()

    def known(self, runs: Sequence[EvaluationRun], metric: str) -> bool:
        """Whether the report is there already."""
        return self._known(("report", _folders(runs), metric), tuple(runs)) is not None

    def report(self, runs: Sequence[EvaluationRun], metric: str) -> Content:
        """All tables of some runs.

        Raises:
          CalrecError: if there is no run, or one is damaged.
        """
        key = ("report", _folders(runs), metric)
        return self._get(key, tuple(runs), lambda: content(runs, BOOTSTRAP, metric))

    def pair(self, first: EvaluationRun, second: EvaluationRun) -> Comparison:
        """Two runs on the users that they have in common, the first one first.

        Raises:
          CalrecError: if they are one run, on different data or without a common user.
        """
        key = ("pair", _folders((first, second)))
        return self._get(key, (first, second), lambda: _paired(first, second))

    def slices(self, runs: Sequence[EvaluationRun], metric: str, dimension: Dimension) -> go.Figure:
        """The metric by the bands of a dimension, of the first comparison of the report.

        Raises:
          CalrecError: as `report`.
        """
        one = self.report(runs, metric).comparisons[0][1]
        key = ("slices", _folders(runs), metric, dimension.__name__)
        return self._get(
            key,
            tuple(runs),
            lambda: figures.metric_by_slice(one, dimension, metric, TITLES[metric]),
        )

    def _known(self, key: tuple[Any, ...], runs: Runs) -> Any:
        kept = self._kept.known(key)
        # An evaluation that was run again has the name of the old one, and is another object.
        if kept is None or any(a is not b for a, b in zip(kept[0], runs, strict=True)):
            return None
        return kept[1]

    def _get(self, key: tuple[Any, ...], runs: Runs, make: Any) -> Any:
        value = self._known(key, runs)
        if value is not None:
            return value
        # The plots of a page ask at once for what its tables ask for: one makes it, others wait.
        with self._making:
            value = self._known(key, runs)
            if value is None:
                value = make()
                self._kept.put(key, (runs, value))
        return value


def _folders(runs: Sequence[EvaluationRun]) -> tuple[str, ...]:
    return tuple(str(run.folder) for run in runs)


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
