"""The same texts ranked by other settings: footnote 3 of the paper, k1 and b of its section 4."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Difference
from calrec.report.comparison import Group
from calrec.report.layouts.cells import difference, p_value
from calrec.report.layouts.remarks import interval_words, on_which_users
from calrec.report.spec import Heading, Part, TableSpec, compared
from calrec.report.tables import Cell, Column
from calrec.report.variants import flat_settings, names, retrieval, texts

Changes = tuple[tuple[str, str], ...]
"""Settings by dotted name that are not the paper's, with their values; the role of a run here."""

PAPER: Mapping[str, str] = MappingProxyType(
    {
        "ranking.pooling": "max",
        "ranking.modulation": "True",
        "ranking.epsilon": str(1 / 5000),
        "ranking.n_pred": "10",
        "bm25.k1": "1.5",
        "bm25.b": "0.75",
    }
)
"""The settings that lines differ in, as in the paper, in the order of the lines."""
AS_IN_THE_PAPER = "as in the paper"
_WORDS = {
    "ranking.pooling": "{} pooling",
    "ranking.modulation": "no modulation",
    "ranking.epsilon": "epsilon {}",
    "ranking.n_pred": "{} texts",
    "bm25.k1": "k1 {}",
    "bm25.b": "b {}",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class _Line:
    """A run against the first one of its part.

    Attributes:
      part: runs of the same texts.
      dataset: the line's name.
      role: of the run.
    """

    part: Part
    dataset: str
    role: Changes

    @property
    def first(self) -> bool:
        """Whether it is what the others are compared with."""
        return self.role == next(iter(self.part.places))

    @cached_property
    def tested(self) -> Mapping[str, Sequence[Difference]]:
        """By metric, of either side; of a line that is not the first."""
        base = next(iter(self.part.places))
        return {metric: self.part.tested(self.role, base, metric) for metric in METRICS}


def changes(run: EvaluationRun) -> Changes:
    """In what a run of BM25 ranks otherwise than the paper's."""
    settings = flat_settings(run)
    own = {name: settings.get(name, value) for name, value in PAPER.items()}
    if own["ranking.modulation"] != PAPER["ranking.modulation"]:
        own["ranking.epsilon"] = PAPER["ranking.epsilon"]  # has no say
    return tuple((name, value) for name, value in own.items() if value != PAPER[name])


def words(role: Changes) -> str:
    """The same as a line's name."""
    told = (_WORDS[name].format(isolated(value)) for name, value in role)
    return ", ".join(told) or AS_IN_THE_PAPER


def _order(role: Changes) -> list[tuple[int, float, str]]:
    """Setting by setting, numbers by size."""
    places = list(PAPER)
    return [(places.index(name), _number(value), value) for name, value in role]


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def _same_texts(group: Group) -> list[list[EvaluationRun]]:
    """BM25's runs of the same texts: the one with the fewest changes, then setting by setting."""
    found: dict[str, list[EvaluationRun]] = {}
    for run in group.runs:
        key = texts(run) if run.generative and retrieval(run) == "bm25" else None
        if key is not None:
            found.setdefault(key, []).append(run)
    return [_ordered(runs) for runs in found.values()]


def _ordered(runs: Sequence[EvaluationRun]) -> list[EvaluationRun]:
    ordered = sorted(runs, key=lambda run: _order(changes(run)))
    first = min(ordered, key=lambda run: len(changes(run)))
    return [first, *(run for run in ordered if run is not first)]


def _candidates(group: Group) -> Iterator[Mapping[Changes, EvaluationRun]]:
    for runs in _same_texts(group):
        chosen: dict[Changes, EvaluationRun] = {}
        for run in runs:
            chosen.setdefault(changes(run), run)
        yield chosen


def without_other_settings(groups: Sequence[Group]) -> tuple[Group, ...]:
    """The groups with one run of the same texts: the first line of this table.

    The others rank by other settings, and would crowd every other table.
    """
    kept = []
    for group in groups:
        again = [runs[1:] for runs in _same_texts(group) if len(set(map(changes, runs))) > 1]
        out = {id(run) for runs in again for run in runs}
        runs = tuple(run for run in group.runs if id(run) not in out)
        kept.append(dataclasses.replace(group, runs=runs))
    return tuple(kept)


def _lines(parts: Sequence[Part]) -> list[_Line]:
    several = Counter(part.title for part in parts)
    return [
        _Line(part=part, dataset=_dataset(part, alone=several[part.title] == 1), role=role)
        for part in parts
        for role in part.places
    ]


def _dataset(part: Part, *, alone: bool) -> str:
    """The domain, with the run that the texts are of where there are several."""
    if alone:
        return part.title
    group, first = part.group, part.comparison.runs[0]
    return f"{part.title}, {names(group.runs)[group.runs.index(first)]}"


def _headings(parts: Sequence[Part]) -> Iterator[Heading[_Line]]:
    for metric in METRICS:
        for title, quantity in {"Value": _value, "Difference": _difference, "p": _p}.items():
            column = Column(title=title, group=TITLES[metric])
            yield Heading(column=column, quantity=partial(quantity, metric))


def _value(metric: str, line: _Line) -> Cell:
    return line.part.value(line.role, metric)


def _difference(metric: str, line: _Line) -> Cell:
    return None if line.first else difference(*line.tested[metric])


def _p(metric: str, line: _Line) -> Cell:
    return None if line.first else p_value(*line.tested[metric])


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    yield (
        "The same stored texts in every line, ranked by other settings. As in the paper: the ten"
        " best distinct texts, max pooling, modulation with epsilon 1/5000, k1 1.5, b 0.75; a line"
        " names what it has otherwise."
    )
    yield (
        "Difference and p: against the first line of the dataset;"
        f" {interval_words(parts[0].comparison.bootstrap)}; two-sided paired t-test over users, not"
        " corrected for the number of tests."
    )
    yield (
        "The paper says, without figures: max pooling is far better than mean and min, results drop"
        " without modulation, and neither a small epsilon nor k1 and b matter much."
    )
    for part in parts:
        yield from on_which_users(part)


RANKING = TableSpec(
    key="ranking",
    title="The same texts ranked by other settings (the paper's footnote 3)",
    names=("Dataset", "Ranked"),
    parts=compared(_candidates, least=2),
    lines=_lines,
    name=lambda line: (line.dataset, words(line.role)),
    headings=_headings,
    remarks=_remarks,
    missing=lambda evidence, parts: "",
)
