"""What a search knows of a catalogue as a tree of attribute values, with the probability in each.

The probability of a group of items is the sum over their texts. A text that was read to its end
counts as found, and adds what it has. Any other lies below a node that was not read, whose
probability is the most that all texts below it can have together: it counts as open in each group
that has one of them.

Shapes: T distinct texts, G groups of a level, A groups of the level above, P pairs of a text that
was not found and the unread node above it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.generation.trie.beam import Explored
from calrec.generation.trie.grouping import Grouping, Level
from calrec.generation.trie.trie import ranges
from calrec.records.exploration import Branch, Rest


def tree(grouping: Grouping, explored: Explored, item_ids: Sequence[str]) -> Branch:
    """The whole catalogue as a branch.

    Args:
      grouping: of the trie's texts.
      explored: what a search knows of the trie.
      item_ids: of all items, in item-index order.
    """
    shares = _Shares.of(grouping, explored)
    below: dict[int, list[Branch]] = {}
    rests: dict[int, Rest] = {}
    for level in reversed(grouping.levels):
        members = _members(grouping, level) if level is grouping.levels[-1] else None
        branches = defaultdict(list)
        for group, sums in _groups(shares, grouping, level, item_ids):
            ids = [] if members is None else [item_ids[int(i)] for i in members[group]]
            branch = Branch(
                attribute=level.attribute,
                value=level.values[group],
                branches=tuple(below.get(group, ())),
                rest=rests.get(group),
                item_ids=tuple(ids),
                **sums,
            )
            branches[int(level.above[group])].append(branch)
        rests = _rests(shares, grouping, level)
        below = branches
    return Branch(
        attribute=None,
        value=None,
        items=len(item_ids),
        known=float(shares.known.sum()),
        open=float(shares.open_mass.sum()),
        best=_id_of(grouping, shares.order[:1], item_ids),
        branches=tuple(below.get(0, ())),
        rest=rests.get(0),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Shares:
    """What is known of each text.

    Attributes:
      known: its probability; 0 where it was not found.
      found: whether it was.
      order: those that were, most probable first.
      open_texts: texts that were not found.
      open_nodes: the unread node above each, by its place in `open_mass`.
      open_mass: of each unread node.
    """

    known: Float[np.ndarray, " T"]
    found: Bool[np.ndarray, " T"]
    order: Int[np.ndarray, " F"]
    open_texts: Int[np.ndarray, " P"]
    open_nodes: Int[np.ndarray, " P"]
    open_mass: Float[np.ndarray, " O"]

    @classmethod
    def of(cls, grouping: Grouping, explored: Explored) -> _Shares:
        trie, leaves, mass = explored.trie, grouping.leaves, np.exp(explored.totals)
        ends = trie.is_leaf(explored.nodes)
        known, found = np.zeros(len(leaves)), np.zeros(len(leaves), dtype=bool)
        texts = np.searchsorted(leaves, explored.nodes[ends])
        known[texts], found[texts] = mass[ends], True
        is_open = ~ends & ~explored.read
        unread = explored.nodes[is_open]
        first = np.searchsorted(leaves, unread)
        counts = np.searchsorted(leaves, trie.behind[unread]) - first
        return cls(
            known=known,
            found=found,
            order=texts[np.argsort(-known[texts], kind="stable")],
            open_texts=ranges(first, counts),
            open_nodes=np.repeat(np.arange(len(unread)), counts),
            open_mass=mass[is_open],
        )

    def open_of(
        self, groups: Int[np.ndarray, " T"], some: Bool[np.ndarray, " T"], size: int
    ) -> Float[np.ndarray, " G"]:
        """The mass of all unread nodes above some texts of each group, each node counted once."""
        chosen = some[self.open_texts]
        groups, nodes = groups[self.open_texts[chosen]], self.open_nodes[chosen]
        pairs = np.unique(groups * max(1, len(self.open_mass)) + nodes)
        groups, nodes = np.divmod(pairs, max(1, len(self.open_mass)))
        return np.bincount(groups, weights=self.open_mass[nodes], minlength=size).astype(float)


def _groups(
    shares: _Shares, grouping: Grouping, level: Level, item_ids: Sequence[str]
) -> list[tuple[int, dict[str, Any]]]:
    """The groups of a level that have a found text, most probable first, with their sums."""
    groups, size = level.of_text, len(level.above)
    known = np.bincount(groups, weights=shares.known, minlength=size)
    opened = shares.open_of(groups, np.ones(len(groups), dtype=bool), size)
    items = np.bincount(groups, weights=np.diff(grouping.starts), minlength=size).astype(int)
    # Backwards, so that of each group the most probable text stays.
    best = np.full(size, -1)
    best[groups[shares.order[::-1]]] = shares.order[::-1]
    found = np.flatnonzero(best >= 0)
    found = found[np.argsort(-known[found], kind="stable")]
    return [
        (
            group,
            {
                "items": int(items[group]),
                "known": float(known[group]),
                "open": float(opened[group]),
                "best": _id_of(grouping, best[[group]], item_ids),
            },
        )
        for group in found.tolist()
    ]


def _members(grouping: Grouping, level: Level) -> list[Int[np.ndarray, " _"]]:
    """The items of each group, ascending."""
    groups = np.empty(len(grouping.items), dtype=np.int64)
    groups[grouping.items] = np.repeat(level.of_text, np.diff(grouping.starts))
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups))[:-1])


def _rests(shares: _Shares, grouping: Grouping, level: Level) -> dict[int, Rest]:
    """Of each group of the level above, what has no found text."""
    groups, size = level.of_text, int(level.above.max()) + 1
    missed = np.bincount(groups, weights=shares.found, minlength=len(level.above)) == 0
    above, some = level.above[groups], missed[groups]
    branches = np.bincount(level.above[missed], minlength=size)
    items = np.bincount(above, weights=some * np.diff(grouping.starts), minlength=size)
    opened = shares.open_of(above, some, size)
    return {
        group: Rest(
            branches=int(branches[group]), items=int(items[group]), open=float(opened[group])
        )
        for group in np.flatnonzero(branches).tolist()
    }


def _id_of(grouping: Grouping, text: Int[np.ndarray, " _"], item_ids: Sequence[str]) -> str | None:
    """The first item of a text, if there is one."""
    return item_ids[int(grouping.items_at(int(text[0]))[0])] if len(text) else None
