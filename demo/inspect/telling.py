"""What a case tells, from its own figures: kinds of cases, each with a threshold and a caption."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST = 0.75
"""Share of the texts that count as nearly all."""
FIRST = 10
"""Places that count as found."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What an evaluation says of one case.

    Attributes:
      user_id: whose case.
      seed: of the samples; with it the model writes what it wrote in the evaluation.
      texts: written.
      same: how many of them are the most frequent one.
      distinct: how many differ.
      right: whether the most frequent one names the item really bought.
      named: how many name it.
      faulty: texts that lack the labels.
      used: how many of these were matched to the items, as plain words.
      rank: of the item really bought, first among its ties.
      worst: last among them.
      simple: its rank by the words of the last purchase alone, first among its ties.
      items: of the shop.
      length: purchases in the history.
      bought: which of them was the item itself, the first one being 1; 0 for none.
      cold: whether nobody bought it in the training part.
      elsewhere: whether it is of another category than the last purchase.
    """

    user_id: str
    seed: int
    texts: int
    same: int
    distinct: int
    right: bool
    named: int
    faulty: int
    used: int
    rank: int
    worst: int
    simple: int
    items: int
    length: int
    bought: int
    cold: bool
    elsewhere: bool

    @property
    def found(self) -> bool:
        """Whether the model has it among the first ten, whatever its ties."""
        return self.worst <= FIRST

    @property
    def missed(self) -> bool:
        """Whether it has not, whatever its ties."""
        return self.rank > FIRST

    @property
    def placed(self) -> str:
        """The rank in words."""
        tied = "" if self.rank == self.worst else f" to {self.worst:,}"
        return f"rank {self.rank:,}{tied} of {self.items:,}"

    @property
    def alike(self) -> str:
        """How many texts are the same one, in words."""
        return f"{self.same} of {self.texts} texts are the same one"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of case.

    Attributes:
      title: what it shows.
      holds: whether a case is of it.
      said: its caption, true of any case that is of it.
      telling: the smaller, the more telling.
    """

    title: str
    holds: Callable[[Figures], bool]
    said: Callable[[Figures], str]
    telling: Callable[[Figures], float]


def _what_became(f: Figures) -> str:
    one = f.faulty == 1
    lack = "lacks its labels" if one else "lack their labels"
    matched = "matched to the items as plain words"
    left = "left out, as better texts were kept"
    if f.used == f.faulty:
        became = f"{'It is' if one else 'They are'} {matched}"
    elif f.used:
        became = f"{f.used} of these {'is' if f.used == 1 else 'are'} {matched}"
    else:
        became = f"{'It is' if one else 'They are'} {left}"
    return f"{f.faulty} of {f.texts} texts {lack}. {became}; {f.placed}."


KINDS: Mapping[str, Kind] = {
    "lir": Kind(
        title="The simple rule wins",
        holds=lambda f: f.simple <= 3 and f.missed,
        said=lambda f: f"The last purchase's words put it at {f.simple}, the model at {f.placed}.",
        telling=lambda f: -f.rank,
    ),
    "wrong": Kind(
        title="Sure, and wrong",
        holds=lambda f: f.same >= MOST * f.texts and not f.right and f.missed,
        said=lambda f: f"{f.alike}, and it is another item's; {f.placed}.",
        telling=lambda f: -f.same,
    ),
    "unsure": Kind(
        title="The model hesitates, and misses",
        holds=lambda f: f.distinct >= MOST * f.texts and f.missed,
        said=lambda f: (
            f"{f.distinct} of {f.texts} texts differ, and"
            f" {f.named or 'none'} {'names' if f.named <= 1 else 'name'} the right item;"
            f" {f.placed}."
        ),
        telling=lambda f: -f.distinct,
    ),
    "tie": Kind(
        title="A tie decides",
        holds=lambda f: f.rank <= FIRST < f.worst,
        said=lambda f: f"{f.worst - f.rank + 1} items have the same score, so it is {f.placed}.",
        telling=lambda f: f.rank - f.worst,
    ),
    "sure": Kind(
        title="Sure, and right",
        holds=lambda f: f.same >= MOST * f.texts and f.right and f.worst == 1 and not f.bought,
        said=lambda f: f"{f.alike}, and it is right: {f.placed}.",
        telling=lambda f: -f.same,
    ),
    "error": Kind(
        title="A format error",
        holds=lambda f: f.faulty > 0,
        said=_what_became,
        telling=lambda f: -f.used,
    ),
    "repurchase": Kind(
        title="Bought again",
        holds=lambda f: 0 < f.bought < f.length and f.worst <= 2,
        said=lambda f: f"It was purchase {f.bought} of {f.length} already; {f.placed}.",
        telling=lambda f: -f.simple,
    ),
    "accessory": Kind(
        title="From another shelf",
        holds=lambda f: f.elsewhere and not f.bought and f.length >= 3 and f.worst == 1,
        said=lambda f: (
            "Of another category than the last purchase, whose words put it at"
            f" {f.simple:,}; the model: {f.placed}."
        ),
        telling=lambda f: -f.simple,
    ),
    "cold": Kind(
        title="Never sold before",
        holds=lambda f: f.cold and f.found,
        said=lambda f: f"In no history that the model learnt from; {f.placed}.",
        telling=lambda f: f.rank,
    ),
}
"""By short name; of those that the model misses, and of those that it finds, the plainest first."""
SHOWN = 4
"""Failures shown at most, and as many of the others."""


def balanced(kinds: Mapping[str, Figures]) -> dict[str, Figures]:
    """The cases to show: of failures as many as of the others, or more, in the order of `KINDS`."""
    failing = [name for name in KINDS if name in kinds and not kinds[name].found][:SHOWN]
    well = [name for name in KINDS if name in kinds and kinds[name].found]
    chosen = [*well[: len(failing)], *failing]
    return {name: kinds[name] for name in chosen}
