"""A model card as HTML and as Markdown; nothing in the record is read as markup."""

from __future__ import annotations

from calrec.report.rendering import markdown_text
from demo.html.wording import escape
from demo.inspect.model_card import Card, Section


def to_html(card: Card) -> str:
    """The card as definition lists and tables."""
    sections = "".join(map(_html_section, card.sections))
    return (
        f'<div class="cr-cardpage"><p class="cr-lead"><b>{escape(card.name)}</b>'
        f" · {escape(card.lead)}</p>"
        f'<div class="cr-sections">{sections}</div></div>'
    )


def _html_section(section: Section) -> str:
    body = ""
    if section.facts:
        facts = "".join(
            f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
            for name, value in section.facts
        )
        body += f'<dl class="cr-facts">{facts}</dl>'
    if section.rows:
        heads = "".join(f'<th scope="col">{escape(one)}</th>' for one in section.columns)
        rows = "".join(
            f'<tr><th scope="row">{escape(first)}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in rest)
            + "</tr>"
            for first, *rest in section.rows
        )
        body += (
            f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(section.title)}">'
            f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    remarks = "".join(f"<li>{escape(one)}</li>" for one in section.remarks)
    body += f'<ul class="notes">{remarks}</ul>' if remarks else ""
    wide = " cr-wide" if section.wide else ""
    return f'<section class="cr-section{wide}"><h3>{escape(section.title)}</h3>{body}</section>'


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
