"""How the page shows a view: its sections, as updates of its parts."""

from __future__ import annotations

from collections.abc import Set

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.case_study import page
from demo.inspect.cases import Cases
from demo.inspect.run_pair import RunPair
from demo.inspect.session import Session
from demo.pages.cases.address import CasesAddress
from demo.pages.cases.parts import updates
from demo.pages.cases.walk import link
from demo.pages.named import Update

LIST, OVERVIEW, CASE, LABELS = "list", "overview", "case", "labels"
CONTROLS, SLICES, SCATTER = "controls", "slices", "scatter"
"""Of `demo.html.case_study.page.SECTIONS`."""


class Showing:
    """Views over the `Cases` of a workspace; holds nothing of a visitor."""

    def __init__(self, cases: Cases) -> None:
        self.cases = cases

    def pair(self, session: Session, view: CasesAddress) -> RunPair | tuple[str, ...]:
        """The runs that the view asks for, or the defaults; lines where there are none."""
        return self.cases.pair(session.domain, view.run, view.against)

    def render(
        self,
        session: Session,
        view: CasesAddress,
        sections: Set[str],
        *,
        keep: bool = False,
        last: bool = False,
        follow: bool = False,
    ) -> Update:
        """Some sections of the page for a view; anything wrong is one line.

        Args:
          session: whose shop.
          view: what to show.
          sections: of `page.SECTIONS`.
          keep: leave the case as it is where the filters still let it through.
          last: where no case is chosen, take the page's last instead of its first.
          follow: turn to the page of the list on which the case stands.
        """
        known: page.PartValues = {"address": view.write()}
        try:
            pair = self.pair(session, view)
            if not isinstance(pair, RunPair):
                return updates(page.no_evaluation(session.domain, pair))
            # Whatever is wrong with these two, another run may be whole: it can be chosen.
            known |= page.runs(pair)
            noted, problems = self.cases.noted(pair)
            selection = self.cases.select(pair, view.filters, view.sort, noted)
            settled = view.settled(selection, keep=keep, last=last, follow=follow)
            if keep and settled.case == view.case:
                sections = sections - {CASE}
            if CASE in sections:
                sections = sections | {LABELS}
            reading = settled.reading(pair, noted, selection)
            shown = page.message(pair, problems) | {"address": settled.write()}
            for name in sections:
                shown |= page.SECTIONS[name](self.cases, reading)
            if CASE in sections:
                shown["walk"] = self._walk(pair, settled.case)
            return updates(shown)
        except CalrecError as error:
            return updates({**known, "message": widgets.notice(str(error), "error")})

    def _walk(self, pair: RunPair, user_id: str) -> str:
        """The case in the walkthrough; nothing where the shop has it no more."""
        try:
            return link(pair, self.cases.table(pair), user_id) if user_id else ""
        except CalrecError:
            return ""


def only(update: Update, *names: str) -> Update:
    """The updates of these parts."""
    return {name: update[name] for name in names if name in update}
