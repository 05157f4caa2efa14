"""Parquet files."""

from __future__ import annotations

from pathlib import Path

import duckdb

from catalog.database import one_file
from catalog.ingest.columns import require_different
from catalog.ingest.files.dialect import Quotes
from catalog.ingest.files.table import FileFormat, TypedTable


def _open(connection: duckdb.DuckDBPyConnection, path: Path, quotes: Quotes) -> TypedTable:
    from pyarrow.parquet import read_schema

    # A folder named `key=value` would become a column, and take the place of the file's own.
    source = f"read_parquet({one_file(path)}, hive_partitioning = false)"
    table = TypedTable(connection, source, "Parquet")
    # DuckDB gives those of one name new names.
    require_different(read_schema(path).names, path)
    return table


PARQUET = FileFormat(name="a Parquet file", endings=(".parquet",), open=_open)
