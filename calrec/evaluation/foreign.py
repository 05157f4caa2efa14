"""Text from data among words of ours: it keeps its writing direction to itself.

A right-to-left label, or one with an override in it, would turn the rest of the sentence round.
Where such a text goes into a sentence it is set between Unicode's isolates; the page makes elements
of them, and what knows no isolation drops them.
"""

from __future__ import annotations

import re
import unicodedata

OPEN, CLOSE = "\u2068", "\u2069"
"""First strong isolate, and its end."""

_CONTROLS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_TURNING = {"R", "AL", "AN"}


def plain(text: str) -> str:
    """The text without any character that directs the writing."""
    return _CONTROLS.sub("", text)


def isolated(text: str) -> str:
    """The text for use within a sentence: isolated where it holds any right-to-left writing.

    It loses its own controls of direction; every other text comes back as it is.
    """
    text = plain(text)
    if any(unicodedata.bidirectional(character) in _TURNING for character in text):
        return f"{OPEN}{text}{CLOSE}"
    return text
