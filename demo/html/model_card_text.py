"""A model card as HTML and as Markdown; nothing in the record is read as markup."""

from __future__ import annotations

from markupsafe import Markup

from calrec.report.model_card import markdown
from calrec.report.rendering import markdown_text
from demo.html.templating import render
from demo.inspect.model_card import Card


def to_html(card: Card) -> Markup:
    """The card as definition lists and tables."""
    return render("model_card", "page", card)


def to_markdown(card: Card) -> str:
    """The card as a file of Markdown."""
    parts = [f"# Model card: {markdown_text(card.name)}", markdown_text(card.lead)]
    return "\n\n".join([*parts, *map(markdown, card.sections)]) + "\n"
