"""The Embeddings page: items and a shopper on a map, and how near shoppers lie to what they buy."""

from __future__ import annotations

from demo.inspect.towers import Models
from demo.pages.embeddings.address import CHOICES
from demo.pages.embeddings.handlers import (
    EmbeddingsHandlers,
    begin_cosines,
    stopped,
    stopped_cosines,
    waiting,
)
from demo.pages.embeddings.parts import lay_out
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.named import Named
from demo.pages.page import Page, Shell

TITLE = "Embeddings"
_CHOSEN = ("session", *CHOICES)
_CONTROLS = (*CHOICES, "stale", "map_of", "cosines_of", "address")
_MAP = ("status", "go", "stop", "lead", "plot", "legend", "nearest")
_SPREADS = ("words", "before", "after", "other_words", "other_before", "other_after")
_COSINES = ("cosines_status", "again", "cosines_stop", "cosines_legend", *_SPREADS)


def build(shell: Shell) -> Page:
    """The page in the current context."""
    parts = Named(**lay_out(), session=shell.session, toast=shell.toast)
    handlers = EmbeddingsHandlers(shell.app, Models(shell.app))
    for control in parts.of(CHOICES):
        parts.on(control.input, handlers.choose, _CHOSEN, _CONTROLS, **BROWSE)
    _map_events(parts, handlers)
    _cosines_events(parts, handlers)
    _history_events(parts, handlers)
    return parts.page(handlers.show, _CONTROLS)


def _map_events(parts: Named, handlers: EmbeddingsHandlers) -> None:
    # Who waits for the model reads so; the line goes when the work begins.
    begun = parts.on(parts.map_of.change, waiting, (), ["status"], **LOOK_UP)
    job = parts.on(begun.then, handlers.show_map, ["map_of"], _MAP, **MODEL)
    parts.on(parts.go.click, handlers.go, _CHOSEN, _CONTROLS, **LOOK_UP)
    parts.on(parts.stop.click, stopped, (), _MAP, cancels=[job], **LOOK_UP)


def _cosines_events(parts: Named, handlers: EmbeddingsHandlers) -> None:
    """Of several choices in a row only the last one is computed.

    Each ends the job of the one before, and sets off its own by way of `begun`.
    """
    job = parts.on(parts.begun.change, handlers.show_cosines, ["cosines_of"], _COSINES, **MODEL)
    for event in (parts.cosines_of.change, parts.again.click):
        parts.on(event, begin_cosines, (), ("begun", *_COSINES), **LOOK_UP)
    for control in (parts.checkpoint, parts.users, parts.seed):
        control.input(None, None, None, cancels=[job], **LOOK_UP)
    # What the job said last must not come after "Stopped".
    ended = parts.cosines_stop.click(None, None, None, cancels=[job], **LOOK_UP)
    parts.on(ended.then, stopped_cosines, (), _COSINES, **LOOK_UP)


def _history_events(parts: Named, handlers: EmbeddingsHandlers) -> None:
    again = (handlers.choose, _CHOSEN, _CONTROLS)
    for event, handler in (
        (parts.shopper.click, handlers.random_shopper),
        (parts.nearest.select, handlers.press),
    ):
        loaded = parts.on(event, handler, ["session"], ("session", "toast"), **EDIT)
        parts.on(loaded.then, *again, **LOOK_UP)
    parts.on(parts.stale.select, *again, **LOOK_UP)
    follow = ("session", "map_of")
    parts.on(parts.session.change, handlers.follow, follow, ["stale"], **LOOK_UP)
