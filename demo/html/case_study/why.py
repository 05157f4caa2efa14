"""The suggested reasons as HTML: how many cases have each, every count a filter."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from demo.html.templating import render
from demo.inspect.case_filters import CaseFilters
from demo.inspect.case_reasons import Count
from demo.inspect.reasons import CHOICES, REASONS

_NAMES = {key: name for name, key in CHOICES}
_WINNERS = (("a", "A better"), ("b", "B better"), ("equal", "equal"))


def strip(counts: Sequence[Count], filters: CaseFilters) -> Markup:
    """The reasons in one line, the most frequent first; empty without any."""
    ordered = sorted(counts, key=lambda count: -count.cases)
    found = [(one.key, _NAMES[one.key], one.cases, _rule(one.key)) for one in ordered]
    return render("cases/why", "strip", found, filters.reason)


def table(counts: Sequence[Count], filters: CaseFilters, cases: int, alone: bool) -> Markup:
    """The reasons with their rules, by who ranks the item better."""
    winners = () if alone else _WINNERS
    rows = [
        (
            one.key,
            _NAMES[one.key],
            _rule(one.key),
            [("", one.cases), *((side, getattr(one, side)) for side, _ in winners)],
        )
        for one in counts
    ]
    titles = [title for _, title in winners]
    return render("cases/why", "table", rows, titles, (filters.reason, filters.win), cases)


def _rule(key: str) -> str:
    return REASONS[key].rule if key in REASONS else "None of the rules above."
