"""A shop's own order export: one or several files of order lines make items and interactions.

Which export it is, its columns tell (`catalog.ingest.exports`); any other is read by the names that
the user gives. A line is one purchase, whatever its quantity, unless it is a guest's, cancelled,
refunded or a return (`catalog.ingest.order_lines`). Every line is counted as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from catalog.database import quoted_text
from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.columns import require_different
from catalog.ingest.events import insert_events
from catalog.ingest.exports import check_named, choose, recognised
from catalog.ingest.files import SourceTable, format_of, opened
from catalog.ingest.files.access import require_file
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.workbook import ENDINGS, is_workbook, sheets
from catalog.ingest.order_lines import join_parts, take_part
from catalog.ingest.order_lines.items import insert_items
from catalog.ingest.order_lines.kinds import tell_kinds
from catalog.ingest.order_lines.part import SourcePart
from catalog.ingest.order_lines.report import (
    as_read,
    columns_taken,
    counts,
    states,
    summary,
    unused,
)
from catalog.ingest.order_lines.times import part_readings, reading_notes
from catalog.ingest.times import Reading
from catalog.ingest.times.time_format import TimeFormat
from catalog.ingest.values.attributes import clean_items
from catalog.ingest.values.cells import marked_missing
from catalog.ingest.values.ids import meet_order_ids

_ROWS = """
(SELECT line, coalesce(problem, unreadable) AS problem, content, user_id, item_id, order_id, title,
    price, quantity, status, time, NULL::VARCHAR AS position, NULL::VARCHAR AS rating,
    NULL::UBIGINT AS review
  FROM order_kinds ANTI JOIN taken_back USING (part, n)
  WHERE part = {part} AND kind IN ('purchase', 'bad') ORDER BY n)
"""
_SHOWN = ("order_id", "user_id", "item_id", "title", "price", "quantity", "status", "timestamp")


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Files of order lines.

    Attributes:
      files: CSV, Parquet, JSON lines, plain or gzipped, or workbooks, by their names' endings. The
        sheets of a workbook that have order lines are read one after the other.
      columns: our names (`exports.NAMED`) to theirs, where they are not known by themselves.
      cancelled: states of an order that was no purchase, besides those that its export is known by.
      quotes: what encloses fields in CSV files (see `catalog.ingest.files.dialect`).
      clean: takes entities, tags and style sheets out of the attributes (see
        `catalog.attributes.clean`).
      time_format: how the times are written, where they do not say it (see `TimeFormat.parse`).
    """

    files: tuple[Path, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    cancelled: tuple[str, ...] = ()
    quotes: Quotes = "auto"
    clean: bool = False
    time_format: str | None = None

    def check(self) -> None:
        """Raises `CatalogueError` if a file is missing or given twice, or a setting is unknown."""
        check_named(self.columns)
        TimeFormat.parse(self.time_format)
        if not self.files:
            raise CatalogueError("expected files of order lines, found none: give at least one")
        for path in self.files:
            workbook = is_workbook(path)
            form = "a workbook" if workbook else format_of(path, besides=ENDINGS).name
            require_file(path, f"{form} of orders")
        if len({path.resolve() for path in self.files}) < len(self.files):
            raise CatalogueError(
                f"expected different files of orders, found {', '.join(map(str, self.files))}: "
                "give each of them once"
            )

    def load(self, connection: duckdb.DuckDBPyConnection) -> Loaded:
        """Fills the two raw tables; raises `CatalogueError` on a damaged file or other columns."""
        connection.execute(RAW_TABLES)
        # Line numbers of a CSV file take long; they are asked for once a line has a problem.
        for numbered in (False, True):
            parts, left_out = self._take_parts(connection, numbered)
            readings = part_readings(connection, parts, self.time_format)
            join_parts(connection, parts, readings)
            ids = meet_order_ids(connection)
            returns = tell_kinds(connection)
            for part, reading in zip(parts, readings, strict=True):
                _insert_part(connection, part, reading)
            if not _unnumbered(connection):
                break
            connection.execute("DELETE FROM raw_events; DELETE FROM raw_lost")
        several = insert_items(connection)
        notes = {
            "export": ", ".join(dict.fromkeys(part.export.name for part in parts)),
            "columns": columns_taken(parts),
            **reading_notes(readings),
            **ids,
            **counts(connection, returns),
            **several,
            **states(connection, parts),
            **as_read(parts),
        }
        if left_out:
            notes["sheets_left_out"] = ", ".join(left_out)
        no_events = unused(connection, parts)
        if self.clean:
            clean_items(connection, dollars=False)
        for table in ("order_lines", "order_kinds", "lines_twice", "taken_back", "items_bought"):
            connection.execute(f"DROP TABLE {table}")
        where = ", ".join(map(str, self.files))
        if not notes["order_purchases"] + notes["order_lines_bad"]:
            raise CatalogueError(
                f"expected purchases of customers in {where}, found {'. '.join(summary(notes))}: "
                "check the columns, or name others with --column"
            )
        return Loaded(
            form=f"orders ({notes['export']})",
            compared=("item_id", "timestamp"),
            missing=(),
            items_from=where,
            events_from=where,
            notes=notes,
            events_unused=no_events,
            lists_items=False,
        )

    def _take_parts(
        self, connection: duckdb.DuckDBPyConnection, numbered: bool
    ) -> tuple[list[SourcePart], list[str]]:
        """The parts, taken into tables of their own, and the sheets that are none."""
        parts: list[SourcePart] = []
        left_out: list[str] = []
        for path in self.files:
            if is_workbook(path):
                self._take_sheets(connection, path, parts, left_out)
                continue
            with opened(connection, path, "orders", self.quotes) as table:
                part = self._part(table.columns, str(path), len(parts))
                parts.append(self._taken(connection, table, part, numbered=numbered))
        return parts, left_out

    def _take_sheets(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        parts: list[SourcePart],
        left_out: list[str],
    ) -> None:
        before, refused = len(parts), []
        for sheet in sheets(path):
            file = f"{path} (sheet {sheet.name})"
            try:
                require_different(sheet.table.column_names, file)
                part = self._part(
                    sheet.table.column_names,
                    file,
                    len(parts),
                    above=sheet.first_row - 1,
                    sheet=True,
                )
            except CatalogueError as error:
                refused.append((file, error))
                continue
            with opened(connection, sheet.table, "orders") as table:
                parts.append(self._taken(connection, table, part, numbered=True))
            connection.execute(
                "INSERT INTO typed_prices SELECT unnest(CAST($numbers AS VARCHAR[]))",
                {"numbers": sorted(sheet.numbers.get(part.chosen.get("price", ""), ()))},
            )
        if len(parts) == before:
            if refused:
                raise refused[0][1]
            raise CatalogueError(
                f"expected a sheet of order lines in {path}, found none with three columns: "
                "choose another workbook"
            )
        left_out += [file for file, _ in refused]

    def _taken(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: SourceTable,
        part: SourcePart,
        *,
        numbered: bool,
    ) -> SourcePart:
        """Takes the table's lines; the part with what reading it has found."""
        table.stage(part.chosen, numbered=numbered)
        part = replace(
            part,
            form="a sheet of a workbook" if part.sheet else table.form,
            missing=marked_missing(connection, [*part.chosen]),
            remarks=table.remarks,
        )
        return take_part(connection, part, self.cancelled)

    def _part(
        self,
        columns: Sequence[str],
        file: str,
        number: int,
        *,
        above: int = 0,
        sheet: bool = False,
    ) -> SourcePart:
        export = recognised(columns)
        chosen = choose(export, columns, self.columns, file)
        return SourcePart(
            number=number, file=file, export=export, chosen=chosen, above=above, sheet=sheet
        )


def _insert_part(connection: duckdb.DuckDBPyConnection, part: SourcePart, reading: Reading) -> None:
    names = {name: part.called(name) for name in (*_SHOWN, "position", "rating")}
    pairs = ", ".join(
        f"{quoted_text(names[ours])}, {'time' if ours == 'timestamp' else ours}" for ours in _SHOWN
    )
    insert_events(
        connection,
        _ROWS.format(part=part.number),
        reading=reading,
        names={**names, "time": names["timestamp"]},
        content=f"coalesce(content, json_object({pairs})::VARCHAR)",
        file=quoted_text(part.file),
    )


def _unnumbered(connection: duckdb.DuckDBPyConnection) -> bool:
    return connection.execute(
        "SELECT count(*) > 0 FROM (SELECT line FROM raw_events WHERE problem IS NOT NULL"
        " UNION ALL SELECT line FROM raw_lost) WHERE line IS NULL"
    ).fetchall()[0][0]
