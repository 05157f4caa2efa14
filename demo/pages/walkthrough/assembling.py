"""Assembling a history: the small catalogue browser, shoppers, telling cases, and the prompt."""

from __future__ import annotations

from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from calrec.text import TextSettings, prompt_text
from catalog.store import Catalogue, Filters
from demo.html import widgets
from demo.html.record import prompt
from demo.inspect import session as edits
from demo.inspect.application import Application
from demo.inspect.choices import choices, chosen_filters
from demo.inspect.presets import presets
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.pages.events import SKIP
from demo.pages.walkthrough.updates import Assembly, Listing, Shown, stale_line, target_of

PAGE_SIZE = 20


class Assembling:
    """The events of step one over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application

    def browse(
        self, session: Session, query: str, category: Any, brand: Any, price: Any, sort: str
    ) -> Listing:
        """The first page of what is asked for, and what the filters still offer."""
        filters = chosen_filters(category, brand, price)
        try:
            catalogue = self._app.shop(session.domain).catalogue
            page = _page(catalogue, query, filters, sort, 0)
            facets = catalogue.facets(query=query or "", filters=filters)
        except CalrecError as error:
            return Listing(browse=widgets.notice(str(error), "error"))
        offered = choices(facets, filters)
        return Listing(page, *(gr.update(choices=of_one) for of_one in offered))

    def shoppers(self, session: Session, prefix: str = "") -> list[str]:
        """Some shoppers whose last purchase is held out."""
        return self._app.shop(session.domain).catalogue.users(prefix=prefix or "", limit=50)

    def telling(self, session: Session) -> str:
        """The shop's telling cases as buttons."""
        try:
            shop = self._app.shop(session.domain)
        except CalrecError:
            return widgets.preset_list(())  # what is wrong is said elsewhere on the page
        return widgets.preset_list(presets(shop, self._app.evaluations))

    def click_catalogue(
        self,
        session: Session,
        query: str,
        category: Any,
        brand: Any,
        price: Any,
        sort: str,
        click: gr.EventData,
    ) -> tuple[Any, ...]:
        """A click in the catalogue: adds an item, turns the page or takes the corrected query."""
        if click.act == "search":
            return (SKIP, SKIP, click.id)
        if click.act == "page":
            filters = chosen_filters(category, brand, price)
            try:
                catalogue = self._app.shop(session.domain).catalogue
                browse = _page(catalogue, query, filters, sort, int(click.id))
            except CalrecError as error:
                browse = widgets.notice(str(error), "error")
            return (SKIP, browse, SKIP)
        if click.id not in self._app.shop(session.domain).catalogue.index:
            # The list of another shop was still on the screen.
            return (SKIP, SKIP, SKIP)
        return (edits.added(session, click.id), SKIP, SKIP)

    def click_history(self, session: Session, click: gr.EventData) -> Session:
        """A click in the history: moves, removes or clears."""
        if click.act == "clear":
            return edits.cleared(session)
        position, item_id = int(click.position), click.id
        if click.act == "remove":
            return edits.removed(session, position, item_id)
        return edits.moved(session, position, item_id, -1 if click.act == "up" else 1)

    def load_shopper(self, session: Session, user_id: str | None) -> tuple[Any, Any]:
        """A test user's history; the true next item becomes the known target."""
        if not user_id:
            return SKIP, SKIP
        try:
            return edits.of_shopper(self._app.shop(session.domain), user_id), ""
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error")

    def click_preset(self, session: Session, click: gr.EventData) -> tuple[Any, Any, Any]:
        """Loads a telling case, with the seed that it was found with."""
        return *self.load_shopper(session, click.id), int(click.seed)

    def random_shopper(self, session: Session) -> tuple[Any, Any]:
        """Some test user's history."""
        try:
            shop = self._app.shop(session.domain)
            return edits.of_shopper(shop, shop.random_shopper()), ""
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error")

    def search_shoppers(self, session: Session, typed: gr.KeyUpData) -> Any:
        """Shoppers that begin with what was typed."""
        return gr.update(choices=self.shoppers(session, typed.input_value))

    def assembly(self, session: Session, shown: Shown | None, template: str) -> Assembly:
        """The history's side of the page, and the prompt that it makes."""
        try:
            shop = self._app.shop(session.domain)
            items = shop.items(session.history)
            target = target_of(shop, session)
            read = _prompt(shop, session, template)
        except CalrecError as error:
            return Assembly(message=widgets.notice(str(error), "error"))
        return Assembly(
            history=widgets.history_list(items, session),
            target=gr.update(value=widgets.target_card(target), visible=target is not None),
            message="",
            stale=stale_line(session, shown),
            prompt=read,
            shopper=gr.update(value=session.user_id),
        )

    def prompt(self, session: Session, template: str) -> str:
        """The prompt of the history as it is now; one line where there is none."""
        try:
            return _prompt(self._app.shop(session.domain), session, template)
        except CalrecError as error:
            return widgets.notice(str(error), "error")


def _page(catalogue: Catalogue, query: str, filters: Filters, sort: str, offset: int) -> str:
    page = catalogue.page(
        query=query or "", filters=filters, sort=str(sort), offset=offset, limit=PAGE_SIZE
    )
    return widgets.catalogue_list(page, offset, PAGE_SIZE)


def _prompt(shop: Shop, session: Session, template: str) -> str:
    if not session.history:
        return widgets.empty_state("No prompt yet", "It is made of the purchase history.")
    items = shop.items(session.history)
    if not shop.served.is_loaded:
        text = prompt_text(items, TextSettings(template=template))
        return prompt.view(text, None, 0)
    made = shop.served.get().with_template(template).prompt(items)
    return prompt.view(made.text, len(made.token_ids), made.items_cut)
