"""Beam search over a catalogue: its most probable texts, exactly, and what became of the others.

The sums of log-probabilities are exact, nothing is normalised by length, and no draw is made.

Shapes: N nodes of the trie, E known ones, K texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.generation.trie.search import DEFAULT, ByProbability, Width, search
from calrec.generation.trie.trie import Trie

if TYPE_CHECKING:
    from calrec.generation.trie.reading import Reading


@dataclass(frozen=True, kw_only=True, eq=False)
class Explored:
    """The part of a trie that is known: the beam as a tree.

    Attributes:
      trie: the whole.
      nodes: the known ones, ascending, so that a parent stands before its children; the root is
        not among them.
      log_probs: of each one's token behind all before it, in nats.
      totals: of the whole way to each.
      read: whether its children are known.
    """

    trie: Trie
    nodes: Int[np.ndarray, " E"]
    log_probs: Float[np.ndarray, " E"]
    totals: Float[np.ndarray, " E"]
    read: Bool[np.ndarray, " E"]

    @classmethod
    def of(cls, reading: Reading) -> Explored:
        """What a reading has come to."""
        return cls.of_log_probs(reading.trie, reading.log_probs)

    @classmethod
    def of_log_probs(cls, trie: Trie, log_probs: Float[np.ndarray, " N"]) -> Explored:
        """A trie of which these nodes are known; NaN stands for the others, and at the root."""
        nodes = np.flatnonzero(~np.isnan(log_probs))
        inner = ~trie.is_leaf(nodes)
        read = inner.copy()
        read[inner] = ~np.isnan(log_probs[trie.children[trie.offsets[nodes[inner]]]])
        values = log_probs[nodes].astype(float)
        totals = trie.sums(nodes, values)
        return cls(trie=trie, nodes=nodes, log_probs=values, totals=totals, read=read)

    @classmethod
    def whole(cls, trie: Trie, log_probs: Float[np.ndarray, " N"]) -> Explored:
        """A trie of which all nodes are known."""
        nodes = np.arange(1, len(trie))
        values = log_probs[nodes].astype(float)
        totals, read = trie.sums(nodes, values), ~trie.is_leaf(nodes)
        return cls(trie=trie, nodes=nodes, log_probs=values, totals=totals, read=read)

    def outside(self) -> tuple[float, float]:
        """The least and the most probability of all texts that are no item's.

        A node that was read passes on what its children have; the rest is outside. What stands
        behind a node that was not read may be either.
        """
        mass = np.exp(self.totals)
        ends = self.trie.is_leaf(self.nodes)
        inside, open_mass = mass[ends].sum(), mass[~ends & ~self.read].sum()
        least, most = 1 - inside - open_mass, 1 - inside
        return max(0.0, float(least)), max(0.0, float(most))

    def deepest(self, item: int) -> int:
        """The place among `nodes` of the last known node on the way to an item's text."""
        path = self.trie.path(int(self.trie.leaves[item]))
        return int(np.flatnonzero(np.isin(self.nodes, path))[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Lost:
    """Where an item left the beam.

    Attributes:
      node: the last one on its way whose probability is known; the way goes no further.
      place: which token of the item's text that is, from 0.
      total: log-probability up to there, in nats; the whole text has no more.
      needed: that of the last of the first K texts.
      instead: the node's siblings that led on, best first; none where the whole branch fell behind.
    """

    node: int
    place: int
    total: float
    needed: float
    instead: Int[np.ndarray, " S"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Beam:
    """The most probable texts of a catalogue.

    Attributes:
      leaves: last nodes of the first K texts, best first; equal ones by the ids of their tokens.
      totals: their log-probabilities, end token included, in nats.
      exact: whether no other text can be among them.
      explored: all that the search knows.
      tokens_read: how many tokens the model read for it, prompt aside.
    """

    leaves: Int[np.ndarray, " K"]
    totals: Float[np.ndarray, " K"]
    exact: bool
    explored: Explored
    tokens_read: int

    def lost(self, item: int) -> Lost | None:
        """Where an item left the beam; `None` for one of the first K texts."""
        known, trie = self.explored, self.explored.trie
        if trie.leaves[item] in self.leaves:
            return None
        place = known.deepest(item)
        node = int(known.nodes[place])
        siblings, _ = trie.children_of(trie.parents[[node]])
        places = np.searchsorted(known.nodes, siblings)
        led_on = (known.read[places] | np.isin(siblings, self.leaves)) & (siblings != node)
        best_first = np.argsort(-known.totals[places[led_on]], kind="stable")
        return Lost(
            node=node,
            place=int(trie.depths[node]) - 1,
            total=float(known.totals[place]),
            needed=float(self.totals[-1]),
            instead=siblings[led_on][best_first],
        )


def beam(reading: Reading, *, count: int, width: Width = DEFAULT) -> Beam:
    """The K most probable texts.

    Args:
      reading: of the catalogue's trie behind a prompt.
      count: K.
      width: how many beams may be open; fewer need less time, and may lose one of the first K.
    """
    found = search(reading, ByProbability(), count=count, width=width)
    return Beam(
        leaves=found.leaves,
        totals=found.values,
        exact=found.exact,
        explored=Explored.of(reading),
        tokens_read=reading.tokens_read,
    )
