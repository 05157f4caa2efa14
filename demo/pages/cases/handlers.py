"""What happens on a click: each event makes a new state, and the view is drawn from that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import widgets
from demo.inspect import url
from demo.inspect.annotations import LONGEST_NOTE, NOTHING, Annotation
from demo.inspect.case_filters import SORTS, CaseFilters
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.desk import Desk, Pair
from demo.pages.cases.drawing import (
    ALL,
    CASE,
    CONTROLS,
    LIST,
    SCATTER,
    SLICES,
    Drawing,
    View,
    star_button,
)
from demo.pages.events import SKIP

FILTERS = tuple(field.name for field in fields(CaseFilters))


class Handlers:
    """The page's events over one `Desk`; holds nothing of a visitor."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._drawing = Drawing(desk)

    # The whole page

    def show(self, session: Session, query: Query) -> View:
        """The page for any query."""
        return self._drawing.view(session, CasesAddress.read(query), ALL)

    def choose_runs(self, session: Session, address: str, run: Any, against: Any) -> View:
        """Other runs; filters and case stay as far as they can."""
        state = replace(CasesAddress.of(address), run=_text(run), against=_text(against), offset=0)
        return self._drawing.view(session, state, ALL)._replace(text=SKIP)

    def choose(self, session: Session, address: str, sort: Any, *values: Any) -> View:
        """Other filters or another order: from the first page on."""
        filters = CaseFilters.of(dict(zip(FILTERS, values, strict=True)))
        before = CasesAddress.of(address)
        state = replace(before, sort=sort if isinstance(sort, str) and sort in SORTS else "")
        if (state.sort, filters) == (before.sort, before.filters):
            return View()  # the page itself has set its fields
        # Somebody may be typing on: only they write into the box.
        return self._filtered(session, state, filters)._replace(text=SKIP)

    def _filtered(self, session: Session, before: CasesAddress, filters: CaseFilters) -> View:
        state = replace(before, filters=filters, offset=0)
        view = self._drawing.view(session, state, {LIST, CASE, CONTROLS}, keep=True)
        return view if filters.text != before.filters.text else view._replace(text=SKIP)

    def click(self, session: Session, address: str, click: gr.EventData) -> View:
        """A button in one of the page's pieces of HTML."""
        state = CasesAddress.of(address)
        act, what = _of(click, "act"), _of(click, "id")
        if act == "case":
            return self._drawing.view(session, replace(state, case=what), {CASE})
        if act == "page":
            return self._page(session, state, what)
        if act == "cell":
            a, _, b = what.partition("|")
            if (state.filters.a, state.filters.b) == (a, b):
                a = b = ""
            return self._filtered(session, state, _filters(state.filters, a=a, b=b))
        if act == "without":
            return self._filtered(session, state, _filters(state.filters, **{what: ""}))
        if act == "clear":
            return self._filtered(session, state, CaseFilters())
        if act == "slice":
            return self._filtered(session, state, CaseFilters.read(url.read(what)))
        if act == "drop":
            return self._drop(session, state, what)
        return View()

    def _page(self, session: Session, state: CasesAddress, what: str) -> View:
        offset = int(url.number({"offset": [what]}, "offset", 0, 0, 1e9))
        back = offset < state.offset
        return self._drawing.view(
            session, replace(state, offset=offset, case=""), {LIST, CASE}, last=back
        )

    def scatter(self, session: Session, address: str) -> Any:
        """The rank scatter of the filtered cases."""
        return self._drawing.view(session, CasesAddress.of(address), {SCATTER}).scatter

    # One case

    def star(self, session: Session, address: str) -> View:
        """Stars the case, or takes the star away."""

        def write(pair: Pair, state: CasesAddress, before: Annotation) -> None:
            self.desk.annotations.set_star(pair.place, state.case, not before.star)

        return self._annotate(session, address, write, "")

    def label(self, session: Session, address: str, labels: Any) -> View:
        """Stores the case's labels."""
        chosen = [one for one in labels if isinstance(one, str)] if isinstance(labels, list) else []

        def write(pair: Pair, state: CasesAddress, _: Annotation) -> None:
            self.desk.annotations.set_labels(pair.place, state.case, chosen)

        return self._annotate(session, address, write, "Labels stored.")

    def note(self, session: Session, address: str, note: Any, seen: Any = None) -> View:
        """Stores the case's note, if it differs.

        Args:
          session: the visitor's.
          address: the page's query.
          note: what stands in the box.
          seen: the stored note as this tab knows it; where another one stands there by now, both
            are kept. `None` replaces whatever stands there.
        """
        text, stored = _text(note), _text(note)

        def write(pair: Pair, state: CasesAddress, before: Annotation) -> None:
            nonlocal stored
            if text == before.note:
                return
            if seen is not None and seen != before.note and before.note not in text:
                stored = f"{before.note}\n{text}".strip()
            self.desk.annotations.set_note(pair.place, state.case, stored)

        left = f"Note stored, {LONGEST_NOTE - len(text):,} more characters fit." if text else ""
        view = self._annotate(session, address, write, left, only_said=True)
        if view.said is SKIP or "cr-error" in view.said:
            return view
        if stored != text:
            said = "Another tab wrote a note on this case meanwhile: both are kept."
            return view._replace(note=stored, said=widgets.quiet(said), seen=stored)
        return view._replace(seen=stored)

    def _annotate(
        self,
        session: Session,
        address: str,
        write: Callable[[Pair, CasesAddress, Annotation], None],
        said: str,
        only_said: bool = False,
    ) -> View:
        state = CasesAddress.of(address)
        try:
            pair, _ = self._drawing.pair(session, state)
            if pair is None or state.case not in self.desk.table(pair).place_of:
                return View()
            write(pair, state, self._drawing.noted(pair).get(state.case, NOTHING))
            if only_said:
                return View(said=widgets.quiet(said))
            view = self._drawing.view(session, state, {LIST})
            noted = self._drawing.noted(pair)
            return view._replace(
                said=widgets.quiet(said),
                star=star_button(noted.get(state.case, NOTHING)),
                label_filter=gr.update(choices=self._drawing.label_choices(noted)),
                address=SKIP,
            )
        except CalrecError as error:
            return View(said=widgets.notice(str(error), "error"))

    def pin(self, session: Session, address: str) -> View:
        """Pins the case beside whatever comes next, or takes the pin away."""
        state = CasesAddress.of(address)
        pinned = "" if state.pin == state.case else state.case
        return self._drawing.view(session, replace(state, pin=pinned), {LIST, CASE})

    def walk(self, session: Session, address: str) -> tuple[Any, Any, Any]:
        """The case in the walkthrough: session, tab, and a line."""
        state = CasesAddress.of(address)
        try:
            pair, _ = self._drawing.pair(session, state)
            if pair is None:
                return SKIP, SKIP, SKIP
            case = pair.shop.catalogue.case(state.case, pair.first.split)
        except CalrecError as error:
            return SKIP, SKIP, widgets.notice(str(error), "error")
        visitor = Session(
            domain=pair.first.domain,
            history=tuple(item.item_id for item in case.history),
            target=case.target.item_id,
            user_id=state.case if pair.first.split == "test" else None,
        )
        return visitor, gr.Tabs(selected="walkthrough"), ""

    # Slices and reasons

    def save_slice(self, session: Session, address: str, name: Any) -> tuple[Any, Any, Any]:
        """Keeps the filters under a name: the slices, the name's box, and a line."""
        state = CasesAddress.of(address)
        query = url.write(state.filters.write())
        try:
            if not query:
                raise CalrecError(
                    "expected at least one filter for a slice, found none; set one first"
                )
            self.desk.annotations.save_slice(session.domain, _text(name), query)
        except CalrecError as error:
            return SKIP, SKIP, widgets.notice(str(error), "error")
        slices = self._drawing.view(session, state, {SLICES}).slices
        return slices, "", widgets.notice("Slice saved.", "done")

    def _drop(self, session: Session, state: CasesAddress, name: str) -> View:
        try:
            self.desk.annotations.drop_slice(session.domain, name)
        except CalrecError as error:
            return View(message=widgets.notice(str(error), "error"))
        return self._drawing.view(session, state, {SLICES})

    def set_reasons(self, session: Session, address: str, text: Any) -> tuple[Any, Any, Any]:
        """Replaces the reasons on offer: the label box, the reasons' box, and a line."""
        try:
            self.desk.annotations.set_reasons(_text(text).splitlines())
        except CalrecError as error:
            return SKIP, SKIP, widgets.notice(str(error), "error")
        view = self._drawing.view(session, CasesAddress.of(address), {CASE, SLICES})
        return view.labels, view.reasons, widgets.notice("Reasons stored.", "done")


def _filters(filters: CaseFilters, **changed: str) -> CaseFilters:
    return CaseFilters.of({**filters.write(), **changed})


def _of(click: gr.EventData, name: str) -> str:
    return _text(getattr(click, name, ""))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
