"""Raw attribute text of Amazon's pages as plain text.

The pages were scraped: attributes hold HTML entities, tags, and where the scraper missed its mark,
whole style sheets and scripts. A category path becomes its names joined by a comma, as in the
published two-table data.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

_BLOCK = re.compile(r"<(script|style)\b.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>|<!--.*?(-->|$)", re.DOTALL)
# A rule (`.a-box{margin:0}`) or the opening of the scripts found in place of titles.
_CODE = re.compile(r"[.#@]?[\w-]+[^{}]{0,200}\{[^{}]*[:;][^{}]*\}|\bfunction\s*\(|\bgetTime\(")
_AMOUNT = r"\$\s?\d[\d,]*(\.\d+)?"
_PRICE = re.compile(rf"{_AMOUNT}(\s*-\s*{_AMOUNT})?")


def clean_text(raw: str | None) -> str | None:
    """Plain text on one line; `None` if nothing is left or it is a style sheet or a script."""
    # Entities of entities (`&amp;amp;`) occur; what they hide may again be a tag.
    text = html.unescape(html.unescape(raw or ""))
    text = _TAG.sub(" ", _BLOCK.sub(" ", text))
    if _CODE.search(text):
        return None
    return " ".join(text.replace("\x00", " ").split()) or None


def clean_category(raw: Sequence[str | None] | None) -> str | None:
    """The names of a category path joined by `, `; each name once, in order."""
    names = dict.fromkeys(name for part in raw or () if (name := clean_text(part)))
    return ", ".join(names) or None


def clean_price(raw: str | None) -> str | None:
    """A price or a range of prices in dollars as written (`$13.49`); anything else is `None`."""
    text = clean_text(raw) or ""
    return text if _PRICE.fullmatch(text) else None
