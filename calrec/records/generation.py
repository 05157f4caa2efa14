"""What a model wrote after a history: the prompt that it read, and its texts token by token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from calrec.records.item import Attributes, Item


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A token that might have been drawn in a place, with its log-probability at temperature 1."""

    token_id: int
    text: str
    log_prob: float


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One generated text.

    Attributes:
      text: the text, without the end token.
      token_ids: its tokens, the end token included where it was reached.
      token_texts: each token as text, which may be a part of a character; empty where they were
        not kept.
      log_probs: natural-log probability of each token at temperature 1, in nats.
      tempered_log_probs: the same at the sampling temperature; empty where they were not kept, as
        in the files of an evaluation.
      alternatives: the most probable tokens in each token's place, best first; empty where none
        were asked for.
      score: sum of `log_probs`, in nats; higher is better.
      order: place in the order drawn, from 0.
      finished: whether the end token came within the token limit.
      attributes: the attributes parsed back, `None` for a format error.
    """

    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    score: float
    order: int
    finished: bool
    attributes: Attributes | None
    tempered_log_probs: tuple[float, ...] = ()
    token_texts: tuple[str, ...] = ()
    alternatives: tuple[tuple[Alternative, ...], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Generation:
    """The texts that a model wrote after a history; nothing is ranked yet.

    Attributes:
      history: items, oldest first.
      prompt: the text that the model read.
      prompt_tokens: its length in tokens.
      items_cut: how many of the oldest items did not fit the token budget.
      samples: all texts in the order drawn.
      settings: every setting that shaped them, the seed included; JSON-able.
      seconds: how long they took.
    """

    history: tuple[Item, ...]
    prompt: str
    prompt_tokens: int
    items_cut: int
    samples: tuple[Sample, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
