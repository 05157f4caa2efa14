"""Recommending: the texts as they come, and ranking them again at every switch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from calrec.records import Generation, Recommendation
from calrec.text import TextSettings
from demo.html import widgets
from demo.html.record import matching, prompt, ranking, texts
from demo.html.wording import count
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.draws import Draw, Draws
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.pages import failures
from demo.pages.events import SKIP
from demo.pages.walkthrough.address import WalkthroughAddress, chosen
from demo.pages.walkthrough.updates import Results, Shown, target_of

ALTERNATIVES = 5
"""Tokens shown beside each drawn one."""


class Recommending:
    """The events of steps three to five over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application
        self._draws = Draws()

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
        except Exception as error:
            yield _failed(failures.line(error, "a recommendation"))

    def _recommended(self, session: Session, choice: WalkthroughAddress) -> Iterator[Results]:
        shop = self._app.shop(session.domain)
        draw = _draw(shop, session, choice)
        if (kept := self._draws.known(draw)) is not None:
            source = "kept from an earlier run of the same seed"
            yield _ranked(shop, session, kept, choice, draw, source)
            return
        waiting = "Reading the history." if shop.served.is_loaded else "Loading the model."
        yield self.no_results()._replace(status=widgets.notice(waiting))
        history = shop.items(session.history)
        model = shop.served.get().with_template(choice.template)
        stream = model.stream(
            history,
            seed=choice.seed,
            temperature=choice.temperature,
            samples=choice.samples,
            alternatives=ALTERNATIVES,
        )
        try:
            for update in stream:
                if isinstance(update, Generation):
                    self._draws.put(draw, update)
                    yield _ranked(shop, session, update, choice, draw, "computed live")
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
            return Results(address=_address(choice, shown))
        choice = _as_drawn(choice, shown.draw)
        try:
            shop = self._app.shop(shown.session.domain)
            return _ranked(shop, shown.session, self._kept(shown), choice, shown.draw)
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
            shop = self._app.shop(shown.session.domain)
            view = _texts(shop, _again(shop, self._kept(shown), choice), choice)
            return choice.text, view, _address(choice, shown), ""
        except ValueError:
            return SKIP, SKIP, SKIP, SKIP
        except CalrecError as error:
            return SKIP, SKIP, SKIP, widgets.notice(str(error), "error")

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


def _draw(shop: Shop, session: Session, choice: WalkthroughAddress) -> Draw:
    return Draw(
        domain=shop.domain,
        fingerprint=shop.fingerprint,
        history=session.history,
        seed=choice.seed,
        temperature=choice.temperature,
        samples=choice.samples,
        template=choice.template,
    )


def _again(shop: Shop, generation: Generation, choice: WalkthroughAddress) -> Recommendation:
    calrec, corpus = shop.calrec(choice.rules), shop.corpus(choice.k1, choice.b)
    return choice.rules.applied(calrec.rank(generation, choice.ranking(), corpus=corpus))


def _texts(shop: Shop, record: Recommendation, choice: WalkthroughAddress) -> str:
    text = TextSettings(**record.settings.get("text", {}))
    return texts.view(record, shop.catalogue.items, shop.attributes(text), choice.text)


def _ranked(
    shop: Shop,
    session: Session,
    generation: Generation,
    choice: WalkthroughAddress,
    draw: Draw,
    source: str = "",
) -> Results:
    """All results of some samples, ranked as chosen."""
    calrec = _again(shop, generation, choice)
    others = _others(shop, session, choice)
    items = shop.by_id
    target = target_of(shop, session)
    figure = matching.heat_maps(calrec, items, target)
    # The words say nothing where texts are matched by whole attributes.
    words = choice.retrieval != "hierarchical"
    corpora = [shop.corpus(choice.k1, choice.b) if words else None]
    corpora += [shop.catalogue.corpus() if o.recommender == "lir" else None for o in others]
    shown = Shown(session=session, choice=choice, draw=draw)
    kept = count(len(calrec.ranking.columns), "different text")
    status = SKIP
    if source:
        done = f"Done: {count(len(generation.samples), 'text')} written, {kept} kept."
        status = widgets.done(done, source, "live" in source)
    return Results(
        message="",
        status=status,
        samples=_texts(shop, calrec, choice),
        heat=gr.update(value=figure, visible=figure is not None),
        heat_empty=gr.update(visible=figure is None),
        ranks=ranking.ranks_view([calrec, *others], target, choice.rules, shop.leaks()),
        rankings=ranking.rankings_view(calrec, others, items, target, corpora)
        + ranking.timings_line(calrec),
        prompt=prompt.of(generation) if source else SKIP,
        shown=shown,
        address=_address(choice, shown),
        **(_READY if source else {}),
    )


def _others(shop: Shop, session: Session, choice: WalkthroughAddress) -> list[Recommendation]:
    history = shop.items(session.history)
    known = shop.recommenders(choice.rules)
    return [known[name].recommend(history) for name in choice.others if name in known]


def _address(choice: WalkthroughAddress, shown: Shown | None) -> str:
    return url.write({**choice.query(), "written": "1" if shown is not None else ""})


def _as_drawn(choice: WalkthroughAddress, draw: Draw) -> WalkthroughAddress:
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
