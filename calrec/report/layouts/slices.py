"""Metrics by slice: where a recommender is good, and where its ties are."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.evaluation.metrics import TITLES
from calrec.evaluation.slices import Slices, by_tie_width, recorded, slice_figures
from calrec.report.comparison import Comparison
from calrec.report.tables import Cell, Column, Table, Value, measured, with_best


def slices_table(title: str, one: Comparison, metric: str, key: str) -> Table:
    """Rows: bands of each dimension; columns: recommenders, all on the same users.

    Args:
      title: of the domain.
      one: the runs.
      metric: such as `ndcg@10`.
      key: short name of the table.
    """
    rows: list[tuple[Cell, ...]] = []
    for dimension in recorded(one.cases[0]):
        rows += _rows(dimension(one.cases[0]), one, metric)
    return Table(
        key=key,
        title=f"{TITLES[metric]} by slice: {title}",
        columns=(
            *(Column(title=heading) for heading in ("Slice of", "Slice", "Users", "Share")),
            *(Column(title=name, group=TITLES[metric]) for name in one.names),
        ),
        rows=tuple(rows),
        keys=2,
        notes=(
            f"On {one.note}; each user is in one slice of a dimension, so the slices weighted by"
            " their users give the total. Bands are fixed; of the categories the ten most frequent"
            " among these targets have one each.",
        ),
    )


def _rows(slices: Slices, one: Comparison, metric: str) -> list[tuple[Cell, ...]]:
    by_run = [slice_figures(cases, slices, metric, one.bootstrap) for cases in one.cases]
    return [
        (
            slices.dimension,
            figures[0].band,
            Value(optimistic=figures[0].users, unit="count"),
            Value(optimistic=figures[0].share, unit="share"),
            *with_best([measured(figure.value) for figure in figures]),
        )
        for figures in zip(*by_run, strict=True)
    ]


def ties_table(comparisons: Sequence[tuple[str, Comparison]], metric: str) -> Table:
    """Rows: how many items tie with the target; ties are the recommender's own."""
    rows = [
        (
            title,
            name,
            figure.band,
            Value(optimistic=figure.users, unit="count"),
            Value(optimistic=figure.share, unit="share"),
            measured(figure.value),
        )
        for title, one in comparisons
        for name, cases in zip(one.names, one.cases, strict=True)
        for figure in slice_figures(cases, by_tie_width(cases), metric, one.bootstrap)
    ]
    titles = ("Dataset", "Run", "Tie width", "Users", "Share", TITLES[metric])
    return Table(
        key="ties",
        title=f"{TITLES[metric]} by tie width",
        columns=tuple(Column(title=title) for title in titles),
        rows=tuple(rows),
        keys=3,
        notes=(
            "Tie width: items that score as the target does, without itself; pessimistic minus"
            " optimistic rank.",
        ),
    )
