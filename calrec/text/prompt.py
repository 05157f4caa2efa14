"""Histories as token ids, within the token budget (paper section 3.1; limits: section 4)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from calrec.text import TEMPLATES, TextSettings, prompt_pieces


class Codec(Protocol):
    """What a prompt needs of a tokenizer."""

    @property
    def begin_id(self) -> int | None:
        """Id of the token that stands in front of every text, if the model has one."""
        ...

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens left out."""
        ...

    def piece(self, token_id: int) -> str:
        """One token as text, special ones included."""
        ...


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """A history's prompt: its tokens, how many of the oldest items were left out, its text.

    Both begin with the model's begin token, where it has one.
    """

    token_ids: tuple[int, ...]
    items_cut: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Connectors:
    """Token ids of what stands around the items; see `calrec.text.Template`.

    The model's begin token, where it has one, is the first of the prefix.
    """

    prefix: tuple[int, ...]
    first: tuple[int, ...]
    next: tuple[int, ...]
    last: tuple[int, ...]

    @classmethod
    def of(cls, tokenizer: Codec, settings: TextSettings) -> Connectors:
        """The connectors of the settings' template, encoded."""
        t = TEMPLATES[settings.template]
        encoded = tokenizer.encode([t.prefix, t.first, t.next, t.last])
        prefix, first, following, last = (tuple(ids) for ids in encoded)
        return cls(prefix=begun(tokenizer, prefix), first=first, next=following, last=last)


def begun(tokenizer: Codec, ids: Sequence[int]) -> tuple[int, ...]:
    """The ids of a text that stands alone, behind the model's begin token if it has one."""
    return tuple(ids) if tokenizer.begin_id is None else (tokenizer.begin_id, *ids)


def items_kept(lengths: Sequence[int], connectors: Connectors, budget: int) -> int:
    """How many of the newest items fit in `budget` tokens, whole; at least one.

    Args:
      lengths: tokens of each item's text, oldest first.
      connectors: the template's encoded connectors.
      budget: tokens of the whole prompt, prefix and last connector included.
    """
    used = len(connectors.prefix) + len(connectors.last) + len(connectors.first) + lengths[-1]
    kept = 1
    for length in reversed(lengths[:-1]):
        # One more item moves `first` to it and puts `next` before the one that had it.
        used += length + len(connectors.next)
        if used > budget:
            break
        kept += 1
    return kept


def prompt_tokens(
    items: Sequence[Sequence[int]], connectors: Connectors, budget: int
) -> tuple[list[int], int]:
    """The prompt's token ids, and how many of the oldest items were left out.

    The oldest items go first, whole; the prefix always stays; a single item that is too long
    alone is cut at its end.

    Args:
      items: token ids of each item's text, oldest first; at least one.
      connectors: the template's encoded connectors.
      budget: the most tokens the prompt may have.

    Raises:
      ValueError: if there is no item, or the budget leaves no room for one token of an item.
    """
    if not items:
        raise ValueError("a prompt needs at least one item in the history, found none")
    kept = items_kept([len(ids) for ids in items], connectors, budget)
    around = len(connectors.prefix) + len(connectors.first) + len(connectors.last)
    if budget <= around:
        raise ValueError(f"a prompt needs more than {around} tokens, found a budget of {budget}")
    tokens = list(connectors.prefix)
    for i, ids in enumerate(items[len(items) - kept :]):
        tokens += connectors.next if i else connectors.first
        tokens += ids[: budget - around] if kept == 1 else ids
    return [*tokens, *connectors.last], len(items) - kept


def build_prompt(
    texts: Sequence[str], tokenizer: Codec, settings: TextSettings, budget: int
) -> Prompt:
    """The prompt of a history of item texts (oldest first) within `budget` tokens."""
    connectors = Connectors.of(tokenizer, settings)
    items = tokenizer.encode(texts)
    tokens, cut = prompt_tokens(items, connectors, budget)
    whole = prompt_tokens(items[cut:], connectors, sys.maxsize)[0] == tokens
    shown = "".join(prompt_pieces(texts[cut:], settings)) if whole else tokenizer.decode(tokens)
    begin = "" if tokenizer.begin_id is None else tokenizer.piece(tokenizer.begin_id)
    return Prompt(token_ids=tuple(tokens), items_cut=cut, text=begin + shown)
