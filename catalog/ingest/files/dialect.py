"""How a CSV file is written: what separates fields and what encloses them."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TextIO

Quotes = Literal["auto", "double", "single", "none"]
"""What encloses fields: `auto` finds out; in a file of tabs by its name nothing does."""

MARKS = {"double": '"', "single": "'", "none": ""}
_SAMPLE = 1000  # lines
_LONGEST = 4 << 20  # characters, all of them together
_DELIMITERS = ",;\t|"
_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars", " ": "spaces"}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """A way to write CSV.

    Attributes:
      delimiter: what separates fields.
      quote: what encloses a field; blank if nothing does.
      escape: what makes a quote within quotes one of the text: another quote, or a backslash.
      spaces: whether spaces behind a delimiter are no part of the field.
    """

    delimiter: str
    quote: str = '"'
    escape: str = '"'
    spaces: bool = False

    def __str__(self) -> str:
        names = {mark: f"{name} quotes" for name, mark in MARKS.items()} | {"": "no quotes"}
        spaced = " and spaces behind them" if self.spaces else ""
        delimiter = _NAMES.get(self.delimiter, repr(self.delimiter))
        return f"CSV with {delimiter}{spaced}, {names.get(self.quote, repr(self.quote))}"

    def reader(self, lines: Iterable[str]) -> Iterator[list[str]]:
        """The rows of lines; `csv.Error` at what is not of this dialect."""
        doubled = self.escape != "\\"
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=doubled,
            escapechar=None if doubled or not self.quote else self.escape,
            skipinitialspace=self.spaces,
            strict=True,
        )


def told(lines: list[str], delimiter: str | None, escape: str, quotes: Quotes) -> Dialect:
    """The dialect of a file.

    Args:
      lines: its first ones, see `first_lines`.
      delimiter: what separates fields, where that is known.
      escape: what was found before a quote within quotes: another one, or a backslash.
      quotes: what encloses fields, if that is known.
    """
    delimiter = delimiter or max(_DELIMITERS, key=(lines or [""])[0].count)
    if quotes != "auto":
        quote = MARKS[quotes]
        plain = Dialect(delimiter=delimiter, quote=quote, escape=_escape(escape, quote))
    else:
        plain = Dialect(delimiter=delimiter, escape=_escape(escape, '"'))
        single = replace(plain, quote="'", escape=_escape(_single_escape(lines), "'"))
        if any(re.search(rf"{re.escape(delimiter)} +'", line) for line in lines):
            single = replace(single, spaces=True)
        if _encloses(single, lines, plain):
            return single
    spaced = replace(plain, spaces=True)
    if plain.quote and _sound(spaced, lines) > _sound(plain, lines):
        return spaced
    # A header reads well either way, and its names would have quotes in them.
    if plain.quote and any(re.match(rf" +{plain.quote}", name) for name in _header(plain, lines)):
        return spaced
    return plain


def rows(dialect: Dialect, lines: list[str]) -> list[list[str]]:
    """Rows of the first lines up to what is not of the dialect; the header is the first."""
    found = []
    reader = dialect.reader(lines)
    with suppress(csv.Error):
        for row in reader:
            if row:
                found.append(row)
    return found


def _header(dialect: Dialect, lines: list[str]) -> list[str]:
    return next(iter(rows(dialect, lines)), [])


def _sound(dialect: Dialect, lines: list[str]) -> int:
    """How many of the rows have as many fields as the header, up to what is not of the dialect."""
    found = rows(dialect, lines)
    return sum(len(row) == len(found[0]) for row in found)


def _encloses(single: Dialect, lines: list[str], double: Dialect) -> bool:
    """Whether single quotes enclose the fields, and are not part of them.

    They do if every row can be read so, none has double quotes around a field, and they stand
    around every value of some column, or only so there are enough fields.
    """
    found = rows(double, lines)
    fields = [field.strip(" ") for row in found for field in row]
    if any(field.startswith('"') for line in lines for field in line.split(double.delimiter)):
        return False
    if not any(field.startswith("'") for field in fields):
        return False
    read = rows(single, lines)
    if not read or any(len(row) != len(read[0]) for row in read) or len(read) < len(found):
        return False
    if any(len(row) != len(found[0]) for row in found):
        return True
    columns = list(zip(*found[1:], strict=True))
    return any(_all_in_quotes(column) for column in columns)


def _all_in_quotes(column: Iterable[str]) -> bool:
    values = [value.strip(" ") for value in column]
    present = [value for value in values if value and value not in ("NULL", "\\N")]
    return bool(present) and all(len(v) > 1 and v[0] == v[-1] == "'" for v in present)


def _escape(found: str, quote: str) -> str:
    return "\\" if found == "\\" else quote


def _single_escape(lines: list[str]) -> str:
    return "\\" if any("\\'" in line for line in lines) else "'"


def first_lines(text: TextIO) -> list[str]:
    """Lines to tell a dialect by; one that is very long is left out, and all behind it."""
    found, length = [], 0
    while len(found) < _SAMPLE and (line := text.readline(_LONGEST)):
        length += len(line)
        if length >= _LONGEST:
            break
        found.append(line)
    return found
