"""What a person notes about a case: star, labels, note, and which case is pinned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.case_study import page
from demo.inspect.annotations import LONGEST_NOTE, NOTHING, Annotation, Place, joined_note
from demo.inspect.labels import toggled
from demo.inspect.run_pair import RunPair
from demo.inspect.session import Session
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.parts import OF_A_CASE, updates
from demo.pages.cases.showing import CASE, LABELS, LIST, OVERVIEW, Showing, only
from demo.pages.events import SKIP, carried
from demo.pages.named import Update

Write = Callable[[Place, str, Annotation], None]
"""Stores something of a user's case, given what was noted before."""


class Noting(Showing):
    """The events that note something; each is stored before the page says so."""

    def star(self, session: Session, address: str) -> Update:
        """Stars the case, or takes the star away."""

        def write(place: Place, user: str, before: Annotation) -> None:
            self.cases.annotations.set_star(place, user, not before.star)

        return self._annotate(session, CasesAddress.of(address), write, "")

    def label(self, session: Session, address: str, click: gr.EventData) -> Update:
        """A label that was pressed: given to its case, or taken away; `clear` takes all away.

        A click carries the case that it is about, whatever the address says by now. Of a key
        (`next`) the next case follows, unless it took the label away.
        """
        view = replace(CasesAddress.of(address), case=carried(click, "id"))
        if carried(click, "act") == "clear":
            return self._relabel(session, view, lambda labels: (), "no label")
        label, by_key = carried(click, "label"), bool(carried(click, "next"))
        return self._relabel(session, view, lambda labels: toggled(labels, label), label, by_key)

    def type_label(self, session: Session, address: str, text: Any) -> Update:
        """A label that was typed, as soon as its box is left; one that cannot be stored stays."""
        label = " ".join(text.split()) if isinstance(text, str) else ""
        if not label:
            return {}

        def added(labels: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(dict.fromkeys([*labels, label]))

        update = self._relabel(session, CasesAddress.of(address), added, label)
        return {**update, "new_label": ""} if "labels" in update else update

    def _noted_on(self, session: Session, view: CasesAddress) -> RunPair | None:
        """The runs whose case it is; `None` where there is no such case."""
        pair = self.pair(session, view)
        if not isinstance(pair, RunPair) or view.case not in self.cases.table(pair).place_of:
            return None
        return pair

    def _relabel(
        self,
        session: Session,
        view: CasesAddress,
        change: Callable[[tuple[str, ...]], tuple[str, ...]],
        named: str,
        by_key: bool = False,
    ) -> Update:
        stored = self.cases.annotations
        try:
            if (pair := self._noted_on(session, view)) is None:
                return {}
            noted = stored.of(pair.place)
            before = noted.get(view.case, NOTHING).labels
            labels = change(before)
            # Where it stands now: with a filter on labels it may be gone afterwards.
            following = self.cases.select(pair, view.filters, view.sort, noted).after(view.case)
            stored.set_labels(pair.place, view.case, labels)
            noted = stored.of(pair.place)
        except CalrecError as error:
            return {"said": widgets.notice(f"Not stored: {error}", "error")}
        taken = "taken away: " if len(labels) < len(before) and labels else ""
        said = f"Stored for {view.case}: {taken}{named}."
        sections = {LIST, LABELS} | (
            {OVERVIEW} if view.filters.star or view.filters.label else set()
        )
        if by_key and len(labels) > len(before):
            sections |= {CASE} if following else set()
            said += "" if following else " This is the last case."
            view = replace(view, case=following or view.case)
        return {
            **only(self.render(session, view, sections, follow=True), *OF_A_CASE),
            "label_filter": gr.update(choices=page.label_choices(noted, view.filters.label)),
            "said": widgets.quiet(said),
        }

    def note(self, session: Session, address: str, note: Any, seen: Any = None) -> Update:
        """Stores the case's note, if it differs.

        Args:
          session: the visitor's.
          address: the page's query.
          note: what stands in the box.
          seen: the stored note as this tab knows it; where another one stands there by now, both
            are kept. `None` replaces whatever stands there.
        """
        text = stored = note if isinstance(note, str) else ""

        def write(place: Place, user: str, before: Annotation) -> None:
            nonlocal stored
            if text != before.note:
                stored = joined_note(text, before.note, seen)
                self.cases.annotations.set_note(place, user, stored)

        left = f"Note stored, {LONGEST_NOTE - len(text):,} more characters fit." if text else ""
        update = self._annotate(session, CasesAddress.of(address), write, left, only_said=True)
        if "said" not in update or "cr-error" in update["said"]:
            return update
        if stored != text:
            said = "Another tab wrote a note on this case meanwhile: both are kept."
            update |= {"note": stored, "said": widgets.quiet(said)}
        return {**update, "seen": stored}

    def pin(self, session: Session, address: str) -> Update:
        """Pins the case beside whatever comes next, or takes the pin away."""
        view = CasesAddress.of(address)
        pinned = "" if view.pin == view.case else view.case
        return self.render(session, replace(view, pin=pinned), {LIST, CASE})

    def _annotate(
        self,
        session: Session,
        view: CasesAddress,
        write: Write,
        said: str,
        only_said: bool = False,
    ) -> Update:
        stored = self.cases.annotations
        try:
            if (pair := self._noted_on(session, view)) is None:
                return {}
            write(pair.place, view.case, stored.of(pair.place).get(view.case, NOTHING))
            if only_said:
                return {"said": widgets.quiet(said)}
            star = stored.of(pair.place).get(view.case, NOTHING).star
            return {
                **self.render(session, view, {LIST}),
                **updates({"said": widgets.quiet(said), "star": star}),
                "address": SKIP,
            }
        except CalrecError as error:
            return {"said": widgets.notice(str(error), "error")}
