"""What happens on a click: plain functions of the visitor's session and the loaded application."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr

from calrec.errors import CalrecError
from calrec.recommendation import Recommendation
from catalog.store import Filters
from demo import results, widgets
from demo import session as edits
from demo.application import Application
from demo.choices import choices, chosen_filters
from demo.figures import heat_map
from demo.session import Session
from demo.wording import count

PAGE_SIZE = 20
SKIP: Any = gr.skip()


class Assembly(NamedTuple):
    """Updates of the history's side of the page; `SKIP` leaves a part as it is."""

    session: Any = SKIP
    history: Any = SKIP
    target: Any = SKIP
    message: Any = SKIP
    stale: Any = SKIP


class Listing(NamedTuple):
    """Updates of the catalogue's list and of what its filters offer."""

    browse: Any = SKIP
    category: Any = SKIP
    brand: Any = SKIP
    price: Any = SKIP


class Shop(NamedTuple):
    """Updates of the catalogue's side of the page and of the shoppers that it offers."""

    browse: Any = SKIP
    category: Any = SKIP
    brand: Any = SKIP
    price: Any = SKIP
    query: Any = SKIP
    shopper: Any = SKIP


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


class Handlers:
    """The page's events over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application

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
        page = self._app.page(
            session.domain,
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

    def choose_shop(self, domain: str, sort: str) -> tuple[Any, ...]:
        """Another shop: an empty history, its own filters, its own first page, no results."""
        session = Session(domain=domain)
        browse, *filters = self.browse(session, "", "", "", "", sort)
        shop = Shop(
            browse,
            *({**offered, "value": ""} for offered in filters),
            query="",
            shopper=gr.update(choices=self.shoppers(session), value=None),
        )
        return (*self._assembly(session, None), *shop, *self.no_results())

    # The history

    def click_catalogue(
        self,
        session: Session,
        query: str,
        category: Any,
        brand: Any,
        price: Any,
        sort: str,
        shown: Session | None,
        click: gr.EventData,
    ) -> tuple[Any, ...]:
        """A click in the catalogue: adds an item, turns the page or takes the corrected query."""
        if click.act == "page":
            filters = chosen_filters(category, brand, price)
            try:
                browse = self._page(session, query, filters, sort, int(click.id))
            except CalrecError as error:
                browse = widgets.notice(str(error), "error")
            return (*Assembly(), browse, SKIP)
        if click.act == "search":
            return (*Assembly(), SKIP, click.id)
        if click.id not in self._app.catalogue(session.domain).index:
            # The list of another shop was still on the screen.
            return (*Assembly(), SKIP, SKIP)
        return (*self._assembly(edits.added(session, click.id), shown), SKIP, SKIP)

    def click_history(
        self, session: Session, shown: Session | None, click: gr.EventData
    ) -> Assembly:
        """A click in the history: moves, removes or clears."""
        if click.act == "clear":
            return self._assembly(edits.cleared(session), shown)
        position, item_id = int(click.position), click.id
        if click.act == "remove":
            edited = edits.removed(session, position, item_id)
        else:
            step = -1 if click.act == "up" else 1
            edited = edits.moved(session, position, item_id, step)
        return self._assembly(edited, shown)

    def load_shopper(
        self, session: Session, user_id: str | None, shown: Session | None
    ) -> Assembly:
        """A test user's history; the true next item becomes the known target."""
        if not user_id:
            return Assembly()
        try:
            case = self._app.catalogue(session.domain).case(user_id)
        except CalrecError as error:
            return Assembly(message=widgets.notice(str(error), "error"))
        loaded = Session(
            domain=session.domain,
            history=tuple(item.item_id for item in case.history),
            target=case.target.item_id,
            user_id=user_id,
        )
        return self._assembly(loaded, shown)

    def random_shopper(self, session: Session, shown: Session | None) -> tuple[Any, ...]:
        """Some test user's history, and the user's name for the search box."""
        try:
            user_id = self._app.random_shopper(session.domain)
        except CalrecError as error:
            return (*Assembly(message=widgets.notice(str(error), "error")), SKIP)
        return (*self.load_shopper(session, user_id, shown), user_id)

    def search_shoppers(self, session: Session, typed: gr.KeyUpData) -> Any:
        """Shoppers that begin with what was typed."""
        return gr.update(choices=self.shoppers(session, typed.input_value))

    def stale(self, session: Session, shown: Session | None) -> str:
        """A line above the results if they belong to another history than the one now shown."""
        if shown is None or shown.history == session.history:
            return ""
        return widgets.notice(
            "The history has changed since. These results belong to the earlier one: "
            "press Recommend for new ones."
        )

    def _assembly(self, session: Session, shown: Session | None) -> Assembly:
        items = self._app.items(session.domain, session.history)
        target = self._target(session)
        return Assembly(
            session=session,
            history=widgets.history_list(items, session),
            target=gr.update(value=widgets.target_card(target), visible=target is not None),
            message="",
            stale=self.stale(session, shown),
        )

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
                "No ranking yet", "Both recommenders' first ten items appear here side by side."
            ),
            prompt=widgets.empty_state("No prompt yet", "The exact text that the model reads."),
            shown=None,
        )

    def recommend(
        self, session: Session, temperature: float, samples: float, seed: float | None
    ) -> Iterator[Results]:
        """Streams the samples, then both rankings; closing it stops the model."""
        if not session.history:
            empty = "The history is empty: add an item from the catalogue, or load a shopper."
            yield Results(message=widgets.notice(empty, "error"), status="")
            return
        try:
            yield from self._recommended(session, temperature, int(samples), int(seed or 0))
        except CalrecError as error:
            yield Results(message=widgets.notice(str(error), "error"), status="")

    def _recommended(
        self, session: Session, temperature: float, samples: int, seed: int
    ) -> Iterator[Results]:
        waiting = "Reading the history." if self._app.model_is_loaded else "Loading the model."
        yield self.no_results()._replace(status=widgets.notice(waiting))
        history = self._app.items(session.domain, session.history)
        model = self._app.model(session.domain)
        stream = model.stream(history, seed=seed, temperature=temperature, samples=samples)
        try:
            for update in stream:
                if isinstance(update, Recommendation):
                    yield self._final(session, update)
                else:
                    yield Results(
                        status=results.progress(update.step, update.limit, update.samples),
                        samples=results.streaming_samples(update.samples),
                    )
        finally:
            stream.close()

    def _final(self, session: Session, calrec: Recommendation) -> Results:
        history = self._app.items(session.domain, session.history)
        repeater = self._app.repeater(session.domain).recommend(history)
        items = {item.item_id: item for item in self._app.catalogue(session.domain).items}
        target = self._target(session)
        figure = heat_map(calrec, items, target)
        kept = count(len(calrec.columns), "different text")
        return Results(
            status=widgets.notice(
                f"Done: {count(len(calrec.samples), 'text')} written, {kept} kept.", "done"
            ),
            samples=results.final_samples(calrec),
            heat=gr.update(value=figure, visible=figure is not None),
            heat_empty=gr.update(visible=figure is None),
            ranks=results.ranks_view(calrec, repeater, target),
            rankings=results.rankings_view(calrec, repeater, items, target)
            + results.timings_line(calrec),
            prompt=results.prompt_view(calrec),
            shown=session,
        )
