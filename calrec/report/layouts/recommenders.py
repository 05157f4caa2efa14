"""Table 2: recommenders, and how far CALRec is above the best other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import paper
from calrec.report.comparison import Comparison, Group, paper_order
from calrec.report.layouts.cells import printed
from calrec.report.layouts.hints import OF_A_CHECKPOINT, hint
from calrec.report.layouts.remarks import of_the_paper, on_which_users
from calrec.report.spec import (
    Evidence,
    Heading,
    MetricLine,
    Part,
    TableSpec,
    any_paper,
    by_metric,
    columns,
)
from calrec.report.tables import Cell, Column, Value, relative_change
from calrec.report.variants import MARK, entrant, names

PAPER = "The paper's figures, on other data"
OURS = "Recommenders"


def compare_recommenders(group: Group, bootstrap: Bootstrap) -> Comparison:
    """The main run of each recommender on their common users; CALRec stays in whatever goes."""
    runs = group.main_runs()
    first = runs[-1] if runs[-1].generative else runs[0]
    return Comparison.of(runs, bootstrap, first)


def _parts(evidence: Evidence) -> list[Part]:
    found = []
    for group in evidence.groups:
        one = compare_recommenders(group, evidence.bootstrap)
        places = {entrant(run): place for place, run in enumerate(one.runs)}
        found.append(Part(group=group, comparison=one, places=places))
    return found


def _headings(parts: Sequence[Part]) -> Iterator[Heading[MetricLine]]:
    """One a recommender, in the order in which the comparisons name them, CALRec last."""
    for name, run in _recommenders(parts).items():
        title = _column_title(_called(parts, name), run)
        column = Column(title=title, group=OURS)
        yield Heading(column=column, quantity=partial(_value, name), contends=True)
    yield Heading(column=Column(title="Improvement", group=OURS), quantity=_improvement)
    if any_paper(parts):
        for column in columns(PAPER, paper.METHODS):
            yield Heading(column=column, quantity=partial(_printed, column.title))
        column = Column(title="Improvement", group=PAPER)
        yield Heading(column=column, quantity=_printed_improvement)


def _recommenders(parts: Sequence[Part]) -> dict[str, EvaluationRun]:
    """Of each, by any of its decoders, the last run."""
    found = {entrant(run): run for part in parts for run in part.comparison.runs}
    return dict(sorted(found.items(), key=lambda entry: paper_order(entry[1])))


def _called(parts: Sequence[Part], recommender: str) -> dict[str, list[str]]:
    """What the runs of a recommender are called, and where."""
    found: dict[str, list[str]] = {}
    for part in parts:
        if recommender in part.places:
            called = part.comparison.names[part.places[recommender]]
            found.setdefault(called, []).append(part.title)
    return found


def _column_title(called: Mapping[str, Sequence[str]], run: EvaluationRun) -> str:
    """What its run is called, or, where it is not the same everywhere, the recommender."""
    if len(called) == 1:
        return next(iter(called))
    marked = any(name.endswith(MARK) for name in called)
    return run.recommender_name + (f" {MARK}" if marked else "")


def _value(recommender: str, line: MetricLine) -> Cell:
    return line.part.value(recommender, line.metric)


def _improvement(line: MetricLine) -> Cell:
    """Of CALRec, or the hybrid where there is no CALRec: optimistic value over the best other's.

    The same recommender by another decoder is no other.
    """
    *before, last = line.part.comparison.runs
    others = [run for run in before if run.recommender != last.recommender]
    if not last.generative or not others:
        return None
    own, *theirs = (
        line.part.mean(entrant(run), line.metric, "optimistic") for run in (last, *others)
    )
    return Value(optimistic=relative_change(own, max(theirs)), unit="change")


def _printed(method: str, line: MetricLine) -> Cell:
    if line.part.paper is None:
        return None
    return printed(paper.TABLE_2[line.part.paper.dataset, line.metric][method])


def _printed_improvement(line: MetricLine) -> Cell:
    if line.part.paper is None:
        return None
    change = paper.IMPROVEMENT[line.part.paper.dataset, line.metric]
    return Value(optimistic=change, unit="change")


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        yield from (*on_which_users(part), *_elsewhere(part), *of_the_paper(part))
    for name, run in _recommenders(parts).items():
        called = _called(parts, name)
        if len(called) > 1:
            which = "; ".join(f"{one} on {', '.join(where)}" for one, where in called.items())
            yield f"{run.recommender_name} is not the same everywhere: {which}."
    if not any_paper(parts):
        yield "No domain here is one of the paper's, so none of its figures stand beside."
    compared = [part.comparison.runs for part in parts]
    ours = [runs[-1] for runs in compared if runs[-1].generative and len(runs) > 1]
    if ours:
        yield (
            f"Improvement: {_of(ours)} optimistic value over the best other recommender's"
            " optimistic value."
        )


def _of(runs: Sequence[EvaluationRun]) -> str:
    """Whose runs they are, such as "CALRec's"."""
    return " or ".join(dict.fromkeys(f"{run.recommender_name}'s" for run in runs))


def _elsewhere(part: Part) -> list[str]:
    """Which runs only the other tables have."""
    one, group = part.comparison, part.group
    shown = {id(run) for run in (*one.runs, *one.left_out)}
    every = zip(group.runs, names(group.runs), strict=True)
    others = [name for run, name in every if id(run) not in shown]
    if not others:
        return []
    return [
        f"{group.title}: one run a recommender; the other tables have those of the same"
        f" recommenders besides: {'; '.join(others)}."
    ]


def _missing(evidence: Evidence, parts: Sequence[Part]) -> str:
    for group in evidence.groups:
        if not any(run.generative for run in group.runs):
            return hint(group, OF_A_CHECKPOINT)
        if len({run.recommender for run in group.runs}) < 2:
            return hint(group, "--recommender lir")
    return ""


TABLE_2 = TableSpec(
    key="table2",
    title="Recommenders (the paper's Table 2)",
    names=("Dataset", "Metric"),
    parts=_parts,
    lines=by_metric,
    name=lambda line: (line.part.title, TITLES[line.metric]),
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
    best="line",
)
