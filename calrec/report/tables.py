"""Tables as records: what stands in each cell, before anything is written as text.

`calrec.report.layouts` makes them from runs, `calrec.report.rendering` writes them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from calrec.evaluation.statistics import Estimate, Interval

Unit = Literal["metric", "difference", "change", "share", "p", "count", "mean", "seconds", "number"]
"""How a value is shown: a metric, a signed difference of metrics, a signed relative change
(fraction), a share (fraction), a p-value, a number of things, a mean of such numbers, seconds, any
other number (four digits that count)."""


@dataclass(frozen=True, kw_only=True)
class Value:
    """A number, or a pair of an optimistic and a pessimistic one.

    Attributes:
      optimistic: or the only one; NaN where it is not defined.
      pessimistic: `None` where there is only one.
      unit: of both.
      optimistic_interval: where one belongs; NaN where there are too few users for one.
      pessimistic_interval: likewise.
      change: relative change against another value, as a fraction, shown in brackets.
      best_optimistic: whether it is the best of its row, or of its part of the column.
      best_pessimistic: likewise.
    """

    optimistic: float
    pessimistic: float | None = None
    unit: Unit = "metric"
    optimistic_interval: Interval | None = None
    pessimistic_interval: Interval | None = None
    change: float | None = None
    best_optimistic: bool = False
    best_pessimistic: bool = False

    @classmethod
    def of_sides(cls, figures: Mapping[str, float], change: float | None = None) -> Value:
        """Of one metric as `calrec.evaluation.metrics.summarise` gives it."""
        optimistic, pessimistic = figures["optimistic"], figures["pessimistic"]
        return cls(optimistic=optimistic, pessimistic=pessimistic, change=change)


Cell = str | Value | None
"""Text, a value, or nothing to show."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column's heading.

    Attributes:
      title: its own.
      group: a heading above that neighbours share; empty for none.
    """

    title: str
    group: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of the report.

    Attributes:
      key: short name, fit for a file: lower-case letters, digits, hyphens.
      title: heading.
      columns: headings; the first `keys` of them name the row.
      rows: as many cells as columns each.
      keys: how many columns name the row.
      notes: one sentence each: what was compared, on which users, and what differs.
      missing: which runs would fill it, and the command; empty where it is filled.

    Raises:
      ValueError: if a row has another number of cells than there are columns.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    keys: int = 1
    notes: tuple[str, ...] = ()
    missing: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.key}: {len(self.columns)} columns, {len(row)} cells")

    def numeric(self, column: int) -> bool:
        """Whether a column holds numbers, which stand to the right."""
        return column >= self.keys and any(isinstance(row[column], Value) for row in self.rows)


def measured(estimate: Estimate) -> Value:
    """A metric with its intervals."""
    return Value(
        optimistic=estimate.optimistic,
        pessimistic=estimate.pessimistic,
        optimistic_interval=estimate.optimistic_interval,
        pessimistic_interval=estimate.pessimistic_interval,
    )


def relative_change(new: float, old: float) -> float:
    """`new / old - 1`; NaN where `old` is 0."""
    return new / old - 1 if old else math.nan


def with_best(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    """The cells with the highest optimistic and the highest pessimistic value marked.

    A mark needs a lower value to be better than: where all of a side are equal it marks none.
    Of several, those that are highest share it.
    """
    values = [cell for cell in cells if isinstance(cell, Value)]
    optimistic = _best([value.optimistic for value in values])
    pessimistic = _best([_pessimistic(value) for value in values])
    return tuple(
        dataclasses.replace(
            cell,
            best_optimistic=cell.optimistic == optimistic,
            best_pessimistic=_pessimistic(cell) == pessimistic,
        )
        if isinstance(cell, Value)
        else cell
        for cell in cells
    )


def _best(values: Sequence[float]) -> float | None:
    return max(values) if len(set(values)) > 1 else None


def _pessimistic(value: Value) -> float:
    return -math.inf if value.pessimistic is None else value.pessimistic
