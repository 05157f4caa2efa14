"""What the page shows, as a value: written into the address, read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from demo.html.case_study.page import Reading
from demo.inspect import url
from demo.inspect.annotations import Annotation
from demo.inspect.case_filters import SORTS, CaseFilters
from demo.inspect.case_table import PAGE, Selection
from demo.inspect.columns import MOST
from demo.inspect.run_pair import RunPair
from demo.inspect.url import Query

_MOST = 10_000_000


@dataclass(frozen=True, kw_only=True)
class CasesAddress:
    """A view of the page.

    Attributes:
      run: folder name of the run A; empty for the default.
      against: of the run B.
      case: user whose case is shown; empty for the first one.
      pin: user whose case stands beside it.
      beside: folder names of runs with a column of their own; see `RunPair.beside`.
      sort: a key of `SORTS`.
      offset: cases before the page shown.
      filters: which cases.
    """

    run: str = ""
    against: str = ""
    case: str = ""
    pin: str = ""
    beside: tuple[str, ...] = ()
    sort: str = ""
    offset: int = 0
    filters: CaseFilters = field(default_factory=CaseFilters)

    @classmethod
    def read(cls, query: Query) -> CasesAddress:
        """The view of an address; what is no value of ours is left out."""
        sort = url.one(query, "sort")
        return cls(
            **{name: url.one(query, name) for name in ("run", "against", "case", "pin")},
            beside=tuple(filter(None, query.get("beside", ())))[:MOST],
            sort=sort if sort in SORTS else "",
            offset=int(url.number(query, "offset", 0, 0, _MOST)),
            filters=CaseFilters.read(query),
        )

    @classmethod
    def of(cls, address: Any) -> CasesAddress:
        """The view that a box of the page holds."""
        return cls.read(url.read(address if isinstance(address, str) else ""))

    def settled(
        self,
        selection: Selection,
        *,
        keep: bool = False,
        last: bool = False,
        follow: bool = False,
    ) -> CasesAddress:
        """The view with a page that exists, and a case.

        Args:
          selection: the cases that its filters let through.
          keep: whether the case stays only where it is among them.
          last: where no case is chosen, take the page's last instead of its first.
          follow: whether the page is the one on which the case stands.
        """
        position = selection.position(self.case) if follow else None
        start = self.offset if position is None else position
        offset = min(start, max(len(selection) - 1, 0)) // PAGE * PAGE
        known = self.case in selection.table.place_of
        if keep and selection.position(self.case) is None:
            known = False
        case = self.case if known else ""
        if not case:
            page = selection.page(offset)
            case = page[-1 if last else 0]["user_id"] if page else ""
        pin = self.pin if self.pin in selection.table.place_of else ""
        return replace(self, offset=offset, case=case, pin=pin)

    def reading(
        self, pair: RunPair, noted: Mapping[str, Annotation], selection: Selection
    ) -> Reading:
        """What is shown of a pair's cases for this view; `selection` is of its filters."""
        return Reading(
            pair=pair,
            noted=noted,
            filters=self.filters,
            sort=self.sort,
            selection=selection,
            offset=self.offset,
            case=self.case,
            pin=self.pin,
            beside=self.beside,
        )

    def write(self) -> str:
        """The view as the query of an address."""
        own: Mapping[str, object] = {
            "run": self.run,
            "against": self.against,
            "beside": self.beside,
            **self.filters.write(),
            "sort": self.sort,
            "offset": self.offset or "",
            "case": self.case,
            "pin": self.pin,
        }
        return url.write(own)


def clicked(filters: CaseFilters, act: str, what: str) -> CaseFilters | None:
    """The filters after a click on one of the page's buttons; `None` where it changes none.

    Args:
      filters: as they were.
      act: what the button does.
      what: a cell's two bands, a reason and who is better (`*` for whoever is chosen), the filter
        taken away, or a slice's query.
    """
    if act == "cell":
        a, _, b = what.partition("|")
        if (filters.a, filters.b) == (a, b):
            a = b = ""
        return CaseFilters.of({**filters.write(), "a": a, "b": b})
    if act == "reason":
        reason, _, win = what.partition("|")
        chosen = {"reason": reason, "win": filters.win if win == "*" else win}
        if (filters.reason, filters.win) == (chosen["reason"], chosen["win"]):
            chosen = {"reason": "", "win": "" if win not in ("*", "") else filters.win}
        return CaseFilters.of({**filters.write(), **chosen})
    if act == "without":
        return CaseFilters.of({**filters.write(), what: ""})
    if act == "clear":
        return CaseFilters()
    return CaseFilters.read(url.read(what)) if act == "slice" else None
