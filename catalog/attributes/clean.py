"""Raw attribute text of Amazon's pages as plain text.

The pages were scraped: attributes hold HTML entities, tags, and where the scraper missed its mark,
whole style sheets and scripts. A category path becomes its names joined by a comma, as in the
published two-table data.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

# The elements of text and page layout that pages have around an attribute. Others are as likely
# types and topics in a title: `std::vector<int>`, `<canvas>`, `<title>`.
_ELEMENTS = (
    "a|abbr|acronym|address|article|aside|b|bdi|bdo|big|blockquote|body|br|button|center|cite|code"
    "|dd|del|dfn|div|dl|dt|em|figcaption|figure|font|footer|form|h[1-6]|head|header|hr|i|iframe|img"
    "|input|ins|kbd|li|mark|meta|nav|nobr|noscript|ol|p|pre|q|s|samp|small|span|strike|strong|sub"
    "|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|wbr"
)
_BLOCK = re.compile(r"<(script|style)\b[^<>]*>.*?(</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
# Any element is a tag if it has an attribute in quotes. The last is one that the text's end has cut
# off. Nothing in it is tried twice (`*+`, `(?>`), so that no text takes longer than its length.
_TAG = re.compile(
    rf"</?(?:{_ELEMENTS})(?:\s[^<>=]*+=[^<>]*+|\s*+/?)>|</(?:script|style)\s*+>"
    r"|<[a-z][\w-]*\s(?>[^<>]*?=\s*+[\"'])[^<>]*+>|<!--.*?(?:-->|$)|<[a-z]+\s[^<>=]*+=[^<>]*+$",
    re.IGNORECASE | re.DOTALL,
)
# What stands between the braces of a style sheet's rule (`.a-box{margin:0}`) or of a function.
_BRACES = re.compile(r"[\w\])*>-]\s*\{([^{}]*)(?:\}|$)")
_SCRIPT = re.compile(
    r"\bfunction\s*+\w*+\s*+\([\w\s,]*+\)\s*+\{|\bvar\s+[\w$]+\s*=|\bgetTime\(|\bP\.when\("
)
_AMOUNT = r"\$ ?[0-9][0-9,]*(\.[0-9]+)?"
_NUMBER = re.compile(r"[0-9][0-9,]*(\.[0-9]+)?")

PRICE = rf"{_AMOUNT}( ?- ?{_AMOUNT})?"
"""What a price is, white space folded (for Python and RE2, as a whole)."""

SUSPECT = (
    r"&\S|<[a-zA-Z/!]|\{|\bvar\s|getTime\(|P\.when\(|[\x00\x0b\x1c-\x1f\x85\xa0"
    # White space as Python folds it and SQL does not.
    "\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
"""Found in every text that `clean_text` changes in more than plain white space (Python and RE2)."""


def clean_text(raw: str | None) -> str | None:
    """Plain text on one line; `None` if nothing is left or it is a style sheet or a script."""
    # Entities of entities (`&amp;amp;`) occur; what they hide may again be a tag.
    text = html.unescape(html.unescape(raw or ""))
    # One that is never closed may be a word, and if it is code, its text tells.
    text = _BLOCK.sub(lambda block: " " if block[2] else block[0], text)
    text = _TAG.sub(" ", text)
    if _SCRIPT.search(text) or any(re.search("[:;]", rule[1]) for rule in _BRACES.finditer(text)):
        return None
    return " ".join(text.replace("\x00", " ").split()) or None


def clean_path(raw: Sequence[str | None] | None) -> tuple[str, ...]:
    """The names of a category path, each once, in order."""
    return tuple(dict.fromkeys(name for part in raw or () if (name := clean_text(part))))


def clean_price(raw: str | None) -> str | None:
    """A price or a range of prices in dollars as written (`$13.49`), a number as such a price.

    Anything else is `None`.
    """
    text = clean_text(raw) or ""
    if _NUMBER.fullmatch(text):
        return f"${float(text.replace(',', '')):,.2f}"
    return text if re.fullmatch(PRICE, text) else None
