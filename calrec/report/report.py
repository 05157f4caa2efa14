"""From runs to all tables of a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from calrec.errors import CalrecError
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report.comparison import Comparison, Group, groups
from calrec.report.layouts.contrast import TABLE_4
from calrec.report.layouts.datasets import datasets_table, repeats_table
from calrec.report.layouts.overview import runs_table, settings_table
from calrec.report.layouts.paired import PAIRED
from calrec.report.layouts.ranking import RANKING, without_other_settings
from calrec.report.layouts.recommenders import TABLE_2, compare_recommenders
from calrec.report.layouts.remarks import with_leaks, with_rules, with_too_few
from calrec.report.layouts.repeats import TABLE_7, repeat_runs
from calrec.report.layouts.shortcuts import shortcuts_table
from calrec.report.layouts.slices import slices_table, ties_table
from calrec.report.layouts.templates import TABLE_6
from calrec.report.layouts.text_scores import scores_table
from calrec.report.layouts.texts import TABLE_8
from calrec.report.layouts.training import TABLE_3
from calrec.report.layouts.variety import variety_table
from calrec.report.spec import Evidence, TableSpec, fill
from calrec.report.tables import Table

PAPERS: tuple[TableSpec[Any, Any], ...] = (
    TABLE_2,
    PAIRED,
    TABLE_3,
    TABLE_4,
    TABLE_6,
    TABLE_7,
    TABLE_8,
)
"""The paper's tables, and the tests behind its Table 2, in the order of the page."""

OF_ALL_RUNS = ("runs", "ranking", "settings")
"""Tables that name every run; the others leave out those that rank the same texts otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Content:
    """All that a report shows, apart from how it looks.

    Attributes:
      tables: in the order of the page.
      comparisons: title and runs side by side, for the plots.
      metric: of slices.
    """

    tables: tuple[Table, ...]
    comparisons: tuple[tuple[str, Comparison], ...]
    metric: str


def content(
    runs: Sequence[EvaluationRun], bootstrap: Bootstrap, metric: str = "ndcg@10"
) -> Content:
    """Lays the runs out as in the paper, and takes them apart.

    Args:
      runs: at least one, in the order in which the tables are to name them.
      bootstrap: how intervals are made.
      metric: of slices.

    Raises:
      CalrecError: if there is no run, no such metric, or a run is damaged.
    """
    if not runs:
        raise CalrecError("expected at least one evaluation, found none; name their folders")
    if metric not in METRICS:
        raise CalrecError(
            f"expected a metric of {', '.join(METRICS)}, found {metric!r}; name one of them"
        )
    every = groups(runs)
    shown = without_other_settings(_beside_table_7(every, runs))
    beside = [run for run in runs if any(run in group.runs for group in shown)]
    evidence = Evidence(runs=runs, groups=shown, bootstrap=bootstrap)
    of_texts = (
        fill(RANKING, Evidence(runs=runs, groups=every, bootstrap=bootstrap)),
        scores_table(beside),
    )
    compared = [(group.title, compared_runs(group, bootstrap)) for group in shown]
    slices = [
        slices_table(title, one, metric, f"slices-{place}")
        for place, (title, one) in enumerate(compared, start=1)
    ]
    shortcuts = [
        shortcuts_table(group, one, f"shortcuts-{place}")
        for place, (group, (_, one)) in enumerate(zip(shown, compared, strict=True), start=1)
    ]
    tables = (
        runs_table(runs),
        datasets_table(runs),
        repeats_table(runs),
        *(fill(spec, evidence) for spec in PAPERS),
        *(table for table in of_texts if table.rows),  # what only some runs have to show
        *shortcuts,
        variety_table(shown, bootstrap),
        *slices,
        ties_table(compared, metric),
        settings_table(runs),
    )
    tables = tuple(
        with_too_few(with_rules(with_leaks(t, runs if t.key in OF_ALL_RUNS else beside), every))
        for t in tables
    )
    return Content(tables=tables, comparisons=tuple(compared), metric=metric)


def compared_runs(group: Group, bootstrap: Bootstrap) -> Comparison:
    """What plots and slices compare: one run a recommender, or all runs of the only one."""
    if len({run.recommender for run in group.runs}) > 1:
        return compare_recommenders(group, bootstrap)
    return Comparison.of(group.runs, bootstrap)


def _beside_table_7(every: Sequence[Group], runs: Sequence[EvaluationRun]) -> tuple[Group, ...]:
    """Without the groups that only give Table 7 its data with repeats."""
    kept = {id(pair.kept) for pair in repeat_runs(runs)}
    rest = tuple(group for group in every if not all(id(run) in kept for run in group.runs))
    return rest or tuple(every)
