"""Attributes as a source has them, some of them objects and lists, as plain text.

SQL tells the few values that are no plain text; only those go through Python, each distinct one
once (`catalog.ingest.values.notation`). In a CSV file a field in brackets is text, and a title may
well be `[1984]`; where the source tells texts from lists, as JSON does, a list is one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

import duckdb

from catalog.attributes.distinct import map_distinct
from catalog.ingest.values.missing import is_missing
from catalog.ingest.values.notation import AMOUNTS, NAMES, NotUnderstoodError, names, parsed, paths

ATTRIBUTES = ("title", "category", "brand", "price")

# What a list of plain texts does not have in it: further lists, objects, and paths as text.
_ARROW = r"\S\s+(?:[-=]>|[>»›→])\s+\S"
_ODD_MEMBER = rf"regexp_matches(member, '^\s*[\[{{]|{_ARROW}')"
# Begins like what a program prints for a list or an object.
_WRITTEN = {
    "title": r"^\s*(\{|\[\s*\{)",
    "category": r"^\s*([\[{]|\(\s*[''\"]|array\()",
    "brand": r"^\s*(\{|\[\s*[''\"{\[])",
    "price": r"^\s*(\{|\[\s*[''\"{\[])",
}
_RESOLVED = """
CREATE OR REPLACE TEMP TABLE staged AS
  SELECT staged.* EXCLUDE (lost) REPLACE ({values}),
    list_filter([{lost}], lambda one: one IS NOT NULL) AS lost
  FROM staged {joins} ORDER BY staged.rowid
"""


def is_nested(text: str) -> str:
    """Whether the text is a JSON object or list; false of `NULL` (SQL)."""
    # CASE, as DuckDB would evaluate both sides of an AND.
    begins = f"starts_with({text}, '{{') OR starts_with({text}, '[')"
    return f"(CASE WHEN {begins} THEN json_valid({text}) ELSE false END)"


def listed(text: str) -> str:
    """What a list written as JSON holds, as a list of text; `NULL` of any other text (SQL)."""
    return f"""CASE WHEN starts_with({text}, '[') THEN TRY(from_json({text}, '["VARCHAR"]')) END"""


def read_attribute(name: str, text: str, nested: str) -> list[str]:
    """Columns of an attribute that `staged_attribute` makes others of (SQL).

    Args:
      name: which attribute.
      text: expression, its value as text; of an object or a list the JSON.
      nested: expression, whether it is an object or a list.
    """
    path = [f"{listed(text)} AS path"] if name == "category" else []
    return [f"{text} AS {name}", f"{nested} AS {name}_nested", *path]


def with_simple(rows: str) -> str:
    """Rows of `read_attribute` of a category, told whether it is a list of plain texts (SQL)."""
    odd = f"list_filter(path, lambda member: {_ODD_MEMBER})"
    return f"(SELECT *, path IS NOT NULL AND len({odd}) = 0 AS simple FROM {rows})"


def staged_attribute(name: str) -> list[str]:
    """Columns of `staged` of an attribute, over those of `read_attribute` (SQL).

    A category needs those of `with_simple`.

    What is not plain text goes into `odd_NAME`, for `resolve`.
    """
    missing = missing_attribute(name)
    if name != "category":
        odd = f"({name}_nested OR regexp_matches({name}, '{_WRITTEN[name]}'))"
        plain = f"CASE WHEN NOT {missing} AND NOT {odd} THEN {name} END AS {name}"
        return [plain, _odd(name, odd)]
    odd = f"(NOT simple AND (category_nested OR regexp_matches(category, '{_WRITTEN[name]}')))"
    blank = f"trim(member) = '' OR {is_missing('member')}"
    levels = f"list_filter(path, lambda member: NOT ({blank}))"
    return [
        f"CASE WHEN simple THEN nullif(array_to_string({levels}, ', '), '')"
        f" WHEN NOT {missing} AND NOT {odd} THEN category END AS category",
        f"CASE WHEN simple THEN {levels} END AS path",
        _odd(name, odd),
    ]


def missing_attribute(name: str) -> str:
    """Whether the value, over the columns of `read_attribute`, is a missing one's marker (SQL)."""
    return is_missing(name, number=name == "price")


def _odd(name: str, odd: str) -> str:
    return f"CASE WHEN {odd} THEN ({name}_nested::INTEGER) || {name} END AS odd_{name}"


def resolve(connection: duckdb.DuckDBPyConnection, attributes: Sequence[str]) -> None:
    """Fills in what `staged` has as odd values, and `lost`, those not all of which is understood.

    Args:
      connection: has `staged` with the columns of `staged_attribute` and
        `lost STRUCT(attribute VARCHAR, value VARCHAR)[]`.
      attributes: the names of those that it has.
    """
    counts = ", ".join(f"count(odd_{name})" for name in attributes)
    odd = connection.execute(f"SELECT {counts} FROM staged").fetchall()[0] if counts else ()
    found = [name for name, count in zip(attributes, odd, strict=True) if count]
    for name in found:
        columns = {"text": "VARCHAR", "lost": "BOOLEAN"}
        columns |= {"path": "VARCHAR[]"} if name == "category" else {}
        function = _category if name == "category" else partial(_text, name)
        query = f"SELECT odd_{name} AS raw FROM staged"
        map_distinct(connection, f"plain_{name}", query, function, columns=columns)
    if found:
        connection.execute(
            _RESOLVED.format(
                values=", ".join(value for name in found for value in _values(name)),
                lost=", ".join(
                    f"CASE WHEN plain_{name}.lost THEN"
                    f" {{'attribute': '{name}', 'value': odd_{name}[2:]}} END"
                    for name in found
                ),
                joins=" ".join(
                    f"LEFT JOIN plain_{name} ON plain_{name}.raw = odd_{name}" for name in found
                ),
            )
        )
    for name in found:
        connection.execute(f"DROP TABLE plain_{name}")


def _values(name: str) -> list[str]:
    columns = {name: "text"} | ({"path": "path"} if name == "category" else {})
    return [
        f"CASE WHEN odd_{name} IS NULL THEN staged.{ours} ELSE plain_{name}.{theirs} END AS {ours}"
        for ours, theirs in columns.items()
    ]


def _text(name: str, raw: str) -> tuple[str | None, bool]:
    """Plain text of an odd value of `staged`, and whether it is lost."""
    nested, text = raw[0] == "1", raw[1:]
    try:
        value = parsed(text)
    except NotUnderstoodError:
        return (None, True) if nested else (text, False)
    if not nested and text.lstrip()[0] == "{" and not isinstance(value, dict):
        return text, False
    found, whole = names(value, AMOUNTS if name == "price" else NAMES)
    return ", ".join(found) or None, not whole


def _category(raw: str) -> tuple[str | None, bool, list[str] | None]:
    """The text of an odd category, whether it is lost, and its first path."""
    nested, text = raw[0] == "1", raw[1:]
    try:
        value: Any = parsed(text)
    except NotUnderstoodError:
        return (None, True, None) if nested else (text, False, None)
    found, whole = paths(value)
    every = dict.fromkeys(name for path in found for name in path)
    path = found[0] if found else None
    if path and any(re.search(_ARROW, name) for name in every):  # a list of paths, each as a text
        path = [name.strip() for name in re.split(r"\s+(?:[-=]>|[>»›→])\s+", path[0])]
    return ", ".join(every) or None, not whole, path
