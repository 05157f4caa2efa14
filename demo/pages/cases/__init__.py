"""The Cases page: an evaluation's cases, filtered, compared, looked into, labelled, exported."""

from __future__ import annotations

from functools import partial
from typing import Any

from demo.inspect.cases import Cases
from demo.pages.cases.handlers import FILTERS, CasesHandlers
from demo.pages.cases.parts import ACTIONS, OF_A_CASE, lay_out
from demo.pages.cases.saving import saved
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP
from demo.pages.named import Named
from demo.pages.page import Page, Shell

TITLE = "Cases"
# None is dropped and none overtakes another: each says which case or filter it is about.
_IN_TURN: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "cases",
    "concurrency_limit": 1,
}
_NOTE: dict[str, Any] = {**LOOK_UP, "concurrency_id": "note", "concurrency_limit": 1}


_STATE = ("session", "address")


def build(shell: Shell) -> Page:
    """The page over one application: its parts, and which handler answers which event."""
    handlers = CasesHandlers(Cases(shell.app))
    components = lay_out()
    shown = [name for name in components if name not in ACTIONS]
    parts = Named(**components, session=shell.session)
    _choosing(handlers, parts, shown)
    _one_case(handlers, parts, shown)
    _saving(handlers, parts)
    return parts.page(handlers.show, shown, partial(saved, handlers))


def _choosing(handlers: CasesHandlers, parts: Named, shown: list[str]) -> None:
    """Which runs are compared, and which cases are shown."""
    redraw = (handlers.scatter, _STATE, ["scatter"])
    runs = ("run", "against")
    for run in parts.of(runs):
        parts.on(run.input, handlers.choose_runs, (*_STATE, *runs), shown, **BROWSE)

    # Not beside.input, which nothing sets off that takes a run away.
    parts.on(parts.beside.change, handlers.choose_beside, (*_STATE, "beside"), shown, **BROWSE)

    named = {"star": "star_filter", "label": "label_filter"}
    filters = [named.get(name, name) for name in FILTERS]
    lists = parts.of(name for name in (*filters, "sort") if name != "text")
    chosen = (*_STATE, "sort", *filters)
    choices = [(one.input, handlers.choose, chosen) for one in lists]
    # Not text.input, which a paste does not set off. An arriving page sets it off, too, before the
    # lists have their values: they are not asked.
    for changed in ((parts.text.change, handlers.search, (*_STATE, "text")), *choices):
        done = parts.on(*changed, shown, **BROWSE)
        parts.on(done.then, *redraw, **LOOK_UP)
    for clicked in (parts.agreement, parts.why, parts.why_table, parts.chips, parts.slices):
        done = parts.on(clicked.select, handlers.click, _STATE, shown, **_IN_TURN)
        parts.on(done.then, *redraw, **LOOK_UP)
    parts.on(parts.cases.select, handlers.step, _STATE, OF_A_CASE, **_IN_TURN)


def _one_case(handlers: CasesHandlers, parts: Named, shown: list[str]) -> None:
    """What is noted about the case."""
    parts.on(parts.star.click, handlers.star, _STATE, shown, **EDIT)
    parts.on(parts.pin.click, handlers.pin, _STATE, shown, **EDIT)
    # In turn with the walk from case to case: a key's label goes on to the next.
    parts.on(parts.labels.select, handlers.label, _STATE, OF_A_CASE, **_IN_TURN)
    left = script("leave")
    parts.on(parts.new_label.submit, None, js=left, **LOOK_UP)
    typed = (*_STATE, "new_label")
    changed = (*OF_A_CASE, "new_label")
    parts.on(parts.new_label.blur, handlers.type_label, typed, changed, **_IN_TURN)
    # While typing the last state is stored whenever the one before is; leaving stores it for sure,
    # and one after another, so that none overwrites a later one.
    # Not note.change: that also comes when another case's note is shown.
    for left, mode in (
        (parts.note.input, "always_last"),
        (parts.note.blur, "multiple"),
        (parts.note.submit, "multiple"),
    ):
        options = {**_NOTE, "trigger_mode": mode}
        parts.on(left, handlers.note, (*_STATE, "note", "seen"), shown, **options)


def _saving(handlers: CasesHandlers, parts: Named) -> None:
    """Slices, the reasons on offer, and files."""
    slices = ("slices", "slice_name", "slice_said")
    reasons = ("labels", "reasons", "reasons_said")
    for event in (parts.slice_save.click, parts.slice_name.submit):
        parts.on(event, handlers.save_slice, (*_STATE, "slice_name"), slices, **EDIT)
    given = (*_STATE, "reasons")
    parts.on(parts.reasons_save.click, handlers.set_reasons, given, reasons, **EDIT)
    for button, save, said in (
        (parts.cases_csv, handlers.cases_csv, "slice_said"),
        (parts.cases_json, handlers.cases_json, "slice_said"),
        (parts.case_file, handlers.case_file, "said"),
        (parts.case_page, handlers.case_page, "said"),
    ):
        saved = parts.on(button.click, save, _STATE, ("file", said), **EDIT)
        saved.success(None, None, None, js=script("fetchFile"), **LOOK_UP)
