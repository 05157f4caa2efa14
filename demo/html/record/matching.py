"""The score matrix: one picture of items and texts, with a switch between its three steps.

It is a table that needs no script, so that a saved page has all of it: colours, switch, and behind
each cell the item and the text word by word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from calrec.ranking.corpus import Corpus
from calrec.records import Attributes, Item, Recommendation
from calrec.text import TextSettings, parse
from demo.html.chances import chance
from demo.html.record.compared import Compared, Explaining, compared
from demo.html.record.ranking import shown_rows
from demo.html.record.titles import names, told_apart
from demo.html.templating import render

ROWS = 15
"""Items shown of the matrix."""
_HEAD = 34
"""Characters of a column's head."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One of the three states of the picture.

    Attributes:
      name: on the switch.
      means: what a cell's number is.
      low: value without colour.
      high: value of the full colour; between the two the colour is linear.
      decimals: in a cell, of values below 0.9; those near 1 have four.
    """

    name: str
    means: str
    low: float = 0.0
    high: float = 1.0
    decimals: int = 2


@dataclass(frozen=True, kw_only=True)
class Cell:
    """An item and a text.

    Attributes:
      values: at each step, exact.
      shown: the same as the cell says it.
      shares: how much of the full colour each has, 0 to 1.
      is_winner: whether this text decides the item's score.
      words: both, word by word.
    """

    values: Sequence[float]
    shown: Sequence[str]
    shares: Sequence[float]
    is_winner: bool
    words: Compared


@dataclass(frozen=True, kw_only=True)
class Column:
    """A kept text: title as its head says it, the whole text, and its probability."""

    head: str
    text: str
    chance: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """An item: its whole title, whether it is the true one or bought before, and its cells."""

    title: str
    is_target: bool
    is_bought: bool
    cells: Sequence[Cell]


_WORDS = (
    Step(name="Shared words", means="BM25 of the words that item and text share", decimals=1),
    Step(name="Scaled", means="the same beside the best item of each text, which has 1"),
    Step(name="Weighed", means="times the weight of the text's probability"),
)
_STEPS = {
    "bm25": _WORDS,
    "rerank": _WORDS,
    "exact": (
        Step(name="Own text", means="1 where the text is the item's own", decimals=0),
        Step(name="Probability", means="of the text, where it is the item's own"),
        Step(name="Beside the best", means="1 for the most probable text"),
    ),
    "hierarchical": (
        Step(name="Equal attributes", means="of title, category, brand and price", decimals=0),
        Step(name="Share of the text", means="equal ones share the text's probability"),
        Step(name="As a score", means="the probability beside that of the best item"),
    ),
}


def matrix(
    record: Recommendation,
    items: Mapping[str, Item],
    target: Item | None = None,
    corpus: Corpus | None = None,
    *,
    key: str = "matrix",
    rows: int = ROWS,
    scripted: bool = True,
) -> Markup:
    """The best items x the kept texts; a frame marks the text that decides each item.

    The true item is the last row if it is not among the best. Empty without any column.

    Args:
      record: with columns.
      items: by id.
      target: the item really bought, where it is known.
      corpus: BM25 of the items, which tells what each word adds; `None` where no words do.
      key: begins the ids of the parts; its own for each matrix of a page.
      rows: items shown.
      scripted: whether the page has scripts, by which arrow keys move between the cells; else each
        cell is reached by Tab.
    """
    ranking = record.ranking
    if not ranking.columns or not ranking.item_ids:
        return Markup("")
    places = shown_rows(record, target, rows)
    values = [m[places] for m in (ranking.raw, ranking.scaled, ranking.modulated)]
    steps = steps_of(record, values)
    settings = TextSettings(**record.settings.get("text", {}))
    shown = [items[ranking.item_ids[place]] for place in places]
    explaining = corpus if isinstance(corpus, Explaining) else None
    bought = {item.item_id for item in record.history}
    lines = [
        Row(
            title=title,
            is_target=target is not None and item.item_id == target.item_id,
            is_bought=item.item_id in bought,
            cells=[
                Cell(
                    values=[float(one[y, x]) for one in values],
                    shown=[said(float(v[y, x]), s) for v, s in zip(values, steps, strict=True)],
                    shares=[share(float(v[y, x]), s) for v, s in zip(values, steps, strict=True)],
                    is_winner=x == ranking.winner(place),
                    words=compared(item, int(ranking.rows[place]), text, settings, explaining),
                )
                for x, text in enumerate(ranking.columns)
            ],
        )
        for y, (place, item, title) in enumerate(zip(places, shown, names(shown), strict=True))
    ]
    columns = _columns(record, settings)
    return render("record/matrix", "matrix", key, steps, columns, lines, scripted)


def steps_of(
    record: Recommendation, values: Sequence[Float[np.ndarray, "R K"]]
) -> tuple[Step, ...]:
    """The three steps with the ends of their colours, for the values shown of each.

    What is scaled to 0–1 has that scale, so that the weighing is seen; all else ends at its largest
    value.
    """
    retrieval = record.settings.get("ranking", {}).get("retrieval", "bm25")
    steps = _STEPS[retrieval]
    found = []
    for number, (step, shown) in enumerate(zip(steps, values, strict=True)):
        low, high = min(0.0, float(shown.min())), float(shown.max())
        if steps is _WORDS and number:
            low, high = 0.0, 1.0
        found.append(
            Step(
                name=step.name,
                means=step.means,
                low=low,
                high=high if high > low else low + 1,
                decimals=step.decimals,
            )
        )
    return tuple(found)


def share(value: float, step: Step) -> float:
    """How much of the full colour a value has: linear between the step's ends."""
    return min(max((value - step.low) / (step.high - step.low), 0.0), 1.0)


def said(value: float, step: Step) -> str:
    """A value in a cell: full matches differ in the fourth decimal only, where they are weighed."""
    if not value:
        return "–"
    near_one = step.decimals == 2 and 0.9 <= value < 1
    return f"{value:.{4 if near_one else step.decimals}f}"


def _columns(record: Recommendation, settings: TextSettings) -> list[Column]:
    ranking = record.ranking
    read = [parse(text, settings) or Attributes(title=text) for text in ranking.columns]
    return [
        Column(head=head, text=text, chance=chance(score))
        for head, text, score in zip(
            told_apart(names(read), _HEAD), ranking.columns, ranking.column_scores, strict=True
        )
    ]
