"""Table 2 (recommenders x metrics), and each run against CALRec on the same users."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap, Difference
from calrec.ranking.rules import DEFAULT
from calrec.report import paper
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.layouts.overview import TITLES
from calrec.report.layouts.remarks import other_code
from calrec.report.tables import Cell, Column, Table, Value, relative_change, with_best
from calrec.report.variants import MARK, main_first, names

PAPER = "The paper's figures, on other data"


def table_2(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: domain x metric; columns: recommenders, and how far CALRec is above the best other."""
    compared = [compare_recommenders(group, bootstrap) for group in groups]
    # One column a recommender, in the order in which the comparisons name them, CALRec last.
    ids = {run.recommender: run for one in compared for run in one.runs}
    order = sorted(ids, key=lambda name: ids[name].generative)
    labelled: dict[str, dict[str, list[str]]] = {name: {} for name in order}
    for group, one in zip(groups, compared, strict=True):
        for called, run in zip(one.names, one.runs, strict=True):
            labelled[run.recommender].setdefault(called, []).append(group.title)
    titles = [_column_title(labelled[name], ids[name]) for name in order]
    beside = any(group.paper for group in groups)
    rows, notes = [], []
    for group, one in zip(groups, compared, strict=True):
        for metric in METRICS:
            rows.append(
                (
                    group.title,
                    TITLES[metric],
                    *_ours(one, metric, order),
                    *(_papers(group, metric) if beside else ()),
                )
            )
        notes.append(f"{group.title}: {one.note}.")
        notes += other_code(group.title, one.names, one.runs)
        notes += _elsewhere(group, one)
        notes += [group.paper.remark] if group.paper else []
    notes += [
        f"{ids[name].recommender_name} is not the same everywhere: {which}."
        for name in order
        if (which := _which(labelled[name]))
    ]
    if not beside:
        notes.append("No domain here is one of the paper's, so none of its figures stand beside.")
    if any(one.runs[-1].generative and len(one.runs) > 1 for one in compared):
        notes.append(
            "Improvement: CALRec's optimistic value over the best other recommender's optimistic"
            " value."
        )
    columns = [Column(title="Dataset"), Column(title="Metric")]
    columns += [Column(title=title, group="Recommenders") for title in titles]
    columns += [Column(title="Improvement", group="Recommenders")]
    if beside:
        columns += [Column(title=method, group=PAPER) for method in (*paper.METHODS, "Improvement")]
    return Table(
        key="table2",
        title="Recommenders (the paper's Table 2)",
        columns=tuple(columns),
        rows=tuple(rows),
        keys=2,
        notes=tuple(dict.fromkeys(notes)),
        missing=_missing_2(groups),
    )


def _column_title(labelled: Mapping[str, Sequence[str]], run: EvaluationRun) -> str:
    """What its run is called, or, where it is not the same everywhere, the recommender."""
    if len(labelled) == 1:
        return next(iter(labelled))
    marked = any(called.endswith(MARK) for called in labelled)
    return run.recommender_name + (f" {MARK}" if marked else "")


def _which(titles: Mapping[str, Sequence[str]]) -> str:
    """Which run a column shows where, if it is not one and the same."""
    if len(titles) < 2:
        return ""
    return "; ".join(f"{called} on {', '.join(where)}" for called, where in titles.items())


def compare_recommenders(group: Group, bootstrap: Bootstrap) -> Comparison:
    """The main run of each recommender on their common users; CALRec stays in whatever goes."""
    runs = group.main_runs()
    first = runs[-1] if runs[-1].generative else runs[0]
    return Comparison.of(runs, bootstrap, first)


def _ours(one: Comparison, metric: str, order: Sequence[str]) -> tuple[Cell, ...]:
    values: dict[str, Value] = {
        run.recommender: one.value(place, metric) for place, run in enumerate(one.runs)
    }
    others = [
        value.optimistic
        for run, value in zip(one.runs, values.values(), strict=True)
        if not run.generative
    ]
    generated = next((values[run.recommender] for run in one.runs if run.generative), None)
    improvement = None
    if generated is not None and others:
        change = relative_change(generated.optimistic, max(others))
        improvement = Value(optimistic=change, unit="change")
    return (*with_best([values.get(name) for name in order]), improvement)


def _papers(group: Group, metric: str) -> tuple[Cell, ...]:
    if group.paper is None:
        return (None,) * (len(paper.METHODS) + 1)
    key = group.paper.dataset, metric
    figures = [paper_value(pair) for pair in paper.TABLE_2[key].values()]
    return (*figures, Value(optimistic=paper.IMPROVEMENT[key], unit="change"))


def paper_value(pair: paper.Pair) -> Value:
    """The paper's optimistic and pessimistic figure."""
    return Value(optimistic=pair[0], pessimistic=pair[1])


def _elsewhere(group: Group, one: Comparison) -> list[str]:
    shown = {id(run) for run in (*one.runs, *one.left_out)}
    others = [run for run in group.runs if id(run) not in shown]
    if not others:
        return []
    every = dict(zip(map(id, group.runs), names(group.runs), strict=True))
    return [
        f"{group.title}: one run a recommender; the other tables have those of the same"
        f" recommenders besides: {'; '.join(every[id(run)] for run in others)}."
    ]


def _missing_2(groups: Sequence[Group]) -> str:
    for group in groups:
        found = {run.recommender for run in group.runs}
        if not any(run.generative for run in group.runs):
            return hint(group, "--recommender calrec --checkpoint CHECKPOINT")
        if len(found) < 2:
            return hint(group, "--recommender lir")
    return ""


def hint(group: Group, options: str) -> str:
    """What to run so that a table fills: a run that stands beside those of the group."""
    where = isolated(shlex.quote(group.domain))
    alike = [
        ("split", group.split, "test"),
        ("bought", group.rules.bought, DEFAULT.bought),
        ("count", group.rules.count, DEFAULT.count),
    ]
    kind = "".join(f" --{name} {value}" for name, value, default in alike if value != default)
    return f"To fill it: calrec-evaluate --domain {where}{kind} {options} --out DIR"


def likeliest(groups: Sequence[Group]) -> Group:
    """Where a table of CALRec's runs is filled first: where there is one, else the first.

    Args:
      groups: at least one.
    """
    return next((one for one in groups if any(run.generative for run in one.runs)), groups[0])


def paired_table(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """CALRec against each other run of its group: difference, interval, p, on the same users."""
    rows, notes = [], []
    for group in groups:
        runs = [run for run in group.runs if run.generative]
        if not runs or len(group.runs) < 2:
            continue
        first = main_first(runs)[0]
        called = dict(zip(map(id, group.runs), names(group.runs), strict=True))
        notes += other_code(group.title, list(called.values()), group.runs)
        for others in _by_users(first, group.runs):
            one = Comparison.of((first, *others), bootstrap)
            for place, other in enumerate(one.runs[1:], start=1):
                rows += _paired_rows(group.title, called[id(other)], one, place)
            notes.append(f"{group.title}: {called[id(first)]} against each.")
            notes += [
                f"{group.title}: {called[id(run)]} shares no user with {called[id(first)]}."
                for run in one.left_out
            ]
    titles = ("Dataset", "Against", "Metric", "Users", "Difference", "p")
    return Table(
        key="paired",
        title="Paired differences",
        columns=tuple(Column(title=title) for title in titles),
        rows=tuple(rows),
        keys=3,
        notes=(
            "Difference of the means over the users that both runs evaluated, CALRec's minus the"
            f" other's; {interval_words(bootstrap)}; p from a two-sided paired t-test over"
            " users, not corrected for the number of tests.",
            *dict.fromkeys(notes),
        )
        if rows
        else (),
        missing="" if rows else _missing_paired(groups),
    )


def interval_words(bootstrap: Bootstrap) -> str:
    """How the intervals came about."""
    return (
        f"{bootstrap.level * 100:g} % percentile intervals from {bootstrap.resamples:,} bootstrap"
        f" resamples of the users, seed {bootstrap.seed}"
    )


def _by_users(
    first: EvaluationRun, runs: Sequence[EvaluationRun]
) -> list[tuple[EvaluationRun, ...]]:
    """The other runs, those on the same users together, so that they share their resamples."""
    parts: list[list[EvaluationRun]] = []
    for run in runs:
        if run is first:
            continue
        for part in parts:
            if part[0].cases.user_ids.equals(run.cases.user_ids):
                part.append(run)
                break
        else:
            parts.append([run])
    return [tuple(part) for part in parts]


def _paired_rows(dataset: str, name: str, one: Comparison, other: int) -> list[tuple[Cell, ...]]:
    rows = []
    for metric in METRICS:
        optimistic, pessimistic = (one.difference(0, other, metric, side) for side in SIDES)
        rows.append(
            (
                dataset,
                name,
                TITLES[metric],
                Value(optimistic=optimistic.pairs, unit="count"),
                *tested_cells(optimistic, pessimistic),
            )
        )
    return rows


def tested_cells(optimistic: Difference, pessimistic: Difference) -> tuple[Value, Value]:
    """A paired difference with its intervals, and its p-values."""
    return (
        Value(
            optimistic=optimistic.mean,
            pessimistic=pessimistic.mean,
            unit="difference",
            optimistic_interval=optimistic.interval,
            pessimistic_interval=pessimistic.interval,
        ),
        Value(optimistic=optimistic.test.p, pessimistic=pessimistic.test.p, unit="p"),
    )


def _missing_paired(groups: Sequence[Group]) -> str:
    if not groups:
        return ""
    group = likeliest(groups)
    if any(run.generative for run in group.runs):
        return hint(group, "--recommender lir")
    return hint(group, "--recommender calrec --checkpoint CHECKPOINT")
