"""How probable the model finds the texts that it writes: quantiles of their sequence scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.text_scores import KINDS, TextScores, text_scores
from calrec.report.tables import Cell, Column, Table, Value
from calrec.report.variants import names, texts

QUANTILES = {"5 %": 0.05, "Median": 0.5, "95 %": 0.95}


def scores_table(runs: Sequence[EvaluationRun]) -> Table:
    """A row for each set of texts, under the name of the run that drew them if it is there."""
    rows: list[tuple[Cell, ...]] = []
    by_texts: dict[str, list[tuple[str, EvaluationRun]]] = {}
    for name, run in zip(names(runs), runs, strict=True):
        if run.generative:
            by_texts.setdefault(texts(run) or str(run.folder), []).append((name, run))
    untold = False
    for same in by_texts.values():
        name, run = next((one for one in same if not _drawn_before(one[1])), same[0])
        if (scores := text_scores(run)) is None:
            continue
        untold |= scores.naming is None
        rows.append((run.domain, run.split, name, *_cells(scores)))
    kinds = [kind[0].upper() + kind[1:] for kind in KINDS.values()]
    titles = ("Texts", *QUANTILES)
    notes = [
        "In nats: the natural logarithms of the probabilities of a text's tokens, end token"
        " included, at temperature 1, added up; 0 is certain. Distinct ones are those that rank"
        " items; modulation multiplies what a text finds by exp(epsilon × score)."
    ]
    if untold:
        notes.append(
            "–: earlier releases did not say which texts name the item really bought; to know it,"
            " rank them again with calrec-evaluate --samples-from."
        )
    return Table(
        key="scores",
        title="Scores of the generated texts, in nats",
        columns=(
            *(Column(title=title) for title in ("Dataset", "Split", "Texts of")),
            *(Column(title=title, group=kind) for kind in kinds for title in titles),
        ),
        rows=tuple(rows),
        keys=3,
        notes=tuple(notes) if rows else (),
    )


def _drawn_before(run: EvaluationRun) -> bool:
    return bool(run.checkpoint and run.checkpoint.samples)


def _cells(scores: TextScores) -> list[Cell]:
    cells: list[Cell] = []
    for attribute in KINDS:
        values: Float[np.ndarray, " S"] | None = getattr(scores, attribute)
        if values is None:
            cells += [None] * (1 + len(QUANTILES))
            continue
        cells.append(Value(optimistic=len(values), unit="count"))
        cells += [_quantile(values, share) for share in QUANTILES.values()]
    return cells


def _quantile(values: Float[np.ndarray, " S"], share: float) -> Cell:
    return (
        Value(optimistic=float(np.quantile(values, share)), unit="number") if len(values) else None
    )
