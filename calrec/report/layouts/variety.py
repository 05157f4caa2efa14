"""Beyond accuracy: what stands in the first tens, beside how often it is right."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.evaluation.first_ten import Variety, variety
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.statistics import Bootstrap
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.tables import Cell, Column, Table, Unit, Value

ACCURACY = ("ndcg@10", "recall@10")
FIGURES: dict[str, tuple[str, Unit]] = {
    "coverage": ("Coverage@10", "share"),
    "gini": ("Gini", "metric"),
    "categories": ("Categories", "mean"),
    "brands": ("Brands", "mean"),
    "novelty": ("Novelty, bits", "mean"),
    "bought": ("Bought before", "share"),
}
"""Title and unit of each figure of `Variety`, by its name there."""
NOTES = (
    "Of each ranking the first ten items, those that score alike in the catalogue's order."
    " Coverage: share of the catalogue in anybody's first ten. Gini: 0 where all items stand in as"
    " many first tens, near 1 where few stand in all. Coverage grows and Gini falls with the number"
    " of users.",
    "Categories (with all their levels) and brands: different ones in a first ten, mean. Novelty:"
    " mean of -log2 of an item's share of the purchases in training parts; one never sold there"
    " counts as sold once. Bought before: share of a first ten that its user had bought.",
)
NOT_RECORDED = "–: not recorded by the release that made the run; evaluate again."


def variety_table(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: all runs of each group on their common users; columns: accuracy, then the figures."""
    compared = [(group.title, Comparison.of(group.runs, bootstrap)) for group in groups]
    rows = [
        (title, name, *_accuracy(one, place), *_cells(_variety(one, place)))
        for title, one in compared
        for place, name in enumerate(one.names)
    ]
    titles = ("Dataset", "Run", *(TITLES[metric] for metric in ACCURACY))
    of_the_tens = (Column(title=title, group="First tens") for title, _ in FIGURES.values())
    absent = any(cell is None for row in rows for cell in row)
    return Table(
        key="variety",
        title="Beyond accuracy",
        columns=(*(Column(title=title) for title in titles), *of_the_tens),
        rows=tuple(rows),
        keys=2,
        notes=(
            *(f"{title}: {one.note}." for title, one in compared),
            *NOTES,
            *([NOT_RECORDED] if absent else []),
        ),
    )


def _accuracy(one: Comparison, place: int) -> list[Cell]:
    return [
        Value.of_sides({side: one.mean(place, metric, side) for side in SIDES})
        for metric in ACCURACY
    ]


def _variety(one: Comparison, place: int) -> Variety:
    run, cases = one.runs[place], one.cases[place]
    return variety(run.exposure(cases.user_ids), run.data.items, cases.first_ten)


def _cells(found: Variety) -> list[Cell]:
    cells: list[Cell] = []
    for name, (_, unit) in FIGURES.items():
        value: float | None = getattr(found, name)
        cells.append(None if value is None else Value(optimistic=value, unit=unit))
    return cells
