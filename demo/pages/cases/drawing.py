"""The page drawn from its state: every part of it as an update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.ranking.rules import DEFAULT, Rules
from calrec.report.figures import rank_scatter
from demo.html import widgets
from demo.html.case_study import listing
from demo.html.case_study.view import case_view
from demo.html.templating import render
from demo.inspect import url
from demo.inspect.annotations import NOTHING, REASONS, Annotation
from demo.inspect.case_filters import CaseFilters
from demo.inspect.case_table import PAGE, Selection
from demo.inspect.session import Session
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.desk import Desk, Pair, among
from demo.pages.events import SKIP


class View(NamedTuple):
    """Updates of the page's parts, in the order of its outputs; `SKIP` leaves one as it is."""

    message: Any = SKIP
    run: Any = SKIP
    against: Any = SKIP
    text: Any = SKIP
    win: Any = SKIP
    a: Any = SKIP
    b: Any = SKIP
    length: Any = SKIP
    category: Any = SKIP
    cold: Any = SKIP
    repeat: Any = SKIP
    tie: Any = SKIP
    level: Any = SKIP
    star_filter: Any = SKIP
    label_filter: Any = SKIP
    sort: Any = SKIP
    figures: Any = SKIP
    agreement: Any = SKIP
    chips: Any = SKIP
    cases: Any = SKIP
    tools: Any = SKIP
    star: Any = SKIP
    pin: Any = SKIP
    labels: Any = SKIP
    note: Any = SKIP
    seen: Any = SKIP
    said: Any = SKIP
    case: Any = SKIP
    pinned: Any = SKIP
    slices: Any = SKIP
    reasons: Any = SKIP
    scatter: Any = SKIP
    address: Any = SKIP


LIST, CASE, CONTROLS, SLICES, SCATTER = "list", "case", "controls", "slices", "scatter"
ALL = frozenset({LIST, CASE, CONTROLS, SLICES, SCATTER})


class Drawing:
    """Draws over one `Desk`; holds nothing of a visitor."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def view(
        self,
        session: Session,
        state: CasesAddress,
        parts: set[str] | frozenset[str],
        *,
        keep: bool = False,
        last: bool = False,
    ) -> View:
        """The parts of the page for a state; anything wrong is one line.

        Args:
          session: whose shop.
          state: what to show.
          parts: of `ALL`.
          keep: leave the case as it is where the filters still let it through.
          last: where no case is chosen, take the page's last instead of its first.
        """
        pair = None
        try:
            pair, problems = self.pair(session, state)
            if pair is None:
                return _nothing(session, problems)
            noted, problem = self._noted_or_line(pair)
            lines = [*pair.problems, *problem]
            return self._drawn(session, state, pair, noted, lines, parts, keep, last)
        except CalrecError as error:
            view = View(message=widgets.notice(str(error), "error"), address=state.write())
            # Another run may be whole: it can be chosen.
            return view if pair is None else view._replace(**self._runs(pair))

    def _drawn(
        self,
        session: Session,
        state: CasesAddress,
        pair: Pair,
        noted: Mapping[str, Annotation],
        lines: list[str],
        parts: set[str] | frozenset[str],
        keep: bool,
        last: bool,
    ) -> View:
        selection = self.desk.select(pair, state.filters, state.sort, noted)
        table = self.desk.table(pair)
        before = state.case
        state = _settled(state, selection, keep, last)
        updates: dict[str, Any] = {"message": widgets.notices(lines)}
        if pair.alone:
            updates["message"] += widgets.notice(
                "There is no other evaluation on the same purchases by the same rules to compare "
                "with. Once whoever runs this page has made one, it can be chosen as B."
            ) + _commands(_evaluate(session.domain, "lir", _options(pair.first.rules)))
        if CONTROLS in parts:
            updates |= self._controls(state, pair, noted)
        if LIST in parts:
            counts = table.agreement(state.filters, among(state.filters, noted))
            current = state.case or None
            updates |= {
                "figures": listing.figures_view(selection, pair.names, pair.alone),
                "agreement": "" if pair.alone else listing.agreement_view(counts, state.filters),
                "chips": listing.chips(state.filters),
                "cases": listing.case_list(
                    selection, state.offset, noted, current, state.pin or None, pair.alone
                ),
            }
        if CASE in parts and not (keep and before == state.case):
            updates |= self._case(state, pair, noted)
        if SLICES in parts:
            updates |= self._slices(session, pair, noted)
        if SCATTER in parts:
            drawn = len(selection) and not pair.alone
            updates["scatter"] = gr.update(
                value=rank_scatter(selection.comparison(), 1, 0) if drawn else None,
                visible=bool(drawn),
            )
        return View(**updates, address=state.write())

    def _controls(
        self, state: CasesAddress, pair: Pair, noted: Mapping[str, Annotation]
    ) -> dict[str, Any]:
        f = state.filters
        categories = [
            (f"{name} ({cases:,})", name) for name, cases in self.desk.table(pair).categories
        ]
        if f.category and f.category not in {name for _, name in categories}:
            categories.append((f"{f.category} (0)", f.category))
        return {
            **self._runs(pair),
            "text": f.text,
            "category": gr.update(choices=[("All", ""), *categories], value=f.category),
            "star_filter": f.star,
            "label_filter": gr.update(choices=self.label_choices(noted, f.label), value=f.label),
            "sort": state.sort,
            **{
                n: getattr(f, n)
                for n in ("win", "a", "b", "length", "cold", "repeat", "tie", "level")
            },
        }

    def _runs(self, pair: Pair) -> dict[str, Any]:
        return {
            "run": gr.update(
                choices=pair.choices(pair.offered),
                value=pair.first.folder.name,
            ),
            "against": gr.update(
                choices=pair.choices(pair.rivals),
                value=None if pair.alone else pair.second.folder.name,
            ),
        }

    def label_choices(self, noted: Mapping[str, Annotation], own: str = "") -> list[Any]:
        """The labels in use, and the one filtered by, as choices of the filter."""
        used = sorted({label for note in noted.values() for label in note.labels} | {own} - {""})
        return [("Any", ""), *((label, label) for label in used)]

    def _case(
        self, state: CasesAddress, pair: Pair, noted: Mapping[str, Annotation]
    ) -> dict[str, Any]:
        if not state.case:
            empty = widgets.empty_state("No case", "Choose other filters to see a case here.")
            return {"case": empty, "pinned": "", "tools": gr.update(visible=False), "said": ""}
        note = noted.get(state.case, NOTHING)
        used = [label for one in noted.values() for label in one.labels]
        offered = dict.fromkeys([*self._reasons(), *used, *note.labels])
        pinned = ""
        try:
            if state.pin and state.pin != state.case:
                pinned = case_view(self.desk.study(pair, state.pin, noted), "Pinned case")
        except CalrecError as error:
            pinned = widgets.notice(str(error), "error")
        return {
            "case": case_view(self.desk.study(pair, state.case, noted)),
            "pinned": pinned,
            "tools": gr.update(visible=True),
            "star": star_button(note),
            "pin": gr.update(value="Take the pin away" if state.pin == state.case else "Pin"),
            "labels": gr.update(choices=list(offered), value=list(note.labels)),
            "note": note.note,
            "seen": note.note,
            "said": "",
        }

    def _reasons(self) -> tuple[str, ...]:
        try:
            return self.desk.annotations.reasons()
        except CalrecError:
            return REASONS  # the line about the file stands above already

    def _slices(
        self, session: Session, pair: Pair, noted: Mapping[str, Annotation]
    ) -> dict[str, Any]:
        try:
            saved = self.desk.annotations.slices(session.domain)
        except CalrecError:
            saved = {}
        measured = []
        for name, query in saved.items():
            filters = CaseFilters.read(url.read(query))
            measured.append((name, query, self.desk.select(pair, filters, "", noted)))
        return {
            "slices": listing.slices_view(measured, pair.names, pair.alone),
            "reasons": "\n".join(self._reasons()),
        }

    def pair(self, session: Session, state: CasesAddress) -> tuple[Pair | None, tuple[str, ...]]:
        """The two runs of a state; without any run `None` and why."""
        found = self.desk.pair(session.domain, state.run, state.against)
        return (found, ()) if isinstance(found, Pair) else (None, found)

    def noted(self, pair: Pair) -> Mapping[str, Annotation]:
        """What is noted about the cases; raises `CalrecError` if the file cannot be read."""
        return self.desk.annotations.of(pair.place)

    def _noted_or_line(self, pair: Pair) -> tuple[Mapping[str, Annotation], list[str]]:
        """Without annotations the cases can still be read."""
        try:
            return self.noted(pair), []
        except CalrecError as error:
            return {}, [str(error)]


def _settled(state: CasesAddress, selection: Selection, keep: bool, last: bool) -> CasesAddress:
    """The state with a page that exists, and a case."""
    offset = min(state.offset, max(len(selection) - 1, 0)) // PAGE * PAGE
    known = state.case in selection.table.place_of
    if keep and known and selection.position(state.case) is None:
        known = False
    case = state.case if known else ""
    if not case:
        page = selection.page(offset)
        case = page[-1 if last else 0]["user_id"] if page else ""
    pin = state.pin if state.pin in selection.table.place_of else ""
    return replace(state, offset=offset, case=case, pin=pin)


def _nothing(session: Session, problems: tuple[str, ...]) -> View:
    """The page of a shop without evaluations."""
    empty = widgets.empty_state(
        "No evaluation of this shop yet",
        "Once whoever runs this page has measured a recommender on the shop's last purchases, each "
        "of them stands here as a case; with two recommenders they can be compared.",
    ) + _commands(
        _evaluate(session.domain, "calrec", "--users 1000"), _evaluate(session.domain, "lir")
    )
    nobody = gr.update(choices=[], value=None)
    return View(
        message=widgets.notices(problems),
        run=nobody,
        against=nobody,
        figures="",
        agreement="",
        chips="",
        cases=empty,
        tools=gr.update(visible=False),
        case="",
        pinned="",
        slices="",
        scatter=gr.update(value=None, visible=False),
        address="",
    )


def _evaluate(domain: str, recommender: str, more: str = "") -> str:
    words = ["calrec-evaluate", "--domain", domain, "--recommender", recommender]
    out = f"evaluations/{domain}-{recommender}"
    return " ".join([*words, *filter(None, [more]), "--out", out])


def _options(rules: Rules) -> str:
    """Those of a command that ranks by the same rules."""
    given, usual = asdict(rules), asdict(DEFAULT)
    return " ".join(f"--{name} {given[name]}" for name in given if given[name] != usual[name])


def _commands(*commands: str) -> Markup:
    """How to make what is missing."""
    return render("parts", "commands", commands)


def star_button(note: Annotation) -> Any:
    """The star's button as it stands."""
    return gr.update(
        value="★ Starred" if note.star else "☆ Star",
        variant="primary" if note.star else "secondary",
    )
