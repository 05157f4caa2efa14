"""Table 4: with contrastive losses against without, paired t-test over users."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from jaxtyping import Float

from calrec.evaluation.metrics import METRICS, TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Difference, paired_differences
from calrec.report import paper
from calrec.report.comparison import SIDES, Group
from calrec.report.layouts.cells import change, difference, p_value, printed
from calrec.report.layouts.hints import checkpoint_hint
from calrec.report.layouts.remarks import interval_words, on_which_users
from calrec.report.layouts.training import differ_in_training
from calrec.report.spec import Evidence, Heading, Part, TableSpec, any_paper, columns, compared
from calrec.report.tables import Cell, Unit, Value
from calrec.report.variants import WITHOUT, main_first, training_words, unlike, variant

OURS = "Ours"
PAPER = "The paper's, over its 6 datasets"
LOSSES, NO_LOSSES = "with", "without"
"""What the two runs of a part are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """A metric over one domain, or over several together.

    Attributes:
      dataset: the line's name.
      parts: a domain each.
      metric: shown.
      first: whether it is among the first lines: the paper's averages stand there, once.
    """

    dataset: str
    parts: Sequence[Part]
    metric: str
    first: bool

    def average(self, role: str) -> Value:
        """The mean over domains, as in the paper."""
        optimistic, pessimistic = (
            float(np.mean([part.mean(role, self.metric, side) for part in self.parts]))
            for side in SIDES
        )
        return Value(optimistic=optimistic, pessimistic=pessimistic)

    @cached_property
    def tested(self) -> Sequence[Difference]:
        """Of either side, over all users of these domains."""
        if len(self.parts) == 1:  # the resamples that this domain has in the other tables
            return self.parts[0].tested(LOSSES, NO_LOSSES, self.metric)
        bootstrap = self.parts[0].comparison.bootstrap
        return paired_differences(self._pooled(LOSSES), self._pooled(NO_LOSSES), bootstrap)

    def _pooled(self, role: str) -> Float[np.ndarray, "n 2"]:
        cases = [part.comparison.cases[part.places[role]] for part in self.parts]
        sides = [np.concatenate([own.values[self.metric, side] for own in cases]) for side in SIDES]
        return np.stack(sides, axis=1)


def _candidates(group: Group) -> Iterator[Mapping[str, EvaluationRun]]:
    """Every two runs that differ in the losses alone, those closest to the paper's first."""
    runs = main_first(_contrasted(group))
    for run in runs:
        for other in runs:
            if WITHOUT.get(variant(run)) == variant(other):
                yield {LOSSES: run, NO_LOSSES: other}


def _contrasted(group: Group) -> list[EvaluationRun]:
    """Those of which some other differs in the losses alone."""
    either = {*WITHOUT, *WITHOUT.values()}
    return [run for run in differ_in_training(group) if variant(run) in either]


def _poolable(parts: Sequence[Part]) -> list[Part]:
    """One a domain, of the first split and rules: the users of one domain count once."""
    found: dict[str, Part] = {}
    for part in parts:
        first, group = parts[0].group, part.group
        if (group.split, group.rules) == (first.split, first.rules):
            found.setdefault(group.domain, part)
    return list(found.values())


def _lines(parts: Sequence[Part]) -> list[_Line]:
    """All domains first where there are several."""
    pooled = _poolable(parts)
    sets = [(f"All {len(pooled)} domains", pooled)] if len(pooled) > 1 else []
    sets += [(part.title, [part]) for part in parts]
    return [
        _Line(dataset=dataset, parts=together, metric=metric, first=place == 0)
        for place, (dataset, together) in enumerate(sets)
        for metric in METRICS
    ]


_QUANTITIES: Mapping[str, Callable[[_Line], Cell]] = {
    "w/ Contr.": lambda line: line.average(LOSSES),
    "w/o Contr.": lambda line: line.average(NO_LOSSES),
    "Improv.": lambda line: change(line.average(LOSSES), line.average(NO_LOSSES)),
    "Difference": lambda line: difference(*line.tested),
    "p-value": lambda line: p_value(*line.tested),
}

_PRINTED: Mapping[str, Callable[[paper.Contrast], Cell]] = {
    "w/ Contr.": lambda row: printed(row.with_losses),
    "w/o Contr.": lambda row: printed(row.without),
    "Improv.": lambda row: _of_unit(row.improvement, "change"),
    "p-value": lambda row: _of_unit(row.p, "p"),
}


def _headings(parts: Sequence[Part]) -> Iterator[Heading[_Line]]:
    for column in columns(OURS, _QUANTITIES):
        yield Heading(column=column, quantity=_QUANTITIES[column.title])
    if any_paper(parts):
        for column in columns(PAPER, _PRINTED):
            yield Heading(column=column, quantity=partial(_printed, column.title))


def _printed(title: str, line: _Line) -> Cell:
    return _PRINTED[title](paper.TABLE_4[line.metric]) if line.first else None


def _of_unit(figures: paper.Printed, unit: Unit) -> Value:
    return Value(optimistic=figures[0], pessimistic=figures[1], unit=unit)


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    words = interval_words(parts[0].comparison.bootstrap)
    yield f"Two-sided paired t-test over users; {words}."
    if any_paper(parts):
        yield (
            "The paper's figures are averages over six datasets with another language model, and it"
            " does not say over what its test pairs: they stand beside for their size only."
        )
    pooled = _poolable(parts)
    if len(pooled) > 1:
        users = sum(part.comparison.users for part in pooled)
        yield (
            f"All {len(pooled)} domains ({'; '.join(part.title for part in pooled)}): values"
            f" and improvement are means over domains; difference and p are over the {users:,}"
            " pooled users, so that a domain weighs as many users as it has."
        )
    for part in parts:
        one, group = part.comparison, part.group
        yield from (*on_which_users(part), *group.not_shown(_contrasted(group), one.runs))
        for name, run in zip(one.names, one.runs, strict=True):
            yield f"{group.title}, {name}: {training_words(run)}."
        if other := unlike(*one.runs, apart=()):
            yield f"{group.title}: the second also differs in {', '.join(other)}."


def _missing(evidence: Evidence, parts: Sequence[Part]) -> str:
    twice = (
        ", once with a checkpoint of the usual losses and once with one trained with"
        " calrec-train's --alpha 0 --beta 0 in the same stages"
    )
    return "" if parts else checkpoint_hint(evidence.groups, twice)


TABLE_4 = TableSpec(
    key="table4",
    title="Contrastive alignment (the paper's Table 4)",
    names=("Dataset", "Metric"),
    parts=compared(_candidates, least=2, one_a_group=True),
    lines=_lines,
    name=lambda line: (line.dataset, TITLES[line.metric]),
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
)
