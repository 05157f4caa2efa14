"""CALRec against each other run of its group: difference, interval, p, on the same users."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from calrec.evaluation.metrics import METRICS, TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Difference
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.layouts.cells import difference, p_value
from calrec.report.layouts.hints import checkpoint_hint, hint, likeliest
from calrec.report.layouts.remarks import interval_words, other_code
from calrec.report.spec import Evidence, Heading, TableSpec
from calrec.report.tables import Column, Value
from calrec.report.variants import main_first, names


@dataclass(frozen=True, kw_only=True, eq=False)
class Opponents:
    """CALRec's main run, and other runs that evaluated the same users as one another.

    Attributes:
      group: of all of them.
      comparison: CALRec's run first.
    """

    group: Group
    comparison: Comparison

    def called(self, run: EvaluationRun) -> str:
        """What a run is called among all of the group."""
        return names(self.group.runs)[self.group.runs.index(run)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """A metric of CALRec against one opponent, by its place in the comparison."""

    opponents: Opponents
    place: int
    metric: str

    @cached_property
    def tested(self) -> tuple[Difference, ...]:
        one = self.opponents.comparison
        return tuple(one.difference(0, self.place, self.metric, side) for side in SIDES)


def _parts(evidence: Evidence) -> list[Opponents]:
    found = []
    for group in evidence.groups:
        runs = [run for run in group.runs if run.generative]
        if not runs or len(group.runs) < 2:
            continue
        first = main_first(runs)[0]
        for others in _by_users(first, group.runs):
            one = Comparison.of((first, *others), evidence.bootstrap)
            found.append(Opponents(group=group, comparison=one))
    return found


def _by_users(
    first: EvaluationRun, runs: Sequence[EvaluationRun]
) -> list[tuple[EvaluationRun, ...]]:
    """The other runs, those on the same users together, so that they share their resamples."""
    alike: list[list[EvaluationRun]] = []
    for run in runs:
        if run is first:
            continue
        for others in alike:
            if others[0].cases.user_ids.equals(run.cases.user_ids):
                others.append(run)
                break
        else:
            alike.append([run])
    return [tuple(others) for others in alike]


def _lines(parts: Sequence[Opponents]) -> list[_Line]:
    return [
        _Line(opponents=part, place=place, metric=metric)
        for part in parts
        for place in range(1, len(part.comparison.runs))
        for metric in METRICS
    ]


def _name(line: _Line) -> tuple[str, ...]:
    against = line.opponents.comparison.runs[line.place]
    return line.opponents.group.title, line.opponents.called(against), TITLES[line.metric]


def _remarks(parts: Sequence[Opponents]) -> Iterator[str]:
    firsts = dict.fromkeys(f"{part.comparison.runs[0].recommender_name}'s" for part in parts)
    yield (
        f"Difference of the means over the users that both runs evaluated, {' or '.join(firsts)}"
        " minus the"
        f" other's; {interval_words(parts[0].comparison.bootstrap)}; p from a two-sided paired"
        " t-test over users, not corrected for the number of tests."
    )
    for part in parts:
        one, group = part.comparison, part.group
        first = part.called(one.runs[0])
        yield from other_code(group.title, names(group.runs), group.runs)
        yield f"{group.title}: {first} against each."
        for run in one.left_out:
            yield f"{group.title}: {part.called(run)} shares no user with {first}."


def _missing(evidence: Evidence, parts: Sequence[Opponents]) -> str:
    if any(len(part.comparison.runs) > 1 for part in parts) or not evidence.groups:
        return ""
    group = likeliest(evidence.groups)
    if any(run.generative for run in group.runs):
        return hint(group, "--recommender lir")
    return checkpoint_hint(evidence.groups)


PAIRED = TableSpec(
    key="paired",
    title="Paired differences",
    names=("Dataset", "Against", "Metric"),
    parts=_parts,
    lines=_lines,
    name=_name,
    headings=lambda _: (
        Heading(
            column=Column(title="Users"),
            quantity=lambda line: Value(optimistic=line.tested[0].pairs, unit="count"),
        ),
        Heading(column=Column(title="Difference"), quantity=lambda line: difference(*line.tested)),
        Heading(column=Column(title="p"), quantity=lambda line: p_value(*line.tested)),
    ),
    remarks=_remarks,
    missing=_missing,
)
