"""What the page's events do: each makes a new view, and the page is shown from that."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import fields, replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.assets import styles
from demo.html.case_study import export, page
from demo.inspect import url
from demo.inspect.annotations import LONGEST_NOTE, NOTHING, Annotation, Place, joined_note
from demo.inspect.case_filters import SORTS, CaseFilters
from demo.inspect.cases import Cases
from demo.inspect.run_pair import RunPair
from demo.inspect.session import Session
from demo.inspect.temporary_files import TemporaryFiles
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.cases.address import CasesAddress, clicked
from demo.pages.cases.parts import updates
from demo.pages.events import SKIP, carried
from demo.pages.named import Update

FILTERS = tuple(field.name for field in fields(CaseFilters))
LIST, CASE, CONTROLS, SLICES, SCATTER = "list", "case", "controls", "slices", "scatter"


class CasesHandlers:
    """The page's events over the `Cases` of a workspace; holds nothing of a visitor."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases
        self._files = TemporaryFiles("calrec-cases-")

    # The whole page

    def show(self, session: Session, query: Query) -> Update:
        """The page for any query."""
        return self._render(session, CasesAddress.read(query), page.SECTIONS.keys())

    def choose_runs(self, session: Session, address: str, run: Any, against: Any) -> Update:
        """Other runs; filters and case stay as far as they can."""
        view = replace(CasesAddress.of(address), run=_text(run), against=_text(against), offset=0)
        return {**self._render(session, view, page.SECTIONS.keys()), "text": SKIP}

    def choose(self, session: Session, address: str, sort: Any, *values: Any) -> Update:
        """Other filters or another order: from the first page on."""
        filters = CaseFilters.of(dict(zip(FILTERS, values, strict=True)))
        before = CasesAddress.of(address)
        view = replace(before, sort=sort if isinstance(sort, str) and sort in SORTS else "")
        if (view.sort, filters) == (before.sort, before.filters):
            return {}  # the page itself has set its fields
        # Somebody may be typing on: only they write into the box.
        return {**self._filtered(session, view, filters), "text": SKIP}

    def _filtered(self, session: Session, before: CasesAddress, filters: CaseFilters) -> Update:
        view = replace(before, filters=filters, offset=0)
        update = self._render(session, view, {LIST, CASE, CONTROLS}, keep=True)
        return update if filters.text != before.filters.text else {**update, "text": SKIP}

    def click(self, session: Session, address: str, click: gr.EventData) -> Update:
        """A button in one of the page's pieces of HTML."""
        view = CasesAddress.of(address)
        act, what = carried(click, "act"), carried(click, "id")
        if act == "case":
            return self._render(session, replace(view, case=what), {CASE})
        if act == "page":
            offset = int(url.number({"offset": [what]}, "offset", 0, 0, 1e9))
            turned = replace(view, offset=offset, case="")
            return self._render(session, turned, {LIST, CASE}, last=offset < view.offset)
        if act == "drop":
            return self._drop(session, view, what)
        filters = clicked(view.filters, act, what)
        return {} if filters is None else self._filtered(session, view, filters)

    def scatter(self, session: Session, address: str) -> Update:
        """The rank scatter of the filtered cases."""
        return _only(self._render(session, CasesAddress.of(address), {SCATTER}), "scatter")

    # One case

    def star(self, session: Session, address: str) -> Update:
        """Stars the case, or takes the star away."""

        def write(place: Place, user: str, before: Annotation) -> None:
            self.cases.annotations.set_star(place, user, not before.star)

        return self._annotate(session, address, write, "")

    def label(self, session: Session, address: str, labels: Any) -> Update:
        """Stores the case's labels."""
        chosen = [one for one in labels if isinstance(one, str)] if isinstance(labels, list) else []

        def write(place: Place, user: str, _: Annotation) -> None:
            self.cases.annotations.set_labels(place, user, chosen)

        return self._annotate(session, address, write, "Labels stored.")

    def note(self, session: Session, address: str, note: Any, seen: Any = None) -> Update:
        """Stores the case's note, if it differs.

        Args:
          session: the visitor's.
          address: the page's query.
          note: what stands in the box.
          seen: the stored note as this tab knows it; where another one stands there by now, both
            are kept. `None` replaces whatever stands there.
        """
        text = stored = _text(note)

        def write(place: Place, user: str, before: Annotation) -> None:
            nonlocal stored
            if text != before.note:
                stored = joined_note(text, before.note, seen)
                self.cases.annotations.set_note(place, user, stored)

        left = f"Note stored, {LONGEST_NOTE - len(text):,} more characters fit." if text else ""
        update = self._annotate(session, address, write, left, only_said=True)
        if "said" not in update or "cr-error" in update["said"]:
            return update
        if stored != text:
            said = "Another tab wrote a note on this case meanwhile: both are kept."
            update |= {"note": stored, "said": widgets.quiet(said)}
        return {**update, "seen": stored}

    def _annotate(
        self,
        session: Session,
        address: str,
        write: Callable[[Place, str, Annotation], None],
        said: str,
        only_said: bool = False,
    ) -> Update:
        view, stored = CasesAddress.of(address), self.cases.annotations
        try:
            pair = self._pair(session, view)
            if not isinstance(pair, RunPair) or view.case not in self.cases.table(pair).place_of:
                return {}
            write(pair.place, view.case, stored.of(pair.place).get(view.case, NOTHING))
            if only_said:
                return {"said": widgets.quiet(said)}
            noted = stored.of(pair.place)
            annotated = {"said": widgets.quiet(said), "star": noted.get(view.case, NOTHING).star}
            return {
                **self._render(session, view, {LIST}),
                **updates(annotated),
                "label_filter": gr.update(choices=page.label_choices(noted, view.filters.label)),
                "address": SKIP,
            }
        except CalrecError as error:
            return {"said": widgets.notice(str(error), "error")}

    def pin(self, session: Session, address: str) -> Update:
        """Pins the case beside whatever comes next, or takes the pin away."""
        view = CasesAddress.of(address)
        pinned = "" if view.pin == view.case else view.case
        return self._render(session, replace(view, pin=pinned), {LIST, CASE})

    @failures.told_in("message")
    def walk(self, session: Session, address: str) -> Update:
        """The case in the walkthrough."""
        view = CasesAddress.of(address)
        pair = self._pair(session, view)
        if not isinstance(pair, RunPair):
            return {}
        visitor = pair.session(view.case)
        return {"session": visitor, "tabs": gr.Tabs(selected="walkthrough"), "message": ""}

    # Slices, reasons, files

    @failures.told_in("slice_said")
    def save_slice(self, session: Session, address: str, name: Any) -> Update:
        """Keeps the filters under a name."""
        view = CasesAddress.of(address)
        query = url.write(view.filters.write())
        if not query:
            raise CalrecError("expected at least one filter for a slice, found none; set one first")
        self.cases.annotations.save_slice(session.domain, _text(name), query)
        slices = _only(self._render(session, view, {SLICES}), "slices")
        return {**slices, "slice_name": "", "slice_said": widgets.notice("Slice saved.", "done")}

    @failures.told_in("message")
    def _drop(self, session: Session, view: CasesAddress, name: str) -> Update:
        self.cases.annotations.drop_slice(session.domain, name)
        return self._render(session, view, {SLICES})

    @failures.told_in("reasons_said")
    def set_reasons(self, session: Session, address: str, text: Any) -> Update:
        """Replaces the reasons on offer."""
        self.cases.annotations.set_reasons(_text(text).splitlines())
        update = self._render(session, CasesAddress.of(address), {CASE, SLICES})
        done = widgets.notice("Reasons stored.", "done")
        return {**_only(update, "labels", "reasons"), "reasons_said": done}

    def cases_csv(self, session: Session, address: str) -> Update:
        """The filtered cases as CSV."""
        return self._save(session, address, "cases", ".csv")

    def cases_json(self, session: Session, address: str) -> Update:
        """The filtered cases as JSON."""
        return self._save(session, address, "cases", ".json")

    def case_file(self, session: Session, address: str) -> Update:
        """The case as a case file."""
        return self._save(session, address, "case", ".json")

    def case_page(self, session: Session, address: str) -> Update:
        """The case as a page that opens offline."""
        return self._save(session, address, "case", ".html")

    def _save(self, session: Session, address: str, what: str, ending: str) -> Update:
        view, said = CasesAddress.of(address), "slice_said" if what == "cases" else "said"
        try:
            pair = self._pair(session, view)
            if not isinstance(pair, RunPair):
                raise CalrecError("expected an evaluation of this shop, found none; run one first")
            noted = self.cases.annotations.of(pair.place)
            if what == "cases":
                selection = self.cases.select(pair, view.filters, view.sort, noted)
                filters = view.filters.write()
                name, text = export.cases_file(selection, noted, filters, pair.names, ending)
            else:
                study = self.cases.study(pair, view.case, noted)
                name, text = export.case_file(study, session.domain, ending, styles())
            file = str(self._files.write(name, text))
        except CalrecError as error:
            return {said: widgets.notice(str(error), "error")}
        return {"file": file, said: widgets.notice(f"Saved as {name}.", "done")}

    # What is shown for a view

    def _pair(self, session: Session, view: CasesAddress) -> RunPair | tuple[str, ...]:
        return self.cases.pair(session.domain, view.run, view.against)

    def _render(
        self,
        session: Session,
        view: CasesAddress,
        sections: Set[str],
        *,
        keep: bool = False,
        last: bool = False,
    ) -> Update:
        """Some sections of the page for a view; anything wrong is one line.

        Args:
          session: whose shop.
          view: what to show.
          sections: of `page.SECTIONS`.
          keep: leave the case as it is where the filters still let it through.
          last: where no case is chosen, take the page's last instead of its first.
        """
        known: page.PartValues = {"address": view.write()}
        try:
            pair = self._pair(session, view)
            if not isinstance(pair, RunPair):
                return updates(page.no_evaluation(session.domain, pair))
            # Whatever is wrong with these two, another run may be whole: it can be chosen.
            known |= page.runs(pair)
            noted, problems = self.cases.noted(pair)
            selection = self.cases.select(pair, view.filters, view.sort, noted)
            settled = view.settled(selection, keep=keep, last=last)
            if keep and settled.case == view.case:
                sections = sections - {CASE}
            reading = settled.reading(pair, noted, selection)
            shown = page.message(pair, problems) | {"address": settled.write()}
            for name in sections:
                shown |= page.SECTIONS[name](self.cases, reading)
            return updates(shown)
        except CalrecError as error:
            return updates({**known, "message": widgets.notice(str(error), "error")})


def _only(update: Update, *names: str) -> Update:
    return {name: update[name] for name in names if name in update}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
