"""Prices that are numbers in the source, a column of a Parquet file or a number of JSON (SQL)."""

from __future__ import annotations


def printed_number(text: str) -> str:
    """A number, cast to a text, as its source has it, without an exponent; `NULL` if it is none."""
    return (
        f"CASE WHEN NOT isfinite(TRY_CAST({text} AS DOUBLE)) THEN NULL"
        f" WHEN regexp_matches({text}, '[eE]') THEN format('{{:.2f}}', TRY_CAST({text} AS DOUBLE))"
        f" ELSE {text} END"
    )
