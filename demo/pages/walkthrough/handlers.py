"""What happens on a click: plain functions of the visitor's session and the loaded application."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gradio as gr

from calrec.errors import CalrecError
from calrec.recommendation import Recommendation
from calrec.text import TextSettings, prompt_text
from catalog.store import Filters
from demo import session as edits
from demo import url, widgets
from demo.application import Application
from demo.choices import choices, chosen_filters
from demo.draws import Draw, Draws
from demo.events import SKIP
from demo.pages.walkthrough.choice import Choice, chosen, from_query
from demo.pages.walkthrough.presets import presets
from demo.record import matching, prompt, ranking, texts
from demo.session import Session
from demo.url import Query
from demo.wording import count

PAGE_SIZE = 20
ALTERNATIVES = 5
"""Tokens shown beside each drawn one."""


class Assembly(NamedTuple):
    """Updates of the history's side of the page; `SKIP` leaves a part as it is."""

    history: Any = SKIP
    target: Any = SKIP
    message: Any = SKIP
    stale: Any = SKIP
    prompt: Any = SKIP
    shopper: Any = SKIP


class Listing(NamedTuple):
    """Updates of the catalogue's list and of what its filters offer."""

    browse: Any = SKIP
    category: Any = SKIP
    brand: Any = SKIP
    price: Any = SKIP


class Results(NamedTuple):
    """Updates of the results."""

    message: Any = SKIP
    status: Any = SKIP
    samples: Any = SKIP
    heat: Any = SKIP
    heat_empty: Any = SKIP
    ranks: Any = SKIP
    rankings: Any = SKIP
    prompt: Any = SKIP
    shown: Any = SKIP
    address: Any = SKIP
    run: Any = SKIP
    stop: Any = SKIP


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the results on the page are of: the visitor's session then, and all settings."""

    session: Session
    choice: Choice
    draw: Draw


class Handlers:
    """The page's events over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application
        self._draws = Draws()

    # The catalogue

    def browse(
        self, session: Session, query: str, category: Any, brand: Any, price: Any, sort: str
    ) -> Listing:
        """The first page of what is asked for, and what the filters still offer."""
        filters = chosen_filters(category, brand, price)
        try:
            page = self._page(session, query, filters, sort, 0)
            facets = self._app.catalogue(session.domain).facets(query=query or "", filters=filters)
        except CalrecError as error:
            return Listing(browse=widgets.notice(str(error), "error"))
        offered = choices(facets, filters)
        return Listing(page, *(gr.update(choices=of_one) for of_one in offered))

    def _page(self, session: Session, query: str, filters: Filters, sort: str, offset: int) -> str:
        page = self._app.catalogue(session.domain).page(
            query=query or "",
            filters=filters,
            sort=str(sort),
            offset=offset,
            limit=PAGE_SIZE,
        )
        return widgets.catalogue_list(page, offset, PAGE_SIZE)

    def shoppers(self, session: Session, prefix: str = "") -> list[str]:
        """Some shoppers whose last purchase is held out."""
        return self._app.catalogue(session.domain).users(prefix=prefix or "", limit=50)

    def telling(self, session: Session) -> str:
        """The shop's telling cases as buttons."""
        return widgets.preset_list(presets(self._app, session.domain))

    # The history

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
        if click.act == "page":
            filters = chosen_filters(category, brand, price)
            try:
                browse = self._page(session, query, filters, sort, int(click.id))
            except CalrecError as error:
                browse = widgets.notice(str(error), "error")
            return (SKIP, browse, SKIP)
        if click.act == "search":
            return (SKIP, SKIP, click.id)
        if click.id not in self._app.catalogue(session.domain).index:
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
            return edits.of_shopper(self._app, session.domain, user_id), ""
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error")

    def click_preset(self, session: Session, click: gr.EventData) -> tuple[Any, Any, Any]:
        """Loads a telling case, with the seed that it was found with."""
        return *self.load_shopper(session, click.id), int(click.seed)

    def random_shopper(self, session: Session) -> tuple[Any, Any]:
        """Some test user's history."""
        try:
            return self.load_shopper(session, self._app.random_shopper(session.domain))
        except CalrecError as error:
            return SKIP, widgets.notice(str(error), "error")

    def search_shoppers(self, session: Session, typed: gr.KeyUpData) -> Any:
        """Shoppers that begin with what was typed."""
        return gr.update(choices=self.shoppers(session, typed.input_value))

    def stale(self, session: Session, shown: Shown | None) -> str:
        """A line above the results if they belong to another history than the one now shown."""
        read = shown and (shown.session.domain, shown.session.history)
        if not read or read == (session.domain, session.history):
            return ""
        return widgets.notice(
            "The history has changed since. These results belong to the earlier one: "
            "press Recommend for new ones."
        )

    def assembly(self, session: Session, shown: Shown | None, template: str) -> Assembly:
        """The history's side of the page, and the prompt that it makes."""
        try:
            items = self._app.items(session.domain, session.history)
            target = self._target(session)
            read = self._prompt(session, template)
        except CalrecError as error:
            return Assembly(message=widgets.notice(str(error), "error"))
        return Assembly(
            history=widgets.history_list(items, session),
            target=gr.update(value=widgets.target_card(target), visible=target is not None),
            message="",
            stale=self.stale(session, shown),
            prompt=read,
            shopper=gr.update(value=session.user_id),
        )

    def prompt(self, session: Session, template: str) -> str:
        """The prompt of the history as it is now; one line where there is none."""
        try:
            return self._prompt(session, template)
        except CalrecError as error:
            return widgets.notice(str(error), "error")

    def _prompt(self, session: Session, template: str) -> str:
        if not session.history:
            return widgets.empty_state("No prompt yet", "It is made of the purchase history.")
        items = self._app.items(session.domain, session.history)
        if not self._app.model_is_loaded:
            text = prompt_text(items, TextSettings(template=template))
            return prompt.view(text, None, 0)
        made = self._app.model(session.domain).with_template(template).prompt(items)
        return prompt.view(made.text, len(made.token_ids), made.items_cut)

    def _target(self, session: Session) -> Any:
        if session.target is None:
            return None
        return self._app.items(session.domain, [session.target])[0]

    # The recommendation

    def no_results(self) -> Results:
        """The results before the first recommendation."""
        return Results(
            message="",
            status="",
            samples=widgets.empty_state(
                "Nothing written yet",
                "Press Recommend: the texts appear here while the model writes them.",
            ),
            heat=gr.update(value=None, visible=False),
            heat_empty=gr.update(
                value=widgets.empty_state(
                    "No comparison yet", "It follows when all texts are written."
                ),
                visible=True,
            ),
            ranks="",
            rankings=widgets.empty_state(
                "No ranking yet", "The recommenders' first items appear here side by side."
            ),
            shown=None,
        )

    def recommend(self, session: Session, *values: Any) -> Iterator[Results]:
        """Streams the samples, then all rankings; closing it stops the model.

        The last update gives the button Recommend back; an earlier job that was stopped says no
        more, so that it takes nothing from the one after it.
        """
        if not session.history:
            yield _failed("The history is empty: add an item from the catalogue or load a shopper.")
            return
        try:
            yield from self._recommended(session, chosen(*values))
        except CalrecError as error:
            yield _failed(str(error))
        except Exception as error:
            # Whatever breaks in the model: the visitor reads one line, the log has the rest.
            logging.getLogger(__name__).exception("the model failed")
            yield _failed(
                f"expected a recommendation, found a failure in the model ({type(error).__name__});"
                " try another history or seed"
            )

    def _recommended(self, session: Session, choice: Choice) -> Iterator[Results]:
        draw = self._draw(session, choice)
        if (kept := self._draws.known(draw)) is not None:
            source = "kept from an earlier run of the same seed"
            yield self._ranked(session, kept, choice, draw, source)
            return
        waiting = "Reading the history." if self._app.model_is_loaded else "Loading the model."
        yield self.no_results()._replace(status=widgets.notice(waiting))
        history = self._app.items(session.domain, session.history)
        model = self._app.model(session.domain).with_template(choice.template)
        stream = model.stream(
            history,
            seed=choice.seed,
            temperature=choice.temperature,
            samples=choice.samples,
            alternatives=ALTERNATIVES,
        )
        try:
            for update in stream:
                if isinstance(update, Recommendation):
                    self._draws.put(draw, update)
                    yield self._ranked(session, update, choice, draw, "computed live")
                else:
                    yield Results(
                        status=texts.progress(update.step, update.limit, update.samples),
                        samples=texts.streaming(update.samples),
                    )
        finally:
            stream.close()

    def again(self, shown: Shown | None, *values: Any) -> Results:
        """The shown texts ranked with the settings as they are now; nothing is sampled."""
        choice = chosen(*values)
        if shown is None:
            return Results(address=self._address(choice, shown))
        choice = _as_drawn(choice, shown.draw)
        try:
            return self._ranked(shown.session, self._kept(shown), choice, shown.draw)
        except CalrecError as error:
            return Results(message=widgets.notice(str(error), "error"))

    def settled(self, shown: Shown | None, *values: Any) -> Results:
        """Nothing, unless a switch was moved while the model wrote."""
        if shown is None or _as_drawn(chosen(*values), shown.draw) == shown.choice:
            return Results()
        return self.again(shown, *values)

    def click_text(
        self, click: gr.EventData, shown: Shown | None, *values: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Opens a text token by token, or closes it: its place, the list, address and message."""
        if shown is None:
            return SKIP, SKIP, SKIP, SKIP
        choice = _as_drawn(chosen(*values), shown.draw)
        try:
            order = int(click.id)
            choice = replace(choice, text=-1 if order == choice.text else order)
            ranked = self._again(shown.session, self._kept(shown), choice)
            view = self._texts(shown.session, ranked, choice)
            return choice.text, view, self._address(choice, shown), ""
        except ValueError:
            return SKIP, SKIP, SKIP, SKIP
        except CalrecError as error:
            return SKIP, SKIP, SKIP, widgets.notice(str(error), "error")

    def _kept(self, shown: Shown) -> Recommendation:
        """The shown texts.

        Raises:
          CalrecError: if they have been given up for those of others.
        """
        record = self._draws.known(shown.draw)
        if record is None:
            raise CalrecError(
                "expected the texts on this page among those that are kept for a while, found them "
                "gone; press Recommend, and the same seed writes them again"
            )
        return record

    def _draw(self, session: Session, choice: Choice) -> Draw:
        return Draw(
            domain=session.domain,
            fingerprint=self._app.fingerprint(session.domain),
            history=session.history,
            seed=choice.seed,
            temperature=choice.temperature,
            samples=choice.samples,
            template=choice.template,
        )

    def _again(self, session: Session, record: Recommendation, choice: Choice) -> Recommendation:
        model = self._app.model(session.domain)
        corpus = self._app.corpus(session.domain, choice.k1, choice.b)
        return model.rank_again(record, choice.ranking(), corpus=corpus)

    def _texts(self, session: Session, record: Recommendation, choice: Choice) -> str:
        text = TextSettings(**record.settings.get("text", {}))
        return texts.view(
            record,
            self._app.catalogue(session.domain).items,
            self._app.attributes(session.domain, text),
            choice.text,
        )

    def _ranked(
        self,
        session: Session,
        record: Recommendation,
        choice: Choice,
        draw: Draw,
        source: str = "",
    ) -> Results:
        """All results of some samples, ranked as chosen."""
        calrec = self._again(session, record, choice)
        catalogue = self._app.catalogue(session.domain)
        others = self._others(session, choice.others)
        items = _ById(catalogue.items, catalogue.index)
        target = self._target(session)
        figure = matching.heat_maps(calrec, items, target)
        # The words say nothing where texts are matched by whole attributes.
        words = choice.retrieval != "hierarchical"
        corpora = [self._app.corpus(session.domain, choice.k1, choice.b) if words else None]
        corpora += [catalogue.corpus() if o.recommender == "lir" else None for o in others]
        shown = Shown(session=session, choice=choice, draw=draw)
        kept = count(len(calrec.columns), "different text")
        status = SKIP
        if source:
            done = f"Done: {count(len(calrec.samples), 'text')} written, {kept} kept."
            status = widgets.done(done, source, "live" in source)
        return Results(
            message="",
            status=status,
            samples=self._texts(session, calrec, choice),
            heat=gr.update(value=figure, visible=figure is not None),
            heat_empty=gr.update(visible=figure is None),
            ranks=ranking.ranks_view([calrec, *others], target),
            rankings=ranking.rankings_view(calrec, others, items, target, corpora)
            + ranking.timings_line(calrec),
            prompt=prompt.of(calrec) if source else SKIP,
            shown=shown,
            address=self._address(choice, shown),
            **(_READY if source else {}),
        )

    def _others(self, session: Session, names: Sequence[str]) -> list[Recommendation]:
        history = self._app.items(session.domain, session.history)
        known = self._app.recommenders(session.domain)
        return [known[name].recommend(history) for name in names if name in known]

    def _address(self, choice: Choice, shown: Shown | None) -> str:
        return url.write({**choice.query(), "written": "1" if shown is not None else ""})

    # The whole page

    def show(self, session: Session, query: Query) -> tuple[Any, ...]:
        """The page of a visitor and an address: the controls' values, then all that they show."""
        choice = from_query(query)
        wanted = url.one(query, "written") == "1" and bool(session.history)
        browse, *filters = self.browse(session, "", "", "", "", "relevance")
        assembly = self.assembly(session, None, choice.template)
        blank = self.no_results()
        return (
            browse,
            *(
                {**offered, "value": ""} if isinstance(offered, dict) else SKIP
                for offered in filters
            ),
            "",
            self.telling(session),
            *assembly[:-1],
            gr.update(choices=self.shoppers(session), value=session.user_id),
            *(
                getattr(choice, name) if name != "others" else list(choice.others)
                for name in Choice.__dataclass_fields__
            ),
            *blank[1:7],
            None,
            url.write({**choice.query(), "written": "1" if wanted else ""}),
            # The box that starts the model: any other value than before does.
            f"{session.domain} {session.history} {choice}" if wanted else SKIP,
        )


def _as_drawn(choice: Choice, draw: Draw) -> Choice:
    """The settings with those of the texts that are shown, whatever the controls say by now."""
    return replace(
        choice,
        seed=draw.seed,
        temperature=draw.temperature,
        samples=draw.samples,
        template=draw.template,
    )


_READY = {"run": gr.update(visible=True), "stop": gr.update(visible=False)}


def _failed(line: str) -> Results:
    return Results(message=widgets.notice(line, "error"), status="", **_READY)


class _ById:
    """Items by id, without a dictionary of all of them for every picture."""

    def __init__(self, items: Sequence[Any], index: Any) -> None:
        self._items, self._index = items, index

    def __getitem__(self, item_id: str) -> Any:
        return self._items[self._index[item_id]]
