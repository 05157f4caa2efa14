"""From a comparison of evaluations to its cases: addresses of parts, and plots that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import plotly.graph_objects as go

from calrec.evaluation.slices import Dimension
from calrec.report.comparison import Comparison
from calrec.report.figures import rank_edges
from calrec.report.layouts.shortcuts import Kind
from calrec.report.tables import Table
from demo.inspect.case_filters import NEVER, NO_CATEGORY
from demo.inspect.links import to_cases

Filters = Mapping[str, str]
"""By names of fields of `demo.inspect.case_filters.CaseFilters`."""
_COUNTED = {
    "History length": "length",
    "Target's purchases": "sold",
    "Target's age in days": "age",
    "Tie width": "tie",
}
_NAMED: Mapping[tuple[str, str], Filters] = {
    ("Target in training or validation", "seen"): {"cold": "no"},
    ("Target in training or validation", "cold"): {"cold": "yes"},
    ("Repeat", "new to the person"): {"repeat": "new"},
    ("Repeat", "bought before"): {"repeat": "earlier"},
    ("Repeat", "bought last"): {"repeat": "last"},
    ("Target's age in days", "never sold"): {"age": NEVER},
    ("Category", "(without)"): {"category": NO_CATEGORY},
}
_NO_SLICE = {("Category", "(other)"), ("Target's age in days", "not recorded")}
SHORTCUTS = ("bought", "follows", "like", "any", "none")
"""Values of the filter `shortcut`, in the order of `calrec.report.layouts.shortcuts.kinds`."""


def filters_of(dimension: str, band: str) -> Filters | None:
    """The filters that let a band's cases through; `None` for one that is a rest of others.

    Args:
      dimension: name of `calrec.evaluation.slices.Slices`.
      band: one of its.
    """
    if (dimension, band) in _NO_SLICE:
        return None
    if known := _NAMED.get((dimension, band)):
        return known
    if dimension == "Category":
        return {"category": band}
    return {_COUNTED[dimension]: band} if dimension in _COUNTED else None


@dataclass(frozen=True, kw_only=True)
class RunLinks:
    """Addresses of cases of some runs that stand side by side.

    Attributes:
      shop: theirs.
      runs: folder names.
      main: place of the one that the others are compared with: the first that writes texts.
    """

    shop: str
    runs: tuple[str, ...]
    main: int = 0

    @classmethod
    def of(cls, one: Comparison) -> RunLinks:
        """Those of a comparison's runs."""
        return cls(
            shop=one.runs[0].domain,
            runs=tuple(run.folder.name for run in one.runs),
            main=next((k for k, run in enumerate(one.runs) if run.generative), 0),
        )

    def cases(self, run: int, filters: Filters | None = None) -> str:
        """The cases of a run as A, beside the main one, or the first other one, as B."""
        places = [self.main, *range(len(self.runs))]
        other = next((self.runs[k] for k in places if k != run), "")
        return to_cases(self.shop, self.runs[run], other, **(filters or {}))

    def part(self, filters: Filters) -> str:
        """A part of the cases that all runs have, with the main run as A."""
        return self.cases(self.main, filters)

    def by_run(self, bands: Sequence[Filters | None]) -> list[list[str]]:
        """Of each run the address of each band; empty for a band that is no filter's."""
        return [
            ["" if band is None else self.cases(k, band) for band in bands]
            for k in range(len(self.runs))
        ]


def bands_of(one: Comparison, dimension: Dimension) -> list[Filters | None]:
    """The filters of a dimension's bands that hold a case, as plots and tables show them."""
    slices = dimension(one.cases[0])
    return [
        filters_of(slices.dimension, name)
        for band, name in enumerate(slices.bands)
        if len(slices.places(band))
    ]


def kinds_of(kinds: Sequence[Kind]) -> list[Filters]:
    """The filters of kinds of targets."""
    return [{"shortcut": key} for key, _ in zip(SHORTCUTS, kinds, strict=True)]


def slice_rows(table: Table, links: RunLinks) -> Mapping[int, str]:
    """Addresses of the rows of a table of slices, by row."""
    found = {row: filters_of(*map(str, cells[:2])) for row, cells in enumerate(table.rows)}
    return {row: links.part(band) for row, band in found.items() if band is not None}


def leading(figure: go.Figure, of_traces: Sequence[Sequence[str] | None]) -> go.Figure:
    """A copy of a figure whose points lead to addresses.

    Args:
      figure: with as many traces.
      of_traces: of each trace an address a point, empty for none; `None` for a trace that leads
        nowhere.
    """
    copy = go.Figure(figure)
    copy.update_layout(meta={"leads": ""})
    traces: Any = copy.data
    for trace, addresses in zip(traces, of_traces, strict=True):
        if addresses is not None:
            trace.customdata = list(addresses)
    return copy


def leading_bands(figure: go.Figure, one: Comparison, bands: Sequence[Filters | None]) -> go.Figure:
    """Of a metric over bands (`calrec.report.figures.by_band`): each mark to its run's cases."""
    addresses = RunLinks.of(one).by_run(bands)
    return leading(figure, [of_run for of_run in addresses for _ in ("rings", "dots")])


def leading_curves(figure: go.Figure, one: Comparison) -> go.Figure:
    """Of recall over every k (`rank_distribution`): of the solid lines, each point to the cases
    whose item is among the first k."""
    links, addresses = RunLinks.of(one), []
    traces: Any = figure.data
    for run in range(len(one.runs)):
        firsts = [int(k) for k in traces[2 * run].x]
        bands = [{"a": f"1-{k}" if k > 1 else "1"} for k in firsts]
        addresses += [[links.cases(run, band) for band in bands], None]
    return leading(figure, addresses)


def leading_cells(figure: go.Figure, one: Comparison, filters: Filters | None = None) -> go.Figure:
    """Of the ranks by two runs (`rank_scatter(one, 1, 0)`): each cell to its cases.

    Args:
      figure: of `one`.
      one: the two runs.
      filters: that its cases passed already.
    """
    shop, names = one.runs[0].domain, [run.folder.name for run in one.runs]
    largest = max(int(cases.optimistic.max()) for cases in one.cases)
    spans = list(_spans(rank_edges(largest)))
    copy = go.Figure(figure)
    copy.update_layout(meta={"leads": ""})
    known = dict(filters or {})
    cells, _ = cast(Any, copy.data)
    filled = np.asarray(cells.customdata) > 0
    cells.customdata = [
        [
            to_cases(shop, *names, **{**known, "a": down, "b": across}) if holds else ""
            for across, holds in zip(spans, row, strict=True)
        ]
        for down, row in zip(spans, filled, strict=True)
    ]
    return copy


def _spans(edges: np.ndarray) -> Iterator[str]:
    for low, high in zip(edges[:-1].tolist(), (edges[1:] - 1).tolist(), strict=True):
        yield str(low) if low == high else f"{low}-{high}"
