"""What happens on the Catalogue page: plain functions of the visitor and the page's query."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any, NamedTuple

import gradio as gr

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.text import DEFAULT_TEXT, TextSettings
from catalog.store import Catalogue, Page
from demo.html import widgets
from demo.html.wording import count, title_of
from demo.inspect import session as sessions
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.inspect.similar import by_vector, by_words
from demo.pages import failures
from demo.pages.catalogue import about, item, listing
from demo.pages.catalogue.view import PAGE_SIZE, View, view_of
from demo.pages.events import SKIP

NEIGHBOURS = 6
"""Rows of each list on an item's page."""


class Shown(NamedTuple):
    """Updates of the page; `SKIP` leaves a part as it is."""

    address: Any = SKIP
    search: Any = SKIP
    sort: Any = SKIP
    filters: Any = SKIP
    chips: Any = SKIP
    results: Any = SKIP
    item: Any = SKIP
    words: Any = SKIP
    vectors: Any = SKIP
    about: Any = SKIP


class Handlers:
    """The page's events over one `Application`; holds nothing of a visitor."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._vectors = app.item_vectors

    def show(self, session: Session, query: url.Query) -> Shown:
        """The whole page for a query."""
        view = view_of(query)
        try:
            shop = self._app.shop(session.domain)
            view, page = _found(shop.catalogue, view)
            return _listed(shop.catalogue, view, page)._replace(
                search=view.q,
                sort=view.sort,
                about=about.about(shop),
                **self._opened(shop, view),
            )
        except CalrecError as error:
            return Shown(results=widgets.notice(str(error), "error"))

    def search(self, session: Session, written: str, q: str, sort: str) -> Shown:
        """Another search or sort. What is shown already is left alone."""
        before = _view(written)
        return self._change(session, before, before.asked(q, sort))

    def click(
        self, session: Session, written: str, q: str, sort: str, click: gr.EventData
    ) -> Shown:
        """A button that leads to another view, opens or closes an item, or corrects the search."""
        before = _view(written)
        # What was typed a moment ago counts: the address may be a step behind.
        now = before.asked(q, sort)
        act, wanted = _said(click, "act"), _said(click, "id")
        if act == "go":
            view = view_of(url.read(wanted))
            view = view if now == before else view.asked(q, sort)
        elif act == "search":
            view = now.asked(wanted, sort)
        else:
            view = replace(now, open=wanted if act == "open" else "")
        changed = self._change(session, before, view)
        return changed if view.q == now.q else changed._replace(search=view.q)

    def _change(self, session: Session, before: View, view: View) -> Shown:
        """Only what differs between two views."""
        if view == before:
            return Shown()
        shown = Shown(address=view.query())
        try:
            shop = self._app.shop(session.domain)
            if view.listing() != before.listing():
                view, page = _found(shop.catalogue, view)
                shown = _listed(shop.catalogue, view, page)
            if view.open != before.open:
                shown = shown._replace(**self._opened(shop, view))
        except CalrecError as error:
            shown = shown._replace(results=widgets.notice(str(error), "error"))
        return shown

    # One item

    def _opened(self, shop: Shop, view: View) -> dict[str, str]:
        if not view.open:
            return {"item": "", "words": "", "vectors": ""}
        catalogue = shop.catalogue
        index = catalogue.index.get(view.open)
        if index is None:
            return {"item": item.unknown_item(view.open), "words": "", "vectors": ""}
        around = catalogue.neighbours(index, limit=NEIGHBOURS)
        text = self._text()
        opened = item.Opened(
            item=catalogue.items[index],
            index=index,
            popularity=catalogue.popularity,
            text=text,
            around=around,
            times=catalogue.purchase_times(index),
            span=catalogue.time_span,
            loadable=_loadable(catalogue, [buyer.user_id for buyer in around.shoppers]),
        )
        similar = by_words(catalogue.corpus(), opened.item, index, text=text, limit=NEIGHBOURS)
        items = catalogue.items.__getitem__
        return {
            "item": item.item_page(opened, items, view),
            "words": item.similar_by_words(similar, items),
            "vectors": self._similar(shop, index),
        }

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

    def compute(self, session: Session) -> Iterator[tuple[Any, Any]]:
        """Computes the shop's item vectors; closing it stops the work.

        Yields how far it is, and the line for the toast: empty, or what went wrong.
        """
        try:
            shop = self._app.shop(session.domain)
            total = shop.catalogue.info.items
            yield item.computing(0, total), ""
            with closing(self._vectors.stream(shop)) as stream:
                for done in stream:
                    yield item.computing(done, total), SKIP
        except Exception as error:
            yield SKIP, widgets.notice(failures.line(error, "item vectors"), "error")

    def vectors(self, session: Session, written: str) -> str:
        """What stands under the item that is open now, when the vectors are there or stopped."""
        try:
            shop = self._app.shop(session.domain)
            index = shop.catalogue.index.get(_view(written).open)
            return "" if index is None else self._similar(shop, index)
        except CalrecError as error:
            return widgets.notice(str(error), "error")

    # The visitor's history

    def edit(self, session: Session, click: gr.EventData) -> tuple[Any, str, Any]:
        """Adds an item to the history, or loads a shopper: session, the line that says so, tabs."""
        try:
            shop = self._app.shop(session.domain)
            if _said(click, "act") == "load":
                loaded, said = _shopper(shop, _said(click, "id"))
                return loaded, widgets.notice(said, "done"), gr.Tabs(selected="walkthrough")
            [found] = shop.items([_said(click, "id")])
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error"), SKIP
        added = sessions.added(session, found.item_id)
        if added is session:
            full = f"The history is full: it holds {len(session.history):,} items. Remove some."
            return SKIP, widgets.notice(full, "error"), SKIP
        now = count(len(added.history), "purchase")
        said = f"Added to the history, which now has {now}: {title_of(found)}"
        return added, widgets.notice(said, "done"), SKIP


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


def _found(catalogue: Catalogue, view: View) -> tuple[View, Page]:
    """The items of a view; of the last page where it asks for one behind the end."""
    asked: dict[str, Any] = {"query": view.q, "filters": view.filters, "sort": view.sort}
    page = catalogue.page(**asked, offset=view.offset, limit=PAGE_SIZE)
    last = max(page.total - 1, 0) // PAGE_SIZE * PAGE_SIZE
    if view.offset > last:
        # An address from when there were more.
        view = replace(view, offset=last)
        page = catalogue.page(**asked, offset=last, limit=PAGE_SIZE)
    return view, page


def _listed(catalogue: Catalogue, view: View, page: Page) -> Shown:
    facets = catalogue.facets(query=view.q, filters=view.filters)
    return Shown(
        address=view.query(),
        filters=listing.filter_lists(facets, view),
        chips=listing.chips(view, facets, page.total),
        results=listing.results(page, view),
    )


def _loadable(catalogue: Catalogue, user_ids: list[str]) -> frozenset[str]:
    def has_case(user_id: str) -> bool:
        try:
            catalogue.case(user_id)
        except CalrecError:
            return False
        return True

    return frozenset(filter(has_case, user_ids))


def _view(written: Any) -> View:
    return view_of(url.read(str(written or "")))


def _said(click: gr.EventData, name: str) -> str:
    """What a click carries under a name; it comes from the browser and may lack it."""
    try:
        return str(getattr(click, name))
    except (AttributeError, TypeError):
        return ""
