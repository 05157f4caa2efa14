"""Tables as Markdown, CSV and HTML.

Domain, category and label are foreign text: whatever stands in them is shown as it stands and
never read as markup, turns no other writing round (`calrec.evaluation.foreign`), and a spreadsheet
never reads it as a formula.
"""

from __future__ import annotations

import csv
import html
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from calrec.evaluation.foreign import CLOSE, OPEN, plain
from calrec.evaluation.statistics import Interval
from calrec.report.tables import Cell, Column, Table, Unit, Value

ABSENT = "–"
LONG = 48
"""A column of texts longer than this folds on the page."""

# Marks that mean something anywhere in a line, and those that do at its beginning.
_MARKDOWN = re.compile(r"([\\`*_\[\]|~$]|^#(?=#*(?:\s|$))|^[+-](?=\s|$)|(?<=^\d)[.)](?=\s|$))")
_ISOLATED = re.compile(f"{OPEN}([^{OPEN}{CLOSE}]*){CLOSE}")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")


def number(value: float, unit: Unit) -> str:
    """One number as it is shown; a dash where it is not defined."""
    if math.isnan(value):
        return ABSENT
    match unit:
        case "metric":
            return f"{value:.4f}"
        case "difference":
            return f"{value:+.4f}"
        case "change":
            return f"{value:+.1%}".replace("%", " %")
        case "share":
            # Table 8 tells 0.001 % from 0.
            return f"{value:{'.3%' if 0 < value < 0.0005 else '.1%'}}".replace("%", " %")
        case "p":
            return "<0.0001" if value < 0.0001 else f"{value:.4f}"
        case "count":
            return f"{value:,.0f}"
        case "mean":
            return f"{value:.2f}"
        case "seconds":
            return f"{value:,.1f}"
        case "number":
            return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def range_words(interval: Interval, unit: Unit) -> str:
    """An interval as it is shown; a dash where there is none."""
    if math.isnan(interval.low):
        return ABSENT
    between = " to " if unit in ("difference", "change") else "–"  # a dash beside a sign misleads
    return f"{number(interval.low, unit)}{between}{number(interval.high, unit)}"


def value_words(value: Value) -> tuple[str, str | None, str]:
    """Optimistic number, pessimistic number where there is one, relative change in brackets."""
    pessimistic = None if value.pessimistic is None else number(value.pessimistic, value.unit)
    change = "" if value.change is None else f" ({number(value.change, 'change')})"
    return number(value.optimistic, value.unit), pessimistic, change


def interval_lines(value: Value) -> tuple[str, ...]:
    """The intervals that a value has, the optimistic one first; one dash where both are none."""
    both = (value.optimistic_interval, value.pessimistic_interval)
    lines = tuple(range_words(one, value.unit) for one in both if one is not None)
    return lines[:1] if set(lines) == {ABSENT} else lines


def markdown(table: Table) -> str:
    """The table with heading and notes; best optimistic values bold, pessimistic ones italic."""
    parts = [f"## {markdown_text(table.title)}"]
    if table.rows:
        heads = [" · ".join(filter(None, (c.group, c.title))) for c in table.columns]
        aligned = ["---:" if table.numeric(k) else "---" for k in range(len(heads))]
        lines = [[markdown_text(head) for head in heads], aligned]
        lines += [[_markdown_cell(cell) for cell in row] for row in table.rows]
        parts.append("\n".join(f"| {' | '.join(line)} |" for line in lines))
    notes = [*table.notes, *([table.missing] if table.missing else [])]
    if notes:
        parts.append("\n".join(f"- {markdown_text(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


def _markdown_cell(cell: Cell) -> str:
    if not isinstance(cell, Value):
        return markdown_text(cell or ("" if cell == "" else ABSENT))
    optimistic, pessimistic, change = map(markdown_text, (text or "" for text in value_words(cell)))
    text = f"**{optimistic}**" if cell.best_optimistic else optimistic
    if cell.pessimistic is not None:
        text += " / " + (f"*{pessimistic}*" if cell.best_pessimistic else pessimistic)
    lines = interval_lines(cell)
    between = f"<br><small>{' / '.join(map(markdown_text, lines))}</small>" if lines else ""
    return " ".join(filter(None, (text, change))) + between


def markdown_text(text: str) -> str:
    """Text as it stands in a line: nothing in it is markup, or directs the writing."""
    # In this order: what is escaped for HTML keeps no character that Markdown reads.
    return _MARKDOWN.sub(r"\\\1", html.escape(" ".join(plain(text).split()), quote=False))


def csv_text(table: Table) -> str:
    """The table for spreadsheets and programs: every number of a cell in a column of its own.

    Numbers are unrounded; shares and changes are fractions. Text that a spreadsheet would take for
    a formula gets an apostrophe in front.
    """
    parts = [_csv_parts([row[place] for row in table.rows]) for place in range(len(table.columns))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        _csv_cell(_csv_head(column, part))
        for column, of_column in zip(table.columns, parts, strict=True)
        for part in of_column
    )
    for row in table.rows:
        writer.writerow(
            _csv_part(cell, part)
            for cell, of_column in zip(row, parts, strict=True)
            for part in of_column
        )
    return out.getvalue()


_CSV_PARTS = {
    "optimistic low": lambda value: value.optimistic_interval and value.optimistic_interval.low,
    "optimistic high": lambda value: value.optimistic_interval and value.optimistic_interval.high,
    "pessimistic": lambda value: value.pessimistic,
    "pessimistic low": lambda value: value.pessimistic_interval and value.pessimistic_interval.low,
    "pessimistic high": lambda value: (
        value.pessimistic_interval and value.pessimistic_interval.high
    ),
    "change": lambda value: value.change,
}


def _csv_parts(cells: Sequence[Cell]) -> list[str]:
    """Which numbers the cells of a column hold, besides the first."""
    values = [cell for cell in cells if isinstance(cell, Value)]
    return ["", *(n for n, part in _CSV_PARTS.items() if any(part(v) is not None for v in values))]


def _csv_head(column: Column, part: str) -> str:
    name = ": ".join(filter(None, (column.group, column.title)))
    return f"{name} {part}".strip()


def _csv_part(cell: Cell, part: str) -> str:
    if not isinstance(cell, Value):
        return "" if part else _csv_cell(cell or "")
    found = _CSV_PARTS[part](cell) if part else cell.optimistic
    return "" if found is None or math.isnan(found) else repr(found)


def _csv_cell(text: str) -> str:
    text = plain(text)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def html_table(table: Table, links: Mapping[int, str] | None = None) -> str:
    """`<section>` with heading, table and notes, in the classes of the report's style sheet.

    Args:
      table: what it shows.
      links: addresses that rows lead to, by row; its last key is the link.
    """
    body = ""
    if table.rows:
        rows = "".join(_html_rows(table, links or {}))
        label = html_text(plain(table.title))
        body = (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{label}">'
            f"<table>{_html_head(table)}<tbody>{rows}</tbody></table></div>"
        )
    notes = "".join(f"<li>{html_text(note)}</li>" for note in table.notes)
    notes = f'<ul class="notes">{notes}</ul>' if notes else ""
    missing = f'<p class="missing">{html_text(table.missing)}</p>' if table.missing else ""
    return (
        f'<section class="panel" id="{html_text(table.key)}"><h2>{html_text(table.title)}</h2>'
        f"{body}{missing}{notes}</section>"
    )


def _html_head(table: Table) -> str:
    heads = []
    if any(column.group for column in table.columns):
        cells = []
        for group, columns in groupby(table.columns, key=lambda column: column.group):
            scope = ' scope="colgroup" class="group"' if group else ""
            cells.append(f'<th colspan="{len(list(columns))}"{scope}>{html_text(group)}</th>')
        heads.append(f"<tr>{''.join(cells)}</tr>")
    cells = [
        f'<th scope="col"{_html_class(table, place)}>{html_text(column.title)}</th>'
        for place, column in enumerate(table.columns)
    ]
    heads.append(f"<tr>{''.join(cells)}</tr>")
    return f"<thead>{''.join(heads)}</thead>"


def _html_rows(table: Table, links: Mapping[int, str]) -> Iterator[str]:
    before: tuple[Cell, ...] | None = None
    for number, row in enumerate(table.rows):
        cells = []
        # A key that repeats the row above is there for readers aloud, and not shown.
        same = before is not None and table.keys > 1
        for place, cell in enumerate(row):
            same = same and before is not None and cell == before[place]
            if place < table.keys:
                text = html_text(cell) if isinstance(cell, str) else _html_cell(cell)
                text = f'<span class="same">{text}</span>' if same else text
                if place == table.keys - 1 and number in links:
                    text = f'<a href="{html.escape(links[number])}">{text}</a>'
                cells.append(f'<th scope="row"{_html_class(table, place)}>{text}</th>')
            else:
                cells.append(f"<td{_html_class(table, place)}>{_html_cell(cell)}</td>")
        first = before is not None and table.keys > 1 and row[0] != before[0]
        yield f"<tr{' class=first' if first else ''}>{''.join(cells)}</tr>"
        before = row


def _html_class(table: Table, place: int) -> str:
    names = []
    if place == table.keys - 1:
        names.append("key")
    if table.numeric(place):
        names.append("number")
    texts = [cell for row in table.rows if isinstance(cell := row[place], str)]
    if any(len(text) > LONG for text in texts):
        names.append("long")
    if place and table.columns[place].group != table.columns[place - 1].group:
        names.append("edge")
    return f' class="{" ".join(names)}"' if names else ""


def _html_cell(cell: Cell) -> str:
    if not isinstance(cell, Value):
        return f'<span class="absent">{ABSENT}</span>' if cell is None else html_text(cell)
    optimistic, pessimistic, change = (text and html_text(text) for text in value_words(cell))
    text = f"<b>{optimistic}</b>" if cell.best_optimistic else f"{optimistic}"
    if pessimistic is not None:
        text += "/" + (f"<u>{pessimistic}</u>" if cell.best_pessimistic else pessimistic)
    text += f"<i>{change}</i>" if change else ""
    return text + "".join(f"<small>{html_text(line)}</small>" for line in interval_lines(cell))


def html_text(text: str) -> str:
    """Text as it stands in an element: nothing in it is markup, foreign direction is isolated.

    For an attribute it takes text without direction (`foreign.plain`).
    """
    isolated = _ISOLATED.sub(r"<bdi>\1</bdi>", html.escape(text, quote=True))
    return plain(isolated)
