"""The walkthrough: from a purchase history to two rankings, in five steps."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gradio as gr

from demo.html import widgets
from demo.inspect.choices import Choices
from demo.inspect.session import Session
from demo.pages.components import script
from demo.pages.events import (
    BROWSE,
    EDIT,
    LOOK_UP,
    MODEL,
    PREPARE,
    QUIET,
    UNCHECKED,
    WAITING,
)
from demo.pages.named import Named
from demo.pages.page import Page, Shell
from demo.pages.walkthrough import results, sureness
from demo.pages.walkthrough.address import WalkthroughAddress
from demo.pages.walkthrough.assembling import Assembling, stale
from demo.pages.walkthrough.explaining import Explaining
from demo.pages.walkthrough.exploring import Exploring
from demo.pages.walkthrough.handlers import WalkthroughHandlers
from demo.pages.walkthrough.keeping import Keeping
from demo.pages.walkthrough.parts import lay_out
from demo.pages.walkthrough.recommending import Recommending
from demo.pages.walkthrough.results import BLANK
from demo.pages.walkthrough.sureness import Sureness
from demo.pages.walkthrough.switching import OF_DRAWS, OF_WORDS, controls, decoder_chosen

TITLE = "Walkthrough"
SETTINGS = tuple(field.name for field in fields(WalkthroughAddress))
FILTERS = Choices._fields
HISTORY = ("history", "target", "message", "stale", "prompt", "shopper", "beside", "cut")
FOUND = ("shoppers", "beside")
SEARCHED = ("explorer", "asked", "explored", "address")
RESULTS = (
    *("message", "beside", *BLANK, "prompt", "cut"),
    *("shown", "writing", "address", "run", "stop"),
)
EXPLORED = ("explored", "depth", "asked")
# Those that rank anew; the others ask for other texts.
SWITCHES = tuple(
    name
    for name in SETTINGS
    if name not in ("decoder", "seed", "temperature", "samples", "template", "text", *EXPLORED)
)


def build(shell: Shell) -> Page:
    """The page over one application."""
    handlers = WalkthroughHandlers(shell.app)
    session = Session(domain=next(iter(shell.app.domains)))
    parts = Named(**lay_out(handlers.opening(session)), session=shell.session)
    _assemble(parts, handlers.assembling)
    job = _recommend(parts, handlers.recommending)
    _switch(parts, handlers.recommending)
    _explore(parts, handlers.exploring, job)
    _explain(parts, handlers.explaining)
    _keep(parts, handlers.keeping)
    _sure(parts, handlers.sureness)
    offered = ("browse", *FILTERS, "sort", "query", "presets", "shoppers")
    shown = (*offered, *HISTORY, *SETTINGS, *BLANK)
    return parts.page(handlers.show, [*shown, "shown", "address", "start"], handlers.saving.saved)


def _assemble(parts: Named, events: Assembling) -> None:
    choice = ("session", "query", *FILTERS, "sort")
    # Not query.input, which a paste does not set off.
    changes = (parts.query.change, parts.query.submit, parts.sort.input)
    for changed in (*changes, parts.category.input, parts.brand.input, parts.price.input):
        parts.on(changed, events.browse, choice, ("browse", *FILTERS, "sort"), **BROWSE)
    parts.on(
        parts.browse.select,
        events.click_catalogue,
        choice,
        ("session", "browse", "query"),
        **{**EDIT, **UNCHECKED},
    )
    session, loaded = ["session"], ("session", "message")
    parts.on(parts.history.select, events.click_history, session, session, **EDIT)
    opened = (*loaded, *SETTINGS, "start")
    done = parts.on(parts.presets.select, events.click_preset, session, opened, **EDIT)
    done.success(None, None, None, js=script("opened"), **LOOK_UP)
    typed = ("session", "shopper")
    parts.on(parts.shopper.input, events.search_shoppers, typed, FOUND, **BROWSE)
    parts.on(parts.shopper.submit, events.load_shopper, typed, loaded, **EDIT)
    parts.on(parts.any_shopper.click, events.random_shopper, session, loaded, **EDIT)
    undone = {**EDIT, "js": script("undone")}
    parts.on(parts.undone.click, events.undone, ["address"], (*loaded, "seed"), **undone)
    read = ("session", "shown", "template")
    parts.on(parts.session.change, events.assembly, read, HISTORY, **LOOK_UP)
    prompted = ("session", "template")
    parts.on(parts.template.input, events.prompt, prompted, ("prompt", "cut"), **LOOK_UP)


def _recommend(parts: Named, events: Recommending) -> Any:
    busy = ("run", "stop", "message", "status")
    placed = ("texts", "matrix", "rankings")
    # The button and a link that shows a recommendation start the same job.
    parts.on(parts.run.click, None, (), ("start", "text"), js=script("start"), **LOOK_UP)
    waiting = script(
        *("runs", True, widgets.notice(WAITING)),
        list(results.places("Waiting for the model").values()),
    )
    parts.on(parts.start.change, None, (), (*busy, *placed), js=waiting, **LOOK_UP)
    read = ("session", *SETTINGS)
    first = parts.on(parts.start.change, events.prepare, read, ("status", "ready"), **PREPARE)
    # Not first.then, which a Stop sets off, too.
    job = parts.on(parts.ready.change, events.recommend, read, RESULTS, **MODEL)
    told = parts.on(job.then, stale, ("session", "shown"), ["stale"], **LOOK_UP)
    parts.on(told.then, events.settled, ("shown", *SETTINGS), RESULTS, **LOOK_UP)
    halt = script("runs", False, widgets.notice("Stopped."), [])
    halted = parts.on(parts.stop.click, None, (), busy, js=halt, cancels=[first, job], **LOOK_UP)
    parts.on(halted.then, events.stopped, ("writing", "shown"), RESULTS, **LOOK_UP)
    return job


def _switch(parts: Named, events: Recommending) -> None:
    read, last = ("shown", *SETTINGS), {**LOOK_UP, "trigger_mode": "always_last"}
    for switch in parts.of(SWITCHES):
        changed = switch.release if isinstance(switch, gr.Slider) else switch.input
        parts.on(changed, events.again, read, RESULTS, **last)
    both = ("decoder", "retrieval")
    started = ("retrieval", "text", "start")
    parts.on(parts.decoder.input, decoder_chosen, (*both, "shown"), started, **last)
    offered = ("decoder_said", "no_draws", *OF_DRAWS, "samples", "first", "no_words", *OF_WORDS)
    for changed in (parts.decoder.change, parts.retrieval.change):
        parts.on(changed, controls, both, offered, **QUIET)
    opened = ("text", "texts", "address", "message")
    parts.on(parts.texts.select, events.click_text, read, opened, **LOOK_UP)


def _explore(parts: Named, events: Exploring, job: Any) -> None:
    read = ("shown", *SETTINGS)
    # Mostly nothing is to be done; a wait for others' work is then no one's.
    parts.on(job.then, events.explore_again, read, SEARCHED, **{**MODEL, "show_progress": "hidden"})
    parts.on(parts.look.click, events.look_through, read, SEARCHED, **MODEL)
    parts.on(parts.depth.input, events.explore_again, read, SEARCHED, **MODEL)
    parts.on(parts.asked.input, events.explore_again, read, SEARCHED, **MODEL)
    parts.on(parts.explorer.select, events.look_at_item, read, SEARCHED, **MODEL)
    parts.on(parts.asked.key_up, events.offer_items, ["shown"], ["asked"], **LOOK_UP)


def _explain(parts: Named, events: Explaining) -> None:
    asked = ("causes", "flow", "pairing", "story", "message")
    parts.on(parts.explain.click, events.causes, ["shown"], asked, **MODEL)
    parts.on(parts.causes.select, events.pick, ["shown"], ["causes"], **LOOK_UP)
    parts.on(parts.pairs.click, events.together, ["shown"], ["together"], **MODEL)
    parts.on(parts.together.select, events.pick_pairs, ["shown"], ["together"], **LOOK_UP)
    told = ("why_not", "message")
    parts.on(parts.other.input, events.why_not, ("shown", "other"), told, **MODEL)


def _keep(parts: Named, events: Keeping) -> None:
    both, last = ("shown", "held"), {**LOOK_UP, "trigger_mode": "always_last"}
    parts.on(parts.keep.click, events.keep, both, ("held", "versus", "keep"), **LOOK_UP)
    parts.on(parts.shown.change, events.beside, both, ["versus"], **last)


def _sure(parts: Named, events: Sureness) -> None:
    asked, last = ("shown", "other"), {**LOOK_UP, "trigger_mode": "always_last"}
    job = parts.on(parts.sure.click, events.draw, asked, sureness.PARTS, **MODEL)
    # Draws of an earlier result say nothing of the next.
    parts.on(parts.shown.change, events.offered, ["shown"], sureness.PARTS, cancels=[job], **last)
    halted = parts.on(
        parts.sure_stop.click, events.halted, (), sureness.PARTS, cancels=[job], **LOOK_UP
    )
    parts.on(halted.then, events.stopped, asked, sureness.PARTS, **LOOK_UP)
