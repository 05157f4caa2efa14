"""Words within one typing error: a letter inserted, missing, replaced, or two swapped."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int

with warnings.catch_warnings():
    # Whoosh's last release is of 2016: compiling it, at its first import, warns of old escapes.
    warnings.simplefilter("ignore")
    from whoosh.automata.fsa import find_all_matches
    from whoosh.automata.lev import levenshtein_automaton

# Shorter ones, numbers too, are one slip away from too many others.
SHORTEST = 4
# No real word is longer, and the automaton grows with it.
LONGEST = 40


def correction(
    word: str, vocabulary: Sequence[str], frequency: Int[np.ndarray, " V"]
) -> str | None:
    """The most frequent word at one slip from `word`; of equally frequent ones the first by name.

    Args:
      word: one that is not in use.
      vocabulary: the words, sorted.
      frequency: how many items have each; those of none are passed over.

    Returns:
      `None` if there is none, or the word has fewer than `SHORTEST` or more than `LONGEST`
      characters.
    """
    if not SHORTEST <= len(word) <= LONGEST:
        return None
    near = {*_one_edit(word, vocabulary), *_swaps(word)}
    known = [(-int(frequency[i]), other) for other in near if (i := place(vocabulary, other)) >= 0]
    used = [(count, other) for count, other in known if count]
    return min(used)[1] if used else None


def place(vocabulary: Sequence[str], word: str) -> int:
    """Where the word stands in the sorted vocabulary; -1 if it does not."""
    i = bisect_left(vocabulary, word)
    return i if i < len(vocabulary) and vocabulary[i] == word else -1


def _one_edit(word: str, vocabulary: Sequence[str]) -> Iterator[str]:
    """The vocabulary's words at one insertion, deletion or substitution."""

    def next_word(text: str) -> str | None:
        i = bisect_left(vocabulary, text)
        return vocabulary[i] if i < len(vocabulary) else None

    return find_all_matches(levenshtein_automaton(word, 1).to_dfa(), next_word)


def _swaps(word: str) -> Iterator[str]:
    for i in range(len(word) - 1):
        yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]
