"""What a CSV file's rows look like, to tell those that a quote has swallowed from long fields."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_FEW = 10  # rows, whose values may all be one word by chance
_NUMERIC = re.compile(r"[\d.,:+/TZ -]+")


@dataclass(frozen=True, kw_only=True)
class _Column:
    """What holds for every value of a column that was seen."""

    filled: bool
    solid: bool  # without white space
    flush: bool  # without a space in front
    numeric: bool

    @classmethod
    def of(cls, values: Sequence[str]) -> _Column:
        return cls(
            filled=all(value.strip() for value in values),
            solid=len(values) >= _FEW
            and not any(re.search(r"\s", value.strip()) for value in values),
            flush=not any(value.startswith(" ") for value in values),
            numeric=len(values) >= _FEW and all(map(_NUMERIC.fullmatch, filter(None, values))),
        )

    def has(self, value: str) -> bool:
        return (
            (bool(value.strip()) or not self.filled)
            and not (self.solid and re.search(r"\s", value.strip()))
            and not (self.flush and value.startswith(" "))
            and (not self.numeric or not value or bool(_NUMERIC.fullmatch(value)))
        )


@dataclass(frozen=True, kw_only=True)
class RowShape:
    """What rows have in common, told by some of them.

    Attributes:
      delimiter: what separates fields.
      columns: of each column.
    """

    delimiter: str
    columns: tuple[_Column, ...]

    @classmethod
    def of(cls, delimiter: str, rows: Sequence[Sequence[str]], width: int) -> RowShape:
        """The shape of rows; those of another width, or with line ends in them, do not count."""
        sound = [
            row for row in rows if len(row) == width and not re.search(r"[\r\n]", "".join(row))
        ]
        columns = zip(*sound, strict=True) if sound else [()] * width
        return cls(delimiter=delimiter, columns=tuple(map(_Column.of, columns)))

    def is_row(self, line: str) -> bool:
        """Whether the line could be a row by itself, quotes in it being text."""
        fields = line.rstrip("\r\n").split(self.delimiter)
        return len(fields) == len(self.columns) > 1 and all(
            column.has(field) for column, field in zip(self.columns, fields, strict=True)
        )
