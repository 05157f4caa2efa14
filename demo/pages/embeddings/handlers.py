"""What the Embeddings page answers: from a choice to updates of the parts."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html.embeddings import plots, words
from demo.html.templating import render
from demo.html.widgets import notice
from demo.html.wording import title_of
from demo.inspect import checkpoints, model_card, session
from demo.inspect.application import Application
from demo.inspect.item_map import ItemMap, item_map
from demo.inspect.session import Session
from demo.inspect.towers import Compared, Models, Towers, Visitor
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.embeddings.address import checked, from_query
from demo.pages.embeddings.parts import Controls, Cosines, Map
from demo.pages.figures import HIDDEN, shown

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

    def show(self, visitor: Session, query: Query) -> Controls:
        """The controls for an address; what they ask for is shown by the events that follow."""
        return self._controls(visitor, from_query(query))

    def choose(self, visitor: Session, method: Any, name: Any, users: Any, seed: Any) -> Controls:
        """The same after a visitor chose something."""
        wanted = {"method": method, "checkpoint": name, "users": users, "seed": seed}
        return self._controls(visitor, wanted)

    def go(self, visitor: Session, method: Any, name: Any, users: Any, seed: Any) -> Controls:
        """The same, with the vectors of a large shop to be computed."""
        chosen = self.choose(visitor, method, name, users, seed)
        # The time sets it apart from what was asked before, so that it is shown again.
        return chosen._replace(map_of=(*chosen.map_of[:-1], time.time()))

    def _controls(self, visitor: Session, wanted: dict[str, Any]) -> Controls:
        others = checkpoints.others(self._app)
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

    def follow(self, visitor: Session, map_of: Any) -> str:
        """A line that offers to draw anew where the history is no longer that of the map."""
        if not map_of or map_of[0] != visitor.domain:
            return ""
        if (visitor.history, visitor.target) == tuple(map_of[2:4]):
            return ""
        return render("embeddings", "follow")

    def press(self, visitor: Session, click: gr.EventData) -> tuple[Session, str]:
        """A click among the nearest items: the button of one adds it."""
        if getattr(click, "act", "") != "add":
            return visitor, ""
        return self.add(visitor, getattr(click, "id", ""))

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

    def show_map(self, asked: Any) -> Iterator[Map]:
        """The map; says how far it is where the vectors are not known yet."""
        if not asked:
            return
        domain, _, history, target, method, seed, go = asked
        try:
            # Once: what is shown minutes later is still of the shop as it was when this began.
            shop = self._app.shop(domain)
            items = shop.catalogue.items
            vectors = self._vectors.known(shop)
            if vectors is None and len(items) > ASK and not go:
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
            wanted = {"history": history, "target": target, "method": method, "seed": seed}
            yield _drawn(item_map(shop, vectors, self._models, **wanted), seed)
        except Exception as error:
            yield _no_map(notice(failures.line(error, "a map"), "error"))

    def _question(self, items: int) -> Map:
        record = self._models.description()
        parameters = model_card.parameters(record.decoder) if record else None
        return _no_map(words.question(items, parameters))._replace(go=gr.update(visible=True))

    def show_cosines(self, asked: Any) -> Iterator[Cosines]:
        """Cosines of test users; says how far it is where they are not known yet."""
        if not asked:
            return
        domain, _, history, target, name, users, seed = asked
        try:
            shop = self._app.shop(domain)
            compared = []
            for one in dict.fromkeys(("", name)):
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
                    if history:
                        goal = shop.items([target])[0] if target else None
                        own = Visitor.of(self._models.embedder(one), shop.items(history), goal)
                    compared.append(Compared(name=one, towers=towers, visitor=own))
            yield self._compared(compared)
        except Exception as error:
            yield _no_cosines(notice(failures.line(error, "cosines"), "error"))

    def _compared(self, compared: Sequence[Compared]) -> Cosines:
        marks = [words.visitor_marks(one.visitor) for one in compared]
        known = [mark for pair in marks for mark in pair if mark is not None]
        towers = [one.towers for one in compared]
        span = plots.span_of([a for one in towers for a in (one.history, one.read)], known)
        updates = _no_cosines("")._replace(legend=words.spread_legend(bool(known)))
        for one, pair in zip(compared, marks, strict=True):
            contrast = words.contrast_words(self._models.description(one.name))
            said = words.towers_html(self._models.title(one.name), one.towers, pair, contrast)
            before = shown(plots.cosine_spread(one.towers.history, pair[0], span))
            after = shown(plots.cosine_spread(one.towers.read, pair[1], span))
            if one.name:
                updates = updates._replace(other_words=said, other_before=before, other_after=after)
            else:
                updates = updates._replace(words=said, before=before, after=after)
        return updates


def waiting() -> str:
    """Until it is this visitor's turn."""
    return notice("Waiting for the model; it serves one visitor at a time.")


def begin_cosines() -> tuple[Any, ...]:
    """Another moment, which sets the job off, and the line until it is this visitor's turn."""
    return time.time(), *_said(waiting(), stop=True)


def stopped_cosines() -> Cosines:
    """After Stop: what was there stays, and it can be started again."""
    return _said(notice("Stopped."), again=True)


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
    return Map(status=text, go=gr.update(visible=False), stop=gr.update(visible=stop))


def _drawn(of: ItemMap, seed: int) -> Map:
    return _working("")._replace(
        lead=words.map_lead(of, seed),
        plot=shown(plots.map_figure(of)),
        legend=words.map_legend(of),
        nearest=words.nearest_html(of),
    )


def _no_map(text: str) -> Map:
    return _working(text)._replace(lead="", plot=HIDDEN, legend="", nearest="")


def _said(text: str, *, again: bool = False, stop: bool = False) -> Cosines:
    """What is drawn stays."""
    return Cosines(status=text, again=gr.update(visible=again), stop=gr.update(visible=stop))


def _no_cosines(text: str) -> Cosines:
    none = dict.fromkeys(("before", "after", "other_before", "other_after"), HIDDEN)
    return _said(text)._replace(legend="", words="", other_words="", **none)
