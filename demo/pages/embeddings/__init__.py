"""The Embeddings page: items and a shopper on a map, and how near shoppers lie to what they buy."""

from __future__ import annotations

from typing import Any

from demo.inspect.towers import Models
from demo.pages.embeddings.handlers import (
    EmbeddingsHandlers,
    begin_cosines,
    stopped,
    stopped_cosines,
    waiting,
)
from demo.pages.embeddings.parts import EmbeddingsParts, lay_out
from demo.pages.events import BROWSE, EDIT, LOOK_UP, MODEL
from demo.pages.page import Page, Shell

TITLE = "Embeddings"


def build(shell: Shell) -> Page:
    """The page in the current context."""
    parts = lay_out()
    handlers = EmbeddingsHandlers(shell.app, Models(shell.app))
    controls, inputs = list(parts.controls), [shell.session, *parts.choices]
    for control in parts.choices:
        control.input(handlers.choose, inputs, controls, **BROWSE)
    _map_events(parts, handlers, inputs)
    _cosines_events(parts, handlers)
    _history_events(shell, parts, handlers, inputs)
    return Page(show=handlers.show, outputs=controls, address=parts.controls.address)


def _map_events(parts: EmbeddingsParts, handlers: EmbeddingsHandlers, inputs: list[Any]) -> None:
    outputs, map_of = list(parts.map), parts.controls.map_of
    # Who waits for the model reads so; the line goes when the work begins.
    job = map_of.change(waiting, None, parts.map.status, **LOOK_UP).then(
        handlers.show_map, map_of, outputs, **MODEL
    )
    parts.map.go.click(handlers.go, inputs, list(parts.controls), **LOOK_UP)
    parts.map.stop.click(stopped, None, outputs, cancels=[job], **LOOK_UP)


def _cosines_events(parts: EmbeddingsParts, handlers: EmbeddingsHandlers) -> None:
    """Of several choices in a row only the last one is computed.

    Each ends the job of the one before, and sets off its own by way of `begun`.
    """
    outputs, controls = list(parts.cosines), parts.controls
    job = parts.begun.change(handlers.show_cosines, controls.cosines_of, outputs, **MODEL)
    begin = {"fn": begin_cosines, "outputs": [parts.begun, *outputs], **LOOK_UP}
    controls.cosines_of.change(**begin)
    for control in (controls.checkpoint, controls.users, controls.seed):
        control.input(None, None, None, cancels=[job], **LOOK_UP)
    parts.cosines.again.click(**begin)
    # What the job said last must not come after "Stopped".
    parts.cosines.stop.click(None, None, None, cancels=[job], **LOOK_UP).then(
        stopped_cosines, None, outputs, **LOOK_UP
    )


def _history_events(
    shell: Shell, parts: EmbeddingsParts, handlers: EmbeddingsHandlers, inputs: list[Any]
) -> None:
    visitor, controls = [shell.session, shell.toast], parts.controls
    again = {"fn": handlers.choose, "inputs": inputs, "outputs": list(controls), **LOOK_UP}
    parts.shopper.click(handlers.random_shopper, shell.session, visitor, **EDIT).then(**again)
    parts.map.nearest.select(handlers.press, shell.session, visitor, **EDIT).then(**again)
    controls.stale.select(**again)
    shell.session.change(
        handlers.follow, [shell.session, controls.map_of], controls.stale, **LOOK_UP
    )
