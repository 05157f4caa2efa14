"""What a table of the paper shows, as data, and the one function that fills it from runs.

A table is lines by headings: a heading says which quantity of a line stands beneath it. Which runs
stand together, which lines there are and what must be remarked is the table's own; to compare, to
lay out and to mark the best is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap, Difference
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.paper import PaperDomain, beside
from calrec.report.tables import Cell, Column, Table, Value, with_best

Role = Any
"""What a run is in a table, such as a recommender's id or the template of its prompt."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What a report is made of.

    Attributes:
      runs: all of them.
      groups: those that stand side by side.
      bootstrap: how intervals are made.
    """

    runs: Sequence[EvaluationRun]
    groups: Sequence[Group]
    bootstrap: Bootstrap


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Runs of one group that a table sets side by side on their common users.

    Attributes:
      group: of the runs.
      comparison: of the runs.
      places: by what each run is in the table, its place in the comparison; runs without a common
        user have none.
    """

    group: Group
    comparison: Comparison
    places: Mapping[Role, int]

    @property
    def title(self) -> str:
        """The group's."""
        return self.group.title

    @property
    def paper(self) -> PaperDomain | None:
        """The paper's dataset beside this part."""
        return paper_of(self.group)

    def run(self, role: Role) -> EvaluationRun:
        """The run of a role that there is."""
        return self.comparison.runs[self.places[role]]

    def value(self, role: Role, metric: str) -> Value | None:
        """A metric of the run of a role; `None` where there is none."""
        place = self.places.get(role)
        return None if place is None else self.comparison.value(place, metric)

    def mean(self, role: Role, metric: str, side: str) -> float:
        """The mean alone, of a role that there is."""
        return self.comparison.mean(self.places[role], metric, side)

    def tested(self, first: Role, second: Role, metric: str) -> tuple[Difference, ...]:
        """The paired difference, first minus second, of either side."""
        one, two = self.places[first], self.places[second]
        return tuple(self.comparison.difference(one, two, metric, side) for side in SIDES)


@dataclass(frozen=True, kw_only=True, eq=False)
class MetricLine:
    """A line that shows one metric of a part."""

    part: Part
    metric: str


Line = TypeVar("Line")
Together = TypeVar("Together")
"""What stands together: a `Part`, or a table's own record of runs on different data."""


@dataclass(frozen=True, kw_only=True)
class Heading(Generic[Line]):
    """A column of quantities.

    Attributes:
      column: title, and the group of columns.
      quantity: of a line.
      contends: whether its values are compared with others for the best.
    """

    column: Column
    quantity: Callable[[Line], Cell]
    contends: bool = False


@dataclass(frozen=True, kw_only=True)
class TableSpec(Generic[Together, Line]):
    """A table of the report.

    Attributes:
      key: as `Table.key`.
      title: heading.
      names: titles of the columns that name a line.
      parts: which runs stand together.
      lines: of these parts, in order.
      name: what names a line, as many cells as `names`.
      headings: of these parts, in order.
      remarks: one sentence each; those said before are left out, and all where there is no line.
      missing: which runs would fill it; empty where it is filled.
      best: whether the contending values of a line, or of a heading, are compared for the best.
    """

    key: str
    title: str
    names: tuple[str, ...]
    parts: Callable[[Evidence], Sequence[Together]]
    lines: Callable[[Sequence[Together]], Sequence[Line]]
    name: Callable[[Line], tuple[Cell, ...]]
    headings: Callable[[Sequence[Together]], Iterable[Heading[Line]]]
    remarks: Callable[[Sequence[Together]], Iterable[str]]
    missing: Callable[[Evidence, Sequence[Together]], str]
    best: Literal["line", "heading"] | None = None


def fill(spec: TableSpec[Together, Line], evidence: Evidence) -> Table:
    """The table of a description.

    Raises:
      CalrecError: if a run is damaged.
    """
    parts = spec.parts(evidence)
    lines = spec.lines(parts)
    headings = tuple(spec.headings(parts))
    named = tuple(Column(title=title) for title in spec.names)
    remarks = spec.remarks(parts) if lines else ()
    return Table(
        key=spec.key,
        title=spec.title,
        columns=(*named, *(heading.column for heading in headings)),
        rows=tuple(
            (*spec.name(line), *cells)
            for line, cells in zip(lines, _cells(lines, headings, spec.best), strict=True)
        ),
        keys=len(spec.names),
        notes=tuple(dict.fromkeys(remarks)),
        missing=spec.missing(evidence, parts),
    )


def _cells(
    lines: Sequence[Line], headings: Sequence[Heading[Line]], best: str | None
) -> list[tuple[Cell, ...]]:
    """A row a line, the best marked."""
    rows = [[heading.quantity(line) for heading in headings] for line in lines]
    contending = [place for place, heading in enumerate(headings) if heading.contends]
    if best == "line":
        for row in rows:
            marked = with_best([row[place] for place in contending])
            for place, cell in zip(contending, marked, strict=True):
                row[place] = cell
    elif best == "heading":
        for place in contending:
            marked = with_best([row[place] for row in rows])
            for row, cell in zip(rows, marked, strict=True):
                row[place] = cell
    return [tuple(row) for row in rows]


def compared(
    candidates: Callable[[Group], Iterable[Mapping[Role, EvaluationRun]]],
    *,
    least: int = 1,
    one_a_group: bool = False,
) -> Callable[[Evidence], list[Part]]:
    """A rule that pairs runs: of each group what stands together, as far as users are common.

    Args:
      candidates: runs of a group by role, the one that stays in whatever is left out first.
      least: how many runs must have users in common.
      one_a_group: whether only a group's first candidates of which that is true stand together.
    """

    def parts(evidence: Evidence) -> list[Part]:
        found: list[Part] = []
        for group in evidence.groups:
            of_group = (
                part
                for chosen in candidates(group)
                if (part := _part(group, chosen, evidence.bootstrap, least))
            )
            found += [part] if one_a_group and (part := next(of_group, None)) else of_group
        return found

    return parts


def _part(
    group: Group, chosen: Mapping[Role, EvaluationRun], bootstrap: Bootstrap, least: int
) -> Part | None:
    if len(chosen) < least:
        return None
    one = Comparison.of(tuple(chosen.values()), bootstrap)
    if len(one.runs) < least:
        return None
    places = {role: one.runs.index(run) for role, run in chosen.items() if run in one.runs}
    return Part(group=group, comparison=one, places=places)


def by_metric(parts: Sequence[Part]) -> list[MetricLine]:
    """A line a metric of each part."""
    return [MetricLine(part=part, metric=metric) for part in parts for metric in METRICS]


def paper_of(group: Group) -> PaperDomain | None:
    """The paper's dataset beside a group."""
    return beside(group.domain, group.split, group.rules)


def any_paper(parts: Iterable[Part]) -> bool:
    """Whether the paper's figures stand beside some part."""
    return any(part.paper for part in parts)


def columns(group: str, titles: Iterable[str]) -> Iterator[Column]:
    """Neighbours under one heading."""
    return (Column(title=title, group=group) for title in titles)
