"""Which cases of an evaluation to show: the filters, as values of an address and as SQL."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from calrec.text.words import fold
from demo.inspect import reasons
from demo.inspect.choices import Choice
from demo.inspect.url import Query, one

NO_CATEGORY = "(no category)"
LONGEST_TEXT = 200
MOST_WORDS = 8


class CountBand(NamedTuple):
    """Whole numbers from `low` to `high`, both included; `None` is without end."""

    low: int
    high: int | None


_BAND = re.compile(r"(\d{1,9})(?:-(\d{1,9})|(\+))?", re.ASCII)


def band(name: str) -> CountBand | None:
    """`1`, `2-10` or `101+` as a band; `None` for any other text."""
    if not (found := _BAND.fullmatch(name)):
        return None
    low, high, endless = found.groups()
    ends = CountBand(int(low), None if endless else int(high or low))
    return ends if ends.high is None or ends.low <= ends.high else None


def _bands(*names: str) -> Mapping[str, CountBand]:
    return {name: ends for name in names if (ends := band(name))}


RANKS = _bands("1", "2-10", "11-100", "101+")
"""Bands of optimistic ranks, best first."""
LENGTHS = _bands("1-2", "3-5", "6-10", "11-20", "21+")
TIES = _bands("0", "1-9", "10+")
SOLD = _bands("0", "1-4", "5-9", "10-19", "20-49", "50-99", "100+")
AGES = _bands("0-6", "7-29", "30-89", "90-364", "365+")
BANDS: Mapping[str, Mapping[str, CountBand]] = {
    "a": RANKS,
    "b": RANKS,
    "length": LENGTHS,
    "tie": TIES,
    "sold": SOLD,
    "age": AGES,
}
"""The usual bands of each filter that takes one; an address may name any other."""


def words(bands: Iterable[str], chosen: str = "") -> list[Choice]:
    """Bands as choices: `2–10`, `101 and more`; one that is chosen is among them."""
    return [(band_words(name), name) for name in dict.fromkeys((*bands, chosen)) if name]


def band_words(name: str) -> str:
    """One band for people."""
    return f"{name[:-1]} and more" if name.endswith("+") else name.replace("-", "–")


COLD = [("In none", "yes"), ("In some", "no")]
REPEAT = [
    ("The last purchase again", "last"),
    ("An earlier purchase again", "earlier"),
    ("Not bought before", "new"),
]
LEVELS = [
    ("4 of 4 attributes", "4"),
    ("3 of 4", "3"),
    ("2 of 4", "2"),
    ("title only", "1"),
    ("no exact item", "0"),
]
WIN = [("A", "a"), ("B", "b"), ("Neither", "equal")]
SHORTCUTS = [
    ("Bought before", "bought"),
    ("Followed the last item", "follows"),
    ("Reads like the last item", "like"),
    ("Any of these", "any"),
    ("None of these", "none"),
]
HITS = [("Right", "right"), ("Wrong", "wrong")]
NEVER = "never"
"""Of `age`: not sold in training at all."""
STAR = [("Starred", "yes"), ("With a note", "note"), ("With a label", "label")]

SORTS: Mapping[str, str] = {
    "": "place",
    "ahead": "b_optimistic / a_optimistic DESC, place",
    "behind": "a_optimistic / b_optimistic DESC, place",
    "best": "a_optimistic, place",
    "worst": "a_optimistic DESC, place",
    "long": "history_length DESC, place",
    "short": "history_length, place",
    "ties": "a_pessimistic - a_optimistic DESC, place",
    "spread": "spread_worst / spread_best DESC NULLS LAST, place",
}
"""Orders by their value in the address."""
SORT_CHOICES: Sequence[Choice] = (
    ("As evaluated", ""),
    ("A far ahead", "ahead"),
    ("B far ahead", "behind"),
    ("Best rank by A", "best"),
    ("Worst rank by A", "worst"),
    ("Longest history", "long"),
    ("Shortest history", "short"),
    ("Most ties by A", "ties"),
    ("Most spread over seeds", "spread"),
)

_OFFERED: Mapping[str, Sequence[str]] = {
    "win": [value for _, value in WIN],
    "cold": [value for _, value in COLD],
    "repeat": [value for _, value in REPEAT],
    "shortcut": [value for _, value in SHORTCUTS],
    "hit": [value for _, value in HITS],
    "level": [value for _, value in LEVELS],
    "reason": [value for _, value in reasons.CHOICES],
    "star": [value for _, value in STAR],
}


@dataclass(frozen=True, kw_only=True)
class CaseFilters:
    """What every shown case must be; an empty value filters nothing.

    Attributes:
      text: words, each of which must stand in the target's title, category, brand or id, in the
        user's id, or in a text that the model wrote and kept.
      win: which run ranks the target better: `a`, `b` or `equal`.
      a: band of the optimistic rank by the first run, such as a key of `RANKS`.
      b: by the second run.
      length: band of the history's length.
      category: the target's; `NO_CATEGORY` for those without.
      cold: `yes` if the target is in no training and no validation part, `no` if it is.
      repeat: whether the target is the `last` purchase, an `earlier` one, or `new`.
      tie: band of how many items tie with the target by the first run.
      sold: band of the target's purchases in training.
      age: band of the days since it was first sold in training; `NEVER` where it was not.
      shortcut: which simple rule leads to the target, a value of `SHORTCUTS`.
      bought: id of the target.
      first: id of the item that the first run puts first.
      hit: whether that item is the target, `right` or `wrong`.
      level: on how many attributes the best kept text matches an item.
      reason: suggested for run A, a key of `demo.inspect.reasons`.
      star: `yes` for starred cases, `note` for those with a note, `label` with any label.
      label: cases with this label.
    """

    text: str = ""
    win: str = ""
    a: str = ""
    b: str = ""
    length: str = ""
    category: str = ""
    cold: str = ""
    repeat: str = ""
    tie: str = ""
    sold: str = ""
    age: str = ""
    shortcut: str = ""
    bought: str = ""
    first: str = ""
    hit: str = ""
    level: str = ""
    reason: str = ""
    star: str = ""
    label: str = ""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CaseFilters:
        """Filters of values by name, from anywhere: what is not on offer filters nothing."""
        return cls(**{field.name: _checked(field.name, values) for field in fields(cls)})

    @classmethod
    def read(cls, query: Query) -> CaseFilters:
        """The filters of an address."""
        return cls.of({field.name: one(query, field.name) for field in fields(cls)})

    def write(self) -> dict[str, str]:
        """The filters as names and values of an address, without the empty ones."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name))}

    def where(self) -> tuple[str, dict[str, Any]]:
        """Condition over the columns of `demo.inspect.case_table`, and the values bound in it.

        Those on annotations and reasons are not in it: they are the caller's.
        """
        parts, bound = ["true"], {}
        for name, column in _COUNTED.items():
            if ends := band(getattr(self, name)):
                low, high = ends
                parts.append(
                    f"{column} >= {low}" + ("" if high is None else f" AND {column} <= {high}")
                )
        parts += [
            condition for (name, value), condition in _FIXED.items() if getattr(self, name) == value
        ]
        for name, condition in _BOUND.items():
            if value := getattr(self, name):
                parts.append(condition)
                bound[name] = value
        if self.category == NO_CATEGORY:
            parts.append("category IS NULL")
        elif self.category:
            parts.append("category = $category")
            bound["category"] = self.category
        if self.level:
            parts.append("match_level = $level")
            bound["level"] = int(self.level)
        for k, word in enumerate(fold(self.text).split()[:MOST_WORDS]):
            parts.append(
                f"(contains(facts, $word{k})"
                f" OR place IN (SELECT place FROM texts WHERE contains(text, $word{k})))"
            )
            bound[f"word{k}"] = word
        return " AND ".join(parts), bound


_COUNTED = {
    "a": "a_optimistic",
    "b": "b_optimistic",
    "length": "history_length",
    "tie": "a_pessimistic - a_optimistic",
    "sold": "popularity",
    "age": "age",
}
_BOUND = {
    "bought": "target = $bought",
    "first": "place IN (SELECT place FROM firsts WHERE item = $first)",
}
_FIXED = {
    ("win", "a"): "a_optimistic < b_optimistic",
    ("win", "b"): "b_optimistic < a_optimistic",
    ("win", "equal"): "a_optimistic = b_optimistic",
    ("cold", "yes"): "cold",
    ("cold", "no"): "NOT cold",
    ("repeat", "last"): "is_last",
    ("repeat", "earlier"): "in_history AND NOT is_last",
    ("repeat", "new"): "NOT in_history",
    ("age", NEVER): "age < 0",
    ("shortcut", "bought"): "in_history",
    ("shortcut", "follows"): "follows_last",
    ("shortcut", "like"): "like_last",
    ("shortcut", "any"): "(in_history OR follows_last OR like_last)",
    ("shortcut", "none"): "NOT (in_history OR follows_last OR like_last)",
    ("hit", "right"): "place IN (SELECT place FROM firsts WHERE is_target)",
    ("hit", "wrong"): "place IN (SELECT place FROM firsts WHERE NOT is_target)",
}


def _checked(name: str, values: Mapping[str, Any]) -> str:
    value = values.get(name)
    if not isinstance(value, str):
        return ""
    if name in BANDS:
        return value if band(value) or (name, value) == ("age", NEVER) else ""
    if name in _OFFERED:
        return value if value in _OFFERED[name] else ""
    # A half character can be bound to no query.
    value = value.encode("utf-8", "ignore").decode("utf-8").replace("\x00", "")
    return " ".join(value.split())[:LONGEST_TEXT] if name == "text" else value[:LONGEST_TEXT]
