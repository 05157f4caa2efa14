"""What a tokenizer makes of the items' texts, which are the targets of training.

A text that the tokenizer does not give back can never be generated, and one that is longer than a
target may be is learned without its end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from calrec.errors import CalrecError
from calrec.text import LABELS, UNKNOWN, parse
from calrec.tokenizer import Tokenizer
from train.settings import StageSettings

LIMIT = StageSettings.max_target_tokens
"""Tokens of a target, end token included, in every preset."""

_SHOWN = 60


@dataclass(frozen=True, kw_only=True)
class Targets:
    """How many of a domain's items have a text that is cut as a target.

    Attributes:
      limit: tokens of a target, end token included.
      items: of the domain.
      cut: items whose text has more tokens.
      in_title: those of them that are cut within the title.
      in_character: those that are cut within a character, as a token may be a part of one.
      example: a text that is cut, as far as it is kept; `None` without any.
    """

    limit: int
    items: int
    cut: int
    in_title: int
    in_character: int
    example: str | None

    def as_dict(self) -> dict[str, Any]:
        """For `meta.json`."""
        return dataclasses.asdict(self)

    def explained(self) -> str:
        """What to know of it, in one line."""
        if not self.cut:
            return f"all {self.items:,} texts fit into a target of {self.limit} tokens"
        return (
            f"{self.cut:,} of {self.items:,} texts are longer than a target may be ({self.limit} "
            f"tokens with the end) and are cut: {self.in_title:,} within the title, "
            f"{self.in_character:,} within a character, such as {self.example!r}; a tokenizer with "
            "longer tokens for this language, or a larger --vocab-size, cuts fewer"
        )


def count_cut(
    tokenizer: Tokenizer, texts: Sequence[str], tokens: Sequence[Sequence[int]]
) -> Targets:
    """Which texts are too long for a target, and where they are cut.

    Args:
      tokenizer: that made the tokens.
      texts: of a domain's items.
      tokens: of each text.
    """
    room = LIMIT - 1
    long = [(text, ids[:room]) for text, ids in zip(texts, tokens, strict=True) if len(ids) > room]
    parts = tokenizer.decode_many([ids for _, ids in long])
    cut = [(text, part) for (text, _), part in zip(long, parts, strict=True)]
    return Targets(
        limit=LIMIT,
        items=len(texts),
        cut=len(cut),
        in_title=sum(len(part) < _title_end(text) for text, part in cut),
        # What is left of the character reads as another one.
        in_character=sum(not text.startswith(part) for text, part in cut),
        example=parts[0] if parts else None,
    )


def check_given_back(
    tokenizer: Tokenizer, texts: Sequence[str], tokens: Sequence[Sequence[int]]
) -> None:
    """Refuses a tokenizer that does not give texts back as they were.

    Args:
      tokenizer: that made the tokens.
      texts: of items.
      tokens: of each text.

    Raises:
      CalrecError: with the first such text and what comes back.
    """
    for text, back in zip(texts, tokenizer.decode_many(tokens), strict=True):
        if back != text:
            raise CalrecError(
                f"tokenizer: expected each item's text to come back from its tokens, found "
                f"{_around(back, text)!r} for {_around(text, back)!r}; no text that a model writes "
                "with it could name such an item: give a tokenizer that keeps the text as it is "
                "(a byte-level one), or none"
            )


def _title_end(text: str) -> int:
    parsed = parse(text)
    return len(LABELS[0] + ((parsed.title if parsed else None) or UNKNOWN))


def _around(text: str, other: str) -> str:
    """The part of a text where it differs from another one."""
    pairs = zip(text, other, strict=False)
    same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = max(0, same - _SHOWN // 2)
    shown = text[start : start + _SHOWN]
    return f"{'…' if start else ''}{shown}{'…' if start + _SHOWN < len(text) else ''}"
