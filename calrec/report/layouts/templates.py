"""Table 6: prompts of CALRec's template against GPT4Rec's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.comparison import Group
from calrec.report.layouts.cells import change, difference, p_value, printed
from calrec.report.layouts.hints import checkpoint_hint
from calrec.report.layouts.remarks import interval_words, of_the_paper, on_which_users
from calrec.report.spec import (
    Evidence,
    Heading,
    MetricLine,
    Part,
    TableSpec,
    by_metric,
    columns,
    compared,
)
from calrec.report.tables import Cell, Value
from calrec.report.variants import (
    VARIANTS,
    main_first,
    model,
    retrieval,
    template,
    unlike,
    variant,
)

OURS = "Ours"
PAPER = "The paper's, nothing trained"
CALREC, GPT4REC = "calrec", "gpt4rec"
"""What the two runs of a part are."""


def _candidates(group: Group) -> Iterator[Mapping[str, EvaluationRun]]:
    """Of each way of training the first run of either template."""
    chosen: dict[tuple[str, str], EvaluationRun] = {}
    for run in main_first(_eligible(group)):
        chosen.setdefault((variant(run), template(run)), run)
    for trained in VARIANTS:
        both = {name: chosen.get((trained, name)) for name in (CALREC, GPT4REC)}
        yield {name: run for name, run in both.items() if run is not None}


def _eligible(group: Group) -> list[EvaluationRun]:
    return [run for run in group.runs if run.generative and retrieval(run) == "bm25"]


def _name(line: MetricLine) -> tuple[str, ...]:
    return line.part.title, VARIANTS[variant(line.part.run(CALREC))], TITLES[line.metric]


def _ours(name: str) -> Callable[[MetricLine], Cell]:
    return lambda line: line.part.value(name, line.metric)


def _change(line: MetricLine) -> Cell:
    old, new = (line.part.value(name, line.metric) for name in (CALREC, GPT4REC))
    return change(new, old) if new and old else None


def _printed(line: MetricLine, name: str) -> Value | None:
    domain = line.part.paper
    figures = domain and paper.TABLE_6.get((domain.dataset, name))
    return printed(figures[line.metric]) if figures else None


def _printed_change(line: MetricLine) -> Cell:
    old, new = (_printed(line, name) for name in (CALREC, GPT4REC))
    return change(new, old) if new and old else None


_QUANTITIES: Mapping[str, Callable[[MetricLine], Cell]] = {
    "CALRec's template": _ours(CALREC),
    "GPT4Rec's template": _ours(GPT4REC),
    "Change": _change,
    "Difference": lambda line: difference(*line.part.tested(GPT4REC, CALREC, line.metric)),
    "p-value": lambda line: p_value(*line.part.tested(GPT4REC, CALREC, line.metric)),
}

_PRINTED: Mapping[str, Callable[[MetricLine], Cell]] = {
    "CALRec's template": lambda line: _printed(line, CALREC),
    "GPT4Rec's template": lambda line: _printed(line, GPT4REC),
    "Change": _printed_change,
}


def _headings(parts: Sequence[Part]) -> Iterator[Heading[MetricLine]]:
    for column in columns(OURS, _QUANTITIES):
        contends = column.title.endswith("template")
        yield Heading(column=column, quantity=_QUANTITIES[column.title], contends=contends)
    if any(_printed(line, CALREC) for line in by_metric(parts)):
        for column in columns(PAPER, _PRINTED):
            yield Heading(column=column, quantity=_PRINTED[column.title])


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    yield (
        "Change and difference: GPT4Rec's template against CALRec's;"
        f" {interval_words(parts[0].comparison.bootstrap)}; p from a two-sided paired t-test over"
        " users."
    )
    shown = [run for part in parts for run in part.comparison.runs]
    for part in parts:
        first, second = part.run(CALREC), part.run(GPT4REC)
        yield from on_which_users(part)
        apart = () if model(first) == model(second) else ("checkpoints",)
        if other := [*apart, *unlike(first, second, apart=("text.template",))]:
            yield f"{part.title}: besides the template they differ in {', '.join(other)}."
        yield from part.group.not_shown(_eligible(part.group), shown)
        yield from of_the_paper(part)


def _missing(evidence: Evidence, parts: Sequence[Part]) -> str:
    twice = f", once with --template {CALREC} and once with --template {GPT4REC}"
    return "" if parts else checkpoint_hint(evidence.groups, twice)


TABLE_6 = TableSpec(
    key="table6",
    title="Templates (the paper's Table 6)",
    names=("Dataset", "Model", "Metric"),
    parts=compared(_candidates, least=2),
    lines=by_metric,
    name=_name,
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
    best="line",
)
