"""A model card as HTML and as Markdown; nothing in the record is read as markup."""

from __future__ import annotations

from markupsafe import Markup

from calrec.report.rendering import markdown_text
from demo.html.templating import render
from demo.inspect.model_card import Card


def to_html(card: Card) -> Markup:
    """The card as definition lists and tables."""
    return render("model_card", "page", card)


def to_markdown(card: Card) -> str:
    """The card as a file of Markdown."""
    parts = [f"# Model card: {markdown_text(card.name)}", markdown_text(card.lead)]
    for section in card.sections:
        parts.append(f"## {markdown_text(section.title)}")
        if section.facts:
            parts.append(
                "\n".join(f"- {markdown_text(n)}: {markdown_text(v)}" for n, v in section.facts)
            )
        if section.rows:
            lines = [section.columns, ("---",) * len(section.columns), *section.rows]
            parts.append(
                "\n".join(
                    f"| {' | '.join(c if c == '---' else markdown_text(c) for c in line)} |"
                    for line in lines
                )
            )
        if section.remarks:
            parts.append("\n".join(f"- {markdown_text(one)}" for one in section.remarks))
    return "\n\n".join(parts) + "\n"
