"""A finished search over a catalogue as a tree: how much probability lies where, and what became of
an item that was asked about.

A share is a probability of 0 to 1. What a search read is known exactly; what it left unread is
known only as a bound, and stands apart: of a branch `known` is certain, and no more than `open`
comes to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from calrec.records.item import Attributes, Item

Attribute = Literal["title", "category", "brand", "price"]

IN_TEXT: tuple[Attribute, ...] = ("title", "category", "brand", "price")
"""In the order of an item's text: so a way is read."""
WIDEST_FIRST: tuple[Attribute, ...] = ("category", "brand", "title", "price")
"""From what many items share to what tells the last ones apart: so a tree is read."""


@dataclass(frozen=True, kw_only=True)
class Rest:
    """The branches beside others of which no text was read to its end.

    Attributes:
      branches: how many.
      items: below all of them.
      open: the most probability that they have together.
    """

    branches: int
    items: int
    open: float


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The items that share some attribute values.

    Attributes:
      attribute: which one tells them from those beside; `None` of the whole catalogue.
      value: its value, as the text shows it; `None` where they have none.
      items: how many they are.
      known: the probability of their texts that were read to their end.
      open: the most that their other texts can add; what may lie in one of several branches counts
        in each.
      best: id of the most probable item that was read so; of equal texts the first.
      branches: by the next attribute, those with such a text, most probable first.
      rest: the others.
      item_ids: of all its items, where no attribute is left to tell them apart; else empty.
    """

    attribute: Attribute | None
    value: str | None
    items: int
    known: float
    open: float
    best: str | None
    branches: tuple[Branch, ...] = ()
    rest: Rest | None = None
    item_ids: tuple[str, ...] = ()

    @property
    def most(self) -> float:
        """The most probability that it can have."""
        return min(1.0, self.known + self.open)

    def along(self, shown: Attributes) -> tuple[Branch, ...]:
        """The branches on the way down to an item by its attributes, as far as there are such."""
        for branch in self.branches:
            if branch.attribute and branch.value == getattr(shown, branch.attribute):
                return (branch, *branch.along(shown))
        return ()


@dataclass(frozen=True, kw_only=True)
class Found:
    """A text that was found.

    Attributes:
      item_ids: those that carry it.
      log_prob: of the whole text, end token included, in nats.
    """

    item_ids: tuple[str, ...]
    log_prob: float


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A token that leads to other items than the one asked about.

    Attributes:
      token_id: its id.
      text: the token as text.
      word: the word that it begins or goes on, as far as all items below have it alike.
      log_prob: behind all tokens before it, at temperature 1, in nats.
      items: below it.
      best: id of the most probable one that was found below it.
    """

    token_id: int
    text: str
    word: str
    log_prob: float
    items: int
    best: str | None


@dataclass(frozen=True, kw_only=True)
class Step:
    """A token of an item's text.

    Attributes:
      token_id: its id.
      text: the token as text.
      word: the whole word that it is part of.
      attribute: of which it is part, the label before it included; `None` of the end token.
      log_prob: behind all tokens before it, at temperature 1, in nats.
      total: of all tokens so far, in nats: what is still alive behind it.
      items: that are still possible behind it.
      turns: what else leads to items in its place, most probable first; the first few.
      others: how many more there are.
      outside: the probability, behind all tokens before it, of what leads to no item.
    """

    token_id: int
    text: str
    word: str
    attribute: Attribute | None
    log_prob: float
    total: float
    items: int
    turns: tuple[Turn, ...]
    others: int
    outside: float


@dataclass(frozen=True, kw_only=True)
class Part:
    """An attribute on an item's way.

    Attributes:
      attribute: which.
      value: as the text shows it; `None` where the item has none.
      log_prob: of all its tokens behind what stands before, in nats.
      total: of the text so far, in nats.
      first: place of its first step.
      behind: the place behind its last step.
    """

    attribute: Attribute
    value: str | None
    log_prob: float
    total: float
    first: int
    behind: int


@dataclass(frozen=True, kw_only=True)
class Way:
    """What became of an item that was asked about; all of it is exact.

    Attributes:
      item: the item.
      shown: its attributes as its text shows them.
      steps: the tokens of its text, end token included.
      ranks: its optimistic and pessimistic place among all items; `None` where it was not found.
      lost: the place of the step behind which it can no longer be among the first items; `None` for
        one that is, and where the search was not exact.
    """

    item: Item
    shown: Attributes
    steps: tuple[Step, ...]
    ranks: tuple[int, int] | None
    lost: int | None

    @property
    def log_prob(self) -> float:
        """Of the whole text, in nats."""
        return self.steps[-1].total

    @property
    def dearest(self) -> int:
        """The place of the step that cost it most."""
        return min(range(len(self.steps)), key=lambda place: self.steps[place].log_prob)

    def parts(self) -> tuple[Part, ...]:
        """The way attribute by attribute, in the order of the text; the end token goes to the last.

        A text that was cut has fewer of them.
        """
        return tuple(self._parts())

    def _parts(self) -> Iterator[Part]:
        ends = [step.attribute for step in self.steps[:-1]]
        shown: list[Attribute] = [name for name in IN_TEXT if name in ends]
        first, before = 0, 0.0
        for name in shown:
            last = name == shown[-1]
            behind = len(self.steps) if last else first + ends.count(name)
            total = self.steps[behind - 1].total
            yield Part(
                attribute=name,
                value=getattr(self.shown, name),
                log_prob=total - before,
                total=total,
                first=first,
                behind=behind,
            )
            first, before = behind, total


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """A search over a catalogue.

    Attributes:
      history: oldest item first.
      levels: by what the tree branches.
      tree: of all items.
      found: texts, most probable first.
      exact: whether no other text can be among them.
      outside: the least and the most probability of all texts that are no item's.
      first: how many items count as the first ones.
      needed: the log-probability that the last of these has, in nats.
      ways: of the items asked about, as they were asked.
      tokens_read: by the model, prompt aside.
      settings: all that shaped it; JSON-able.
      seconds: how long it took.
    """

    history: tuple[Item, ...]
    levels: tuple[Attribute, ...]
    tree: Branch
    found: tuple[Found, ...]
    exact: bool
    outside: tuple[float, float]
    first: int
    needed: float
    ways: tuple[Way, ...]
    tokens_read: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
