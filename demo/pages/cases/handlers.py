"""What the page's events do: each makes a new view, and the page is shown from that."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import gradio as gr

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.assets import styles
from demo.html.case_study import export, page
from demo.inspect import url
from demo.inspect.case_filters import SORTS, CaseFilters
from demo.inspect.cases import Cases
from demo.inspect.run_pair import RunPair
from demo.inspect.session import Session
from demo.inspect.temporary_files import TemporaryFiles
from demo.inspect.url import Query
from demo.pages import failures
from demo.pages.cases.address import CasesAddress, clicked
from demo.pages.cases.noting import Noting
from demo.pages.cases.parts import OF_A_CASE
from demo.pages.cases.showing import CASE, CONTROLS, LABELS, LIST, OVERVIEW, SCATTER, SLICES, only
from demo.pages.events import SKIP, carried
from demo.pages.named import Update

NOBODY = "none"
"""In the address: no column beside A and B."""
BY_LINK = ("bought", "first")
"""Filters that only links set: there are too many items to choose from."""
FILTERS = tuple(field.name for field in fields(CaseFilters) if field.name not in BY_LINK)


class CasesHandlers(Noting):
    """The page's events over the `Cases` of a workspace; holds nothing of a visitor."""

    def __init__(self, cases: Cases) -> None:
        super().__init__(cases)
        self._files = TemporaryFiles("calrec-cases-")

    # The whole page

    def show(self, session: Session, query: Query) -> Update:
        """The page for any query."""
        return self.render(session, CasesAddress.read(query), page.SECTIONS.keys())

    def choose_runs(self, session: Session, address: str, run: Any, against: Any) -> Update:
        """Other runs; filters and case stay as far as they can."""
        view = replace(CasesAddress.of(address), run=_text(run), against=_text(against), offset=0)
        return {**self.render(session, view, page.SECTIONS.keys()), "text": SKIP}

    def choose_beside(self, session: Session, address: str, names: Any) -> Update:
        """Other columns beside A and B; nothing where the page itself has set the box."""
        view = CasesAddress.of(address)
        chosen = [one for one in names if isinstance(one, str)] if isinstance(names, list) else []
        pair = self.pair(session, view)
        if not isinstance(pair, RunPair) or sorted(chosen) == sorted(pair.beside(view.beside)):
            return {}
        beside = tuple(chosen) or (NOBODY,)
        return self.render(session, replace(view, beside=beside), {CASE})

    def search(self, session: Session, address: str, text: Any) -> Update:
        """Other words; the other filters are those of the address."""
        before = CasesAddress.of(address)
        filters = CaseFilters.of({**before.filters.write(), "text": text})
        if filters == before.filters:
            return {}  # the page itself has set its field
        return {**self._filtered(session, before, filters), "text": SKIP}

    def choose(self, session: Session, address: str, sort: Any, *values: Any) -> Update:
        """Other filters or another order: from the first page on."""
        before = CasesAddress.of(address)
        kept = {name: getattr(before.filters, name) for name in BY_LINK}
        filters = CaseFilters.of({**kept, **dict(zip(FILTERS, values, strict=True))})
        view = replace(before, sort=sort if isinstance(sort, str) and sort in SORTS else "")
        if (view.sort, filters) == (before.sort, before.filters):
            return {}  # the page itself has set its fields
        # Somebody may be typing on: only they write into the box.
        return {**self._filtered(session, view, filters), "text": SKIP}

    def _filtered(self, session: Session, before: CasesAddress, filters: CaseFilters) -> Update:
        view = replace(before, filters=filters, offset=0)
        update = self.render(session, view, {LIST, OVERVIEW, CASE, CONTROLS}, keep=True)
        return update if filters.text != before.filters.text else {**update, "text": SKIP}

    def click(self, session: Session, address: str, click: gr.EventData) -> Update:
        """A button in one of the page's pieces of HTML."""
        view = CasesAddress.of(address)
        act, what = carried(click, "act"), carried(click, "id")
        if act == "case":
            return self.render(session, replace(view, case=what), {CASE})
        if act == "page":
            offset = int(url.number({"offset": [what]}, "offset", 0, 0, 1e9))
            turned = replace(view, offset=offset, case="")
            return self.render(session, turned, {LIST, CASE}, last=offset < view.offset)
        if act == "drop":
            return self._drop(session, view, what)
        filters = clicked(view.filters, act, what)
        return {} if filters is None else self._filtered(session, view, filters)

    def step(self, session: Session, address: str, click: gr.EventData) -> Update:
        """A press in the list: another case, or another page of it."""
        return only(self.click(session, address, click), *OF_A_CASE)

    def scatter(self, session: Session, address: str) -> Update:
        """The rank scatter of the filtered cases."""
        return only(self.render(session, CasesAddress.of(address), {SCATTER}), "scatter")

    # Slices, reasons, files

    @failures.told_in("slice_said")
    def save_slice(self, session: Session, address: str, name: Any) -> Update:
        """Keeps the filters under a name."""
        view = CasesAddress.of(address)
        query = url.write(view.filters.write())
        if not query:
            raise CalrecError("expected at least one filter for a slice, found none; set one first")
        self.cases.annotations.save_slice(session.domain, _text(name), query)
        slices = only(self.render(session, view, {SLICES}), "slices")
        return {**slices, "slice_name": "", "slice_said": widgets.notice("Slice saved.", "done")}

    @failures.told_in("message")
    def _drop(self, session: Session, view: CasesAddress, name: str) -> Update:
        self.cases.annotations.drop_slice(session.domain, name)
        return self.render(session, view, {SLICES})

    @failures.told_in("reasons_said")
    def set_reasons(self, session: Session, address: str, text: Any) -> Update:
        """Replaces the reasons on offer."""
        self.cases.annotations.set_reasons(_text(text).splitlines())
        update = self.render(session, CasesAddress.of(address), {LABELS, SLICES})
        done = widgets.notice("Reasons stored.", "done")
        return {**only(update, "labels", "reasons"), "reasons_said": done}

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
            pair = self.pair(session, view)
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


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
