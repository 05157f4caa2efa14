"""Who foresees best, in one sentence and one small table: means alone, intervals on hover."""

from __future__ import annotations

from markupsafe import Markup

from calrec.evaluation.foreign import plain
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import user_words
from calrec.report.comparison import Comparison
from calrec.report.rendering import interval_lines, value_words
from calrec.report.tables import Value
from demo.html.templating import render
from demo.inspect.run_links import RunLinks

OPEN = 0.05
"""A difference with a larger p may well be chance."""
_SIDE = "pessimistic"


def league(one: Comparison, metric: str) -> Markup:
    """The sentence and the table, of the runs' common users, best first by the metric.

    Ties count against a recommender (pessimistic), so that none wins by saying nothing.
    """
    order = sorted(range(len(one.runs)), key=lambda k: -_mean(one, k, metric))
    links = RunLinks.of(one)
    rows = [
        (plain(one.names[k]), [_shown(one.value(k, name)) for name in TITLES], links.cases(k))
        for k in order
    ]
    winners = {name: max(order, key=lambda k: _mean(one, k, name)) for name in TITLES}
    others = "; ".join(
        f"by {TITLES[name]} it is {plain(one.names[k])}"
        for name, k in winners.items()
        if k != order[0]
    )
    return render(
        "metrics",
        "league",
        _sentence(one, metric, order),
        f"{others[:1].upper()}{others[1:]}." if others else "",
        list(TITLES.values()),
        rows,
        list(TITLES).index(metric),
    )


def _sentence(one: Comparison, metric: str, order: list[int]) -> str:
    best, title, users = order[0], TITLES[metric], user_words(one.users)
    name = plain(one.names[best])
    lead = f"By {title} {name} is best here"
    if len(order) == 1:
        return f"{name} alone: {title} {_mean(one, best, metric):.2f} on {users}."
    second = order[1]
    lead += (
        f": {_mean(one, best, metric):.2f}, before {plain(one.names[second])} with"
        f" {_mean(one, second, metric):.2f}, on {users}"
    )
    p = one.difference(best, second, metric, _SIDE).test.p
    if not p < OPEN:
        return (
            f"{lead}. The difference may be chance (paired t-test over shoppers, p = {p:.2f}), so"
            " that which of the two is better stays open."
        )
    small = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
    return f"{lead}. Chance alone would hardly do it (paired t-test over shoppers, {small})."


def _mean(one: Comparison, k: int, metric: str) -> float:
    value = one.value(k, metric)
    return value.optimistic if value.pessimistic is None else value.pessimistic


def _shown(value: Value) -> tuple[str, str]:
    """The mean with two decimals, and everything known of it as a tooltip."""
    optimistic, pessimistic, _ = value_words(value)
    lines = interval_lines(value)
    said = [f"optimistic {optimistic}", f"pessimistic {pessimistic or optimistic}"]
    tip = "; ".join(
        f"{side} ({lines[min(k, len(lines) - 1)]})" if lines else side
        for k, side in enumerate(said)
    )
    low, high = (value.pessimistic or value.optimistic), value.optimistic
    ends = dict.fromkeys((f"{low:.2f}", f"{high:.2f}"))
    return "–".join(ends), tip
