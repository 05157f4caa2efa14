"""What the Embeddings page answers: from a choice to updates of the parts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import gradio as gr

from calrec.report.model_card import parameters
from demo.html.embeddings import plots, words
from demo.html.templating import render
from demo.html.widgets import notice
from demo.html.wording import title_of
from demo.inspect import checkpoints, session
from demo.inspect.application import Application
from demo.inspect.item_map import ItemMap, item_map
from demo.inspect.session import Session
from demo.inspect.towers import Compared, Models, Towers, Visitor
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.embeddings.address import CHOICES, CosinesOf, MapOf, checked, from_query
from demo.pages.events import WAITING, carried
from demo.pages.figures import HIDDEN, shown
from demo.pages.named import Update

ASK = 5_000
"""A shop of more items is not embedded before somebody says so."""
EVERY = 0.4
"""Seconds between two lines of progress."""


class EmbeddingsHandlers:
    """Answers for all visitors; holds nothing of one."""

    def __init__(self, app: Application, models: Models) -> None:
        self._app = app
        self._vectors = app.item_vectors
        self._models = models

    def show(self, visitor: Session, query: Query) -> Update:
        """The controls for an address; what they ask for is shown by the events that follow."""
        return self._controls(visitor, from_query(query))

    def choose(self, visitor: Session, *values: Any) -> Update:
        """The same after a visitor chose something; the values are of `CHOICES`."""
        return self._controls(visitor, dict(zip(CHOICES, values, strict=True)))

    def go(self, visitor: Session, *values: Any) -> Update:
        """The same, with the vectors of a large shop to be computed."""
        chosen = self.choose(visitor, *values)
        # The time sets it apart from what was asked before, so that it is shown again.
        return {**chosen, "map_of": chosen["map_of"]._replace(go=time.time())}

    def _controls(self, visitor: Session, wanted: dict[str, Any]) -> Update:
        others = checkpoints.others(self._app)
        choice = checked(wanted, others)
        fingerprint = self._app.domains[visitor.domain].fingerprint
        who = (visitor.domain, fingerprint, visitor.history, visitor.target)
        return {
            "method": gr.update(value=choice.method),
            "checkpoint": gr.update(
                choices=[("None", ""), *((name, name) for name in others)],
                value=choice.checkpoint,
            ),
            "users": gr.update(value=choice.users),
            "seed": gr.update(value=choice.seed),
            "stale": "",
            "map_of": MapOf(*who, choice.method, choice.seed),
            "cosines_of": CosinesOf(*who, choice.checkpoint, choice.users, choice.seed),
            "address": choice.query(),
        }

    def follow(self, visitor: Session, map_of: MapOf | None) -> Update:
        """A line that offers to draw anew where the history is no longer that of the map."""
        stale = (
            map_of is not None
            and map_of.domain == visitor.domain
            and (map_of.history, map_of.target) != (visitor.history, visitor.target)
        )
        return {"stale": render("embeddings", "follow") if stale else ""}

    def press(self, visitor: Session, click: gr.EventData) -> Update:
        """A click among the nearest items: the button of one adds it."""
        add = carried(click, "act") == "add"
        return self.add(visitor, carried(click, "id")) if add else {"toast": ""}

    @failures.told_in("toast")
    def add(self, visitor: Session, item_id: Any) -> Update:
        """An item of the nearest ones goes into the history."""
        item = self._app.shop(visitor.domain).items([str(item_id)])[0]
        changed = session.added(visitor, item.item_id)
        if changed is visitor:
            full = f"The history is full: {session.MOST} purchases."
            return {"toast": notice(full, "error")}
        added = f"Added “{title_of(item)}” to the history."
        return {"session": changed, "toast": notice(added, "done")}

    @failures.told_in("toast")
    def random_shopper(self, visitor: Session) -> Update:
        """A shopper whose last purchase is held out."""
        shop = self._app.shop(visitor.domain)
        return {"session": session.of_shopper(shop, shop.random_shopper()), "toast": ""}

    def show_map(self, asked: MapOf | None) -> Iterator[Update]:
        """The map; says how far it is where the vectors are not known yet."""
        if not asked:
            return
        try:
            # Once: what is shown minutes later is still of the shop as it was when this began.
            shop = self._app.shop(asked.domain)
            items = shop.catalogue.items
            vectors = self._vectors.known(shop)
            if vectors is None and len(items) > ASK and not asked.go:
                yield self._question(len(items))
                return
            if vectors is None:
                text = "Computing a vector for each item"
                yield _working(words.progress(text, 0, len(items)), stop=True)
                with closing(self._vectors.stream(shop)) as steps:
                    for done in _now_and_then(steps):
                        yield _working(words.progress(text, done, len(items)), stop=True)
                vectors = self._vectors.compute(shop)
            yield _working(notice("Laying the items out."))
            made = item_map(
                shop,
                vectors,
                self._models,
                history=asked.history,
                target=asked.target,
                method=asked.method,
                seed=asked.seed,
            )
            yield _drawn(made, asked.seed)
        except Exception as error:
            yield _no_map(notice(failures.line(error, "a map"), "error"))

    def _question(self, items: int) -> Update:
        record = self._models.description()
        weights = parameters(record.decoder) if record else None
        return {**_no_map(words.question(items, weights)), "go": gr.update(visible=True)}

    def show_cosines(self, asked: CosinesOf | None) -> Iterator[Update]:
        """Cosines of test users; says how far it is where they are not known yet."""
        if not asked:
            return
        users, seed = asked.users, asked.seed
        try:
            shop = self._app.shop(asked.domain)
            compared = []
            for one in dict.fromkeys(("", asked.checkpoint)):
                towers = self._models.known(shop, one, users, seed)
                if towers is None:
                    text = f"Embedding shoppers with {one or 'the served model'}"
                    yield _said(notice(f"{text}."), stop=True)
                    with closing(self._models.stream(shop, one, users, seed)) as steps:
                        for done in steps:
                            if isinstance(done, Towers):
                                towers = done
                            else:
                                yield _said(words.progress(text, *done), stop=True)
                if towers is not None:
                    own = None
                    if asked.history:
                        goal = shop.items([asked.target])[0] if asked.target else None
                        bought = shop.items(asked.history)
                        own = Visitor.of(self._models.embedder(one), bought, goal)
                    compared.append(Compared(name=one, towers=towers, visitor=own))
            yield self._compared(compared)
        except Exception as error:
            yield _no_cosines(notice(failures.line(error, "cosines"), "error"))

    def _compared(self, compared: Sequence[Compared]) -> Update:
        marks = [words.visitor_marks(one.visitor) for one in compared]
        known = [mark for pair in marks for mark in pair if mark is not None]
        towers = [one.towers for one in compared]
        span = plots.span_of([a for one in towers for a in (one.history, one.read)], known)
        updates = _no_cosines("") | {"cosines_legend": words.spread_legend(bool(known))}
        for one, pair in zip(compared, marks, strict=True):
            contrast = words.contrast_words(self._models.description(one.name))
            said = words.towers_html(self._models.title(one.name), one.towers, pair, contrast)
            prefix = "other_" if one.name else ""
            updates[f"{prefix}words"] = said
            for name, tower, mark in zip(
                ("before", "after"), (one.towers.history, one.towers.read), pair, strict=True
            ):
                updates[f"{prefix}{name}"] = shown(plots.cosine_spread(tower, mark, span))
        return updates


def waiting() -> Update:
    """Until it is this visitor's turn."""
    return {"status": notice(WAITING)}


def begin_cosines() -> Update:
    """Another moment, which sets the job off, and the line until it is this visitor's turn."""
    return {"begun": time.time(), **_said(notice(WAITING), stop=True)}


def stopped_cosines() -> Update:
    """After Stop: what was there stays, and it can be started again."""
    return _said(notice("Stopped."), again=True)


def stopped() -> Update:
    """After Stop: what was there stays, and it can be started again."""
    return {**_working(notice("Stopped. Nothing of it is kept.")), "go": gr.update(visible=True)}


def _now_and_then(steps: Iterator[int]) -> Iterator[int]:
    last = 0.0
    for done in steps:
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            yield done


def _working(text: str, *, stop: bool = False) -> Update:
    return {"status": text, "go": gr.update(visible=False), "stop": gr.update(visible=stop)}


def _drawn(of: ItemMap, seed: int) -> Update:
    return {
        **_working(""),
        "lead": words.map_lead(of, seed),
        "plot": shown(plots.map_figure(of)),
        "legend": words.map_legend(of),
        "nearest": words.nearest_html(of),
    }


def _no_map(text: str) -> Update:
    return {**_working(text), "lead": "", "plot": HIDDEN, "legend": "", "nearest": ""}


def _said(text: str, *, again: bool = False, stop: bool = False) -> Update:
    """What is drawn stays."""
    return {
        "cosines_status": text,
        "again": gr.update(visible=again),
        "cosines_stop": gr.update(visible=stop),
    }


def _no_cosines(text: str) -> Update:
    plots_hidden = dict.fromkeys(("before", "after", "other_before", "other_after"), HIDDEN)
    return {**_said(text), "cosines_legend": "", "words": "", "other_words": "", **plots_hidden}
