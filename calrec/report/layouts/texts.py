"""Table 8: format errors, matches with the corpus, and hierarchical match against BM25."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from calrec.evaluation.cases import Cases
from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import paper
from calrec.report.comparison import Comparison, Group
from calrec.report.layouts.overview import TITLES
from calrec.report.layouts.recommenders import hint, likeliest, paper_value
from calrec.report.layouts.remarks import other_code
from calrec.report.tables import Cell, Column, Table, Value, relative_change
from calrec.report.variants import main_first, model, retrieval, template, unlike

TEXTS = ("Format error", "All four attributes", "Title only")
RANKING_ONLY = (
    "ranking.retrieval",
    "ranking.n_pred",
    "ranking.epsilon",
    "ranking.pooling",
    "ranking.modulation",
    "ranking.candidates",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """The runs of one domain on their common users, each by its place, where there is one."""

    group: Group
    comparison: Comparison
    bm25: int | None
    hierarchical: int | None


def table_8(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: domains; columns: what the texts match, then the metrics of hierarchical match."""
    parts = [part for group in groups if (part := _part(group, bootstrap))]
    beside = any(part.group.paper for part in parts)
    heads = [("Generated texts: errors, matches", "Hierarchical match and change against BM25")]
    if beside:
        heads.append(("The paper's generated texts", "The paper's hierarchical match"))
    columns = [Column(title="Dataset")]
    for texts, match in heads:
        columns += [Column(title=title, group=texts) for title in TEXTS]
        columns += [Column(title=TITLES[metric], group=match) for metric in METRICS]
    return Table(
        key="table8",
        title="Generated texts and hierarchical match (the paper's Table 8)",
        columns=tuple(columns),
        rows=tuple(
            (part.group.title, *_ours(part), *(_papers(part.group) if beside else ()))
            for part in parts
        ),
        notes=tuple(dict.fromkeys(_notes(parts))),
        missing=_missing(groups, parts),
    )


def _part(group: Group, bootstrap: Bootstrap) -> _Part | None:
    runs = main_first(_eligible(group))
    bm25, hierarchical = _same_model(
        [run for run in runs if retrieval(run) == "bm25"],
        [run for run in runs if retrieval(run) == "hierarchical"],
    )
    chosen = [run for run in (bm25, hierarchical) if run is not None]
    if not chosen:
        return None
    one = Comparison.of(chosen, bootstrap)
    place = {id(run): k for k, run in enumerate(one.runs)}
    return _Part(
        group=group,
        comparison=one,
        bm25=place.get(id(bm25)),
        hierarchical=place.get(id(hierarchical)),
    )


def _eligible(group: Group) -> list[EvaluationRun]:
    return [
        run
        for run in group.runs
        if run.generative
        and run.cases.generated
        and template(run) == "calrec"
        and retrieval(run) in ("bm25", "hierarchical")
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


def text_shares(cases: Cases) -> tuple[float, float, float]:
    """Format errors, matches on all four attributes, on the title: shares of all texts drawn."""
    drawn = int(cases.generated["samples"].sum())
    errors, four, title = (
        int(cases.generated[name].sum()) / drawn if drawn else float("nan")
        for name in ("format_errors", "exact_matches", "title_matches")
    )
    return errors, four, title


def _ours(part: _Part) -> tuple[Cell, ...]:
    of_texts = part.bm25 if part.bm25 is not None else part.hierarchical
    shares = text_shares(part.comparison.cases[of_texts or 0])
    return (
        *(Value(optimistic=share, unit="share") for share in shares),
        *(_hierarchical(part, metric) for metric in METRICS),
    )


def _hierarchical(part: _Part, metric: str) -> Cell:
    if part.hierarchical is None:
        return None
    value = part.comparison.value(part.hierarchical, metric)
    if part.bm25 is None:
        return value
    return replace(value, change=_mid_change(value, part.comparison.value(part.bm25, metric)))


def _mid_change(new: Value, old: Value) -> float:
    """Relative change of (optimistic + pessimistic) / 2, as in the paper."""
    return relative_change(
        new.optimistic + (new.pessimistic or 0.0), old.optimistic + (old.pessimistic or 0.0)
    )


def _papers(group: Group) -> tuple[Cell, ...]:
    if group.paper is None:
        return (None,) * (len(TEXTS) + len(METRICS))
    printed = paper.TABLE_8[group.paper.dataset]
    shares = (printed.format_errors, printed.all_attributes, printed.title)
    return (
        *(Value(optimistic=share, unit="share") for share in shares),
        *(_paper_hierarchical(group.paper.dataset, metric) for metric in METRICS),
    )


def _paper_hierarchical(dataset: str, metric: str) -> Value:
    value = paper_value(paper.TABLE_8[dataset].hierarchical[metric])
    bm25 = paper_value(paper.TABLE_2[dataset, metric]["CALRec"])
    return replace(value, change=_mid_change(value, bm25))


def _notes(parts: Sequence[_Part]) -> list[str]:
    if not parts:
        return []
    notes = [
        "Shares of all generated texts. In brackets the relative change of (opt + pes) / 2 against"
        " BM25 retrieval."
    ]
    if any(part.hierarchical is not None for part in parts):
        notes.append(
            "Items that no text matches stand behind all others: a target among them has the last"
            " rank on both sides, as the paper's nearly equal sides suggest."
        )
    for part in parts:
        one, title = part.comparison, part.group.title
        notes.append(f"{title}: {one.note}.")
        notes += other_code(title, one.names, one.runs)
        notes += part.group.not_shown(_eligible(part.group), (*one.runs, *one.left_out))
        if part.bm25 is not None and part.hierarchical is not None:
            if model(one.runs[0]) is None:
                notes.append(f"{title}: the checkpoints are not recorded, they may differ.")
            if other := unlike(
                one.runs[part.bm25], one.runs[part.hierarchical], apart=RANKING_ONLY
            ):
                notes.append(f"{title}: they also differ in {', '.join(other)}.")
        notes += [part.group.paper.remark] if part.group.paper else []
    return notes


def _missing(groups: Sequence[Group], parts: Sequence[_Part]) -> str:
    if not parts:
        options = "--recommender calrec --checkpoint CHECKPOINT"
        return hint(likeliest(groups), options) if groups else ""
    for part in parts:
        if part.hierarchical is None or part.bm25 is None:
            other = "hierarchical" if part.hierarchical is None else "bm25"
            earlier = isolated(shlex.quote(str(part.comparison.runs[0].folder)))
            options = f"--recommender calrec --samples-from {earlier} --retrieval {other}"
            return hint(part.group, options)
    return ""
