"""Table 3: what the stages of training and the contrastive losses bring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import paper
from calrec.report.comparison import Comparison, Group
from calrec.report.layouts.overview import TITLES
from calrec.report.layouts.recommenders import hint, likeliest, paper_value
from calrec.report.layouts.remarks import other_code
from calrec.report.tables import Cell, Column, Table, with_best
from calrec.report.variants import (
    VARIANTS,
    main_first,
    retrieval,
    template,
    training_words,
    unlike,
    variant,
)

Row = tuple[str, str]
"""A row: variant and label."""

PAPER_ROWS = tuple(name for name in VARIANTS if ("Scientific", name) in paper.TABLE_3)
_ORDER = tuple(VARIANTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The runs of one domain, and which row of the table each is."""

    group: Group
    comparison: Comparison
    places: Mapping[Row, int]


def table_3(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: how the model was trained; columns: domain x metric."""
    parts = [part for group in groups if (part := _part(group, bootstrap))]
    rows = {row for part in parts for row in part.places}
    trained = {name for name, _ in rows}
    if any(part.group.paper for part in parts):
        rows |= {(name, "") for name in PAPER_ROWS if name not in trained}
    order = sorted(rows, key=lambda row: (_ORDER.index(row[0]), row[1]))
    columns = [Column(title="Model variant")]
    filled: list[Sequence[Cell]] = [
        [VARIANTS[name] + (f" ({isolated(label)})" if label else "") for name, label in order]
    ]
    for part in parts:
        for metric in METRICS:
            columns.append(Column(title=TITLES[metric], group=part.group.title))
            filled.append(_ours(part, order, metric))
        if part.group.paper is None:
            continue
        for metric in METRICS:
            beside = f"{part.group.paper.dataset}, the paper's"
            columns.append(Column(title=TITLES[metric], group=beside))
            filled.append(_papers(part.group.paper.dataset, order, metric))
    return Table(
        key="table3",
        title="Ablations (the paper's Table 3)",
        columns=tuple(columns),
        rows=tuple(zip(*filled, strict=True)),
        notes=tuple(dict.fromkeys(note for part in parts for note in _notes(part))),
        missing=_missing(groups, trained),
    )


def differ_in_training(group: Group) -> list[EvaluationRun]:
    """The runs that differ in training only: CALRec's template, BM25 over the whole corpus."""
    return [
        run
        for run in group.runs
        if run.generative and template(run) == "calrec" and retrieval(run) == "bm25"
    ]


def _part(group: Group, bootstrap: Bootstrap) -> _Part | None:
    chosen: dict[Row, EvaluationRun] = {}
    for run in main_first(differ_in_training(group)):
        chosen.setdefault((variant(run), run.label or ""), run)
    if not chosen:
        return None
    one = Comparison.of(tuple(chosen.values()), bootstrap)
    places = {row: one.runs.index(run) for row, run in chosen.items() if run in one.runs}
    return _Part(group=group, comparison=one, places=places)


def _ours(part: _Part, order: Sequence[Row], metric: str) -> tuple[Cell, ...]:
    return with_best(
        [
            part.comparison.value(part.places[row], metric) if row in part.places else None
            for row in order
        ]
    )


def _papers(dataset: str, order: Sequence[Row], metric: str) -> list[Cell]:
    cells: list[Cell] = []
    before = ""
    for name, _ in order:
        printed = paper.TABLE_3.get((dataset, name))
        # Once a variant, however many labelled runs of it there are.
        cells.append(paper_value(printed[metric]) if printed and name != before else None)
        before = name
    return cells


def _notes(part: _Part) -> list[str]:
    one, group = part.comparison, part.group
    notes = [f"{group.title}: {one.note}."]
    notes += other_code(group.title, one.names, one.runs)
    notes += group.not_shown(differ_in_training(group), (*one.runs, *one.left_out))
    for name, run in zip(one.names, one.runs, strict=True):
        notes.append(f"{group.title}, {name}: {training_words(run)}.")
        if other := unlike(one.runs[0], run, apart=()):
            notes.append(f"{group.title}, {name} also differs in {', '.join(other)}.")
    return [*notes, group.paper.remark] if group.paper else notes


def _missing(groups: Sequence[Group], trained: set[str]) -> str:
    wanted = {
        "full": "both stages",
        "no-stage1": "stage II alone",
        "no-stage2": "stage I alone",
        "no-contrastive": "--alpha 0 --beta 0 in both stages",
        "pretrained": "no stage but pretrain",
    }
    absent = [words for name, words in wanted.items() if name not in trained]
    if not absent or not groups:
        return ""
    command = hint(likeliest(groups), "--recommender calrec --checkpoint CHECKPOINT")
    return f"{command}, of checkpoints trained with calrec-train in these ways: {'; '.join(absent)}"
