"""The trie of a catalogue's item texts, as flat arrays.

A node is a token behind all tokens before it; node 0 is the root, what stands before the first. The
nodes are numbered in preorder, children by token id: so the number of an only child is one more
than its parent's, and a chain of only children is a range of numbers. Every text ends with the end
token, so that no text's last node lies on the way to another one's.

Shapes: N nodes, I items, C chosen nodes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.errors import CalrecError


@dataclass(frozen=True, kw_only=True, eq=False)
class Trie:
    """See the module.

    Attributes:
      tokens: id of each node's token; -1 at the root.
      parents: the root's is itself.
      behind: the first number behind a node's subtree.
      depths: tokens up to a node, itself included; 0 at the root.
      offsets: where a node's children begin in `children`, and, one further, where they end.
      children: numbers, node by node, ascending.
      stops: the last node of the chain of only children that begins with a node: one where texts
        part, or a text's end.
      leaves: the last node of each item's text; items of equal text share it.
    """

    tokens: Int[np.ndarray, " N"]
    parents: Int[np.ndarray, " N"]
    behind: Int[np.ndarray, " N"]
    depths: Int[np.ndarray, " N"]
    offsets: Int[np.ndarray, " N+1"]
    children: Int[np.ndarray, " N-1"]
    stops: Int[np.ndarray, " N"]
    leaves: Int[np.ndarray, " I"]

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], end_id: int) -> Trie:
        """The trie of these texts.

        Args:
          texts: token ids of each item's text, without the end token; at least one text.
          end_id: the end token.

        Raises:
          CalrecError: if there is no text, or one has the end token in it.
        """
        if not texts:
            raise CalrecError(
                "expected at least one item to decode over, found none; choose a shop with items"
            )
        rows, leaf_rows = _sorted_rows(texts, end_id)
        there = rows >= 0
        place = np.arange(rows.shape[1], dtype=np.int32)[None]
        # Of each row, how many first tokens it shares with the row before.
        shared = np.zeros(len(rows), dtype=np.int32)
        shared[1:] = (rows[1:] != rows[:-1]).argmax(axis=1)
        new = there & (place >= shared[:, None])
        numbers = np.zeros(rows.shape, dtype=np.int32)
        numbers[new] = np.arange(1, np.count_nonzero(new) + 1, dtype=np.int32)
        firsts = numbers[np.arange(len(rows)), shared]
        numbers = np.maximum.accumulate(numbers, axis=0)
        above = np.concatenate([np.zeros((len(rows), 1), np.int32), numbers[:, :-1]], axis=1)
        count = int(numbers.max()) + 1
        # A node's subtree ends where a later row shares less than the way to the node.
        after = np.where(shared[:, None] <= place, firsts[:, None], np.int32(count))
        after = np.minimum.accumulate(after[::-1], axis=0)[::-1]
        after = np.concatenate([after[1:], np.full((1, rows.shape[1]), count, np.int32)])
        depths = np.broadcast_to(place + 1, rows.shape)
        lasts = np.append(firsts[1:], count) - 1
        return cls._of_nodes(
            tokens=np.append(np.int32(-1), rows[new]),
            parents=np.append(np.int32(0), above[new]),
            behind=np.append(np.int32(count), after[new]),
            depths=np.append(np.int32(0), depths[new]),
            leaves=lasts[leaf_rows],
        )

    @classmethod
    def _of_nodes(
        cls,
        *,
        tokens: Int[np.ndarray, " N"],
        parents: Int[np.ndarray, " N"],
        behind: Int[np.ndarray, " N"],
        depths: Int[np.ndarray, " N"],
        leaves: Int[np.ndarray, " I"],
    ) -> Trie:
        """With what follows from the nodes."""
        count = len(tokens)
        degrees = np.bincount(parents[1:], minlength=count)
        ends = np.where(degrees == 1, np.int32(count), np.arange(count, dtype=np.int32))
        return cls(
            tokens=tokens,
            parents=parents,
            behind=behind,
            depths=depths,
            offsets=np.append(0, np.cumsum(degrees)).astype(np.int32),
            children=(np.argsort(parents[1:], kind="stable") + 1).astype(np.int32),
            stops=np.minimum.accumulate(ends[::-1])[::-1],
            leaves=leaves,
        )

    def __len__(self) -> int:
        """Nodes, the root included."""
        return len(self.tokens)

    @property
    def degrees(self) -> Int[np.ndarray, " N"]:
        """Children of each node; 0 at the end of a text."""
        return np.diff(self.offsets)

    def is_leaf(self, nodes: Int[np.ndarray, " C"]) -> Bool[np.ndarray, " C"]:
        """Which of these nodes end a text."""
        return self.offsets[nodes + 1] == self.offsets[nodes]

    def children_of(
        self, nodes: Int[np.ndarray, " C"]
    ) -> tuple[Int[np.ndarray, " K"], Int[np.ndarray, " C"]]:
        """The children of these nodes, node by node, and how many each has."""
        counts = self.offsets[nodes + 1] - self.offsets[nodes]
        return self.children[ranges(self.offsets[nodes], counts)], counts

    def path(self, node: int) -> Int[np.ndarray, " D"]:
        """The nodes from the first token to this one, itself included."""
        nodes = np.empty(int(self.depths[node]), dtype=np.int64)
        for place in range(len(nodes) - 1, -1, -1):
            nodes[place] = node
            node = int(self.parents[node])
        return nodes

    def sums(
        self, nodes: Int[np.ndarray, " C"], values: Float[np.ndarray, " C"]
    ) -> Float[np.ndarray, " C"]:
        """Sums of values over the path to each node.

        Args:
          nodes: ascending; with a node all its ancestors but the root, whose value is 0.
          values: of each.
        """
        values = np.asarray(values, dtype=np.float64)
        ends = np.searchsorted(nodes, self.behind[nodes])
        # A value counts from its node on to the end of the subtree.
        left = np.bincount(ends, weights=values, minlength=len(nodes) + 1)[: len(nodes)]
        return np.cumsum(values - left)

    def items_at(self, leaf: int) -> Int[np.ndarray, " K"]:
        """The items whose text ends at a node, ascending."""
        return np.flatnonzero(self.leaves == leaf)


def ranges(starts: Int[np.ndarray, " C"], counts: Int[np.ndarray, " C"]) -> Int[np.ndarray, " K"]:
    """The numbers from each start on, as many as its count says, one behind the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(counts.sum())


def _sorted_rows(
    texts: Sequence[Sequence[int]], end_id: int
) -> tuple[Int[np.ndarray, "R S"], Int[np.ndarray, " I"]]:
    """The distinct texts with their end token, in order, -1 behind them; and each item's row."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    flat = np.fromiter(itertools.chain.from_iterable(texts), np.int64, int(lengths.sum()))
    if (flat == end_id).any():
        raise CalrecError(
            f"expected texts without the end token {end_id}, found one with it; leave it out"
        )
    rows = np.zeros((len(texts), int(lengths.max()) + 1), dtype=">u4")
    place = np.arange(rows.shape[1])[None]
    # From 1 on, in big-endian bytes: rows are then in order as strings are, shorter ones first.
    rows[place < lengths[:, None]] = flat + 1
    rows[np.arange(len(texts)), lengths] = end_id + 1
    keys = rows.view(f"S{4 * rows.shape[1]}").ravel()
    _, first, row_of = np.unique(keys, return_index=True, return_inverse=True)
    return rows[first].astype(np.int32) - 1, row_of
