"""The walkthrough's parts as HTML: the catalogue's list, the prompt, and lines about them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.model.checkpoint import describe
from calrec.records import Recommendation
from calrec.records.decoders import Decoding
from calrec.text import TextSettings, prompt_text
from catalog.store import Catalogue, Filters
from demo.html import widgets
from demo.html.record import prompt, texts
from demo.html.templating import render
from demo.html.wording import count
from demo.inspect.model_card import lead
from demo.inspect.session import Session
from demo.inspect.shop import Shop

PAGE_SIZE = 20
MOST_TEXTS = 64
"""Texts shown, the most probable ones: a decoder that reads all items has one of each."""
_HEADINGS = {
    0: (
        "The purchase history",
        "What the recommenders read. Or load a real shopper, whose last purchase "
        "is held back as the right answer.",
    ),
    1: (
        "Pick from the catalogue",
        "Click items in the order in which somebody might have bought them.",
    ),
    2: (
        "What the model reads",
        "The history as one text, the oldest purchase first: no numbers of items or "
        "persons, only words. The last line is unfinished; the model goes on from there.",
    ),
    3: (
        "What the model writes",
        "It continues the history with the text of the next purchase, many times over. "
        "The bar is the text's probability under the model. The best different texts are kept.",
    ),
    4: (
        "From texts to items",
        "Each row is an item, each column a kept text; the stronger the colour, the better "
        "they match. First the plain word scores, then each column scaled to 0–1, then "
        "weighed by how probable its text is. A frame marks the text that decides an "
        "item's score. Press a switch: nothing is written anew.",
    ),
    5: (
        "The ranking",
        "CALRec's first items beside those of simple rules. An arrow says how the place "
        "differs from the other ranking's: ▲ higher here, ▼ lower here. Under each item "
        "stands what set it behind the place above: its text's probability, or how well it "
        "matches. Open it to see the words.",
    ),
    6: (
        "Through the whole catalogue",
        "How probable the model finds the texts of all items: no draw, no comparison of words. "
        "What lies where in the catalogue, and where the item really bought was left behind.",
    ),
}
_WITH_FORMULA = (2, 3, 4)


def step_heading(step: int) -> Markup:
    """A step's heading, with what it computes; 0 is that of the history, 6 the search's."""
    heading = widgets.heading(step if step <= len(widgets.STEPS) else 0, *_HEADINGS[step])
    return heading + widgets.formula(step) if step in _WITH_FORMULA else heading


def catalogue_page(
    catalogue: Catalogue, query: str, filters: Filters, sort: str, offset: int = 0
) -> Markup:
    """The list of what is asked for, from an offset on.

    Raises:
      CalrecError: if there is no such order.
    """
    page = catalogue.page(
        query=query or "", filters=filters, sort=str(sort), offset=offset, limit=PAGE_SIZE
    )
    return widgets.catalogue_list(page, offset, PAGE_SIZE)


def shopper_list(user_ids: Sequence[str]) -> Markup:
    """The ids that the browser offers below the box of shoppers."""
    return render("walkthrough", "shopper_list", user_ids)


def no_shopper(typed: str) -> Markup:
    """What is said where no shopper's id holds what was typed."""
    return widgets.notice(f"No shopper with a purchase held back has “{typed}” in the id.")


def no_prompt() -> Markup:
    """What stands in the prompt's place before there is a history."""
    return widgets.empty_state("No prompt yet", "It is made of the purchase history.")


def cut_line(cut: int, total: int) -> Markup:
    """That the model reads only a part of a history, where it does."""
    if not cut:
        return Markup("")
    left = f"the {cut:,} oldest do" if cut > 1 else "the oldest does"
    read = f"The model reads the last {total - cut:,} of these {total:,} purchases"
    return widgets.notice(f"{read}: {left} not fit.")


def prompt_view(shop: Shop, history: tuple[str, ...], template: str) -> tuple[Markup, Markup]:
    """The prompt of a history, and a line where it does not read all of it.

    The model, where it is loaded, says how long it is.

    Raises:
      CalrecError: if the shop has no such item.
    """
    if not history:
        return no_prompt(), Markup("")
    items = shop.items(history)
    if not shop.served.is_loaded:
        text = prompt_text(items, TextSettings(template=template))
        return prompt.view(text, None, 0), Markup("")
    made = shop.served.get().with_template(template).prompt(items)
    view = prompt.view(made.text, len(made.token_ids), made.items_cut)
    return view, cut_line(made.items_cut, len(items))


def speaker(name: str, folder: Path | None) -> Markup:
    """Which model writes: its name, and what its folder says of it where there is one."""
    said = ""
    if folder is not None:
        with suppress(CalrecError):
            name, said = folder.name, lead(describe(folder))
    return render("walkthrough", "speaker", name, said)


def texts_view(shop: Shop, record: Recommendation, opened: int, *, pressed: bool = True) -> Markup:
    """The kept texts of a record, one of them opened by its place in the order drawn; -1: none.

    `pressed` is as in `demo.html.record.texts.view`.
    """
    settings = TextSettings(**record.settings.get("text", {}))
    first, more = record, len(record.samples) - MOST_TEXTS
    if record.generation is not None and more > 0:
        kept = replace(record.generation, samples=record.samples[:MOST_TEXTS])
        first = replace(record, generation=kept)
    attributes = shop.attributes(settings)
    view = texts.view(first, shop.catalogue.items, attributes, opened, pressed=pressed)
    said = f"And {count(more, 'more text')}, which are less probable." if more > 0 else ""
    return view + widgets.quiet(said)


def no_say_in_texts(kind: Decoding) -> str:
    """Why some settings of writing are not offered; empty where all are."""
    if kind.draws:
        return ""
    if kind.id == "likelihood":
        return (
            f"{kind.label}: nothing is drawn and each one is read, so that seed, temperature and"
            " number of texts have no say."
        )
    return f"{kind.label}: nothing is drawn, so that seed and temperature have no say."


def no_say_in_ranking(retrieval: str) -> str:
    """Why some switches of the ranking are not offered; empty where all are."""
    if retrieval == "exact":
        return (
            "An item's score is the log-probability of its own text: words, weight and pooling have"
            " no say."
        )
    if retrieval == "hierarchical":
        return "Equal attributes decide: words, weight and pooling have no say."
    return ""


def stale_line(session: Session, shown: Session | None) -> Markup:
    """A line above the results if they belong to another history than the one now shown."""
    read = shown and (shown.domain, shown.history)
    if not read or read == (session.domain, session.history):
        return Markup("")
    return widgets.notice(
        "The history has changed since. These results belong to the earlier one: "
        "press Recommend for new ones."
    )
