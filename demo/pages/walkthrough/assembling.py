"""What the history's side of the walkthrough does: each event returns the parts that it changes."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import walkthrough, widgets
from demo.inspect import checkpoints, url
from demo.inspect import session as edits
from demo.inspect.application import Application
from demo.inspect.choices import choices, chosen_filters, sorts
from demo.inspect.presets import presets
from demo.inspect.session import Session, target_of
from demo.pages import failures
from demo.pages.catalogue.address import SORTS
from demo.pages.named import Update
from demo.pages.walkthrough.address import DEFAULT, from_query
from demo.pages.walkthrough.results import Shown

SHOPPERS = 50
"""Ids offered at once."""


class Assembling:
    """The events of step one over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application

    @failures.told_in("browse")
    def browse(
        self, session: Session, query: str, category: Any, brand: Any, price: Any, sort: str
    ) -> Update:
        """The first page of what is asked for, and what the filters still offer."""
        filters = chosen_filters(category, brand, price)
        catalogue = self._app.shop(session.domain).catalogue
        browse = walkthrough.catalogue_page(catalogue, query, filters, sort)
        facets = catalogue.facets(query=query or "", filters=filters)
        offered = choices(facets, filters)._asdict()
        offered["sort"] = sorts(SORTS, query, sort)
        return {"browse": browse} | {n: gr.update(choices=one) for n, one in offered.items()}

    def search_shoppers(self, session: Session, part: str = "") -> Update:
        """Shoppers whose last purchase is held out and whose id holds a part; a line if none is."""
        found = self._app.shop(session.domain).catalogue.users(part=part, limit=SHOPPERS)
        said = "" if found else walkthrough.no_shopper(part)
        return {"shoppers": walkthrough.shopper_list(found), "beside": said}

    def telling(self, session: Session) -> str:
        """The shop's telling cases as buttons."""
        try:
            shop = self._app.shop(session.domain)
        except CalrecError:
            return widgets.preset_list(())  # what is wrong is said elsewhere on the page
        found = presets(shop, self._app.evaluations, checkpoints.identity(self._app))
        return widgets.preset_list(found)

    def click_catalogue(
        self,
        session: Session,
        query: str,
        category: Any,
        brand: Any,
        price: Any,
        sort: str,
        click: gr.EventData,
    ) -> Update:
        """A click in the catalogue: adds an item, turns the page or takes the corrected query."""
        if click.act == "search":
            return {"query": click.id}
        if click.act == "page":
            filters = chosen_filters(category, brand, price)
            try:
                catalogue = self._app.shop(session.domain).catalogue
                page = walkthrough.catalogue_page(catalogue, query, filters, sort, int(click.id))
            except CalrecError as error:
                page = widgets.notice(str(error), "error")
            return {"browse": page}
        if click.id not in self._app.shop(session.domain).catalogue.index:
            return {}  # the list of another shop was still on the screen
        return {"session": edits.added(session, click.id)}

    def click_history(self, session: Session, click: gr.EventData) -> Update:
        """A click in the history: moves, removes or clears."""
        if click.act == "clear":
            return {"session": edits.cleared(session)}
        position, item_id = int(click.position), click.id
        if click.act == "remove":
            return {"session": edits.removed(session, position, item_id)}
        step = -1 if click.act == "up" else 1
        return {"session": edits.moved(session, position, item_id, step)}

    @failures.told_in("message")
    def load_shopper(self, session: Session, typed: str) -> Update:
        """A test user's history; the true next item becomes the known target.

        Args:
          session: of the visitor.
          typed: the user's id; a part of one stands for the first that holds it.
        """
        if not typed:
            return {}
        shop = self._app.shop(session.domain)
        try:
            loaded = edits.of_shopper(shop, typed)
        except CalrecError:
            found = shop.catalogue.users(part=typed, limit=1)
            if not found:
                raise
            loaded = edits.of_shopper(shop, found[0])
        return {"session": loaded, "message": ""}

    def click_preset(self, session: Session, click: gr.EventData) -> Update:
        """Opens a telling case: loads it with its seed, by the usual settings, and recommends."""
        loaded = self.load_shopper(session, click.id)
        if "session" not in loaded:
            return loaded
        choice = replace(DEFAULT, seed=int(click.seed))
        return {**loaded, **choice.controls(), "start": f"{loaded['session']} {time.time()}"}

    @failures.told_in("message")
    def random_shopper(self, session: Session) -> Update:
        """Some test user's history."""
        return self.load_shopper(session, self._app.shop(session.domain).random_shopper())

    @failures.told_in("message")
    def undone(self, written: str) -> Update:
        """The history of a query, with the seed that it had."""
        query = url.read(written)
        return {"session": edits.from_query(query, self._app), "seed": from_query(query).seed}

    @failures.told_in("message")
    def assembly(self, session: Session, shown: Shown | None, template: str) -> Update:
        """The history's side of the page, and the prompt that it makes."""
        shop = self._app.shop(session.domain)
        items = shop.items(session.history)
        target = target_of(session, shop)
        read, cut = walkthrough.prompt_view(shop, session.history, template)
        card = gr.update(value=widgets.target_card(target), visible=target is not None)
        return {
            "history": widgets.history_list(items, session),
            "target": card,
            "message": "",
            **stale(session, shown),
            "prompt": read,
            "cut": cut,
            "shopper": session.user_id or "",
            "beside": "",
        }

    @failures.told_in("prompt")
    def prompt(self, session: Session, template: str) -> Update:
        """The prompt of the history as it is now; one line where there is none."""
        shop = self._app.shop(session.domain)
        read, cut = walkthrough.prompt_view(shop, session.history, template)
        return {"prompt": read, "cut": cut}


def stale(session: Session, shown: Shown | None) -> Update:
    """Whether the results belong to another history than the one now shown."""
    return {"stale": walkthrough.stale_line(session, shown and shown.session)}
