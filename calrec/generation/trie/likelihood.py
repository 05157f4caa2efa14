"""The exact log-probability of each of some texts behind one prompt: log p(text, end | prompt).

All of them are read, teacher-forced, what they share once (`calrec.generation.trie.reading`).

Shapes: N nodes of the trie, I items, S tokens of a text, end token included.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from calrec.generation.trie.progress import Searching, outcome
from calrec.generation.trie.reading import BLOCKS, TrieReader
from calrec.generation.trie.trie import Trie

TOKENS = 4 * BLOCKS[-1]
"""Read between two looks at how far it is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Likelihoods:
    """Natural-log probabilities at temperature 1, in nats.

    Attributes:
      trie: of the items' texts.
      log_probs: of each node's token behind all before it; 0 at the root.
      totals: of each item's text with its end token; higher is better. Items of equal text tie.
    """

    trie: Trie
    log_probs: Float[np.ndarray, " N"]
    totals: Float[np.ndarray, " I"]

    def tokens(self, item: int) -> Int[np.ndarray, " S"]:
        """The token ids of an item's text, end token included."""
        return self.trie.tokens[self.trie.path(int(self.trie.leaves[item]))]

    def of_tokens(self, item: int) -> Float[np.ndarray, " S"]:
        """The log-probability of each of these; their sum is the item's total."""
        return self.log_probs[self.trie.path(int(self.trie.leaves[item]))].astype(float)


def likelihoods(reader: TrieReader, prompt: Sequence[int], trie: Trie) -> Likelihoods:
    """Reads a whole trie behind a prompt.

    Args:
      reader: of the model.
      prompt: token ids, at least one.
      trie: of the candidates' texts.

    Raises:
      CalrecError: if prompt and texts need more positions than the model has.
    """
    return outcome(steps(reader, prompt, trie))


def steps(
    reader: TrieReader, prompt: Sequence[int], trie: Trie
) -> Generator[Searching, None, Likelihoods]:
    """`likelihoods` step by step; closing the generator ends it."""
    reading = reader.begin(prompt, trie)
    parting = np.flatnonzero(trie.degrees != 1)
    starts, _ = trie.children_of(np.union1d(parting, [0]))
    starts, texts = np.sort(starts), np.unique(trie.leaves)
    part = (np.cumsum(reading.lengths(starts)) - 1) // TOKENS
    for chains in np.split(starts, np.flatnonzero(np.diff(part)) + 1):
        reading.read(chains, starts[starts > chains[-1]])
        found = int(np.count_nonzero(~np.isnan(reading.log_probs[texts])))
        yield Searching(found=found, wanted=len(texts), tokens_read=reading.tokens_read)
    log_probs = np.nan_to_num(reading.log_probs)
    totals = trie.sums(np.arange(len(trie)), log_probs)
    return Likelihoods(trie=trie, log_probs=log_probs, totals=totals[trie.leaves])
