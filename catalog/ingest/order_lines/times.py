"""How the times of order lines read: the files of one export decide together, others apart.

A shop that has changed its software has exports of two kinds, one with `13/12/2019 10:00`, say, and
one with unix time; and a workbook may have dates in one sheet and texts in the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from catalog.ingest.order_lines.part import SourcePart
from catalog.ingest.times import Reading, reading_of


def part_readings(
    connection: duckdb.DuckDBPyConnection, parts: Sequence[SourcePart], time_format: str | None
) -> tuple[Reading, ...]:
    """How each part's times read; raises `CatalogueError` as `reading_of` does.

    Those of the same export, the same name of the column and the same type are one column.

    Args:
      connection: has the tables of the parts.
      parts: numbered by their places.
      time_format: what the person who builds says of all times.
    """
    columns: dict[tuple[str, str, str], list[SourcePart]] = {}
    for part in parts:
        kind = connection.execute(f"SELECT typeof(min(time)) FROM {part.table}").fetchall()[0][0]
        columns.setdefault((part.export.name, part.called("timestamp"), kind), []).append(part)
    found = {}
    for (_, name, _), members in columns.items():
        rows = " UNION ALL ".join(f"SELECT time FROM {part.table}" for part in members)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE part_times AS {rows}")
        reading = reading_of(connection, "part_times", "time", time_format=time_format, name=name)
        found |= {part.number: reading for part in members}
    connection.execute("DROP TABLE part_times")
    return tuple(found[part.number] for part in parts)


def reading_notes(readings: Sequence[Reading]) -> dict[str, str]:
    """What was decided, for the report; of several columns in their order."""
    notes: dict[str, dict[str, None]] = {}
    for reading in readings:
        for name, note in reading.notes().items():
            notes.setdefault(name, {})[note] = None
    return {name: "; ".join(several) for name, several in notes.items()}
