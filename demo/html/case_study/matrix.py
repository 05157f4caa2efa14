"""The score matrix as a plain HTML table: it needs no script, so a saved page has it too."""

from __future__ import annotations

from collections.abc import Mapping

from calrec.records import Item, Recommendation
from demo.html.record.matching import stretched
from demo.html.record.ranking import shown_rows
from demo.html.wording import escape, title_of

ROWS = 12
"""Items shown of the matrix."""


def matrix(record: Recommendation, items: Mapping[str, Item], target: Item | None) -> str:
    """The best items x the kept texts: modulated scores; a frame marks the text that won each.

    Colours are stretched near 1. A cell's tip tells item, text and value. Empty without any column.
    """
    if not record.ranking.columns or not record.ranking.item_ids:
        return ""
    rows = shown_rows(record, target, ROWS)
    colours = stretched(record.ranking.modulated[rows])
    low, high = float(colours.min()), float(colours.max())
    strengths = (colours - low) / ((high - low) or 1.0)
    heads = "".join(
        f'<th scope="col" title="{escape(text)}">{k + 1}</th>'
        for k, text in enumerate(record.ranking.columns)
    )
    body = ""
    for place, row in enumerate(rows):
        item = items[record.ranking.item_ids[row]]
        is_target = target is not None and item.item_id == target.item_id
        winner = record.ranking.winner(row)
        cells = ""
        for k, text in enumerate(record.ranking.columns):
            value = float(record.ranking.modulated[row, k])
            strength = float(strengths[place, k])
            tip = f"{title_of(item)}\n\nText {k + 1}: {text}\n\nscore {value:.6f}"
            names = " ".join(["cr-deep"] * (strength > 0.55) + ["cr-winner"] * (k == winner))
            style = f' class="{names}"' if names else ""
            cells += (
                f'<td{style} style="--strength:{strength:.3f}" title="{escape(tip)}">'
                f"{_cell(value)}</td>"
            )
        mark = " class=cr-hit" if is_target else ""
        body += (
            f'<tr{mark}><th scope="row" title="{escape(title_of(item))}">'
            f"<bdi>{escape(title_of(item))}</bdi></th>{cells}</tr>"
        )
    return (
        '<div class="cr-scroll" tabindex="0" role="region" aria-label="Score matrix">'
        f'<table class="cr-matrix"><thead><tr><th scope="col">item \\ text</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(value: float) -> str:
    return f"{value:.4f}" if value >= 0.9 else f"{value:.2f}" if value else "–"
