"""Table 6: prompts of CALRec's template against GPT4Rec's."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import paper
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.layouts.overview import TITLES
from calrec.report.layouts.recommenders import (
    hint,
    interval_words,
    likeliest,
    paper_value,
    tested_cells,
)
from calrec.report.layouts.remarks import other_code
from calrec.report.tables import Cell, Column, Table, Value, relative_change, with_best
from calrec.report.variants import (
    VARIANTS,
    main_first,
    model,
    retrieval,
    template,
    unlike,
    variant,
)

PAPER = "The paper's, nothing trained"
TEMPLATES = ("calrec", "gpt4rec")
Pair = tuple[Group, Comparison]
"""A run of CALRec's template and one of GPT4Rec's, on their common users."""


def table_6(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: domain, how the model was trained, metric; columns: the template of the prompt."""
    pairs = [pair for group in groups for pair in _pairs(group, bootstrap)]
    shown = [run for _, one in pairs for run in one.runs]
    beside = any(_printed(group, "ndcg@10", "calrec") for group, _ in pairs)
    ours = ("CALRec's template", "GPT4Rec's template", "Change", "Difference", "p-value")
    columns = [Column(title=title) for title in ("Dataset", "Model", "Metric")]
    columns += [Column(title=title, group="Ours") for title in ours]
    if beside:
        columns += [Column(title=title, group=PAPER) for title in ours[:3]]
    rows, notes = [], []
    for group, one in pairs:
        for metric in METRICS:
            papers = _papers(group, metric) if beside else ()
            rows.append((*_ours(group, one, metric), *papers))
        notes.append(f"{group.title}: {one.note}.")
        notes += other_code(group.title, one.names, one.runs)
        apart = () if model(one.runs[0]) == model(one.runs[1]) else ("checkpoints",)
        other = [*apart, *unlike(*one.runs, apart=("text.template",))]
        if other:
            notes.append(f"{group.title}: besides the template they differ in {', '.join(other)}.")
        notes += group.not_shown(_eligible(group), shown)
        notes += [group.paper.remark] if group.paper else []
    if pairs:
        notes.insert(
            0,
            "Change and difference: GPT4Rec's template against CALRec's;"
            f" {interval_words(bootstrap)}; p from a two-sided paired t-test over users.",
        )
    return Table(
        key="table6",
        title="Templates (the paper's Table 6)",
        columns=tuple(columns),
        rows=tuple(rows),
        keys=3,
        notes=tuple(dict.fromkeys(notes)),
        missing="" if pairs else _missing(groups),
    )


def _pairs(group: Group, bootstrap: Bootstrap) -> list[Pair]:
    """Of each way of training the first run of either template."""
    chosen: dict[tuple[str, str], EvaluationRun] = {}
    for run in main_first(_eligible(group)):
        chosen.setdefault((variant(run), template(run)), run)
    pairs = []
    for trained in VARIANTS:
        both = [chosen.get((trained, name)) for name in TEMPLATES]
        if None not in both:
            one = Comparison.of(both, bootstrap)
            pairs += [(group, one)] if len(one.runs) == 2 else []
    return pairs


def _eligible(group: Group) -> list[EvaluationRun]:
    return [run for run in group.runs if run.generative and retrieval(run) == "bm25"]


def _ours(group: Group, one: Comparison, metric: str) -> tuple[Cell, ...]:
    values = [one.value(place, metric) for place in (0, 1)]
    return (
        group.title,
        VARIANTS[variant(one.runs[0])],
        TITLES[metric],
        *with_best(values),
        _change(values[1], values[0]),
        *tested_cells(*(one.difference(1, 0, metric, side) for side in SIDES)),
    )


def _change(new: Value, old: Value) -> Value:
    return Value(
        optimistic=relative_change(new.optimistic, old.optimistic),
        pessimistic=relative_change(new.pessimistic or 0.0, old.pessimistic or 0.0),
        unit="change",
    )


def _printed(group: Group, metric: str, name: str) -> Value | None:
    if group.paper is None or (group.paper.dataset, name) not in paper.TABLE_6:
        return None
    return paper_value(paper.TABLE_6[group.paper.dataset, name][metric])


def _papers(group: Group, metric: str) -> tuple[Cell, ...]:
    ours, theirs = (_printed(group, metric, name) for name in TEMPLATES)
    return ours, theirs, _change(theirs, ours) if ours and theirs else None


def _missing(groups: Sequence[Group]) -> str:
    if not groups:
        return ""
    options = "--recommender calrec --checkpoint CHECKPOINT"
    command = hint(likeliest(groups), options)
    return f"{command}, once with --template calrec and once with --template gpt4rec"
