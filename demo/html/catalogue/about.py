"""About a shop: the paper's Table 1 in plain words, and what building it left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from catalog.build import word_rule
from catalog.sequences import HELD_OUT
from catalog.statistics import Statistics
from demo.html.templating import render
from demo.html.wording import count
from demo.inspect.bars import Bar, sizes
from demo.inspect.links import to_items
from demo.inspect.shop import Shop

_ROLES = {
    "evaluation": "Each shopper's last purchase is held out as the test, and the one before it "
    "for choosing settings.",
    "selection": "Each shopper's last purchase is held out for choosing settings.",
    "training": "Nothing is held out: the shop only serves training.",
}


def about(shop: Shop) -> Markup:
    """The shop in numbers; takes a moment for a large one."""
    catalogue, found = shop.catalogue, shop.statistics
    lengths = np.maximum(np.diff(catalogue.sequences().offsets) - HELD_OUT[catalogue.info.role], 0)
    return render(
        "catalogue/about",
        "about",
        role=_ROLES.get(catalogue.info.role, ""),
        figures=_figures(found),
        charts=[
            (
                [(bar, _sold(shop.domain, bar)) for bar in sizes(catalogue.popularity)],
                *("items", "Items by how often they were sold"),
            ),
            (
                [(bar, "") for bar in sizes(lengths)],
                *("shoppers", "Shoppers by purchases in training"),
            ),
        ],
        remarks=_remarks(catalogue.info.report),
    )


def _sold(domain: str, bar: Bar) -> str:
    """The address of a bar's items; none for a bar without any."""
    band = f"{bar.low}..{'' if bar.high is None else bar.high}"
    return to_items(domain, sold=band) if bar.count else ""


def _figures(found: Statistics) -> list[tuple[str, str, str]]:
    """Name, value and meaning of each."""
    return [
        ("Shoppers", f"{found.users:,}", "with at least one purchase"),
        ("Items", f"{found.items:,}", "never bought ones included"),
        ("Purchases", f"{found.purchases:,}", "held-out ones included"),
        ("Exact repeats", f"{found.duplicates_percent:.2f} %", "of the purchases as they came"),
        ("Purchases per shopper", f"{found.items_per_user:.2f}", "on average"),
        ("Purchases per item", f"{found.purchases_per_item:.2f}", "on average"),
        ("Density", f"{100 * found.density:.4f} %", "of all pairs of shopper and item"),
        ("Words per item", f"{found.words_per_item:.1f}", "in its four attributes, on average"),
        ("Different words", f"{found.vocabulary:,}", "the vocabulary of all items"),
        ("Uses of a word", f"{found.word_frequency:.1f}", "over all items, on average"),
    ]


def _remarks(report: Mapping[str, Any]) -> list[str]:
    lines = [
        _read(report),
        _bad(report.get("bad_lines")),
        _repeats(report),
        _cold(report.get("cold_items")),
        _few(report),
        _sentence(word_rule.explained(report["words"])) if "words" in report else "",
    ]
    return [line for line in lines if line]


def _read(report: Mapping[str, Any]) -> str:
    events, items = _number(report, "events_read"), _number(report, "items_read")
    line = f"{count(events, 'purchase')} and {count(items, 'item')} read."
    unlisted = _number(report, "items_without_metadata")
    if unlisted:
        line += f" {count(unlisted, 'item')} bought but not described: known by id only."
    return line


def _bad(bad: Any) -> str:
    lines = {name: n for name, n in bad.items() if n} if isinstance(bad, Mapping) else {}
    if not lines:
        return "No line was bad."
    parts = " and ".join(f"{count(int(n), 'bad line')} of {name}" for name, n in lines.items())
    return f"{parts} left out; calrec-catalog build names each."


def _repeats(report: Mapping[str, Any]) -> str:
    removed, kept = _number(report, "repeats_removed"), _number(report, "repeats_kept")
    if kept:
        return f"{count(kept, 'exact repeat')} kept on purpose."
    return f"{count(removed, 'exact repeat')} removed." if removed else "No exact repeats."


def _cold(cold: Any) -> str:
    if not isinstance(cold, Mapping):
        return ""
    items, targets = _number(cold, "items"), _number(cold, "test_targets")
    dropped = _number(cold, "purchases_dropped")
    return (
        f"{count(items, 'item')} kept cold: {count(targets, 'purchase')} of them held out,"
        f" {dropped:,} dropped."
    )


def _few(report: Mapping[str, Any]) -> str:
    users = _number(report, "users_under_5_purchases")
    items = _number(report, "items_under_5_purchases")
    few = [
        *([count(users, "shopper")] if users else []),
        *([count(items, "item")] if items else []),
    ]
    return f"Fewer than 5 purchases: {' and '.join(few)}." if few else ""


def _number(report: Mapping[str, Any], name: str) -> int:
    value = report.get(name, 0)
    return value if isinstance(value, int) else 0


def _sentence(line: str) -> str:
    """Not `capitalize`, which makes all other letters small: those of names, too."""
    return f"{line[:1].upper()}{line[1:]}."
