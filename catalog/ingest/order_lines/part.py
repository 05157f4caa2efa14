"""A part of an order export: which file it is, and which of its columns are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from catalog.ingest.exports.record import Export


@dataclass(frozen=True, kw_only=True)
class SourcePart:
    """A file, or a sheet of one.

    Attributes:
      number: its place among all parts, from 0.
      file: what it is called in messages.
      export: what its columns are known by.
      chosen: our name to theirs.
      above: lines above its first row, for a line's number.
      sheet: whether it is a sheet of a workbook.
      form: how it was read, for the report.
      missing: how many values of each column stood for missing ones.
      remarks: what to look at, found in reading it.
    """

    number: int
    file: str
    export: Export
    chosen: Mapping[str, str]
    above: int = 0
    sheet: bool = False
    form: str = ""
    missing: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        """Where its lines are (SQL)."""
        return f"order_part_{self.number}"

    def called(self, ours: str) -> str:
        """What the source calls a column of ours, or the one that stands in for it."""
        line = self.export.line_names
        for name in (ours, f"other_{ours}", "title" if ours == "item_id" else ours):
            if name in self.chosen or name in line:
                return self.chosen.get(name) or line[name]
        return ours
