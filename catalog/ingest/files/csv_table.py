"""CSV and TSV files, plain or gzipped."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from catalog.ingest.files.csv_rows import CSVFile
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.table import FileFormat
from catalog.ingest.values.cells import SourceCell, stage, text_cell


class _CSV:
    """Staged by DuckDB where every row is sound, else row by row."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: Path, quotes: Quotes):
        self._connection, self._file = connection, CSVFile.opened(path, quotes)
        self.columns = tuple(name for name in self._file.header if name)
        self.form, self.remarks = str(self._file.dialect), ()

    def stage(self, chosen: Mapping[str, str], *, numbered: bool) -> None:
        cells = {
            ours: text_cell(f"c{self._file.header.index(theirs)}")
            for ours, theirs in chosen.items()
        }
        if numbered or not self._file.regular or not self._staged_fast(cells):
            with self._file.with_line_numbers(self._connection) as rows:
                stage(self._connection, "line, problem, content", cells, rows)
        self.remarks = self._file.remarks(self._connection, [*chosen])

    def _staged_fast(self, cells: Mapping[str, SourceCell]) -> bool:
        """Whether DuckDB found every row good."""
        head = "NULL::BIGINT AS line, NULL::VARCHAR AS problem, NULL::VARCHAR AS content"
        stage(self._connection, head, cells, self._file.sound_rows())
        rejects = self._connection.execute("SELECT count(*) FROM csv_rejects").fetchall()[0][0]
        self._connection.execute("DROP TABLE csv_rejects; DROP TABLE csv_scans")
        return not rejects and not self._file.swallows_rows(self._connection)


CSV = FileFormat(name="a CSV file", endings=(".csv", ".tsv", ".csv.gz", ".tsv.gz"), open=_CSV)
