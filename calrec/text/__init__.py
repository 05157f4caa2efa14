"""Items as text, prompts, words, and the way back from a generated text."""

from calrec.records import Attributes, Item
from calrec.text.item_text import (
    DEFAULT_TEXT,
    LABELS,
    TEMPLATES,
    UNKNOWN,
    Template,
    TextSettings,
    document_words,
    item_text,
    parse,
    prompt_pieces,
    prompt_text,
    query_words,
    truncated,
)

__all__ = [
    "DEFAULT_TEXT",
    "LABELS",
    "TEMPLATES",
    "UNKNOWN",
    "Attributes",
    "Item",
    "Template",
    "TextSettings",
    "document_words",
    "item_text",
    "parse",
    "prompt_pieces",
    "prompt_text",
    "query_words",
    "truncated",
]
