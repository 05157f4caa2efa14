"""Table 3: what the stages of training and the contrastive losses bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.comparison import Group
from calrec.report.layouts.cells import printed
from calrec.report.layouts.hints import checkpoint_hint
from calrec.report.layouts.remarks import of_the_paper, on_which_users
from calrec.report.spec import Evidence, Heading, Part, TableSpec, any_paper, compared
from calrec.report.tables import Cell, Column
from calrec.report.variants import (
    VARIANTS,
    main_first,
    retrieval,
    template,
    training_words,
    unlike,
    variant,
)

PAPER_ROWS = tuple(name for name in VARIANTS if ("Scientific", name) in paper.TABLE_3)
_ORDER = tuple(VARIANTS)
_WANTED = {
    "full": "both stages",
    "no-stage1": "stage II alone",
    "no-stage2": "stage I alone",
    "no-contrastive": "--alpha 0 --beta 0 in both stages",
    "pretrained": "no stage but pretrain",
}


@dataclass(frozen=True, kw_only=True)
class _Line:
    """A way of training.

    Attributes:
      variant: a key of `VARIANTS`.
      label: of the run.
      first: whether it is the first line of its variant: the paper's figures stand there.
    """

    variant: str
    label: str
    first: bool

    @property
    def role(self) -> tuple[str, str]:
        return self.variant, self.label


def differ_in_training(group: Group) -> list[EvaluationRun]:
    """The runs that differ in training only: CALRec's template, BM25 over the whole corpus."""
    return [
        run
        for run in group.runs
        if run.generative and template(run) == "calrec" and retrieval(run) == "bm25"
    ]


def _candidates(group: Group) -> Iterator[Mapping[tuple[str, str], EvaluationRun]]:
    """Of each way of training and label the first run."""
    chosen: dict[tuple[str, str], EvaluationRun] = {}
    for run in main_first(differ_in_training(group)):
        chosen.setdefault((variant(run), run.label or ""), run)
    yield chosen


def _trained(parts: Sequence[Part]) -> set[str]:
    return {name for part in parts for name, _ in part.places}


def _lines(parts: Sequence[Part]) -> list[_Line]:
    roles = {role for part in parts for role in part.places}
    if any_paper(parts):
        roles |= {(name, "") for name in PAPER_ROWS if name not in _trained(parts)}
    lines: list[_Line] = []
    for name, label in sorted(roles, key=lambda role: (_ORDER.index(role[0]), role[1])):
        first = not lines or lines[-1].variant != name
        lines.append(_Line(variant=name, label=label, first=first))
    return lines


def _name(line: _Line) -> tuple[str]:
    return (VARIANTS[line.variant] + (f" ({isolated(line.label)})" if line.label else ""),)


def _headings(parts: Sequence[Part]) -> Iterator[Heading[_Line]]:
    for part in parts:
        for metric in METRICS:
            column = Column(title=TITLES[metric], group=part.title)
            yield Heading(column=column, quantity=partial(_value, part, metric), contends=True)
        if part.paper is None:
            continue
        dataset = part.paper.dataset
        for metric in METRICS:
            column = Column(title=TITLES[metric], group=f"{dataset}, the paper's")
            yield Heading(column=column, quantity=partial(_printed, dataset, metric))


def _value(part: Part, metric: str, line: _Line) -> Cell:
    return part.value(line.role, metric)


def _printed(dataset: str, metric: str, line: _Line) -> Cell:
    """Once a variant, however many labelled runs of it there are."""
    figures = paper.TABLE_3.get((dataset, line.variant))
    return printed(figures[metric]) if figures and line.first else None


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        one, group = part.comparison, part.group
        yield from on_which_users(part)
        yield from group.not_shown(differ_in_training(group), (*one.runs, *one.left_out))
        for name, run in zip(one.names, one.runs, strict=True):
            yield f"{group.title}, {name}: {training_words(run)}."
            if other := unlike(one.runs[0], run, apart=()):
                yield f"{group.title}, {name} also differs in {', '.join(other)}."
        yield from of_the_paper(part)


def _missing(evidence: Evidence, parts: Sequence[Part]) -> str:
    absent = [words for name, words in _WANTED.items() if name not in _trained(parts)]
    if not absent:
        return ""
    ways = f", of checkpoints trained with calrec-train in these ways: {'; '.join(absent)}"
    return checkpoint_hint(evidence.groups, ways)


TABLE_3 = TableSpec(
    key="table3",
    title="Ablations (the paper's Table 3)",
    names=("Model variant",),
    parts=compared(_candidates),
    lines=_lines,
    name=_name,
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
    best="heading",
)
