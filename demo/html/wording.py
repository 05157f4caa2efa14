"""Numbers, ranks and items in words; plain text."""

from __future__ import annotations

import math
from collections.abc import Sequence

from calrec.records import Item

LEAST = 0.0005
"""The smallest probability that is written as a number."""
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 item`, `1,500 items`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    *others, end = names
    return f"{', '.join(others)} {last} {end}" if others else end


def spelled(number: int) -> str:
    """Small numbers as words, larger ones as digits."""
    return _NUMBERS[number] if number < len(_NUMBERS) else f"{number:,}"


def rank_range(optimistic: int, pessimistic: int) -> str:
    """`3`, or `3 to 5` where items tie."""
    if optimistic == pessimistic:
        return f"{optimistic:,}"
    return f"{optimistic:,} to {pessimistic:,}"


def rank_sentence(optimistic: int, pessimistic: int, total: int, ranked: bool = True) -> str:
    """One line that says what a rank means and why it may be a range.

    Args:
      optimistic: first among its ties.
      pessimistic: last among them.
      total: items ranked.
      ranked: whether the recommender says anything of the item at all.
    """
    if not ranked:
        return f"Rank {total:,} of {total:,}: no text matches it, so it stands behind all others."
    if optimistic == pessimistic:
        return f"Rank {optimistic:,} of {total:,}. No other item has the same score."
    tied = pessimistic - optimistic + 1
    return (
        f"Rank {rank_range(optimistic, pessimistic)} of {total:,}: "
        f"{spelled(tied)} items have the same score, so the true item may stand first "
        f"(optimistic, {optimistic:,}) or last among them (pessimistic, {pessimistic:,})."
    )


def unfound_sentence(optimistic: int, pessimistic: int, total: int) -> str:
    """One line on an item that stands in the tie of all those that were not found."""
    if optimistic == pessimistic:
        return f"It stands behind all others; in the figures it counts as rank {total:,}."
    others = pessimistic - optimistic
    return (
        f"Like {others:,} other{'' if others == 1 else 's'} of {total:,}. In the figures it counts"
        f" as rank {optimistic:,} at best and {pessimistic:,} at worst."
    )


def probability(score: float) -> str:
    """The probability of a text whose log-probability is `score` nats, in words."""
    chance = math.exp(min(score, 0.0))
    if chance >= 0.001:
        return f"a chance of {chance:.1%}"
    if score < -700:
        return "a vanishing chance"
    return f"a chance of 1 in {1 / chance:,.0f}" if score > -20 else f"a chance of {chance:.0e}"


def title_of(item: Item) -> str:
    """The item's title, with a stand-in where it has none."""
    return item.title or f"Untitled item {item.item_id}"


def tooltip(item: Item) -> str:
    """Everything known about an item, one attribute a line."""
    known = (
        ("Category", item.category),
        ("Brand", item.brand),
        ("Price", item.price),
        ("Id", item.item_id),
    )
    lines = (f"{label}: {value}" for label, value in known if value)
    return "\n".join((title_of(item), *lines))


def percent(share: float) -> str:
    """A probability of 0 to 1: `36%`, `4.2%`; next to nothing, or to all, is told as neither."""
    if share < LEAST:
        return "less than 0.1%" if share > 0 else "0%"
    if 1 - LEAST < share < 1:
        return "more than 99.9%"
    return f"{share:.0%}" if 0.1 <= share < 0.99 or share >= 1 else f"{share:.1%}"


def percent_range(least: float, most: float) -> str:
    """`36%`, or `36–41%` where only bounds are known."""
    low, high = percent(least), percent(most)
    if low == high or most < LEAST:
        return high
    if least < LEAST:
        return f"at most {high}"
    return f"{100 * least:.0f}–{high}" if least >= 0.01 and most >= 0.1 else f"{low[:-1]}–{high}"
