"""Rows of a source as `raw_events`, the same checks for every format."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

from catalog.database import quoted_text
from catalog.ingest.times import WHOLE, Reading
from catalog.ingest.values.ids import given_id
from catalog.ingest.values.nested import is_nested

# What decides whether an event repeats the one before it, besides its time.
COMPARED = ("item_id", "rating", "review_text")
CONTENT_CHARACTERS = 500

_INSERT = """
INSERT INTO raw_events
SELECT line, problem, CASE WHEN problem IS NOT NULL THEN left({content}, {characters}) END,
  user_id, item_id, microseconds, whole_position, number_rating, review, {file}
FROM (
  SELECT * REPLACE (coalesce(problem, {problem}) AS problem) FROM (
    SELECT * REPLACE ({user_id} AS user_id, {item_id} AS item_id),
      {microseconds} AS microseconds, {position} AS whole_position,
      CASE WHEN isfinite(TRY_CAST(rating AS DOUBLE)) THEN TRY_CAST(rating AS DOUBLE) END
        AS number_rating
    FROM {rows}))
"""


def insert_events(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    *,
    reading: Reading,
    names: Mapping[str, str],
    content: str,
    file: str = "NULL",
) -> None:
    """Fills `raw_events`.

    Args:
      connection: has `raw_events`.
      rows: SQL of a table `(line, problem, user_id, item_id, time, position, rating, review)` and
        whatever `content` needs. `problem` is what the row's own form is wrong by.
      reading: how its times read.
      names: what the source calls `user_id`, `item_id`, `time`, `position`, `rating`.
      content: expression over the row, shown where there is a problem.
      file: expression, the row's file, where the source has several.
    """
    cases = [
        _not_an_id("user_id", names["user_id"]),
        _not_an_id("item_id", names["item_id"]),
        _unreadable("time", "microseconds", names["time"], reading.expected),
        _missing("microseconds", names["time"]),
        _unreadable("position", "whole_position", names["position"], "a whole number"),
        _unreadable("rating", "number_rating", names["rating"], "a number"),
    ]
    connection.execute(
        _INSERT.format(
            rows=rows,
            content=content,
            file=file,
            characters=CONTENT_CHARACTERS,
            problem=f"CASE {' '.join(cases)} END",
            microseconds=reading.microseconds("time"),
            position=WHOLE.format("position"),
            user_id=given_id("user_id"),
            item_id=given_id("item_id"),
        )
    )


def review_hash(text: str) -> str:
    """What stands for a review's text, only ever compared with one other (SQL)."""
    return f"CASE WHEN {text} IS NOT NULL THEN hash({text}) END"


def item_problem(name: str) -> str:
    """Why a row of items with the column `item_id`, called `name`, cannot be used (SQL)."""
    return f"CASE {_not_an_id(given_id('item_id'), name)} END"


def _not_an_id(value: str, name: str) -> str:
    found = quoted_text(f"{name}: expected a text or a number, found ")
    return f"{_missing(value, name)} WHEN {is_nested(value)} THEN {found} || {_shown(value)}"


def _missing(value: str, name: str) -> str:
    return f"WHEN {value} IS NULL THEN {quoted_text(f'{name} is missing')}"


def _unreadable(column: str, read: str, name: str, expected: str) -> str:
    text = f"CAST({column} AS VARCHAR)"
    found = quoted_text(f"{name}: expected {expected}, found ")
    return (
        f"WHEN {read} IS NULL AND {column} IS NOT NULL AND trim({text}) <> ''"
        f" THEN {found} || {_shown(text)}"
    )


def _shown(text: str) -> str:
    return f"chr(39) || left({text}, 40) || chr(39)"
