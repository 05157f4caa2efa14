"""The first ten of several evaluations for one case, side by side, as the runs wrote them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.schema import TOP
from calrec.evaluation.runs import EvaluationRun
from calrec.records import Item
from demo.inspect.stored_tables import Tables

FIRST = 10
"""Places compared."""
MOST = 6
"""Columns."""


@dataclass(frozen=True, kw_only=True)
class Column:
    """A run's part.

    Attributes:
      name: what the run is called.
      ranks: optimistic and pessimistic rank of the item really bought; `None` where the run has not
        evaluated the shopper.
      item_ids: its first ten; empty where it kept none that can be read.
      missing: why there are none; else empty.
    """

    name: str
    ranks: tuple[int, int] | None
    item_ids: tuple[str, ...] = ()
    missing: str = ""

    @property
    def finds(self) -> bool:
        """Whether the item really bought is among the first ten, even last among its ties."""
        return self.ranks is not None and self.ranks[1] <= FIRST


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Columns of one case, A first.

    Attributes:
      columns: at most `MOST`.
      target: id of the item really bought.
      bought: ids of the items of the history.
      items: by id; an item that is gone has none.
    """

    columns: Sequence[Column]
    target: str
    bought: Collection[str]
    items: Mapping[str, Item]

    def shared(self, column: Column) -> int:
        """How many of a column's first ten the first column has, too."""
        return len(set(column.item_ids) & set(self.columns[0].item_ids))

    @property
    def common(self) -> int:
        """How many items stand in the first ten of all columns that have one."""
        lists = [set(one.item_ids) for one in self.columns if one.item_ids]
        return len(set.intersection(*lists)) if lists else 0

    @property
    def finders(self) -> tuple[str, ...]:
        """Names of those whose first ten have the item really bought."""
        return tuple(one.name for one in self.columns if one.finds)


def column(name: str, run: EvaluationRun, user_id: str, tables: Tables) -> Column:
    """A run's part of a user's case; what cannot be read is said in it."""
    try:
        place = run.cases.user_ids.index(user_id).as_py()
        if place < 0:
            return Column(name=name, ranks=None, missing="This run left the shopper out.")
        ranks = (int(run.cases.optimistic[place]), int(run.cases.pessimistic[place]))
    except CalrecError:
        return Column(name=name, ranks=None, missing="This run cannot be read.")
    if not (run.folder / TOP).exists():
        return Column(name=name, ranks=ranks, missing="This run kept no list.")
    try:
        best = tables.row(run, TOP, user_id)["item_ids"]
    except CalrecError:
        return Column(name=name, ranks=ranks, missing="This run's list cannot be read.")
    return Column(name=name, ranks=ranks, item_ids=tuple(best[:FIRST]))
