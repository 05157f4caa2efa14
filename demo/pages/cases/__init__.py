"""The Cases page: an evaluation's cases, filtered, compared, looked into, labelled, exported."""

from __future__ import annotations

from typing import Any

from demo.inspect.cases import Cases
from demo.pages.cases.handlers import FILTERS, CasesHandlers
from demo.pages.cases.parts import (
    CasesParts,
    FileUpdate,
    ReasonsUpdate,
    SliceUpdate,
    WalkUpdate,
    lay_out,
)
from demo.pages.components import script
from demo.pages.events import BROWSE, EDIT, LOOK_UP, UNCHECKED
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


def build(shell: Shell) -> Page:
    """The page over one application: its parts, and which handler answers which event."""
    handlers = CasesHandlers(Cases(shell.app))
    parts = lay_out()
    state = [shell.session, parts.shown.address]
    _choosing(handlers, parts, state)
    _one_case(handlers, parts, state)
    _saving(handlers, parts, state)
    walk = WalkUpdate(session=shell.session, tabs=shell.tabs, message=parts.shown.message)
    parts.walk.click(handlers.walk, state, list(walk), **EDIT)
    return Page(show=handlers.show, outputs=list(parts.shown), address=parts.shown.address)


def _choosing(handlers: CasesHandlers, parts: CasesParts, state: list[Any]) -> None:
    """Which runs are compared, and which cases are shown."""
    shown, outputs = parts.shown, list(parts.shown)
    redraw: dict[str, Any] = {
        "fn": handlers.scatter,
        "inputs": state,
        "outputs": shown.scatter,
        **LOOK_UP,
    }
    runs = [shown.run, shown.against]
    for run in runs:
        run.input(handlers.choose_runs, [*state, *runs], outputs, **BROWSE)

    named = {"star": "star_filter", "label": "label_filter"}
    filters = [getattr(shown, named.get(name, name)) for name in FILTERS]
    lists = [one for one in filters if one is not shown.text]
    # Not text.input, which a paste does not set off.
    for changed in (shown.text.change, *(one.input for one in [*lists, shown.sort])):
        chosen = [*state, shown.sort, *filters]
        changed(handlers.choose, chosen, outputs, **BROWSE).then(**redraw)
    for clicked in (shown.agreement, shown.chips, shown.slices):
        clicked.select(handlers.click, state, outputs, **_IN_TURN).then(**redraw)
    shown.cases.select(handlers.click, state, outputs, **_IN_TURN)


def _one_case(handlers: CasesHandlers, parts: CasesParts, state: list[Any]) -> None:
    """What is noted about the case."""
    shown, outputs = parts.shown, list(parts.shown)
    shown.star.click(handlers.star, state, outputs, **EDIT)
    shown.pin.click(handlers.pin, state, outputs, **EDIT)
    labels = [*state, shown.labels]
    shown.labels.input(handlers.label, labels, outputs, **{**EDIT, **UNCHECKED})
    # While typing the last state is stored whenever the one before is; leaving stores it for sure,
    # and one after another, so that none overwrites a later one.
    # Not note.change: that also comes when another case's note is shown.
    written = [*state, shown.note, shown.seen]
    for left, mode in (
        (shown.note.input, "always_last"),
        (shown.note.blur, "multiple"),
        (shown.note.submit, "multiple"),
    ):
        left(handlers.note, written, outputs, **{**_NOTE, "trigger_mode": mode})


def _saving(handlers: CasesHandlers, parts: CasesParts, state: list[Any]) -> None:
    """Slices, the reasons on offer, and files."""
    shown = parts.shown
    slices = SliceUpdate(
        slices=shown.slices, slice_name=parts.slice_name, slice_said=parts.slice_said
    )
    for event in (parts.slice_save.click, parts.slice_name.submit):
        event(handlers.save_slice, [*state, parts.slice_name], list(slices), **EDIT)
    reasons = ReasonsUpdate(
        labels=shown.labels, reasons=shown.reasons, reasons_said=parts.reasons_said
    )
    given = [*state, shown.reasons]
    parts.reasons_save.click(handlers.set_reasons, given, list(reasons), **EDIT)
    for button, save, said in (
        (parts.cases_csv, handlers.cases_csv, parts.slice_said),
        (parts.cases_json, handlers.cases_json, parts.slice_said),
        (parts.case_file, handlers.case_file, shown.said),
        (parts.case_page, handlers.case_page, shown.said),
    ):
        outputs = list(FileUpdate(file=parts.file, said=said))
        button.click(save, state, outputs, **EDIT).success(
            None, None, None, js=script("fetchFile"), **LOOK_UP
        )
