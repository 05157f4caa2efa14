"""A search over a catalogue, told as a tree, and the way of each item that is asked about.

The search goes on from what `trie-beam` does: the most probable texts, exactly. What it left unread
on the way to an item that is asked about is read then, so that the item's way is exact as well.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.generation.trie.beam import Explored, beam
from calrec.generation.trie.branching import tree
from calrec.generation.trie.grouping import Grouping
from calrec.generation.trie.way import Teller
from calrec.generation.trie.writing import ItemTexts
from calrec.records import Item
from calrec.records.exploration import (
    IN_TEXT,
    WIDEST_FIRST,
    Attribute,
    Exploration,
    Found,
    Way,
)

if TYPE_CHECKING:
    from calrec.generation.trie.trie import Trie

FIRST = 10
"""Items that count as the first ones."""
COUNT = 50
"""Texts that are looked for: with most models nine tenths of the probability and more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Search:
    """Texts by their last nodes, most probable first, and the log-probability of every known node,
    NaN where it is not."""

    leaves: Int[np.ndarray, " K"]
    totals: Float[np.ndarray, " K"]
    log_probs: Float[np.ndarray, " N"]
    exact: bool
    tokens_read: int


def explore(
    texts: ItemTexts,
    history: Sequence[Item],
    *,
    levels: Sequence[Attribute] = WIDEST_FIRST,
    asked: Sequence[int] = (),
    count: int | None = COUNT,
    first: int = FIRST,
) -> Exploration:
    """Searches a catalogue after a history.

    Args:
      texts: of its items.
      history: oldest item first; at least one.
      levels: by which attributes the tree branches.
      asked: items whose ways are told, by index.
      count: how many texts to look for; `None` reads all of them.
      first: how many items count as the first ones.

    Raises:
      CalrecError: for an empty history, a number below 1, or levels that are no attributes.
    """
    _check(levels, count, first)
    grouping = texts.grouping if tuple(levels) == WIDEST_FIRST else Grouping.of(texts, levels)
    model, start = texts.model, time.perf_counter()
    prompt = model.prompt(history).token_ids
    found = _searched(texts, prompt, count, first)
    found = _with_ways(texts, prompt, found, [int(texts.trie.leaves[i]) for i in asked])
    explored = Explored.of_log_probs(texts.trie, found.log_probs)
    item_ids = [item.item_id for item in texts.items]
    told = _told(grouping, found, item_ids)
    needed = _needed(told, first)
    teller = Teller(texts=texts, grouping=grouping, log_probs=found.log_probs, leaves=found.leaves)
    return Exploration(
        history=tuple(history),
        levels=tuple(level.attribute for level in grouping.levels),
        tree=tree(grouping, explored, item_ids),
        found=told,
        exact=found.exact,
        outside=explored.outside(),
        first=first,
        needed=needed,
        ways=tuple(_way(teller, index, told, needed, found.exact, first) for index in asked),
        tokens_read=found.tokens_read,
        settings={**model.settings(), "count": count, "first": first},
        seconds=time.perf_counter() - start,
    )


def _check(levels: Sequence[Attribute], count: int | None, first: int) -> None:
    if min(first, first if count is None else count) < 1:
        raise CalrecError(
            f"expected numbers from 1 up of texts and of first items, found {count} and {first};"
            " choose larger ones"
        )
    if not levels or not set(levels) <= set(IN_TEXT) or len(set(levels)) < len(levels):
        raise CalrecError(
            f"expected as levels some of {', '.join(IN_TEXT)}, each once, found"
            f" {', '.join(levels) or 'none'}; name them"
        )


def _searched(texts: ItemTexts, prompt: Sequence[int], count: int | None, first: int) -> _Search:
    """The first texts, or all of them."""
    trie, reader = texts.trie, texts.model.reader
    if count is not None:
        reading = reader.begin(prompt, trie)
        found = beam(reading, count=max(count, first))
        return _Search(
            leaves=found.leaves,
            totals=found.totals,
            log_probs=reading.log_probs,
            exact=found.exact,
            tokens_read=found.tokens_read,
        )
    from calrec.generation.trie.likelihood import likelihoods

    whole = likelihoods(reader, prompt, trie)
    leaves, index = np.unique(trie.leaves, return_index=True)
    order = np.argsort(-whole.totals[index], kind="stable")
    return _Search(
        leaves=leaves[order],
        totals=whole.totals[index][order],
        log_probs=np.append(np.float32(np.nan), whole.log_probs[1:]),
        exact=True,
        tokens_read=int(np.count_nonzero(trie.degrees[1:])),
    )


def _with_ways(
    texts: ItemTexts, prompt: Sequence[int], found: _Search, leaves: Sequence[int]
) -> _Search:
    """With the ways to these texts, where they were not read to their end."""
    missing = [leaf for leaf in leaves if np.isnan(found.log_probs[leaf])]
    if not missing:
        return found
    # Another reading: the first one has forgotten what no open node stood on.
    reading = texts.model.reader.begin(prompt, texts.trie)
    starts = np.unique(np.concatenate([_chains(texts.trie, leaf) for leaf in missing]))
    reading.read(starts, starts[:0])
    return _Search(
        leaves=found.leaves,
        totals=found.totals,
        log_probs=np.where(np.isnan(found.log_probs), reading.log_probs, found.log_probs),
        exact=found.exact,
        tokens_read=found.tokens_read + reading.tokens_read,
    )


def _chains(trie: Trie, leaf: int) -> Int[np.ndarray, " C"]:
    """The first nodes of the chains of only children on the way to a text's end."""
    path = trie.path(leaf)
    above = trie.parents[path]
    return path[(above == 0) | (trie.degrees[above] != 1)]


def _told(grouping: Grouping, found: _Search, item_ids: Sequence[str]) -> tuple[Found, ...]:
    """The texts by the items that carry them."""
    texts = np.searchsorted(grouping.leaves, found.leaves).tolist()
    return tuple(
        Found(item_ids=tuple(item_ids[int(i)] for i in grouping.items_at(text)), log_prob=total)
        for text, total in zip(texts, found.totals.tolist(), strict=True)
    )


def _needed(found: Sequence[Found], first: int) -> float:
    """The log-probability of the last of the first items."""
    items = 0
    for one in found:
        items += len(one.item_ids)
        if items >= first:
            return one.log_prob
    return found[-1].log_prob


def _way(
    teller: Teller, index: int, found: Sequence[Found], needed: float, exact: bool, first: int
) -> Way:
    item = teller.texts.items[index]
    steps = teller.steps(index)
    ranks = _ranks(item.item_id, found)
    lost = None
    if exact and (ranks is None or ranks[0] > first):
        # By rounding, its end may seem to be no less than what is needed.
        alive = (place for place, step in enumerate(steps) if step.total < needed)
        lost = next(alive, len(steps) - 1)
    return Way(item=item, shown=teller.shown(index), steps=steps, ranks=ranks, lost=lost)


def _ranks(item_id: str, found: Sequence[Found]) -> tuple[int, int] | None:
    """Among all items, by the place of its text."""
    before = 0
    for one in found:
        if item_id in one.item_ids:
            return before + 1, before + len(one.item_ids)
        before += len(one.item_ids)
    return None
