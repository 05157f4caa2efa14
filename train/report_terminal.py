"""Tables of a report on a terminal; wide ones come in parts, one below the other."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from calrec.errors import printable
from calrec.evaluation.foreign import plain
from calrec.report.rendering import ABSENT, interval_lines, value_words
from calrec.report.tables import Cell, Column, Table, Value

WIDEST = 34
"""A column of text is folded at this width."""
BETWEEN = 3
"""Spaces from one column to the next."""
NARROWEST = 60
"""Narrower terminals fold as rich does."""
_PLAIN = str.maketrans({"–": "-", "−": "-", "×": "x", "†": "*"})


def show(table: Table, console: Console) -> None:
    """Prints heading, table, notes, and which runs are missing."""
    console.print(Text(_safe(table.title, console), style="bold"))
    if table.rows:
        cells = [[_text(cell, console) for cell in row] for row in table.rows]
        for part in parts(table, cells, max(console.width, NARROWEST)):
            console.print(_grid(table, cells, part, console))
    for note in table.notes:
        console.print(Padding(Text(_safe(note, console), style="dim"), (0, 0, 0, 2)))
    if table.missing:
        console.print(Padding(Text(_safe(table.missing, console), style="yellow"), (0, 0, 0, 2)))
    console.print()


def parts(table: Table, cells: Sequence[Sequence[Text]], width: int) -> list[list[int]]:
    """Which columns stand in each part: the naming ones always, the others as they fit.

    A part holds columns of one group; those without a group stand with any.
    """
    keys = list(range(table.keys))
    widths = [
        _width(column, [row[place] for row in cells]) + BETWEEN
        for place, column in enumerate(table.columns)
    ]
    room = width - sum(widths[place] for place in keys)
    found: list[list[int]] = [[]]
    for place in range(table.keys, len(table.columns)):
        groups = {table.columns[k].group for k in (*found[-1], place)} - {""}
        full = sum(widths[k] for k in (*found[-1], place)) > room
        if found[-1] and (full or len(groups) > 1):
            found.append([])
        found[-1].append(place)
    return [keys + part for part in found]


def _width(column: Column, cells: Sequence[Text]) -> int:
    # A heading folds between words, a cell between its lines.
    words = max((len(word) for word in column.title.split()), default=0)
    return min(max([words, *(len(line) for cell in cells for line in cell.split("\n"))]), WIDEST)


def _grid(
    table: Table, cells: Sequence[Sequence[Text]], part: Sequence[int], console: Console
) -> Grid:
    group = next((g for place in part if (g := table.columns[place].group)), "")
    grid = Grid(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        title=Text(_safe(group, console), style="italic") if group else None,
        title_justify="left",
    )
    for place in part:
        column = table.columns[place]
        grid.add_column(
            Text(_safe(column.title, console)),
            justify="right" if table.numeric(place) else "left",
            max_width=WIDEST,
            overflow="fold",
        )
    shown = [k for k, row in enumerate(table.rows) if _says(row, part[table.keys :])]
    for before, number, after in zip([None, *shown], shown, [*shown[1:], None], strict=False):
        row = cells[number]
        same = before is not None and table.keys > 1
        line = []
        for place in part:
            same = same and place < table.keys and cells[before or 0][place] == row[place]
            line.append(Text("") if same else row[place])
        ends = table.keys > 1 and after is not None and cells[after][0] != row[0]
        grid.add_row(*line, end_section=ends)
    return grid


def _says(row: Sequence[Cell], part: Sequence[int]) -> bool:
    """Whether a row has anything to show in these columns; a table without others says its keys."""
    return not part or any(row[place] is not None for place in part)


def _text(cell: Cell, console: Console) -> Text:
    if not isinstance(cell, Value):
        return Text(_safe(ABSENT if cell is None else cell, console))
    optimistic, pessimistic, change = value_words(cell)
    text = Text(_safe(optimistic, console), style="bold" if cell.best_optimistic else "")
    if pessimistic is not None:
        text.append("/", style="not bold")
        style = "not bold underline" if cell.best_pessimistic else "not bold"
        text.append(_safe(pessimistic, console), style=style)
    text.append(_safe(change, console), style="not bold")
    for line in interval_lines(cell):
        text.append(f"\n{_safe(line, console)}", style="not bold dim")
    return text


def _safe(text: str, console: Console) -> str:
    text = plain(text)
    if not console.encoding.lower().startswith("utf"):
        text = text.translate(_PLAIN)
    return printable(text, console.encoding)
