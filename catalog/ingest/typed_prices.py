"""Prices that are numbers in the source, a column of a Parquet file or a number of JSON (SQL)."""

from __future__ import annotations


def printed_number(text: str) -> str:
    """A number, cast to a text, as a price is written: `12.5` as `12.50`; `NULL` if it is none.

    Whole numbers and decimals of a fixed scale stay as they are.
    """
    return (
        f"CASE WHEN NOT isfinite(TRY_CAST({text} AS DOUBLE)) THEN NULL"
        f" WHEN regexp_matches({text}, '[eE]') THEN format('{{:.2f}}', TRY_CAST({text} AS DOUBLE))"
        f" WHEN regexp_matches({text}, '[.][0-9]$') THEN {text} || '0' ELSE {text} END"
    )
