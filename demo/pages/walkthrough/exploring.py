"""What the search over the whole catalogue does: each event returns the parts that it changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from demo.html import widgets
from demo.html.record import explorer
from demo.html.wording import title_of
from demo.inspect.application import Application
from demo.inspect.exploring import explore
from demo.inspect.session import target_of
from demo.inspect.shop import Shop
from demo.pages import failures
from demo.pages.events import carried
from demo.pages.named import Update
from demo.pages.walkthrough import results
from demo.pages.walkthrough.address import WalkthroughAddress, chosen
from demo.pages.walkthrough.results import Shown

NOBODY = ("no other item", "")
"""What stands in the choice of an item to ask about while none is asked about."""
OFFERED = 20
"""Items that a search offers."""


class Exploring:
    """The events of the search over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application

    def look_through(self, shown: Shown | None, *values: Any) -> Update:
        """Searches, and shows what was found."""
        return self._explored(shown, replace(chosen(*values), explored=True))

    def explore_again(self, shown: Shown | None, *values: Any) -> Update:
        """The same by the settings as they are now; nothing where no search is shown."""
        choice = chosen(*values)
        if not choice.explored or shown is None:
            return {"address": results.address(choice, shown)}
        return self._explored(shown, choice)

    def look_at_item(self, click: gr.EventData, shown: Shown | None, *values: Any) -> Update:
        """Asks about the item that was pressed."""
        choice = replace(chosen(*values), explored=True, asked=carried(click, "id"))
        return self._explored(shown, choice)

    def offer_items(self, shown: Shown | None, typed: gr.KeyUpData) -> Update:
        """Items that match what was typed."""
        if shown is None:
            return {}
        shop, words = self._app.shop(shown.session.domain), (typed.input_value or "").strip()
        if words in shop.by_id:
            return {"asked": gr.update(choices=_offered(shop, [words]))}
        page = shop.catalogue.page(query=words[:500], limit=OFFERED)
        return {"asked": gr.update(choices=_offered(shop, [one.item_id for one in page.items]))}

    def _explored(self, shown: Shown | None, choice: WalkthroughAddress) -> Update:
        if shown is None:
            line = "Press Recommend first: the search goes by the same history."
            return {"explorer": widgets.notice(line)}
        choice = choice.with_texts_of(shown.key)
        try:
            view = self._view(shown, choice)
        except Exception as error:
            line = failures.line(error, "a search over the catalogue")
            view = {"explorer": widgets.notice(line, "error")}
        return {"explored": True, **view, "address": results.address(choice, shown)}

    def _view(self, shown: Shown, choice: WalkthroughAddress) -> Update:
        shop = self._app.shop(shown.session.domain)
        target = target_of(shown.session, shop)
        asked = [] if target is None else [target.item_id]
        found = explore(
            shop,
            shown.session.history,
            [*asked, *([choice.asked] if choice.asked else [])],
            depth=choice.depth,
            template=choice.template,
        )
        best = [one.item_ids[0] for one in found.found[:OFFERED]]
        offered = _offered(shop, dict.fromkeys([*filter(None, [choice.asked]), *best]))
        return {
            "explorer": explorer.view(found, shop.by_id, target, choice.asked),
            "asked": gr.update(choices=offered, value=choice.asked),
        }


def _offered(shop: Shop, item_ids: Any) -> list[tuple[str, str]]:
    return [NOBODY, *((f"{title_of(shop.by_id[one])} ({one})", one) for one in item_ids)]
