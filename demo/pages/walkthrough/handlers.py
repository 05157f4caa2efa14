"""What the walkthrough's events do; each returns the parts that it changes, by name."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from calrec.generation.model import Progress
from calrec.records import Generation
from demo.html import walkthrough, widgets
from demo.html.record import matching, prompt, ranking, texts
from demo.html.wording import count
from demo.inspect import session as edits
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.choices import Choices, choices, chosen_filters
from demo.inspect.draws import Draw, Draws
from demo.inspect.presets import presets
from demo.inspect.session import Session, target_of
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide, ranked, side_by_side
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.named import Update
from demo.pages.walkthrough.address import WalkthroughAddress, chosen, from_query

ALTERNATIVES = 5
"""Tokens shown beside each drawn one."""

BLANK = ("status", "texts", "heat", "heat_empty", "ranks", "rankings")
"""What a page without a recommendation shows in the results' places."""
_READY = {"run": gr.update(visible=True), "stop": gr.update(visible=False)}


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the results on the page are of: the visitor's session then, and all settings."""

    session: Session
    choice: WalkthroughAddress
    draw: Draw


class Assembling:
    """The events of step one over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application

    def browse(
        self, session: Session, query: str, category: Any, brand: Any, price: Any, sort: str
    ) -> Update:
        """The first page of what is asked for, and what the filters still offer."""
        filters = chosen_filters(category, brand, price)
        try:
            catalogue = self._app.shop(session.domain).catalogue
            browse = walkthrough.catalogue_page(catalogue, query, filters, sort)
            facets = catalogue.facets(query=query or "", filters=filters)
        except CalrecError as error:
            return {"browse": widgets.notice(str(error), "error")}
        offered = choices(facets, filters)._asdict()
        return {"browse": browse} | {n: gr.update(choices=one) for n, one in offered.items()}

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

    def load_shopper(self, session: Session, user_id: str | None) -> Update:
        """A test user's history; the true next item becomes the known target."""
        if not user_id:
            return {}
        try:
            loaded = edits.of_shopper(self._app.shop(session.domain), user_id)
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}
        return {"session": loaded, "message": ""}

    def click_preset(self, session: Session, click: gr.EventData) -> Update:
        """Loads a telling case, with the seed that it was found with."""
        return {**self.load_shopper(session, click.id), "seed": int(click.seed)}

    def random_shopper(self, session: Session) -> Update:
        """Some test user's history."""
        try:
            return self.load_shopper(session, self._app.shop(session.domain).random_shopper())
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}

    def search_shoppers(self, session: Session, typed: gr.KeyUpData) -> Update:
        """Shoppers that begin with what was typed."""
        return {"shopper": gr.update(choices=self.shoppers(session, typed.input_value))}

    def assembly(self, session: Session, shown: Shown | None, template: str) -> Update:
        """The history's side of the page, and the prompt that it makes."""
        try:
            shop = self._app.shop(session.domain)
            items = shop.items(session.history)
            target = target_of(session, shop)
            read = walkthrough.prompt_view(shop, session.history, template)
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}
        card = gr.update(value=widgets.target_card(target), visible=target is not None)
        return {
            "history": widgets.history_list(items, session),
            "target": card,
            "message": "",
            **stale(session, shown),
            "prompt": read,
            "shopper": gr.update(value=session.user_id),
        }

    def prompt(self, session: Session, template: str) -> Update:
        """The prompt of the history as it is now; one line where there is none."""
        try:
            shop = self._app.shop(session.domain)
            return {"prompt": walkthrough.prompt_view(shop, session.history, template)}
        except CalrecError as error:
            return {"prompt": widgets.notice(str(error), "error")}


class Recommending:
    """The events of steps three to five over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application
        self._draws = Draws()

    def recommend(self, session: Session, *values: Any) -> Generator[Update, None, None]:
        """Streams the samples, then all rankings; closing it stops the model.

        The last update gives the button Recommend back; an earlier job that was stopped says no
        more, so that it takes nothing from the one after it.
        """
        if not session.history:
            yield _failed("The history is empty: add an item from the catalogue or load a shopper.")
            return
        try:
            yield from self._recommended(session, chosen(*values))
        except Exception as error:
            yield _failed(failures.line(error, "a recommendation"))

    def _recommended(
        self, session: Session, choice: WalkthroughAddress
    ) -> Generator[Update, None, None]:
        shop = self._app.shop(session.domain)
        shown = Shown(session=session, choice=choice, draw=choice.draw(shop, session.history))
        if (kept := self._draws.known(shown.draw)) is not None:
            yield _drawn(shop, kept, shown, "kept from an earlier run of the same seed")
            return
        waiting = "Reading the history." if shop.served.is_loaded else "Loading the model."
        yield {**no_results(), "status": widgets.notice(waiting)}
        stream = (
            shop.served.get()
            .with_template(choice.template)
            .stream(
                shop.items(session.history),
                seed=choice.seed,
                temperature=choice.temperature,
                samples=choice.samples,
                alternatives=ALTERNATIVES,
            )
        )
        try:
            for update in stream:
                if isinstance(update, Generation):
                    self._draws.put(shown.draw, update)
                    yield _drawn(shop, update, shown, "computed live")
                else:
                    yield _progress(update)
        finally:
            stream.close()

    def again(self, shown: Shown | None, *values: Any) -> Update:
        """The shown texts ranked with the settings as they are now; nothing is sampled."""
        choice = chosen(*values)
        if shown is None:
            return {"address": _address(choice, shown)}
        shown = replace(shown, choice=choice.as_drawn(shown.draw))
        try:
            shop = self._app.shop(shown.session.domain)
            return _results(shop, _side_by_side(shop, self._kept(shown), shown), shown)
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}

    def settled(self, shown: Shown | None, *values: Any) -> Update:
        """Nothing, unless a switch was moved while the model wrote."""
        if shown is None or chosen(*values).as_drawn(shown.draw) == shown.choice:
            return {}
        return self.again(shown, *values)

    def click_text(self, click: gr.EventData, shown: Shown | None, *values: Any) -> Update:
        """Opens a text token by token, or closes it."""
        if shown is None:
            return {}
        choice = chosen(*values).as_drawn(shown.draw)
        try:
            order = int(click.id)
            choice = replace(choice, text=-1 if order == choice.text else order)
            shop = self._app.shop(shown.session.domain)
            record = ranked(shop, self._kept(shown), choice.ranked_by())
        except ValueError:
            return {}
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}
        return {
            "text": choice.text,
            "texts": walkthrough.texts_view(shop, record, choice.text),
            "address": _address(choice, shown),
            "message": "",
        }

    def _kept(self, shown: Shown) -> Generation:
        """The shown texts.

        Raises:
          CalrecError: if they have been given up for those of others.
        """
        generation = self._draws.known(shown.draw)
        if generation is None:
            raise CalrecError(
                "expected the texts on this page among those that are kept for a while, found them "
                "gone; press Recommend, and the same seed writes them again"
            )
        return generation


class WalkthroughHandlers:
    """The page's events over one `Application`; holds nothing of a visitor.

    Attributes:
      assembling: the history's side.
      recommending: the results' side.
    """

    def __init__(self, application: Application) -> None:
        self.assembling = Assembling(application)
        self.recommending = Recommending(application)

    def show(self, session: Session, query: Query) -> Update:
        """The page of a visitor and an address: the controls' values, then all that they show."""
        choice = from_query(query)
        wanted = url.one(query, "written") == "1" and bool(session.history)
        listing = self.assembling.browse(session, "", "", "", "", "relevance")
        offered = [name for name in Choices._fields if name in listing]
        shoppers = self.assembling.shoppers(session)
        start = f"{session.domain} {session.history} {choice}"
        return {
            **{name: {**listing[name], "value": ""} for name in offered},
            "browse": listing["browse"],
            "query": "",
            "presets": self.assembling.telling(session),
            **self.assembling.assembly(session, None, choice.template),
            "shopper": gr.update(choices=shoppers, value=session.user_id),
            **choice.controls(),
            **{name: part for name, part in no_results().items() if name in BLANK},
            "shown": None,
            "address": url.write({**choice.query(), "written": "1" if wanted else ""}),
            # The box that starts the model: any other value than before does.
            **({"start": start} if wanted else {}),
        }


def no_results() -> dict[str, Any]:
    """The results before the first recommendation."""
    heat = ("No comparison yet", "It follows when all texts are written.")
    written = "Press Recommend: the texts appear here while the model writes them."
    beside = "The recommenders' first items appear here side by side."
    return {
        "message": "",
        "status": "",
        "texts": widgets.empty_state("Nothing written yet", written),
        "heat": gr.update(value=None, visible=False),
        "heat_empty": gr.update(value=widgets.empty_state(*heat), visible=True),
        "ranks": "",
        "rankings": widgets.empty_state("No ranking yet", beside),
        "shown": None,
    }


def stale(session: Session, shown: Shown | None) -> Update:
    """Whether the results belong to another history than the one now shown."""
    return {"stale": walkthrough.stale_line(session, shown and shown.session)}


def first_stage(retrieval: str) -> Update:
    """The choice of a first stage, where there is one."""
    return {"first": gr.update(visible=retrieval == "rerank")}


def _progress(update: Progress) -> Update:
    return {
        "status": texts.progress(update.step, update.limit, update.samples),
        "texts": texts.streaming(update.samples),
    }


def _drawn(shop: Shop, generation: Generation, shown: Shown, source: str) -> Update:
    """All results of samples that are new on the page, and where they come from."""
    made = _side_by_side(shop, generation, shown)
    kept = count(len(made.calrec.ranking.columns), "different text")
    done = f"Done: {count(len(generation.samples), 'text')} written, {kept} kept."
    return {
        **_results(shop, made, shown),
        "status": widgets.done(done, source, "live" in source),
        "prompt": prompt.of(generation),
        **_READY,
    }


def _side_by_side(shop: Shop, generation: Generation, shown: Shown) -> SideBySide:
    return side_by_side(shop, shown.session.history, generation, shown.choice.ranked_by())


def _results(shop: Shop, made: SideBySide, shown: Shown) -> dict[str, Any]:
    choice, items, target = shown.choice, shop.by_id, target_of(shown.session, shop)
    figure = matching.heat_maps(made.calrec, items, target)
    rankings = ranking.rankings_view(made.calrec, made.others, items, target, made.corpora)
    records = [made.calrec, *made.others]
    return {
        "message": widgets.notices(made.missing, "error"),
        "texts": walkthrough.texts_view(shop, made.calrec, choice.text),
        "heat": gr.update(value=figure, visible=figure is not None),
        "heat_empty": gr.update(visible=figure is None),
        "ranks": ranking.ranks_view(records, target, choice.rules, shop.leaks()),
        "rankings": rankings + ranking.timings_line(made.calrec),
        "shown": shown,
        "address": _address(choice, shown),
    }


def _address(choice: WalkthroughAddress, shown: Shown | None) -> str:
    return url.write({**choice.query(), "written": "1" if shown is not None else ""})


def _failed(line: str) -> Update:
    return {"message": widgets.notice(line, "error"), "status": "", **_READY}
