"""The score matrix as a plain HTML table: it needs no script, so a saved page has it too."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from calrec.records import Item, Recommendation
from demo.html.record.matching import stretched
from demo.html.record.ranking import shown_rows
from demo.html.templating import render
from demo.html.wording import title_of

ROWS = 12
"""Items shown of the matrix."""


def matrix(record: Recommendation, items: Mapping[str, Item], target: Item | None) -> Markup:
    """The best items x the kept texts: modulated scores; a frame marks the text that won each.

    Colours are stretched near 1. A cell's tip tells item, text and value. Empty without any column.
    """
    ranking = record.ranking
    if not ranking.columns or not ranking.item_ids:
        return Markup("")
    places = shown_rows(record, target, ROWS)
    values = ranking.modulated[places]
    colours = stretched(values)
    low, high = float(colours.min()), float(colours.max())
    strengths = (colours - low) / ((high - low) or 1.0)
    rows = []
    for place, line, strong in zip(places, values.tolist(), strengths.tolist(), strict=True):
        item, winner = items[ranking.item_ids[place]], ranking.winner(place)
        is_target = target is not None and item.item_id == target.item_id
        cells = [
            (value, strength, k == winner)
            for k, (value, strength) in enumerate(zip(line, strong, strict=True))
        ]
        rows.append((title_of(item), is_target, cells))
    return render("record/matrix", "matrix", ranking.columns, rows)
