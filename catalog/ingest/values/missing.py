"""What other programs write for a value that they do not have: pandas, R, SQL databases, Excel."""

from __future__ import annotations

import re

MARKERS = (
    "NaN", "nan", "NAN", "-NaN", "-nan", "NaT", "<NA>", "NA", "N/A", "n/a", "#N/A", "#NA",
    "NULL", "Null", "null", "None", "none", "(null)", "\\N",
)  # fmt: skip
_LONGEST = 9  # bytes, some white space around most of them with it
INFINITE = ("inf", "-inf", "Infinity", "-Infinity", "+inf", "+Infinity")
"""No number that anything costs; as a title or a brand, a name like others."""


def is_missing(text: str, *, number: bool = False) -> str:
    """Whether the text is such a marker, white space around it aside (SQL; `NULL` of `NULL`).

    Args:
      text: expression of a text.
      number: whether it should be a number.
    """
    listed = "|".join(map(re.escape, MARKERS + (INFINITE if number else ())))
    # Not a list: DuckDB would make a join of it, after which rows are in no order.
    marker = rf"regexp_full_match({text}, '\s*(?:{listed})\s*')"
    # To look at a length is quicker.
    return f"(CASE WHEN strlen({text}) > {_LONGEST} THEN false ELSE {marker} END)"
