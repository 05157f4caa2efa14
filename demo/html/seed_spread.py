"""How far the metrics go with the seed alone, beside how far with the shoppers."""

from __future__ import annotations

from markupsafe import Markup

from calrec.evaluation.foreign import plain
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import user_words
from calrec.evaluation.seeds import SeedRanks
from calrec.evaluation.statistics import Interval
from calrec.report.comparison import Comparison
from demo.html.templating import render

SIDE = "pessimistic"
"""Ties count against a recommender, as in the table of who foresees best."""


def seed_spread(one: Comparison) -> Markup:
    """A row for each run that holds ranks by several seeds; empty where none does."""
    rows = [
        (plain(name), cases.by_seed.seeds, _cells(one, k, cases.by_seed))
        for k, (name, cases) in enumerate(zip(one.names, one.cases, strict=True))
        if cases.by_seed is not None
    ]
    if not rows:
        return Markup("")
    level = f"{one.bootstrap.level:.0%}"
    return render("seed_spread", "table", list(TITLES.values()), rows, user_words(one.users), level)


def _cells(one: Comparison, k: int, by_seed: SeedRanks) -> list[tuple[str, str, str, str]]:
    """Of each metric mean, standard deviation, extremes over seeds, and the interval over users."""
    cells = []
    for metric, sides in by_seed.by_metric().items():
        values, value = sides[SIDE], one.value(k, metric)
        interval = value.pessimistic_interval or value.optimistic_interval
        ends = "–" if interval is None or interval.low != interval.low else _range(interval)
        spread = f"{values.std(ddof=1):.3f}"
        cells.append(
            (f"{values.mean():.3f}", spread, f"{values.min():.3f} to {values.max():.3f}", ends)
        )
    return cells


def _range(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"
