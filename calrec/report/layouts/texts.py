"""Table 8: format errors, matches with the corpus, and hierarchical match against BM25."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from calrec.evaluation.cases import Cases
from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, TITLES
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.comparison import Group
from calrec.report.layouts.cells import printed
from calrec.report.layouts.hints import checkpoint_hint, hint
from calrec.report.layouts.remarks import of_the_paper, on_which_users
from calrec.report.spec import Evidence, Heading, Part, TableSpec, any_paper, compared
from calrec.report.tables import Cell, Column, Value, relative_change
from calrec.report.variants import main_first, model, retrieval, template, unlike

BM25, HIERARCHICAL = "bm25", "hierarchical"
"""What the runs of a part are; one of them may be missing."""
TEXTS: Mapping[str, str] = {
    "Format error": "format_errors",
    "All four attributes": "exact_matches",
    "Title only": "title_matches",
}
"""Shares of the generated texts, and the counts of a user's (`Cases.generated`)."""
_PRINTED_TEXTS = {
    "Format error": "format_errors",
    "All four attributes": "all_attributes",
    "Title only": "title",
}
RANKING_ONLY = (
    "ranking.retrieval",
    "ranking.n_pred",
    "ranking.epsilon",
    "ranking.pooling",
    "ranking.modulation",
    "ranking.candidates",
)


def _candidates(group: Group) -> Iterator[Mapping[str, EvaluationRun]]:
    runs = main_first(_eligible(group))
    bm25, hierarchical = _same_model(
        [run for run in runs if retrieval(run) == BM25],
        [run for run in runs if retrieval(run) == HIERARCHICAL],
    )
    both = {BM25: bm25, HIERARCHICAL: hierarchical}
    yield {name: run for name, run in both.items() if run is not None}


def _eligible(group: Group) -> list[EvaluationRun]:
    return [
        run
        for run in group.runs
        if run.generative
        and run.cases.generated
        and template(run) == "calrec"
        and retrieval(run) in (BM25, HIERARCHICAL)
    ]


def _same_model(
    bm25: Sequence[EvaluationRun], hierarchical: Sequence[EvaluationRun]
) -> tuple[EvaluationRun | None, EvaluationRun | None]:
    """A run of each, of one checkpoint where that can be had."""
    for one in bm25:
        for other in hierarchical:
            if model(one) == model(other):
                return one, other
    return next(iter(bm25), None), None if bm25 else next(iter(hierarchical), None)


def text_share(cases: Cases, count: str) -> float:
    """The share of all texts drawn that a column of `Cases.generated` counts."""
    written = int(cases.generated["samples"].sum())
    return int(cases.generated[count].sum()) / written if written else math.nan


def _headings(parts: Sequence[Part]) -> Iterator[Heading[Part]]:
    texts = "Generated texts: errors, matches"
    match = "Hierarchical match and change against BM25"
    for title in TEXTS:
        yield Heading(column=Column(title=title, group=texts), quantity=partial(_share, title))
    for metric in METRICS:
        column = Column(title=TITLES[metric], group=match)
        yield Heading(column=column, quantity=partial(_match, metric))
    if not any_paper(parts):
        return
    texts, match = "The paper's generated texts", "The paper's hierarchical match"
    for title in TEXTS:
        column = Column(title=title, group=texts)
        yield Heading(column=column, quantity=partial(_printed_share, title))
    for metric in METRICS:
        column = Column(title=TITLES[metric], group=match)
        yield Heading(column=column, quantity=partial(_printed_match, metric))


def _share(title: str, part: Part) -> Cell:
    cases = part.comparison.cases[part.places.get(BM25, 0)]
    return Value(optimistic=text_share(cases, TEXTS[title]), unit="share")


def _match(metric: str, part: Part) -> Cell:
    return _against(part.value(HIERARCHICAL, metric), part.value(BM25, metric))


def _printed_share(title: str, part: Part) -> Cell:
    if part.paper is None:
        return None
    share = getattr(paper.TABLE_8[part.paper.dataset], _PRINTED_TEXTS[title])
    return Value(optimistic=share, unit="share")


def _printed_match(metric: str, part: Part) -> Cell:
    if part.paper is None:
        return None
    dataset = part.paper.dataset
    bm25 = printed(paper.TABLE_2[dataset, metric]["CALRec"])
    return _against(printed(paper.TABLE_8[dataset].hierarchical[metric]), bm25)


def _against(new: Value | None, old: Value | None) -> Cell:
    """With the relative change of (optimistic + pessimistic) / 2, as in the paper."""
    if new is None or old is None:
        return new
    change = relative_change(
        new.optimistic + (new.pessimistic or 0.0), old.optimistic + (old.pessimistic or 0.0)
    )
    return replace(new, change=change)


def _remarks(parts: Sequence[Part]) -> Iterator[str]:
    yield (
        "Shares of all generated texts. In brackets the relative change of (opt + pes) / 2 against"
        " BM25 retrieval."
    )
    if any(HIERARCHICAL in part.places for part in parts):
        yield (
            "Items that no text matches stand behind all others: a target among them has the last"
            " rank on both sides, as the paper's nearly equal sides suggest."
        )
    for part in parts:
        one = part.comparison
        yield from on_which_users(part)
        yield from part.group.not_shown(_eligible(part.group), (*one.runs, *one.left_out))
        yield from _unlike(part)
        yield from of_the_paper(part)


def _unlike(part: Part) -> Iterator[str]:
    """In what else than retrieval the two runs differ, or may."""
    if not part.places.keys() >= {BM25, HIERARCHICAL}:
        return
    first, second = part.run(BM25), part.run(HIERARCHICAL)
    if model(first) is None:
        yield f"{part.title}: the checkpoints are not recorded, they may differ."
    if other := unlike(first, second, apart=RANKING_ONLY):
        yield f"{part.title}: they also differ in {', '.join(other)}."


def _missing(evidence: Evidence, parts: Sequence[Part]) -> str:
    if not parts:
        return checkpoint_hint(evidence.groups)
    for part in parts:
        for absent in (HIERARCHICAL, BM25):
            if absent not in part.places:
                earlier = isolated(shlex.quote(str(part.comparison.runs[0].folder)))
                options = f"--recommender calrec --samples-from {earlier} --retrieval {absent}"
                return hint(part.group, options)
    return ""


TABLE_8 = TableSpec(
    key="table8",
    title="Generated texts and hierarchical match (the paper's Table 8)",
    names=("Dataset",),
    parts=compared(_candidates),
    lines=lambda parts: parts,
    name=lambda part: (part.title,),
    headings=_headings,
    remarks=_remarks,
    missing=_missing,
)
