"""A shop's own order export: one or several files of order lines make items and interactions.

Which export it is, its columns tell (`catalog.ingest.exports`); any other is read by the names that
the user gives. A line is one purchase, whatever its quantity, unless it is a guest's, cancelled,
refunded or a return (`catalog.ingest.order_lines`). Every line is counted as what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES, Loaded
from catalog.ingest.attributes import clean_items
from catalog.ingest.events import insert_events
from catalog.ingest.exports import check_named, choose, recognised
from catalog.ingest.files import require_file
from catalog.ingest.order_items import insert_items
from catalog.ingest.order_lines import KINDS, Part, join_parts, take_part, tell_kinds
from catalog.ingest.returns import Returns
from catalog.ingest.source_tables import form_of, opened
from catalog.ingest.times import Reading, reading_of
from catalog.ingest.workbook import ENDINGS, is_workbook, sheets

_STATES = 12  # named in the report
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
      clean: takes entities, tags and style sheets out of the attributes (see `catalog.clean`).
    """

    files: tuple[Path, ...]
    columns: Mapping[str, str] = field(default_factory=dict)
    cancelled: tuple[str, ...] = ()
    clean: bool = False

    def check(self) -> None:
        """Raises `CatalogueError` when a file is missing or given twice, or a name is unknown."""
        check_named(self.columns)
        if not self.files:
            raise CatalogueError("expected files of order lines, found none: give at least one")
        for path in self.files:
            workbook = is_workbook(path)
            form = "a workbook" if workbook else form_of(path, besides=ENDINGS)
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
            join_parts(connection, parts)
            reading = reading_of(connection, "order_lines", "time")
            returns = tell_kinds(connection, reading)
            for part in parts:
                _insert_part(connection, part, reading)
            if not _unnumbered(connection):
                break
            connection.execute("DELETE FROM raw_events")
        several = insert_items(connection)
        notes = {
            "export": ", ".join(dict.fromkeys(part.export.name for part in parts)),
            "columns": _columns(parts),
            "timestamp": reading.name,
            **_counts(connection, returns),
            **several,
            **_states(connection, parts),
        }
        if left_out:
            notes["sheets_left_out"] = ", ".join(left_out)
        unused = _unused(connection, parts)
        if self.clean:
            notes["attributes_unusable"] = clean_items(connection, dollars=False)
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
            events_unused=unused,
        )

    def _take_parts(
        self, connection: duckdb.DuckDBPyConnection, numbered: bool
    ) -> tuple[list[Part], list[str]]:
        """The parts, taken into tables of their own, and the sheets that are none."""
        parts: list[Part] = []
        left_out: list[str] = []
        for path in self.files:
            if is_workbook(path):
                self._take_sheets(connection, path, parts, left_out)
                continue
            with opened(connection, path, "orders") as table:
                part = self._part(table.columns, str(path), len(parts))
                table.stage(part.chosen, numbered=numbered)
            take_part(connection, part, self.cancelled)
            parts.append(part)
        return parts, left_out

    def _take_sheets(
        self,
        connection: duckdb.DuckDBPyConnection,
        path: Path,
        parts: list[Part],
        left_out: list[str],
    ) -> None:
        before, refused = len(parts), []
        for sheet in sheets(path):
            file = f"{path} (sheet {sheet.name})"
            try:
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
                table.stage(part.chosen, numbered=True)
            take_part(connection, part, self.cancelled)
            parts.append(part)
        if len(parts) == before:
            if refused:
                raise refused[0][1]
            raise CatalogueError(
                f"expected a sheet of order lines in {path}, found none with three columns: "
                "choose another workbook"
            )
        left_out += [file for file, _ in refused]

    def _part(self, columns: Sequence[str], file: str, number: int, **sheet: int) -> Part:
        export = recognised(columns)
        chosen = choose(export, columns, self.columns, file)
        return Part(number=number, file=file, export=export, chosen=chosen, **sheet)


def summary(report: Mapping[str, object]) -> list[str]:
    """What came of the lines, for people: a line or two; nothing of a domain of another form."""
    if "order_lines" not in report:
        return []
    bought = f"orders of {report['export']}: {report['order_lines']:,} lines, of them "
    bought += f"{report['order_purchases']:,} purchases"
    if several := report["order_purchases_of_several_units"]:
        bought += f" ({several:,} of several units, each one purchase)"
    taken = report["order_purchases_taken_back"]
    back = {"return": f", which took back {taken:,} purchases" if taken else ""}
    parts = [
        f"{report[f'order_lines_{kind}']:,} {words}{back.get(kind, '')}"
        for kind, words in KINDS.items()
        if kind != "purchase" and report[f"order_lines_{kind}"]
    ]
    lines = [bought, f"no purchases: {'; '.join(parts)}"] if parts else [bought]
    if unknown := report.get("order_states_unknown"):
        lines.append(
            f"counted as purchases, though their state is not known: {unknown}; "
            "--cancelled-state STATE tells that one is none"
        )
    return lines


def _insert_part(connection: duckdb.DuckDBPyConnection, part: Part, reading: Reading) -> None:
    names = {name: part.called(name) for name in (*_SHOWN, "position", "rating")}
    pairs = ", ".join(
        f"{_quoted(names[ours])}, {'time' if ours == 'timestamp' else ours}" for ours in _SHOWN
    )
    insert_events(
        connection,
        _ROWS.format(part=part.number),
        reading=reading,
        names={**names, "time": names["timestamp"]},
        content=f"coalesce(content, json_object({pairs})::VARCHAR)",
        file=_quoted(part.file),
    )


def _unnumbered(connection: duckdb.DuckDBPyConnection) -> bool:
    return connection.execute(
        "SELECT count(*) > 0 FROM raw_events WHERE problem IS NOT NULL AND line IS NULL"
    ).fetchall()[0][0]


def _counts(connection: duckdb.DuckDBPyConnection, returns: Returns) -> dict[str, int]:
    """Of each kind how many lines; what is bad only in being inserted is counted as bad."""
    found = dict(
        connection.execute("SELECT kind, count(*) FROM order_kinds GROUP BY kind").fetchall()
    )
    kinds = {kind: found.get(kind, 0) for kind in KINDS}
    bad, bought = connection.execute(
        "SELECT count(problem), count(*) - count(problem) FROM raw_events"
    ).fetchall()[0]
    several, by_title = connection.execute(
        "SELECT count(*) FILTER (units > 1), count(*) FILTER (by_title) FROM order_kinds"
        " ANTI JOIN taken_back USING (part, n) WHERE kind = 'purchase'"
    ).fetchall()[0]
    return {
        "order_lines": sum(kinds.values()),
        "order_purchases": bought,
        **{
            f"order_lines_{kind}": bad if kind == "bad" else count
            for kind, count in kinds.items()
            if kind != "purchase"
        },
        "order_purchases_taken_back": len(returns.taken_back),
        "order_purchases_of_several_units": several,
        "order_purchases_told_by_title": by_title,
        "order_returns_of_a_part": returns.partly,
        "order_returns_without_a_purchase": returns.unmatched,
    }


def _states(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[str, str]:
    """The states of the orders with their lines, and of those counted as purchases the unusual."""
    rows = connection.execute(
        "SELECT part, status, count(*), count(*) FILTER (kind = 'purchase') FROM order_kinds"
        " WHERE status IS NOT NULL AND kind <> 'twice' GROUP BY part, status ORDER BY status, part"
    ).fetchall()
    all_of: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for number, state, lines, bought in rows:
        all_of[state] = all_of.get(state, 0) + lines
        if bought and state not in parts[number].export.usual:
            unknown[state] = unknown.get(state, 0) + bought
    notes = {"order_states": all_of, "order_states_unknown": unknown}
    return {name: _listed(counts) for name, counts in notes.items() if counts}


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{state} ({lines:,})" for state, lines in ordered[:_STATES]]
    return ", ".join(shown + [f"{len(ordered) - _STATES} more"] * (len(ordered) > _STATES))


def _unused(connection: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> dict[str, int]:
    """Of each file how many lines are neither a purchase nor bad."""
    counts = dict(
        connection.execute("SELECT part, count(*) FROM order_kinds GROUP BY part").fetchall()
    )
    events = dict(
        connection.execute("SELECT file, count(*) FROM raw_events GROUP BY file").fetchall()
    )
    return {part.file: counts.get(part.number, 0) - events.get(part.file, 0) for part in parts}


def _columns(parts: Sequence[Part]) -> str:
    """What was taken for what, as `--column` would say it."""
    pairs = {f"{ours}={theirs}": None for part in parts for ours, theirs in part.chosen.items()}
    return ", ".join(pairs)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
