"""What happens on the Catalogue page: plain functions of the visitor and the page's query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.text import DEFAULT_TEXT, TextSettings
from catalog.store import Catalogue, Page
from demo.html import widgets
from demo.html.catalogue import about, item, listing
from demo.html.templating import render
from demo.html.wording import count, title_of
from demo.inspect import session as sessions
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.choices import sorts
from demo.inspect.first_items import KeptCounts
from demo.inspect.item_cases import item_cases
from demo.inspect.opened_item import OpenedItem
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.inspect.similar import by_vector, by_words
from demo.pages import failures
from demo.pages.catalogue.address import BUYERS, PAGE_SIZE, SORTS, CatalogueAddress
from demo.pages.events import carried
from demo.pages.named import Update

NEIGHBOURS = 6
"""Rows of each list on an item's page."""


class CatalogueHandlers:
    """The page's events over one `Application`; holds nothing of a visitor."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._vectors = app.item_vectors
        self._counts = KeptCounts()

    @failures.told_in("results")
    def show(self, session: Session, query: url.Query) -> Update:
        """The whole page for a query."""
        view = CatalogueAddress.read(query)
        shop = self._app.shop(session.domain)
        view, page = _found(shop.catalogue, view)
        return {
            **_listed(shop.catalogue, view, page),
            "search": view.q,
            "sort": gr.update(choices=sorts(SORTS, view.q, view.sort), value=view.sort),
            "about": about.about(shop),
            **self._opened(shop, view),
        }

    def search(self, session: Session, written: str, q: str, sort: str) -> Update:
        """Another search or sort. What is shown already is left alone."""
        before = CatalogueAddress.of(written)
        return self._change(session, before, before.asked(q, sort))

    def click(
        self, session: Session, written: str, q: str, sort: str, click: gr.EventData
    ) -> Update:
        """A button that leads to another view, opens or closes an item, or corrects the search."""
        before = CatalogueAddress.of(written)
        # What was typed a moment ago counts: the address may be a step behind.
        now = before.asked(q, sort)
        act, wanted = carried(click, "act"), carried(click, "id")
        if act == "go":
            view = CatalogueAddress.of(wanted)
            view = view if now == before else view.asked(q, sort)
        elif act == "search":
            view = now.asked(wanted, sort)
        else:
            view = replace(now, open=wanted if act == "open" else "", buyers=0)
        changed = self._change(session, before, view)
        return changed if view.q == now.q else {**changed, "search": view.q}

    def _change(self, session: Session, before: CatalogueAddress, view: CatalogueAddress) -> Update:
        """Only what differs between two views."""
        if view == before:
            return {}
        shown: Update = {"address": view.write()}
        try:
            shop = self._app.shop(session.domain)
            if view.listing() != before.listing():
                view, page = _found(shop.catalogue, view)
                shown = _listed(shop.catalogue, view, page)
            if bool(view.q) != bool(before.q):
                shown["sort"] = gr.update(choices=sorts(SORTS, view.q, view.sort))
            if (view.open, view.buyers) != (before.open, before.buyers):
                shown |= self._opened(shop, view)
        except CalrecError as error:
            shown["results"] = widgets.notice(str(error), "error")
        return shown

    # One item

    def _opened(self, shop: Shop, view: CatalogueAddress) -> Update:
        if not view.open:
            return {"item": "", "words": "", "vectors": "", "cases": ""}
        catalogue = shop.catalogue
        index = catalogue.index.get(view.open)
        if index is None:
            return {"item": item.unknown_item(view.open), "words": "", "vectors": "", "cases": ""}
        text = self._text()
        buyers = slice(view.buyers, view.buyers + BUYERS)
        opened = OpenedItem.of(catalogue, index, text, limit=NEIGHBOURS, shoppers=buyers)
        if view.buyers and not opened.around.shoppers:  # an address from when there were more
            return self._opened(shop, replace(view, buyers=0))
        similar = by_words(catalogue.corpus(), opened.item, index, text=text, limit=NEIGHBOURS)
        items = catalogue.items.__getitem__
        its_own = CatalogueAddress(sort=view.sort, open=view.open)
        brand = its_own.filtered(brand=opened.item.brand)
        path = catalogue.category_path(index)
        categories = [
            (level, its_own.filtered(category=path[: k + 1]).write())
            for k, level in enumerate(path)
        ]
        return {
            "item": item.item_page(
                opened,
                items,
                brand.write(),
                categories,
                offset=view.buyers,
                limit=BUYERS,
                at=lambda offset: replace(view, buyers=offset).write(),
            ),
            "words": item.similar_by_words(similar, items),
            "vectors": self._similar(shop, index),
            "cases": "",
        }

    @failures.told_in("cases")
    def cases(self, session: Session, written: str) -> Update:
        """In how many cases of the evaluations the item that is open now is what.

        Read when the rest of the page is there: the first time, the runs have to be counted.
        """
        view = CatalogueAddress.of(written)
        if not view.open or view.open not in self._app.shop(session.domain).catalogue.index:
            return {"cases": ""}
        runs = self._app.evaluations.of(session.domain).runs
        rows = item_cases(self._counts, session.domain, runs, view.open)
        return {"cases": render("catalogue/cases", "of_item", rows) if rows else ""}

    def _similar(self, shop: Shop, index: int) -> str:
        items = shop.catalogue.items
        vectors = self._vectors.known(shop)
        if vectors is None:
            return item.no_vectors(len(items))
        found = by_vector(vectors, index, limit=NEIGHBOURS)
        return item.similar_by_vector(found, items.__getitem__)

    def _text(self) -> TextSettings:
        """How the served model reads items, without loading it."""
        try:
            return checkpoint.describe(checkpoint.resolve(self._app.checkpoint)).text
        except CalrecError:
            return DEFAULT_TEXT

    def compute(self, session: Session) -> Iterator[Update]:
        """Computes the shop's item vectors; closing it stops the work.

        Yields how far it is, and the line for the toast: empty, or what went wrong.
        """
        try:
            shop = self._app.shop(session.domain)
            total = shop.catalogue.info.items
            yield {"vectors": item.computing(0, total), "toast": ""}
            with closing(self._vectors.stream(shop)) as stream:
                for done in stream:
                    yield {"vectors": item.computing(done, total)}
        except Exception as error:
            said = failures.line(error, "item vectors")
            yield {"toast": widgets.notice(said, "error")}

    @failures.told_in("vectors")
    def vectors(self, session: Session, written: str) -> Update:
        """What stands under the item that is open now, when the vectors are there or stopped."""
        shop = self._app.shop(session.domain)
        index = shop.catalogue.index.get(CatalogueAddress.of(written).open)
        return {"vectors": "" if index is None else self._similar(shop, index)}

    # The visitor's history

    @failures.told_in("toast")
    def edit(self, session: Session, click: gr.EventData) -> Update:
        """Adds an item to the history, or loads a shopper and goes to the walkthrough."""
        shop = self._app.shop(session.domain)
        if carried(click, "act") == "load":
            loaded, said = _shopper(shop, carried(click, "id"))
            done = widgets.notice(said, "done")
            return {"session": loaded, "toast": done, "tabs": gr.Tabs(selected="walkthrough")}
        [found] = shop.items([carried(click, "id")])
        added = sessions.added(session, found.item_id)
        if added is session:
            full = f"The history is full: it holds {len(session.history):,} items. Remove some."
            return {"toast": widgets.notice(full, "error")}
        now = count(len(added.history), "purchase")
        said = f"Added to the history, which now has {now}: {title_of(found)}"
        return {"session": added, "toast": widgets.notice(said, "done")}


def _shopper(shop: Shop, user_id: str) -> tuple[Session, str]:
    sequences = shop.catalogue.sequences()
    try:
        loaded = sessions.of_shopper(shop, user_id)
        return loaded, f"Loaded shopper {user_id}; the last purchase is held out."
    except CalrecError:
        # Of a shop that holds nothing out, the history alone.
        if user_id not in sequences.user_ids:
            raise
    bought = sequences.training(sequences.user_ids.index(user_id))[-sessions.MOST :]
    history = tuple(shop.catalogue.item_ids[i] for i in bought)
    said = f"Loaded the purchases of {user_id}; none is held out, so no answer is known."
    return Session(domain=shop.domain, history=history), said


def _found(catalogue: Catalogue, view: CatalogueAddress) -> tuple[CatalogueAddress, Page]:
    """The items of a view; of the last page where it asks for one behind the end."""
    asked: dict[str, Any] = {"query": view.q, "filters": view.filters, "sort": view.sort}
    page = catalogue.page(**asked, offset=view.offset, limit=PAGE_SIZE)
    last = max(page.total - 1, 0) // PAGE_SIZE * PAGE_SIZE
    if view.offset > last:
        # An address from when there were more.
        view = replace(view, offset=last)
        page = catalogue.page(**asked, offset=last, limit=PAGE_SIZE)
    return view, page


def _listed(catalogue: Catalogue, view: CatalogueAddress, page: Page) -> Update:
    def link(**changes: Any) -> str:
        return view.filtered(**changes).write()

    facets = catalogue.facets(query=view.q, filters=view.filters)
    return {
        "address": view.write(),
        "filters": listing.filter_lists(facets, view.filters, link),
        "chips": listing.chips(view.filters, link, facets, page.total),
        "results": listing.results(
            page,
            opened=view.open,
            offset=view.offset,
            limit=PAGE_SIZE,
            at=lambda offset: replace(view, offset=offset).write(),
        ),
    }
