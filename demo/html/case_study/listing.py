"""The cases of two runs as HTML: figures, agreement of rank bands, the list, what is filtered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int
from markupsafe import Markup

from calrec.records import Item
from demo.html.templating import render
from demo.html.widgets import empty_state
from demo.html.wording import count, title_of
from demo.inspect.annotations import MOST_SLICES, NOTHING, Annotation
from demo.inspect.case_filters import (
    BANDS,
    COLD,
    HITS,
    LEVELS,
    NEVER,
    RANKS,
    REPEAT,
    SHORTCUTS,
    STAR,
    WIN,
    CaseFilters,
    band_words,
    words,
)
from demo.inspect.case_table import PAGE, Selection
from demo.inspect.measured import BOOTSTRAP, measured
from demo.inspect.reasons import CHOICES

METRICS = {"ndcg@10": "NDCG@10", "recall@10": "Recall@10", "mrr": "MRR"}
Pair = tuple[str, str]
"""What the runs A and B are called; equal ones where there is no comparison."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Cases of one band of ranks by A and one by B.

    Attributes:
      bands: the filters' values.
      cases: how many there are.
      chosen: whether just these are filtered.
      strength: of the colour, 0 to 0.6.
    """

    bands: tuple[str, str]
    cases: int
    chosen: bool
    strength: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the list.

    Attributes:
      case: a row of the case table.
      title: of the true item.
      badges: text, kind and tip of each.
      is_current: whether it is the case that is shown.
    """

    case: Mapping[str, Any]
    title: str
    badges: Sequence[tuple[str, str, str]]
    is_current: bool


def keys() -> Markup:
    """What the keys do."""
    return render("cases/list", "keys")


def count_line(selection: Selection, alone: bool) -> Markup:
    """How many cases there are, and the first metric of each side over them."""
    metric, title = next(iter(METRICS.items()))
    means = [figures[metric]["optimistic"] for figures in selection.figures or ()]
    sides = list(zip("A" if alone else "AB", means, strict=False))
    return render(
        "cases/list", "count_line", len(selection), len(selection.table.rows), title, sides
    )


def figures_view(selection: Selection, names: Pair, alone: bool) -> Markup:
    """The metrics of the filtered cases with intervals, and the difference with its test."""
    runs = selection.table.comparison.runs[: 2 - alone]
    found = measured(selection, list(METRICS), alone)
    sides = [
        (letter, name, [one.sides[k] for one in found.values()], run.leaks)
        for k, (letter, name, run) in enumerate(zip("AB", names, runs, strict=False))
        if found
    ]
    return render(
        "cases/list",
        "figures",
        metrics=METRICS,
        sides=sides,
        differences=[] if alone else [one.difference for one in found.values()],
        rules=runs[0].rules.words,
        remark=_REMARK,
    )


_REMARK = (
    f"Large: the true item first among its ties (optimistic), with a {BOOTSTRAP.level:.0%} interval"
    " over shoppers; small: last among them (pessimistic). p: how likely so large a difference of A"
    " and B would be if both were equally good (paired t-test)."
)


def agreement_view(counts: Int[np.ndarray, "4 4"], filters: CaseFilters) -> Markup:
    """Cases by both rank bands; each cell a button that filters to it, or back."""
    labels = [label for label, _ in words(RANKS)]
    most = max(int(counts.max()), 1)

    def cell(bands: tuple[str, str], cases: int) -> Cell:
        strength = 0.08 + 0.5 * np.log1p(cases) / np.log1p(most) if cases else 0.0
        chosen = (filters.a, filters.b) == bands
        return Cell(bands=bands, cases=cases, chosen=chosen, strength=strength)

    rows = [
        (label, [cell((band, other), int(n)) for other, n in zip(RANKS, line, strict=True)])
        for label, band, line in zip(labels, RANKS, counts, strict=True)
    ]
    return render("cases/list", "agreement", labels, rows)


def chips(filters: CaseFilters, items: Mapping[str, Item]) -> Markup:
    """What is filtered, each as a button that takes it away; `items` are the shop's, by id."""
    found = [
        (name, _TITLES[name], _said(name, value, items)) for name, value in filters.write().items()
    ]
    return render("cases/list", "chips", found)


_TITLES: Mapping[str, str] = {
    "text": "text",
    "win": "better",
    "a": "rank by A",
    "b": "rank by B",
    "length": "history",
    "category": "category",
    "cold": "true item",
    "repeat": "true item",
    "tie": "ties",
    "sold": "sold in training",
    "age": "days since first sold",
    "shortcut": "shortcut",
    "bought": "really bought",
    "first": "put first by A",
    "hit": "A's first item",
    "level": "best text",
    "reason": "suggested",
    "star": "annotations",
    "label": "label",
}


def _said(name: str, value: str, items: Mapping[str, Item]) -> str:
    if name in ("bought", "first"):
        return title_of(items[value]) if value in items else f"item {value}"
    if name in BANDS:
        return "never" if value == NEVER else band_words(value)
    offered = {
        "win": WIN,
        "cold": COLD,
        "repeat": REPEAT,
        "shortcut": SHORTCUTS,
        "hit": HITS,
        "level": LEVELS,
        "reason": CHOICES,
        "star": STAR,
    }.get(name, ())
    return next((said for said, own in offered if own == value), value)


def case_list(
    selection: Selection,
    offset: int,
    noted: Mapping[str, Annotation],
    current: str | None,
    pinned: str | None,
    alone: bool,
) -> Markup:
    """A page of cases as a table, each title a button; then the pager."""
    if not len(selection):
        return empty_state("No such case", "Take a filter away to see cases again.")
    rows = [
        Row(
            case=case,
            title=case["title"] or f"Untitled item {case['target']}",
            badges=_badges(case, noted.get(case["user_id"], NOTHING), case["user_id"] == pinned),
            is_current=case["user_id"] == current,
        )
        for case in selection.page(offset)
    ]
    return render(
        "cases/list",
        "cases",
        rows,
        compared=not alone,
        generative=selection.table.generative,
        spread=selection.table.has_spread,
        offset=offset,
        limit=PAGE,
        total=len(selection),
    )


def _badges(row: Mapping[str, Any], noted: Annotation, pinned: bool) -> list[tuple[str, str, str]]:
    found = []
    if noted.star:
        found.append(("★ starred", "fair", "starred"))
    if pinned:
        found.append(("pinned", "good", "pinned to compare"))
    found += flags(row)
    if row["format_errors"]:
        errors = count(row["format_errors"], "format error")
        found.append((errors, "bad", "texts that lack the four labels"))
    found += [(label, "fair", "label") for label in noted.labels]
    if noted.note:
        found.append(("note", "plain", noted.note[:300]))
    return found


def flags(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is special about a case: text, kind and tip of each badge."""
    found = []
    if row["is_last"]:
        found.append(("same as last", "plain", "the last purchase was bought again"))
    elif row["in_history"]:
        found.append(("bought before", "plain", "an earlier purchase was bought again"))
    if row["cold"]:
        found.append(("cold", "plain", "in nobody's training and nobody's validation part"))
    return found


Slice = tuple[str, str, Selection]
"""Name, query and cases."""


def slices_view(slices: Sequence[Slice], names: Pair, alone: bool) -> Markup:
    """The saved slices with both runs' metrics on each; a name opens it."""
    if not slices:
        return empty_state(
            "No saved slice yet",
            "Set some filters, give them a name here and press Save: the slice is then measured "
            "for whichever two runs are chosen.",
        )
    rows = [
        (name, query, len(cases), list(measured(cases, list(METRICS), alone).values()))
        for name, query, cases in slices
    ]
    letters = "A" if alone else "AB"
    return render("cases/list", "slices", rows, METRICS, letters, MOST_SLICES, _REMARK)
