"""The walkthrough: from a purchase history to two rankings, in five steps."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr

from demo.html import widgets
from demo.inspect.choices import Choices
from demo.inspect.session import Session
from demo.pages import page
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL, QUIET, UNCHECKED
from demo.pages.named import Named
from demo.pages.page import Page, Shell
from demo.pages.walkthrough.address import WalkthroughAddress
from demo.pages.walkthrough.handlers import (
    BLANK,
    Assembling,
    Recommending,
    WalkthroughHandlers,
    first_stage,
    no_results,
    stale,
)
from demo.pages.walkthrough.parts import Opening, WalkthroughParts, lay_out

TITLE = "Walkthrough"
WAITING = "Waiting for the model; it serves one visitor at a time."

SETTINGS = tuple(field.name for field in fields(WalkthroughAddress))
FILTERS = Choices._fields
HISTORY = ("history", "target", "message", "stale", "prompt", "shopper")
RESULTS = ("message", *BLANK, "prompt", "shown", "address")
# Those that rank anew; the others ask for other texts.
SWITCHES = tuple(
    name for name in SETTINGS if name not in ("seed", "temperature", "samples", "template", "text")
)


def build(shell: Shell) -> Page:
    """The page over one application."""
    handlers = WalkthroughHandlers(shell.app)
    opening = _opening(handlers, Session(domain=next(iter(shell.app.domains))))
    parts = lay_out(shell.session, page.address(), opening)
    named = Named(parts)
    _assemble(parts, named, handlers.assembling)
    _recommend(parts, named, handlers.recommending)
    _switch(parts, named, handlers.recommending)
    shown = ["browse", *FILTERS, "query", "presets", *HISTORY, *SETTINGS, *BLANK]
    return named.page(handlers.show, [*shown, "shown", "address", "start"])


def _opening(handlers: WalkthroughHandlers, session: Session) -> Opening:
    blank, listing = no_results(), handlers.assembling.browse(session, "", "", "", "", "relevance")
    return Opening(
        session=session,
        browse=listing["browse"],
        filters=Choices(**{name: listing[name]["choices"] for name in FILTERS}),
        shoppers=handlers.assembling.shoppers(session),
        presets=handlers.assembling.telling(session),
        texts=blank["texts"],
        heat_empty=blank["heat_empty"]["value"],
        rankings=blank["rankings"],
    )


def _assemble(parts: WalkthroughParts, named: Named, events: Assembling) -> None:
    choice = named.of("session", "query", *FILTERS, "sort")
    # Not query.input, which a paste does not set off.
    changes = (parts.query.change, parts.query.submit, parts.sort.input)
    for changed in (*changes, parts.category.input, parts.brand.input, parts.price.input):
        changed(named.updating(events.browse), choice, named.of("browse", *FILTERS), **BROWSE)
    parts.browse.select(
        named.updating(events.click_catalogue),
        choice,
        named.of("session", "browse", "query"),
        **{**EDIT, **UNCHECKED},
    )
    session, loaded = named.of("session"), named.of("session", "message")
    parts.history.select(named.updating(events.click_history), session, session, **EDIT)
    parts.presets.select(
        named.updating(events.click_preset), session, [*loaded, parts.seed], **EDIT
    )
    parts.shopper.input(
        named.updating(events.load_shopper), named.of("session", "shopper"), loaded, **EDIT
    )
    parts.shopper.key_up(
        named.updating(events.search_shoppers), session, named.of("shopper"), **LOOK_UP
    )
    parts.any_shopper.click(named.updating(events.random_shopper), session, loaded, **EDIT)
    parts.session.change(
        named.updating(events.assembly),
        named.of("session", "shown", "template"),
        named.of(*HISTORY),
        **LOOK_UP,
    )
    parts.template.input(
        named.updating(events.prompt),
        named.of("session", "template"),
        named.of("prompt"),
        **LOOK_UP,
    )


def _recommend(parts: WalkthroughParts, named: Named, events: Recommending) -> None:
    busy = named.of("run", "stop", "message", "status")
    results = named.of(*RESULTS, "run", "stop")
    # The button and a link that shows a recommendation start the same job.
    parts.run.click(None, None, named.of("start", "text"), js=script("start"), **LOOK_UP)
    waiting = script("runs", True, widgets.notice(WAITING))
    parts.start.change(None, None, busy, js=waiting, **LOOK_UP)
    job = parts.start.change(
        named.updating(events.recommend), named.of("session", *SETTINGS), results, **MODEL
    )
    job.then(
        named.updating(stale), named.of("session", "shown"), named.of("stale"), **LOOK_UP
    ).then(named.updating(events.settled), named.of("shown", *SETTINGS), results, **LOOK_UP)
    stopped = script("runs", False, widgets.notice("Stopped."))
    parts.stop.click(None, None, busy, js=stopped, cancels=[job], **LOOK_UP)


def _switch(parts: WalkthroughParts, named: Named, events: Recommending) -> None:
    for switch in named.of(*SWITCHES):
        changed = switch.release if isinstance(switch, gr.Slider) else switch.input
        changed(
            named.updating(events.again),
            named.of("shown", *SETTINGS),
            named.of(*RESULTS, "run", "stop"),
            **LOOK_UP,
            trigger_mode="always_last",
        )
    parts.retrieval.change(
        named.updating(first_stage), named.of("retrieval"), named.of("first"), **QUIET
    )
    parts.texts.select(
        named.updating(events.click_text),
        named.of("shown", *SETTINGS),
        named.of("text", "texts", "address", "message"),
        **LOOK_UP,
    )
