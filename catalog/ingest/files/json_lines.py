"""Files of JSON lines, plain or gzipped: an object a line, whose keys are the columns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.lines import CONTENT, fields, json_records, key_list, object_keys
from catalog.ingest.files.table import FileFormat
from catalog.ingest.values.cells import json_cell, stage


class _JSONLines:
    form, remarks = "JSON lines", ()

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, quotes: Quotes):
        self._connection, self._path = connection, path
        object_keys(path, "a file of JSON lines")
        # Of the whole file, as a key may be rare.
        with json_records(connection, path, key_list) as records:
            keys = connection.execute(
                "SELECT key FROM (SELECT line, unnest(record) AS key"
                f" FROM {records} WHERE problem IS NULL) GROUP BY key ORDER BY min(line), key"
            ).fetchall()
        self.columns = tuple(key for (key,) in keys)

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        cells = {ours: json_cell(theirs) for ours, theirs in chosen.items()}
        record = fields(dict.fromkeys(chosen.values(), "VARCHAR"))
        head = f"line, problem, CASE WHEN problem IS NOT NULL THEN {CONTENT} END AS content"
        with json_records(self._connection, self._path, record) as records:
            stage(self._connection, head, cells, records)


JSON_LINES = FileFormat(
    name="a file of JSON lines",
    endings=tuple(f".{name}{gz}" for name in ("jsonl", "ndjson", "json") for gz in ("", ".gz")),
    open=_JSONLines,
)
