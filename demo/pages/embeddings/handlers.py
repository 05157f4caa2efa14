"""What the Embeddings page answers: plain functions from a choice to updates."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from calrec.errors import CalrecError
from calrec.evaluation.alignment import cosine
from calrec.model import checkpoint
from calrec.model.checkpoint import Description
from demo.html.templating import render
from demo.html.widgets import empty_state, notice
from demo.html.wording import count, title_of
from demo.inspect import checkpoints, model_card, session
from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.inspect.towers import Models, Towers, Visitor
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.embeddings import drawing, plots
from demo.pages.embeddings.address import checked, from_query
from demo.pages.embeddings.plots import Special
from demo.pages.figures import HIDDEN, shown

ASK = 5_000
"""A shop of more items is not embedded before somebody says so."""
EVERY = 0.4
"""Seconds between two lines of progress."""


class Controls(NamedTuple):
    """What a visitor chose, and what is to be drawn of it; drawn when it changes."""

    method: Any
    checkpoint: Any
    users: Any
    seed: Any
    stale: Any
    map_of: Any
    cosines_of: Any
    address: Any


class Map(NamedTuple):
    """Items and the shopper in two dimensions."""

    status: Any
    go: Any
    stop: Any
    lead: Any
    plot: Any
    legend: Any
    nearest: Any


class Cosines(NamedTuple):
    """Of the served checkpoint, then of the one compared with it: words and two plots each."""

    status: Any
    again: Any
    stop: Any
    legend: Any
    words: Any
    before: Any
    after: Any
    other_words: Any
    other_before: Any
    other_after: Any


class Handlers:
    """Answers for all visitors; holds nothing of one."""

    def __init__(self, app: Application, models: Models) -> None:
        self._app = app
        self._vectors = app.item_vectors
        self._models = models

    # Choosing

    def show(self, visitor: Session, query: Query) -> Controls:
        """The controls for an address; what they ask for is drawn by the events that follow."""
        return self._controls(visitor, from_query(query))

    def choose(self, visitor: Session, method: Any, name: Any, users: Any, seed: Any) -> Controls:
        """The same after a visitor chose something."""
        wanted = {"method": method, "checkpoint": name, "users": users, "seed": seed}
        return self._controls(visitor, wanted)

    def go(self, visitor: Session, method: Any, name: Any, users: Any, seed: Any) -> Controls:
        """The same, with the vectors of a large shop to be computed."""
        chosen = self.choose(visitor, method, name, users, seed)
        # The time sets it apart from what was asked before, so that it is drawn again.
        return chosen._replace(map_of=(*chosen.map_of[:-1], time.time()))

    def _controls(self, visitor: Session, wanted: dict[str, Any]) -> Controls:
        others = self._others()
        choice = checked(wanted, others)
        fingerprint = self._app.domains[visitor.domain].fingerprint
        who = (visitor.domain, fingerprint, visitor.history, visitor.target)
        return Controls(
            method=gr.update(value=choice.method),
            checkpoint=gr.update(
                choices=[("None", ""), *((name, name) for name in others)],
                value=choice.checkpoint,
            ),
            users=gr.update(value=choice.users),
            seed=gr.update(value=choice.seed),
            stale="",
            map_of=(*who, choice.method, choice.seed, 0.0),
            cosines_of=(*who, choice.checkpoint, choice.users, choice.seed),
            address=choice.query(),
        )

    def _others(self) -> list[str]:
        known = checkpoints.known(self._app)
        return [name for name in known if known[name] != self._served()]

    def _served(self) -> Any:
        try:
            return checkpoint.resolve(self._app.checkpoint)
        except CalrecError:
            return None

    # The visitor's history

    def follow(self, visitor: Session, map_of: Any) -> str:
        """A line that offers to draw anew where the history is no longer that of the map."""
        if not map_of or map_of[0] != visitor.domain:
            return ""
        if (visitor.history, visitor.target) == tuple(map_of[2:4]):
            return ""
        return render("embeddings", "follow")

    def add(self, visitor: Session, item_id: Any) -> tuple[Session, str]:
        """An item of the nearest ones goes into the history."""
        try:
            item = self._app.shop(visitor.domain).items([str(item_id)])[0]
        except CalrecError as error:
            return visitor, notice(str(error), "error")
        changed = session.added(visitor, item.item_id)
        if changed is visitor:
            return visitor, notice(f"The history is full: {session.MOST} purchases.", "error")
        return changed, notice(f"Added “{title_of(item)}” to the history.", "done")

    def random_shopper(self, visitor: Session) -> tuple[Session, str]:
        """A shopper whose last purchase is held out."""
        try:
            shop = self._app.shop(visitor.domain)
            return session.of_shopper(shop, shop.random_shopper()), ""
        except CalrecError as error:
            return visitor, notice(str(error), "error")

    # Drawing

    def draw_map(self, asked: Any) -> Iterator[Map]:
        """The map; says how far it is where the vectors are not known yet."""
        if not asked:
            return
        domain, _, history, target, method, seed, go = asked
        try:
            # Once: what is drawn minutes later is still of the shop as it was when this began.
            shop = self._app.shop(domain)
            items = shop.catalogue.items
            vectors = self._vectors.known(shop)
            if vectors is None and len(items) > ASK and not go:
                yield self._question(domain, len(items))
                return
            if vectors is None:
                text = "Computing a vector for each item"
                yield _working(drawing.progress(text, 0, len(items)), stop=True)
                with closing(self._vectors.stream(shop)) as steps:
                    for done in _now_and_then(steps):
                        yield _working(drawing.progress(text, done, len(items)), stop=True)
                vectors = self._vectors.compute(shop)
            yield _working(notice("Laying the items out."))
            yield self._map(shop, vectors, history, target, method, seed)
        except Exception as error:
            yield _no_map(notice(failures.line(error, "a map"), "error"))

    def _question(self, domain: str, items: int) -> Map:
        try:
            folder = checkpoint.resolve(self._app.checkpoint)
            parameters = model_card.parameters(checkpoint.describe(folder).decoder)
            takes = f"takes {drawing.estimate(items, parameters)} on two processor cores"
        except CalrecError:
            takes = "may take minutes"
        text = empty_state(
            f"The {count(items, 'item')} of this shop have no vectors yet",
            f"The model has to read each of them once. That {takes}; meanwhile it answers nobody"
            " else. The result is kept.",
        )
        return _no_map(text)._replace(go=gr.update(visible=True))

    def _map(
        self,
        shop: Shop,
        vectors: np.ndarray,
        history: Sequence[str],
        target: str | None,
        method: str,
        seed: int,
    ) -> Map:
        items, index = shop.catalogue.items, shop.catalogue.index
        bought = [index[item_id] for item_id in history if item_id in index]
        goal = index.get(target) if target else None
        projected = shop.projection(vectors, method)
        user = cosines = None
        if bought:
            embedder = self._models.embedder()
            v_u = Visitor.of(embedder, [items[i] for i in bought], None).v_u
            user = projected.place(v_u[None])[0]
            cosines = cosine(v_u[None], vectors)[0]
        special = Special(history=bought, target=goal, user=user)
        always = [*bought, *([goal] if goal is not None else [])]
        drawn = plots.drawn_items(len(items), seed, always)
        categories = shop.catalogue.categories
        colours = plots.category_colours(categories)
        return Map(
            status="",
            go=gr.update(visible=False),
            stop=gr.update(visible=False),
            lead=drawing.map_lead(projected, len(drawn), len(items), seed),
            plot=shown(plots.item_map(projected.points, items, categories, drawn, special)),
            legend=drawing.map_legend(plots.legend(colours, special)),
            nearest=drawing.nearest_html(items, cosines, bought, goal),
        )

    def draw_cosines(self, asked: Any) -> Iterator[Cosines]:
        """Cosines of test users; says how far it is where they are not known yet."""
        if not asked:
            return
        domain, _, history, target, name, users, seed = asked
        try:
            shop = self._app.shop(domain)
            found: list[tuple[str, Towers, Visitor | None]] = []
            for one in dict.fromkeys(("", name)):
                towers = self._models.known(shop, one, users, seed)
                if towers is None:
                    called = one or "the served model"
                    yield _busy(notice(f"Embedding shoppers with {called}."))
                    steps = self._models.stream(shop, one, users, seed)
                    with closing(steps):
                        for done in steps:
                            if isinstance(done, Towers):
                                towers = done
                            else:
                                text = f"Embedding shoppers with {called}"
                                yield _busy(drawing.progress(text, *done))
                if towers is not None:
                    visitor = self._visitor(shop, one, history, target) if history else None
                    found.append((one, towers, visitor))
            yield self._cosines(found)
        except Exception as error:
            yield _no_cosines(notice(failures.line(error, "cosines"), "error"))

    def _cosines(self, found: Sequence[tuple[str, Towers, Visitor | None]]) -> Cosines:
        marks = [drawing.visitor_marks(visitor) for _, _, visitor in found]
        span = plots.span_of(
            [one for _, towers, _ in found for one in (towers.history, towers.read)],
            [mark for pair in marks for mark in pair if mark is not None],
        )
        parts: list[Any] = []
        for (name, towers, _), pair in zip(found, marks, strict=True):
            record = self._record(name)
            title = name or f"The served model ({self._served_name()})"
            words = drawing.towers_html(title, towers, pair, drawing.contrast_words(record))
            spreads = zip((towers.history, towers.read), pair, strict=True)
            parts += [
                words,
                *(shown(plots.cosine_spread(one, mark, span)) for one, mark in spreads),
            ]
        if len(found) < 2:
            parts += ["", *_NO_PLOTS]
        marked = any(mark is not None for pair in marks for mark in pair)
        return Cosines("", _HIDE, _HIDE, drawing.spread_legend(marked), *parts)

    def _visitor(
        self, shop: Shop, name: str, history: Sequence[str], target: str | None
    ) -> Visitor:
        embedder = self._models.embedder(name)
        goal = shop.items([target])[0] if target else None
        return Visitor.of(embedder, shop.items(history), goal)

    def _record(self, name: str) -> Description | None:
        try:
            folder = self._models.folder(name) if name else self._served()
            return checkpoint.describe(folder) if folder is not None else None
        except CalrecError:
            return None

    def _served_name(self) -> str:
        folder = self._served()
        return folder.name if folder is not None else str(self._app.checkpoint)


def waiting() -> str:
    """Until it is this visitor's turn."""
    return notice("Waiting for the model; it serves one visitor at a time.")


def begin_cosines() -> tuple[Any, ...]:
    """Another moment, which sets the drawing off, and the line until it is this visitor's turn."""
    return time.time(), *_said(waiting(), again=False, stop=True)


def stopped_cosines() -> Cosines:
    """After Stop: what was there stays, and it can be started again."""
    return _said(notice("Stopped."), again=True, stop=False)


def stopped() -> Map:
    """After Stop: what was there stays, and it can be started again."""
    text = notice("Stopped. Nothing of it is kept.")
    return _working(text)._replace(go=gr.update(visible=True))


def _now_and_then(steps: Iterator[int]) -> Iterator[int]:
    last = 0.0
    for done in steps:
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            yield done


def _working(text: str, *, stop: bool = False) -> Map:
    skipped = (gr.skip(),) * 4
    return Map(text, gr.update(visible=False), gr.update(visible=stop), *skipped)


def _busy(text: str) -> Cosines:
    return _said(text, again=False, stop=True)


def _said(text: str, *, again: bool, stop: bool) -> Cosines:
    """What is drawn stays."""
    buttons = gr.update(visible=again), gr.update(visible=stop)
    return Cosines(text, *buttons, *(gr.skip(),) * 7)


def _no_cosines(text: str) -> Cosines:
    return Cosines(text, _HIDE, _HIDE, "", "", *_NO_PLOTS, "", *_NO_PLOTS)


def _no_map(text: str) -> Map:
    hidden = gr.update(visible=False)
    return Map(text, hidden, hidden, "", HIDDEN, "", "")


_HIDE: Any = gr.update(visible=False)
_NO_PLOTS: tuple[Any, Any] = (HIDDEN, HIDDEN)
