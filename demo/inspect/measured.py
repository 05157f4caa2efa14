"""Metrics of two runs over some cases: means with intervals, and a paired test of the difference.

They are made as those of a report's fixed slices are (`calrec.evaluation.statistics`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calrec.evaluation.slices import figure
from calrec.evaluation.statistics import Bootstrap, Difference, Estimate, paired_differences
from demo.inspect.case_table import Selection

BOOTSTRAP = Bootstrap()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A metric over some cases.

    Attributes:
      sides: of A and, where there is a comparison, of B.
      difference: A minus B, of the optimistic values; `None` without a comparison.
    """

    sides: tuple[Estimate, ...]
    difference: Difference | None


def measured(selection: Selection, metrics: Sequence[str], alone: bool) -> Mapping[str, Measured]:
    """Some metrics over the cases, by name; empty where there is no case."""
    if not len(selection):
        return {}
    # Saved slices are measured whenever the page is shown: those that are known need no resamples.
    kept, key = selection.table.measurements, (selection.places.tobytes(), tuple(metrics), alone)
    if (known := kept.get(key)) is None:
        known = kept[key] = {metric: _measured(selection, metric, alone) for metric in metrics}
    return known


def _measured(selection: Selection, metric: str, alone: bool) -> Measured:
    sides = selection.table.comparison.cases[: 2 - alone]
    values = [one.values[metric, "optimistic"][selection.places][:, None] for one in sides]
    return Measured(
        sides=tuple(figure(one, selection.places, metric, BOOTSTRAP) for one in sides),
        difference=None if alone else paired_differences(values[0], values[1], BOOTSTRAP)[0],
    )
