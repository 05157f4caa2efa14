"""The decisions and findings of a build that its user should check, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog.attributes.prices import UNDECIDED


def findings(report: Mapping[str, Any]) -> list[str]:
    """A line each, of a domain's report; none of what is as it should be."""
    return [*_cold(report), *_times(report), *_prices(report), *_ids(report)]


def _cold(report: Mapping[str, Any]) -> list[str]:
    if not (cold := report.get("cold_items")):
        return []
    return [
        f"cold items: {cold['items']:,}, first sold from {cold['first_sold_from']} on; "
        f"{cold['test_targets']:,} purchases of them are test targets, "
        f"{cold['purchases_dropped']:,} dropped, and {cold['users_dropped']:,} users with nothing "
        "left"
    ]


def _times(report: Mapping[str, Any]) -> list[str]:
    lines = []
    decided = report.get("timestamp_decided_by", "")
    if "the whole column" in decided:
        lines.append(f"times: read as {report['timestamp']} ({decided})")
    if count := report.get("purchases_at_equal_times"):
        by_file = report["purchases_in_file_order"]
        decides = (
            "the order of the file decides"
            if by_file == count
            else f"their positions decide, for {by_file:,} the order of the file"
        )
        lines.append(
            f"order: {count:,} purchases share their time with another item of their user; "
            f"{decides}"
        )
    return lines


def _prices(report: Mapping[str, Any]) -> list[str]:
    lines = []
    if count := report.get("prices_without_a_number"):
        lines.append(
            f"prices: {count:,} without a number, as {report['price_without_a_number']!r}; they "
            "stand behind all others where items are sorted by price"
        )
    undecided = [line for line in report.get("prices_of_two_meanings", ()) if UNDECIDED in line]
    return [*lines, *(f"prices: {line}" for line in undecided)]


def _ids(report: Mapping[str, Any]) -> list[str]:
    lines = [f"ids: put right {line}" for line in report.get("ids_put_right", ())]
    if alike := report.get("items_alike"):
        lines.append(
            f"warning: bought items that are not listed look like listed ones: {alike}; they are "
            "kept apart, so write their ids in both tables alike"
        )
    if long := report.get("ids_in_scientific_notation"):
        lines.append(
            f"warning: ids in scientific notation, of which a spreadsheet has lost digits: {long}; "
            "export them as text"
        )
    return lines
