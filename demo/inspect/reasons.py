"""Why a case may have gone as it did: a taxonomy of suggested reasons, one rule each.

A rule is a function of the evidence of one case alone. A case may have several reasons; what is
not known (a run without texts, an item that is gone) supports none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from calrec.records import Item
from calrec.text.words import words

FEW_BUYERS = 5
"""Purchases in training below which an item is hardly known."""
BEST_SELLERS = 10
"""Items most often bought in training that count as popular."""
SHORT_HISTORY = 2
"""Purchases up to which a history says little."""
SHARED_WORDS = 0.5
"""Share of the title's different words that another title must have to be of the same series."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What the rules read of a case: one run's ranking, and the shop.

    Attributes:
      optimistic: rank of the item really bought, first among its ties.
      pessimistic: last among them.
      items: how many were ranked.
      target: the item really bought; `None` where the catalogue lacks it.
      buyers: purchases of it in training.
      bought_before: whether the history has it.
      purchases: in the history.
      first: the item that the run puts first; `None` where it is not known.
      first_bought: whether the history has that one.
      first_sales: its place among the most often bought in training, from 1; `None` if not known.
      named: on how many of four attributes the best text equals some item; `None` without texts.
      written: whether a text is that of the item really bought; `None` without texts.
      items_cut: purchases that did not fit into the prompt.
    """

    optimistic: int
    pessimistic: int
    items: int
    target: Item | None
    buyers: int
    bought_before: bool
    purchases: int
    first: Item | None = None
    first_bought: bool = False
    first_sales: int | None = None
    named: int | None = None
    written: bool | None = None
    items_cut: int = 0

    @property
    def other(self) -> Item | None:
        """The item that stands first in the place of the one really bought; else `None`."""
        if self.first is None or self.target is None or self.first.item_id == self.target.item_id:
            return None
        return self.first


def found_first(case: Evidence) -> bool:
    """No other item stands before it or beside it."""
    return case.pessimistic == 1


def tied(case: Evidence) -> bool:
    """Others have its score, so that its rank is a range."""
    return case.optimistic < case.pessimistic < case.items


def not_found(case: Evidence) -> bool:
    """Nothing stands behind it: the run says nothing of it."""
    return case.pessimistic == case.items > 1


def other_brand(case: Evidence) -> bool:
    """The first item is of its category and of another brand."""
    one, other = case.target, case.other
    if one is None or other is None or not (one.category and one.brand and other.brand):
        return False
    return one.category == other.category and one.brand != other.brand


def same_series(case: Evidence) -> bool:
    """The first item is another one that has half of its title's words, or more."""
    one, other = case.target, case.other
    if one is None or other is None:
        return False
    own = set(words(one.title or ""))
    return bool(own) and len(own & set(words(other.title or ""))) >= SHARED_WORDS * len(own)


def bought_before(case: Evidence) -> bool:
    """It was bought before."""
    return case.bought_before


def repeats(case: Evidence) -> bool:
    """The first item is another one, which was bought before."""
    return case.other is not None and case.first_bought


def popular(case: Evidence) -> bool:
    """The first item is another one, one of the ten most often bought."""
    return (
        case.other is not None
        and case.first_sales is not None
        and (case.first_sales <= BEST_SELLERS)
    )


def hardly_known(case: Evidence) -> bool:
    """It was bought fewer than five times in training."""
    return case.buyers < FEW_BUYERS


def names_no_item(case: Evidence) -> bool:
    """No text equals an item in all four attributes."""
    return case.named is not None and case.named < 4


def written_not_first(case: Evidence) -> bool:
    """A text is its own, and yet another item stands before it."""
    return bool(case.written) and case.optimistic > 1


def history_cut(case: Evidence) -> bool:
    """The oldest purchases did not fit into the prompt."""
    return case.items_cut > 0


def history_short(case: Evidence) -> bool:
    """The history has one or two purchases."""
    return case.purchases <= SHORT_HISTORY


@dataclass(frozen=True, kw_only=True)
class Reason:
    """One of the taxonomy.

    Attributes:
      key: in the address.
      name: for people.
      rule: when it is suggested, in one sentence.
      holds: the rule.
    """

    key: str
    name: str
    rule: str
    holds: Callable[[Evidence], bool]


REASONS: Mapping[str, Reason] = {
    key: Reason(key=key, name=name, rule=rule, holds=holds)
    for key, name, rule, holds in (
        ("found", "found first", "No other item stands before or beside it.", found_first),
        (
            "brand",
            "right category, other brand",
            "The first item has the same category and another brand.",
            other_brand,
        ),
        (
            "series",
            "right series, other item",
            "The first item's title has at least half of the words of its title.",
            same_series,
        ),
        (
            "written",
            "written, but not first",
            "One of the texts is that of the item, and another item stands before it.",
            written_not_first,
        ),
        (
            "repeats",
            "repeats a bought item",
            "The first item is another one, which the shopper had bought before.",
            repeats,
        ),
        (
            "popular",
            "popular item instead",
            "The first item is another one, among the ten most often bought of the shop.",
            popular,
        ),
        ("bought", "bought again", "The shopper had bought the item before.", bought_before),
        (
            "cold",
            "few buyers",
            "The item was bought fewer than five times in the training parts.",
            hardly_known,
        ),
        (
            "no-item",
            "texts name no item",
            "No text equals an item of the shop in title, category, brand and price.",
            names_no_item,
        ),
        (
            "tie",
            "tie",
            "Other items have the same score, but not all the way to the last place.",
            tied,
        ),
        (
            "nothing",
            "not found at all",
            "No item stands behind it: the ranking says nothing of it.",
            not_found,
        ),
        (
            "cut",
            "history too long for the prompt",
            "The oldest purchases did not fit into what the model reads.",
            history_cut,
        ),
        (
            "short",
            "short history",
            "The history has one purchase or two.",
            history_short,
        ),
    )
}
"""By key, in the order shown. Each is about run A and the item really bought."""

NONE = "none"
"""The key of the cases that no rule is for."""
CHOICES = [*((reason.name, key) for key, reason in REASONS.items()), ("no rule is for it", NONE)]
"""As choices of a list."""


def suggested(case: Evidence) -> tuple[str, ...]:
    """The keys of the reasons whose rules a case meets; `NONE` alone where there is none."""
    return tuple(key for key, reason in REASONS.items() if reason.holds(case)) or (NONE,)
