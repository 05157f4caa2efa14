"""Applies a Python function to the distinct values of a query, where SQL would be clumsy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import duckdb
import pyarrow as pa

_BATCH = 10_000  # distinct values
_ARROW = {"VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "BOOLEAN": pa.bool_()}


def map_distinct(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    query: str,
    function: Callable[[Any], tuple],
    *,
    raw: str = "VARCHAR",
    columns: Mapping[str, str],
) -> int:
    """Makes the temporary table `name(raw, ...)` of a query's distinct values.

    Args:
      connection: where the query can be run and the table goes.
      name: of the table; one of that name goes.
      query: SQL of one column `raw`; its `NULL`s are left out.
      function: from a value to what stands in the columns.
      raw: DuckDB type of the value: VARCHAR or VARCHAR[].
      columns: DuckDB type of each column: one of these or BOOLEAN.

    Returns:
      How many distinct values there are.
    """
    types = {"raw": raw, **columns}
    declared = ", ".join(f"{column} {kind}" for column, kind in types.items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({declared})")
    # Numbered by a column: in an open transaction row ids do not begin at 0.
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE distinct_values AS SELECT row_number() OVER () - 1 AS n, raw"
        f" FROM (SELECT DISTINCT raw FROM ({query}) WHERE raw IS NOT NULL)"
    )
    count = connection.execute("SELECT count(*) FROM distinct_values").fetchall()[0][0]
    schema = pa.schema([(column, _ARROW[kind]) for column, kind in types.items()])
    for start in range(0, count, _BATCH):
        found = connection.execute(
            "SELECT raw FROM distinct_values WHERE n BETWEEN ? AND ?", [start, start + _BATCH - 1]
        ).fetchall()
        rows = [(value, *function(value)) for (value,) in found]
        arrays = [
            pa.array(column, kind)
            for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
        ]
        connection.register("mapped_batch", pa.table(arrays, schema=schema))
        connection.execute(f"INSERT INTO {name} FROM mapped_batch")
        connection.unregister("mapped_batch")
    connection.execute("DROP TABLE distinct_values")
    return count
