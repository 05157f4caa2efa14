"""Workbooks (.xlsx): each sheet as an Arrow table, its cells typed column by column.

Excel keeps whole numbers as floats, and one column may hold numbers and texts (a stock code `85048`
above `79323P`). A column of one type keeps it; of a mixed one every cell becomes text, a whole
number without its `.0`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from catalog.errors import CatalogueError
from catalog.ingest.files.sheet_extent import check_extent

ENDINGS = (".xlsx", ".xlsm")
_BATCH = 20_000  # rows
_HEADER_WITHIN = 20  # rows; above the header there may be a title
_HEADER_CELLS = 3  # a customer, an item and a time
_TEXT, _NUMBER, _TIME = pa.string(), pa.float64(), pa.timestamp("us")


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A sheet with something in it.

    Attributes:
      name: its name.
      table: the rows below its header, blank ones as well; columns without a name are left out.
      first_row: the number of the table's first row in the sheet, from 1.
      numbers: of each column of numbers and texts, now all texts, those that were numbers.
    """

    name: str
    table: pa.Table
    first_row: int
    numbers: Mapping[str, frozenset[str]]


def is_workbook(path: Path) -> bool:
    """Whether it is a workbook by its name's ending."""
    return path.name.lower().endswith(ENDINGS)


def sheets(path: Path) -> Iterator[Sheet]:
    """The sheets that are not blank, one after the other.

    Raises:
      CatalogueError: if the file is no workbook, is damaged or locked by a password, or has cells
        too far apart.
    """
    from python_calamine import SheetTypeEnum

    check_extent(path)
    with _reading(path) as workbook:
        for metadata in workbook.sheets_metadata:
            if metadata.typ != SheetTypeEnum.WorkSheet:  # a chart, say
                continue
            name = metadata.name
            rows = enumerate(workbook.get_sheet_by_name(name).iter_rows(), 1)
            header = _header(rows)
            if header is not None:
                number, names = header
                table, numbers = _table(names, rows)
                yield Sheet(name=name, table=table, first_row=number + 1, numbers=numbers)


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        with CalamineWorkbook.from_path(path) as workbook:
            yield workbook
    except (CalamineError, OSError, ValueError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CatalogueError(
            f"expected a workbook of orders at {path}, but it cannot be read ({first}): it is "
            "damaged or locked, fetch it again or save it without a password"
        ) from error


def _header(rows: Iterator[tuple[int, list]]) -> tuple[int, tuple[str | None, ...]] | None:
    """Number and names of the first row that can be a header; `None` in a blank sheet."""
    for number, cells in islice(rows, _HEADER_WITHIN):
        names = tuple(_text(cell).strip() if cell != "" else None for cell in cells)
        if sum(map(bool, names)) >= _HEADER_CELLS:
            return number, names
    return None


def _table(
    names: Sequence[str | None], rows: Iterator[tuple[int, list]]
) -> tuple[pa.Table, dict[str, frozenset[str]]]:
    """The rows below a header, and the `numbers` of a `Sheet`."""
    kept = [(i, name) for i, name in enumerate(names) if name]
    chunks: list[list[pa.Array]] = [[] for _ in kept]
    numbers: list[set[float]] = [set() for _ in kept]
    while batch := [cells for _, cells in islice(rows, _BATCH)]:
        columns = list(zip(*batch, strict=True))
        for chunk, found, (i, _) in zip(chunks, numbers, kept, strict=True):
            chunk.append(_array(columns[i]))
            found.update(cell for cell in columns[i] if type(cell) in (int, float))
    arrays = [_one_type(chunk) for chunk in chunks]
    mixed = {
        name: frozenset(map(_text, found))
        for (_, name), found, array in zip(kept, numbers, arrays, strict=True)
        if found and array.type == _TEXT
    }
    return pa.table(arrays, names=[name for _, name in kept]), mixed


def _array(cells: Sequence[Any]) -> pa.Array:
    """Cells of one type as that type, others as text; blank ones are null."""
    values = [None if cell == "" else cell for cell in cells]
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    if kinds <= {int, float}:
        return pa.array(values, _NUMBER)
    if kinds <= {datetime, date}:
        return pa.array(map(_datetime, values), _TIME)
    return pa.array([None if value is None else _text(value) for value in values], _TEXT)


def _one_type(chunks: Sequence[pa.Array]) -> pa.ChunkedArray:
    kinds = {chunk.type for chunk in chunks} - {pa.null()}
    kind = kinds.pop() if len(kinds) == 1 else _TEXT
    same = [chunk if chunk.type == kind else _as(chunk, kind) for chunk in chunks]
    return pa.chunked_array(same, kind)


def _as(chunk: pa.Array, kind: pa.DataType) -> pa.Array:
    if chunk.type == pa.null():
        return pa.nulls(len(chunk), kind)
    return pa.array([None if v is None else _text(v) for v in chunk.to_pylist()], _TEXT)


def _datetime(value: date | None) -> datetime | None:
    if value is None or isinstance(value, datetime):
        return value
    return datetime(value.year, value.month, value.day)


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
