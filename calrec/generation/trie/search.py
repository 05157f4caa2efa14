"""The first K texts of a trie by a number that never grows on the way down to a text.

Best first: of the open nodes those of the highest numbers are read next, many at a time. Once K
texts are found and no open node stands above the last of them, nothing that is still open can come
in between: they are the first K, exactly, however little of the trie was read.

Shapes: N nodes of the trie, O open nodes, C chosen ones, K texts, Q children, R numbers of a node,
the first of which is the one to go by.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.errors import CalrecError
from calrec.generation.trie.progress import Searching, outcome

if TYPE_CHECKING:
    from calrec.generation.trie.reading import Reading


TOKENS = 64
"""Tokens that a step of a search may read; fewer read less in vain, more are faster each."""


@dataclass(frozen=True, kw_only=True)
class Width:
    """How many nodes may be open at a time; of more, the last ones leave the beam.

    Where a model knows what it wants, a wide beam loses nothing and is soon done. Where it does
    not, thousands of texts are about as probable, and only a narrow one comes to an end.

    Attributes:
      wide: at first.
      tokens: after so many tokens read the beam gets narrow.
      narrow: from then on; as many as texts are looked for, if those are more.

    Raises:
      CalrecError: if one is below 1.
    """

    wide: int = 256
    tokens: int = 4_096
    narrow: int = 32

    def __post_init__(self) -> None:
        if min(self.wide, self.tokens, self.narrow) < 1:
            raise CalrecError(f"expected widths from 1 up, found {self}; choose larger ones")

    def at(self, tokens: int, count: int) -> int:
        """After so many tokens read, for so many texts."""
        return self.wide if tokens < self.tokens else max(self.narrow, count)


DEFAULT = Width()


class Rule(Protocol):
    """By what nodes are compared."""

    def start(self) -> Float[np.ndarray, "1 R"]:
        """The numbers of the root."""
        ...

    def along(
        self, values: Float[np.ndarray, "C R"], log_probs: Float[np.ndarray, " C"]
    ) -> Float[np.ndarray, "C R"]:
        """Those at the end of a chain of only children.

        Args:
          values: of its first node.
          log_probs: of the others together, in nats.
        """
        ...

    def below(
        self,
        values: Float[np.ndarray, "C R"],
        counts: Int[np.ndarray, " C"],
        children: Int[np.ndarray, " Q"],
        log_probs: Float[np.ndarray, " Q"],
    ) -> Float[np.ndarray, "Q R"]:
        """Those of children.

        Args:
          values: of the parents.
          counts: how many children each has.
          children: their nodes, parent by parent.
          log_probs: of each behind its parent, in nats.
        """
        ...


class ByProbability:
    """By the sum of log-probabilities, in nats: what a beam search goes by."""

    def start(self) -> Float[np.ndarray, "1 R"]:
        """Nothing is lost yet."""
        return np.zeros((1, 1))

    def along(
        self, values: Float[np.ndarray, "C R"], log_probs: Float[np.ndarray, " C"]
    ) -> Float[np.ndarray, "C R"]:
        """See `Rule`."""
        return values + log_probs[:, None]

    def below(
        self,
        values: Float[np.ndarray, "C R"],
        counts: Int[np.ndarray, " C"],
        children: Int[np.ndarray, " Q"],
        log_probs: Float[np.ndarray, " Q"],
    ) -> Float[np.ndarray, "Q R"]:
        """See `Rule`."""
        return np.repeat(values, counts, axis=0) + log_probs[:, None].astype(float)


@dataclass(frozen=True, kw_only=True, eq=False)
class Nodes:
    """Some nodes and their numbers."""

    nodes: Int[np.ndarray, " O"]
    values: Float[np.ndarray, "O R"]

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, chosen: slice | Bool[np.ndarray, " O"] | Int[np.ndarray, " C"]) -> Nodes:
        return Nodes(nodes=self.nodes[chosen], values=self.values[chosen])

    def and_(self, other: Nodes) -> Nodes:
        """Both together."""
        return Nodes(
            nodes=np.concatenate([self.nodes, other.nodes]),
            values=np.concatenate([self.values, other.values]),
        )

    def ordered(self) -> Nodes:
        """Best first; equal ones by the ids of their tokens, as the nodes are numbered."""
        return self[np.lexsort((self.nodes, -self.values[:, 0]))]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """What a search came to.

    Attributes:
      leaves: last nodes of the first K texts, best first; fewer where there are no more.
      values: what they went by.
      exact: whether they are the first K for certain; not so where a node had to leave the beam
        that might have led to one of them.
    """

    leaves: Int[np.ndarray, " K"]
    values: Float[np.ndarray, " K"]
    exact: bool


def search(reading: Reading, rule: Rule, *, count: int, width: Width = DEFAULT) -> Found:
    """The first texts of a trie.

    Args:
      reading: of the trie behind a prompt, nothing of which was read.
      rule: what to go by.
      count: K.
      width: of the beam.
    """
    return outcome(steps(reading, rule, count=count, width=width))


def steps(
    reading: Reading, rule: Rule, *, count: int, width: Width = DEFAULT
) -> Generator[Searching, None, Found]:
    """`search` step by step; closing the generator ends it."""
    trie = reading.trie
    root = Nodes(nodes=np.zeros(1, np.int64), values=rule.start())
    open_nodes = _below(reading, rule, root)
    found, left = open_nodes[:0], -math.inf
    while True:
        ends = trie.is_leaf(open_nodes.nodes)
        found = found.and_(open_nodes[ends]).ordered()[:count]
        limit = found.values[-1, 0] if len(found) == count else -math.inf
        beam = open_nodes[~ends & (open_nodes.values[:, 0] >= limit)].ordered()
        if not len(beam):
            exact = left == -math.inf or bool(left < limit)
            return Found(leaves=found.nodes, values=found.values[:, 0], exact=exact)
        if len(beam) > (most := width.at(reading.tokens_read, count)):
            left = max(left, beam.values[most, 0])
            beam = beam[:most]
        upto = np.cumsum(reading.lengths(beam.nodes))
        taken = max(1, int(np.searchsorted(upto, TOKENS, side="right")))
        chosen, waiting = beam[:taken], beam[taken:]
        reading.read(chosen.nodes, waiting.nodes)
        open_nodes = waiting.and_(_followed(reading, rule, chosen))
        yield Searching(found=len(found), wanted=count, tokens_read=reading.tokens_read)


def _followed(reading: Reading, rule: Rule, chosen: Nodes) -> Nodes:
    """The ends of chains that were read, or, where texts part there, their children."""
    stops = Nodes(
        nodes=reading.trie.stops[chosen.nodes],
        values=rule.along(chosen.values, reading.along(chosen.nodes)),
    )
    ends = reading.trie.is_leaf(stops.nodes)
    return stops[ends].and_(_below(reading, rule, stops[~ends]))


def _below(reading: Reading, rule: Rule, parents: Nodes) -> Nodes:
    children, counts = reading.trie.children_of(parents.nodes)
    values = rule.below(parents.values, counts, children, reading.log_probs[children])
    return Nodes(nodes=children, values=values)
