"""Table 7: Last Item Repeater on data with exact repeats and without them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, TITLES, summarise
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.paper import PaperDomain
from calrec.report.rendering import number
from calrec.report.spec import Evidence, Heading, TableSpec
from calrec.report.tables import Cell, Column, Value, relative_change


@dataclass(frozen=True, kw_only=True, eq=False)
class RepeatRuns:
    """LIR on the same data twice.

    Attributes:
      kept: with exact repeats.
      removed: without them.
    """

    kept: EvaluationRun
    removed: EvaluationRun

    @property
    def paper(self) -> PaperDomain | None:
        """The paper's dataset beside these."""
        return paper.beside(self.removed.domain, self.removed.split, self.removed.rules)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """One domain.

    Attributes:
      dataset: the line's name: the domain, with its rules where it stands in the table by several.
      runs: of the domain.
    """

    dataset: str
    runs: RepeatRuns


def repeat_runs(runs: Sequence[EvaluationRun]) -> list[RepeatRuns]:
    """LIR's runs on the same data with repeats kept and with them removed.

    The data are the same where the one has removed as many repeats as the other has kept, and
    items and events then agree.
    """
    lir = [run for run in runs if run.recommender == "lir"]
    found: dict[tuple[Any, ...], RepeatRuns] = {}
    for kept in lir:
        removed = next((run for run in lir if _same_but_for_repeats(kept, run)), None)
        if removed is not None:
            key = kept.fingerprint, kept.split, kept.rules
            found.setdefault(key, RepeatRuns(kept=kept, removed=removed))
    return list(found.values())


def _same_but_for_repeats(kept: EvaluationRun, removed: EvaluationRun) -> bool:
    repeats = kept.data.repeats_kept or 0
    return (
        repeats > 0
        and (removed.data.repeats_removed or 0) == repeats
        and removed.data.items == kept.data.items
        and removed.data.events + repeats == kept.data.events
        and removed.split == kept.split
        and removed.rules == kept.rules
    )


def _lines(parts: Sequence[RepeatRuns]) -> list[_Line]:
    return [_Line(dataset=_dataset(runs, parts), runs=runs) for runs in parts]


def _dataset(runs: RepeatRuns, parts: Sequence[RepeatRuns]) -> str:
    domain = runs.removed.domain
    rules = {other.removed.rules for other in parts if other.removed.domain == domain}
    return domain + (f", {runs.removed.rules}" if len(rules) > 1 else "")


def _headings(parts: Sequence[RepeatRuns]) -> Iterator[Heading[_Line]]:
    groups = {"w/o dedup": _kept, "w/ dedup": _removed}
    if any(runs.paper for runs in parts):
        groups |= {
            "The paper's, w/o dedup": _printed_kept,
            "The paper's, w/ dedup": _printed_removed,
        }
    for group, quantity in groups.items():
        for metric in METRICS:
            column = Column(title=TITLES[metric], group=group)
            yield Heading(column=column, quantity=partial(quantity, metric))


def _figures(run: EvaluationRun, metric: str) -> dict[str, float]:
    return summarise(run.cases.optimistic, run.cases.pessimistic)[metric]


def _kept(metric: str, line: _Line) -> Cell:
    return Value.of_sides(_figures(line.runs.kept, metric))


def _removed(metric: str, line: _Line) -> Cell:
    kept, removed = (_figures(run, metric) for run in (line.runs.kept, line.runs.removed))
    change = relative_change(removed["optimistic"], kept["optimistic"])
    return Value.of_sides(removed, change=change)


def _printed_kept(metric: str, line: _Line) -> Cell:
    domain = line.runs.paper
    return domain and Value(optimistic=paper.TABLE_7[domain.dataset].kept[metric])


def _printed_removed(metric: str, line: _Line) -> Cell:
    domain = line.runs.paper
    if domain is None:
        return None
    row = paper.TABLE_7[domain.dataset]
    change = relative_change(row.removed[metric], row.kept[metric])
    return Value(optimistic=row.removed[metric], change=change)


def _remarks(parts: Sequence[RepeatRuns]) -> Iterator[str]:
    for runs in parts:
        yield (
            "Relative change of the optimistic value in brackets. The paper prints optimistic"
            " values only."
        )
        yield _which_data(runs.kept, runs.removed)
        if domain := runs.paper:
            yield domain.remark
            yield (
                "The paper's data with repeats are another selection (Li et al. 2023) than its own"
                " without."
            )


def _which_data(kept: EvaluationRun, removed: EvaluationRun) -> str:
    repeats, events = kept.data.repeats_kept or 0, kept.data.events
    compared = ", ".join(isolated(str(name)) for name in removed.data.compared or ())
    return (
        f"{isolated(removed.domain)}: {repeats:,} of {events:,} purchases"
        f" ({number(repeats / events, 'share')}) repeat the one before exactly (compared:"
        f" {compared or 'not recorded'}); with them {kept.subset} ({isolated(kept.domain)}),"
        f" without {removed.subset}, so users and targets are not quite the same."
    )


def _missing(evidence: Evidence, parts: Sequence[RepeatRuns]) -> str:
    if parts:
        return ""
    return (
        "To fill it: calrec-catalog build --domain SHOP-repeats --keep-repeats ... from a source"
        " that holds exact repeats, then calrec-evaluate --domain SHOP-repeats --recommender lir"
        " --out DIR, and the same for SHOP without --keep-repeats"
    )


TABLE_7 = TableSpec(
    key="table7",
    title="LIR with and without exact repeats (the paper's Table 7)",
    names=("Dataset",),
    parts=lambda evidence: repeat_runs(evidence.runs),
    lines=_lines,
    name=lambda line: (line.dataset,),
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
)
