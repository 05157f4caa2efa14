"""JSON objects and lists that stand where a shop's table should have plain text (SQL)."""

from __future__ import annotations


def is_nested(text: str) -> str:
    """Whether the text is a JSON object or list; false of `NULL`."""
    # CASE, as DuckDB would evaluate both sides of an AND.
    begins = f"starts_with({text}, '{{') OR starts_with({text}, '[')"
    return f"(CASE WHEN {begins} THEN json_valid({text}) ELSE false END)"


def plain(text: str) -> str:
    """The text, `NULL` if it is nested."""
    return f"CASE WHEN NOT {is_nested(text)} THEN {text} END"


def listed(text: str) -> str:
    """What a list written as JSON holds, as a list of text; `NULL` of any other text."""
    return f"""CASE WHEN starts_with({text}, '[') THEN TRY(from_json({text}, '["VARCHAR"]')) END"""


def levels(path: str) -> str:
    """A list of text without blank ones; of a list within it the members, of an object nothing."""
    flat = f"flatten(list_transform({path}, lambda level: coalesce({listed('level')}, [level])))"
    return f"list_filter({flat}, lambda level: trim(level) <> '' AND NOT {is_nested('level')})"
