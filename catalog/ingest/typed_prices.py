"""Prices that are numbers in the source, a column of a Parquet file or a number of JSON (SQL)."""

from __future__ import annotations

_NUMBERS = ("DECIMAL", "DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_NUMBERS += ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")


def is_number(value: str, kind: str) -> str:
    """Whether a value of a DuckDB type is a number, in JSON each for itself."""
    if kind == "JSON":
        # No list for IN: DuckDB makes a join of it, which does not keep the order of the rows.
        return f"coalesce(regexp_matches(json_type({value}), 'INT|DOUBLE|DECIMAL'), false)"
    return "true" if kind.startswith(_NUMBERS) and not kind.endswith("]") else "false"


def printed_number(text: str) -> str:
    """A number, cast to a text, as a price is written: `12.5` as `12.50`; `NULL` if it is none.

    Whole numbers and decimals of a fixed scale stay as they are.
    """
    return (
        f"CASE WHEN NOT isfinite(TRY_CAST({text} AS DOUBLE)) THEN NULL"
        f" WHEN contains({text}, 'e') THEN format('{{:.2f}}', TRY_CAST({text} AS DOUBLE))"
        f" WHEN regexp_matches({text}, '[.][0-9]$') THEN {text} || '0' ELSE {text} END"
    )
