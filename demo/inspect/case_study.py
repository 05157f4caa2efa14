"""One case of an evaluation: what was bought, and what each of two runs made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from calrec.ranking.corpus import Corpus
from calrec.records import Item, Recommendation
from catalog.sequences import Case
from demo.inspect.annotations import Annotation
from demo.inspect.rank_spread import RankSpread
from demo.inspect.stored import Stored


@dataclass(frozen=True, kw_only=True, eq=False)
class Side:
    """One run's part of a case.

    Attributes:
      letter: A or B.
      name: what the run is called.
      ranks: optimistic and pessimistic rank of the target, as the run wrote them.
      total: items ranked.
      stored: what it ranked, or the line that says why that cannot be shown.
      corpus: tells how much each word adds to a score, where the run matched words.
      spread: the target's ranks over the run's seeds; `None` where it holds one.
    """

    letter: str
    name: str
    ranks: tuple[int, int]
    total: int
    stored: Stored | str
    corpus: Corpus | None = None
    spread: RankSpread | None = None

    @property
    def record(self) -> Recommendation | None:
        """What it ranked."""
        return self.stored.record if isinstance(self.stored, Stored) else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """A case with both runs' parts.

    Attributes:
      row: of the case table.
      case: history and target; `None` where the catalogue has no such user any more.
      sides: one or two.
      items: by id, all of the shop.
      noted: star, note and labels.
      reasons: suggested for A's rank, keys of `demo.inspect.reasons`.
    """

    row: Mapping[str, Any]
    case: Case | None
    sides: tuple[Side, ...]
    items: Mapping[str, Item]
    noted: Annotation
    reasons: tuple[str, ...] = ()

    @property
    def user_id(self) -> str:
        """Whose case."""
        return self.row["user_id"]

    @property
    def generated(self) -> Side | None:
        """The first side with texts."""
        return next((s for s in self.sides if s.record is not None and s.record.samples), None)

    @property
    def target(self) -> Item | None:
        """The item really bought, if the catalogue has it."""
        return self.items.get(self.row["target"])
