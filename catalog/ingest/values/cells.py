"""Columns of a source, of whatever type, as the columns of `staged` (SQL)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

import duckdb
from duckdb.sqltypes import DuckDBPyType

from catalog.database import quoted_name
from catalog.ingest.events import review_hash
from catalog.ingest.values.missing import is_missing
from catalog.ingest.values.nested import (
    ATTRIBUTES,
    missing_attribute,
    read_attribute,
    resolve,
    staged_attribute,
    with_simple,
)
from catalog.ingest.values.typed_prices import printed_number

_NESTED = ("list", "array", "struct", "map", "union")
_FLOATS = ("double", "float")
_NUMBERS = (*_FLOATS, "decimal", "tinyint", "smallint", "integer", "bigint", "hugeint")
_NUMBERS += ("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint")
_KEPT = ("timestamp", "date", *_NUMBERS)


@dataclass(frozen=True, kw_only=True)
class SourceCell:
    """A column of a source.

    Attributes:
      value: expression, as it is typed.
      text: the same as text, an object or a list as its JSON.
      nested: whether it is an object or a list.
      kind: id of its DuckDB type, such as `varchar`.
      number: whether the source has it as a number.
    """

    value: str
    text: str
    nested: str
    kind: str
    number: str = "false"


def text_cell(value: str) -> SourceCell:
    """Of a column of text, in which what looks like an object is text as well."""
    return SourceCell(value=value, text=value, nested="false", kind="varchar")


def json_cell(key: str) -> SourceCell:
    """Of a key of `json_records` that is read as VARCHAR."""
    value = f"record.{quoted_name(key)}"
    pointer = "/" + key.replace("~", "~0").replace("/", "~1").replace("'", "''")
    kind = f"TRY(json_type(text, '{pointer}'))"
    return SourceCell(
        value=value,
        text=value,
        # Only of what looks so, as it takes another look at the line.
        nested=f"(CASE WHEN starts_with({value}, '[') OR starts_with({value}, '{{')"
        f" THEN coalesce({kind} IN ('ARRAY', 'OBJECT'), false) ELSE false END)",
        kind="varchar",
        # Not a list: DuckDB would make a join of it, after which rows are in no order.
        number=f"coalesce(regexp_matches({kind}, 'INT|DOUBLE|DECIMAL'), false)",
    )


def typed_cell(value: str, kind: DuckDBPyType) -> SourceCell:
    """Of a column of that type. Bytes are text that its writer did not mark as such."""
    text = _decoded(value, kind) or value
    if kind.id == "blob":
        # What is no text is nothing that a name could be made of; as an id it may well serve.
        nested = f"(TRY(decode({value})) IS NULL AND {value} IS NOT NULL)"
        return SourceCell(value=text, text=text, nested=nested, kind="varchar")
    if kind.id in _NESTED:
        text = f"to_json({text})"
        nested = f"({value} IS NOT NULL)"
    else:
        nested = "false"
    return SourceCell(
        value=value,
        text=f"CAST({text} AS VARCHAR)",
        nested=nested,
        kind=kind.id,
        number="true" if kind.id in _NUMBERS else "false",
    )


def described(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, DuckDBPyType]:
    """The columns of a table expression and their types."""
    relation = connection.sql(f"FROM {source} LIMIT 0")
    return dict(zip(relation.columns, relation.types, strict=True))


def stage(
    connection: duckdb.DuckDBPyConnection, head: str, cells: Mapping[str, SourceCell], source: str
) -> None:
    """Makes `staged` (see `catalog.ingest.files.SourceTable`).

    Args:
      connection: where the source can be read.
      head: expressions for `line`, `problem` and `content`.
      cells: our name to what stands in its column.
      source: a table expression, read once.
    """
    inner, outer, markers = [head], ["line, problem, content"], []
    for ours, cell in cells.items():
        taken, given, missing = _columns(ours, cell)
        inner += taken
        outer += given
        markers.append(missing)
    rows = f"(SELECT {', '.join(inner)} FROM {source})"
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE staged AS SELECT {', '.join(outer)},"
        " NULL::STRUCT(attribute VARCHAR, value VARCHAR)[] AS lost,"
        f" {missing_bits(markers)} AS missing"
        f" FROM {with_simple(rows) if 'category' in cells else rows}"
    )
    resolve(connection, [name for name in ATTRIBUTES if name in cells])


def missing_bits(markers: Iterable[str]) -> str:
    """A number with the bit of each of these conditions that holds, the first one 1 (SQL)."""
    bits = (
        f"CASE WHEN {marker} THEN {1 << place} ELSE 0 END" for place, marker in enumerate(markers)
    )
    return " + ".join(bits)


def marked_missing(connection: duckdb.DuckDBPyConnection, columns: list[str]) -> dict[str, int]:
    """How many values of each staged column stood for a missing one; columns without are left out.

    Args:
      connection: has `staged`.
      columns: the names of the columns chosen, in their order.
    """
    counts = ", ".join(
        f"count(*) FILTER (missing & {1 << place} > 0)" for place in range(len(columns))
    )
    row = connection.execute(f"SELECT {counts} FROM staged").fetchall()[0]
    return {name: count for name, count in zip(columns, row, strict=True) if count}


def _columns(ours: str, cell: SourceCell) -> tuple[list[str], list[str], str]:
    """Of a column, what is read, what is made of it, and whether it is a missing value's marker."""
    if ours in ATTRIBUTES:
        text, taken, given = cell.text, [], []
        if ours == "price":
            taken, given = [f"{cell.number} AS price_typed"], ["price_typed"]
            if cell.number != "false":
                text = f"CASE WHEN {cell.number} THEN {printed_number(text)} ELSE {text} END"
        taken += read_attribute(ours, text, cell.nested)
        return taken, [*staged_attribute(ours), *given], missing_attribute(ours)
    name = {"timestamp": "time", "review_text": "review"}.get(ours, ours)
    if ours == "review_text":
        return [f"{review_hash(cell.text)} AS review"], ["review"], "false"
    value = cell.text
    if ours in ("timestamp", "position", "rating") and cell.kind.startswith(_KEPT):
        value = cell.value
        # Not isnan: DuckDB answers it from a Parquet file's statistics, which know of no NaN.
        missing = f"CAST({name} AS VARCHAR) = 'nan'" if cell.kind in _FLOATS else "false"
    else:
        missing = is_missing(name)
        if cell.kind in _FLOATS and ours.endswith("_id"):
            value = _whole(cell)
    return (
        [f"{value} AS {name}"],
        [name if missing == "false" else f"CASE WHEN NOT {missing} THEN {name} END AS {name}"],
        missing,
    )


def _whole(cell: SourceCell) -> str:
    """An id from a float: what pandas makes of whole numbers where some are missing."""
    whole = f"TRY_CAST({cell.value} AS BIGINT)"
    return (
        f"CASE WHEN {whole} = {cell.value} AND abs({whole}) < 1000000000000000"
        f" THEN CAST({whole} AS VARCHAR) ELSE {cell.text} END"
    )


def _decoded(value: str, kind: DuckDBPyType, depth: int = 0) -> str | None:
    """The value with all bytes in it as text, escaped where they are not UTF-8; else `None`."""
    if kind.id == "blob":
        return f"coalesce(TRY(decode({value})), CAST({value} AS VARCHAR))"
    if kind.id == "list":
        member = _decoded(f"m{depth}", kind.child, depth + 1)
        return member and f"list_transform({value}, lambda m{depth}: {member})"
    if kind.id == "struct":
        children = {
            name: _decoded(f"{value}.{quoted_name(name)}", cast(DuckDBPyType, child), depth)
            for name, child in kind.children  # of a struct all are types
        }
        if any(children.values()):
            packed = ", ".join(
                f"{quoted_name(name)} := {child or f'{value}.{quoted_name(name)}'}"
                for name, child in children.items()
            )
            return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({packed}) END"
    return None
