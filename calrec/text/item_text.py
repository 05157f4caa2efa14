"""Items as text: the item text, the history prompt, and the way back from a generated text.

Paper section 3.1. Four attributes stand in a fixed order behind fixed labels; IDs never enter
the text. A prompt is a sequence of *pieces* (prefix, connector + item, ..., last connector): the
tokenizer encodes each piece on its own, so that an item has the same tokens wherever it stands,
in the history, as the target, and alone in the item tower.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from calrec.records import Attributes
from calrec.text.words import Rule, first_words, words

UNKNOWN = "Unknown"
LABELS = ("Title: ", ". Category: ", ". Brand: ", ". Price: ")

_PARSE = re.compile("(.*?)".join(map(re.escape, LABELS)) + "(.*)")


@dataclass(frozen=True, kw_only=True)
class Template:
    """What stands around the item texts of a history prompt."""

    prefix: str
    first: str
    next: str
    last: str


TEMPLATES = {
    "calrec": Template(
        prefix="This is the summary of a user's purchase history.",
        first=" The first item bought is as follows. ",
        next="\nThe next item bought is as follows. ",
        last="\nThe next item bought is as follows. ",
    ),
    # The one-off suffix of GPT4Rec (paper, Table 6), with CALRec's item texts.
    "gpt4rec": Template(
        prefix="Previously, the customer has bought:",
        first=" ",
        next="\n",
        last="\nIn the future, the customer wants to buy ",
    ),
}


@dataclass(frozen=True, kw_only=True)
class TextSettings:
    """How items become text: words kept of each attribute (in words) and the prompt's template.

    Raises:
      ValueError: if a limit is not positive or the template has no such name.
    """

    title_words: int = 25
    category_words: int = 15
    brand_words: int = 15
    price_words: int = 15
    template: str = "calrec"

    def __post_init__(self) -> None:
        if min(self.limits()) < 1:
            raise ValueError(f"word limits must be at least 1, found {self.limits()}")
        if self.template not in TEMPLATES:
            raise ValueError(
                f"expected a template of {', '.join(TEMPLATES)}, found {self.template!r}"
            )

    def limits(self) -> tuple[int, int, int, int]:
        """Words kept of title, category, brand and price."""
        return (self.title_words, self.category_words, self.brand_words, self.price_words)


DEFAULT_TEXT = TextSettings()


def truncated(item: Attributes, settings: TextSettings = DEFAULT_TEXT) -> Attributes:
    """The attributes as the text shows them: white space folded, cut; missing ones `None`.

    A blank value is missing, and so is one that reads `Unknown`: the text cannot tell them apart.
    """
    cut = [
        None if (text := first_words(value or "", limit)) in ("", UNKNOWN) else text
        for value, limit in zip(item.values(), settings.limits(), strict=True)
    ]
    return Attributes(title=cut[0], category=cut[1], brand=cut[2], price=cut[3])


def item_text(item: Attributes, settings: TextSettings = DEFAULT_TEXT) -> str:
    """`Title: T. Category: C. Brand: B. Price: P`, each attribute cut to its number of words."""
    values = (value or UNKNOWN for value in truncated(item, settings).values())
    return "".join(label + value for label, value in zip(LABELS, values, strict=True))


def parse(text: str, settings: TextSettings = DEFAULT_TEXT) -> Attributes | None:
    """The attributes that a generated text names, or `None` for a format error.

    The inverse of `item_text`: all four labels, in order, from the first character on, on one line.
    Values may hold labels themselves. Of the ways to read such a text, the one is taken whose
    values `item_text` would write so, and of several such the one of the longest title, as labels
    stand in titles sooner than elsewhere; where there is none, the labels that come first count.
    """
    line = text.strip()
    match = _PARSE.fullmatch(line)
    if match is None:
        return None
    values: Sequence[str] = match.groups()
    if any(line.count(label) > 1 for label in LABELS[1:]):
        rest = line.removeprefix(LABELS[0])
        values = next(_readings(rest, LABELS[1:], settings.limits()), values)
    title, category, brand, price = (
        None if (value := " ".join(group.split())) in ("", UNKNOWN) else value for group in values
    )
    return Attributes(title=title, category=category, brand=brand, price=price)


def _readings(text: str, labels: Sequence[str], limits: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """The values that these labels may part the text into; the longest first value first.

    Only values as `item_text` writes them: not empty, and within the limits of words. That bounds
    how many there are, whatever the text.
    """

    def fits(end: int) -> bool:
        return first_words(text[:end], limits[0]) == text[:end]

    def is_short(end: int) -> bool:
        return first_words(text[:end], limits[0]) == " ".join(text[:end].split())

    if not labels:
        if text and fits(len(text)):
            yield (text,)
        return
    starts = (found.start() for found in re.finditer(re.escape(labels[0]), text))
    # Where a space stands before a label no value ends, but one may end behind it.
    for end in reversed([*takewhile(is_short, starts)]):
        if end and fits(end):
            rest = text[end + len(labels[0]) :]
            yield from ((text[:end], *more) for more in _readings(rest, labels[1:], limits[1:]))


def prompt_pieces(texts: Sequence[str], settings: TextSettings = DEFAULT_TEXT) -> list[str]:
    """The prompt of a history, in pieces whose concatenation is the prompt.

    Args:
      texts: item texts, oldest first; at least one.
      settings: names the template.

    Returns:
      prefix, then connector and item text in turn, then the last connector, behind which the
      target's text continues exactly. `2 * len(texts) + 2` strings.

    Raises:
      ValueError: if the history is empty.
    """
    if not texts:
        raise ValueError("a prompt needs at least one item in the history, found none")
    template = TEMPLATES[settings.template]
    pieces = [template.prefix]
    for i, text in enumerate(texts):
        pieces += [template.next if i else template.first, text]
    return [*pieces, template.last]


def prompt_text(items: Sequence[Attributes], settings: TextSettings = DEFAULT_TEXT) -> str:
    """The whole prompt of a history, oldest item first, with no token budget applied."""
    return "".join(prompt_pieces([item_text(item, settings) for item in items], settings))


def document_words(
    item: Attributes, settings: TextSettings = DEFAULT_TEXT, rule: Rule = "paper"
) -> list[str]:
    """An item's words for BM25: its truncated attribute values, no labels, no `Unknown`."""
    return words(" ".join(value for value in truncated(item, settings).values() if value), rule)


def query_words(
    text: str, settings: TextSettings = DEFAULT_TEXT, rule: Rule = "paper"
) -> list[str]:
    """A generated text's words for BM25: reduced as a document is, or plain on a format error."""
    parsed = parse(text, settings)
    return words(text, rule) if parsed is None else document_words(parsed, settings, rule)
