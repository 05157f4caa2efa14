"""What the pages have in common, and the lists that a visitor works with, as HTML.

Buttons carry what they do in `data-act` and on which item in `data-id`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from calrec.records import Item
from catalog.store import Page
from demo.html.templating import render
from demo.inspect.session import Session

STEPS = ("History", "Prompt", "Texts", "Matching", "Ranking")


def empty_state(title: str, text: str) -> Markup:
    """What stands where there is nothing to show yet."""
    return render("parts", "empty_state", title, text)


def notice(text: str, kind: str = "info") -> Markup:
    """One plain line, nothing without text; `kind` is `info`, `error` or `done`."""
    return render("parts", "notice", text, kind)


def notices(lines: Sequence[str], kind: str = "error") -> Markup:
    """Plain lines below each other."""
    return Markup("").join(notice(line, kind) for line in lines)


def quiet(text: str) -> Markup:
    """One small line, nothing without text."""
    return render("parts", "quiet", text)


def done(text: str, source: str, live: bool) -> Markup:
    """What has finished, with a badge that says where it comes from."""
    return render("parts", "done", text, source, live)


def heading(number: int, title: str, text: str) -> Markup:
    """A section's heading and its explanation for lay people; without a number where that is 0."""
    return render("parts", "heading", number, title, text)


def lead(text: str) -> Markup:
    """The sentences above a figure."""
    return render("parts", "lead", text)


def plot_title(title: str, text: str = "") -> Markup:
    """The name of a figure, and sentences that explain it."""
    return render("parts", "plot_title", title, text)


def formula(step: int) -> Markup:
    """What a step of the walkthrough computes, folded away."""
    return render("walkthrough", "formula", step)


def stepper() -> Markup:
    """The walkthrough's steps as buttons; the last one shows all of them below each other."""
    return render("walkthrough", "stepper", STEPS)


def step_buttons(step: int) -> Markup:
    """To the step before and the one after."""
    return render("walkthrough", "step_buttons", STEPS, step)


def preset_list(presets: Sequence[Any]) -> Markup:
    """Telling cases as buttons; nothing where there are none."""
    return render("walkthrough", "preset_list", presets)


def catalogue_list(page: Page, offset: int, limit: int) -> Markup:
    """One page of the catalogue, each row a button that adds the item; then the pager."""
    return render(
        "walkthrough",
        "catalogue_list",
        page,
        rows=list(zip(page.items, page.highlights, page.popularity, strict=True)),
        priced=any(item.price for item in page.items),
        offset=offset,
        limit=limit,
    )


def collector() -> Markup:
    """The button that adds the view to the report."""
    return render("report", "add")


def undo_buttons() -> Markup:
    """Back to the history before, and forth again."""
    return render("walkthrough", "undo_buttons")


def history_list(items: list[Item], session: Session) -> Markup:
    """The purchase history, oldest first, with buttons to reorder, remove and clear."""
    return render("walkthrough", "history_list", items, session)


def target_card(item: Item | None) -> Markup:
    """The item really bought next, apart from the history."""
    return render("walkthrough", "target_card", item)
