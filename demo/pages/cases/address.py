"""What the page shows, as a value: written into the address, read from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from demo.inspect import url
from demo.inspect.case_filters import SORTS, CaseFilters
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
      sort: a key of `SORTS`.
      offset: cases before the page shown.
      filters: which cases.
    """

    run: str = ""
    against: str = ""
    case: str = ""
    pin: str = ""
    sort: str = ""
    offset: int = 0
    filters: CaseFilters = field(default_factory=CaseFilters)

    @classmethod
    def read(cls, query: Query) -> CasesAddress:
        """The view of an address; what is no value of ours is left out."""
        sort = url.one(query, "sort")
        return cls(
            **{name: url.one(query, name) for name in ("run", "against", "case", "pin")},
            sort=sort if sort in SORTS else "",
            offset=int(url.number(query, "offset", 0, 0, _MOST)),
            filters=CaseFilters.read(query),
        )

    @classmethod
    def of(cls, address: Any) -> CasesAddress:
        """The view that a box of the page holds."""
        return cls.read(url.read(address if isinstance(address, str) else ""))

    def write(self) -> str:
        """The view as the query of an address."""
        own: Mapping[str, object] = {
            "run": self.run,
            "against": self.against,
            **self.filters.write(),
            "sort": self.sort,
            "offset": self.offset or "",
            "case": self.case,
            "pin": self.pin,
        }
        return url.write(own)
