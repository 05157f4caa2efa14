"""The walkthrough: from a purchase history to two rankings, in five steps."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr

from demo.html import widgets
from demo.inspect.choices import Choices
from demo.inspect.session import Session
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL, QUIET, TYPED, UNCHECKED, WAITING
from demo.pages.named import Named
from demo.pages.page import Page, Shell
from demo.pages.walkthrough import results
from demo.pages.walkthrough.address import WalkthroughAddress
from demo.pages.walkthrough.assembling import Assembling, stale
from demo.pages.walkthrough.handlers import WalkthroughHandlers
from demo.pages.walkthrough.parts import lay_out
from demo.pages.walkthrough.recommending import Recommending, first_stage
from demo.pages.walkthrough.results import BLANK

TITLE = "Walkthrough"
SETTINGS = tuple(field.name for field in fields(WalkthroughAddress))
FILTERS = Choices._fields
HISTORY = ("history", "target", "message", "stale", "prompt", "shopper", "beside", "cut")
RESULTS = (
    "message",
    "beside",
    *BLANK,
    "prompt",
    "cut",
    "shown",
    "writing",
    "address",
    "run",
    "stop",
)
# Those that rank anew; the others ask for other texts.
SWITCHES = tuple(
    name for name in SETTINGS if name not in ("seed", "temperature", "samples", "template", "text")
)


def build(shell: Shell) -> Page:
    """The page over one application."""
    handlers = WalkthroughHandlers(shell.app)
    session = Session(domain=next(iter(shell.app.domains)))
    parts = Named(**lay_out(handlers.opening(session)), session=shell.session)
    _assemble(parts, handlers.assembling)
    _recommend(parts, handlers.recommending)
    _switch(parts, handlers.recommending)
    both = ("shown", "held")
    parts.on(parts.keep.click, handlers.keeping.keep, both, ("held", "versus", "keep"), **LOOK_UP)
    last = {**LOOK_UP, "trigger_mode": "always_last"}
    parts.on(parts.shown.change, handlers.keeping.beside, both, ["versus"], **last)
    shown = ["browse", *FILTERS, "sort", "query", "presets", *HISTORY, *SETTINGS, *BLANK]
    return parts.page(handlers.show, [*shown, "shown", "address", "start"])


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
    parts.on(parts.shopper.input, events.load_shopper, ("session", "shopper"), loaded, **EDIT)
    parts.on(parts.shopper.key_up, events.search_shoppers, session, ("shopper", "beside"), **TYPED)
    parts.on(parts.any_shopper.click, events.random_shopper, session, loaded, **EDIT)
    undone = {**EDIT, "js": script("undone")}
    parts.on(parts.undone.click, events.undone, ["address"], (*loaded, "seed"), **undone)
    read = ("session", "shown", "template")
    parts.on(parts.session.change, events.assembly, read, HISTORY, **LOOK_UP)
    prompted = ("session", "template")
    parts.on(parts.template.input, events.prompt, prompted, ("prompt", "cut"), **LOOK_UP)


def _recommend(parts: Named, events: Recommending) -> None:
    busy = ("run", "stop", "message", "status")
    placed = ("texts", "heat_empty", "rankings")
    # The button and a link that shows a recommendation start the same job.
    parts.on(parts.run.click, None, (), ("start", "text"), js=script("start"), **LOOK_UP)
    waiting = script(
        "runs",
        True,
        widgets.notice(WAITING),
        list(results.places("Waiting for the model").values()),
    )
    parts.on(parts.start.change, None, (), (*busy, *placed), js=waiting, **LOOK_UP)
    job = parts.on(parts.start.change, events.recommend, ("session", *SETTINGS), RESULTS, **MODEL)
    told = parts.on(job.then, stale, ("session", "shown"), ["stale"], **LOOK_UP)
    parts.on(told.then, events.settled, ("shown", *SETTINGS), RESULTS, **LOOK_UP)
    halt = script("runs", False, widgets.notice("Stopped."), [])
    halted = parts.on(parts.stop.click, None, (), busy, js=halt, cancels=[job], **LOOK_UP)
    parts.on(halted.then, events.stopped, ("writing", "shown"), RESULTS, **LOOK_UP)


def _switch(parts: Named, events: Recommending) -> None:
    read, last = ("shown", *SETTINGS), {**LOOK_UP, "trigger_mode": "always_last"}
    for switch in parts.of(SWITCHES):
        changed = switch.release if isinstance(switch, gr.Slider) else switch.input
        parts.on(changed, events.again, read, RESULTS, **last)
    parts.on(parts.retrieval.change, first_stage, ["retrieval"], ["first"], **QUIET)
    opened = ("text", "texts", "address", "message")
    parts.on(parts.texts.select, events.click_text, read, opened, **LOOK_UP)
