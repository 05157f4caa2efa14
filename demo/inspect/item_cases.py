"""In how many cases of each evaluation an item was right, wrong or bought, with links to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.report.variants import names
from demo.inspect.first_items import KeptCounts
from demo.inspect.links import to_cases


@dataclass(frozen=True, kw_only=True)
class Linked:
    """A number of cases, and the address that shows them."""

    cases: int
    address: str


@dataclass(frozen=True, kw_only=True)
class ItemCases:
    """An item in an evaluation.

    Attributes:
      name: what the run is called.
      right: the item stands first and was bought; `None` where the run kept no lists.
      wrong: it stands first and another one was bought; likewise.
      bought: it is the item really bought.
    """

    name: str
    right: Linked | None
    wrong: Linked | None
    bought: Linked

    @property
    def any(self) -> bool:
        """Whether there is a case at all."""
        return any(one.cases for one in (self.right, self.wrong, self.bought) if one)


def item_cases(
    counts: KeptCounts, shop: str, runs: Mapping[str, EvaluationRun], item_id: str
) -> list[ItemCases]:
    """A row for each run that can be read.

    Args:
      counts: of the runs.
      shop: its name.
      runs: by folder name.
      item_id: the item.
    """
    rows = []
    for called, (name, run) in zip(names(tuple(runs.values())), runs.items(), strict=True):
        try:
            found = counts.of(run)
        except CalrecError:
            continue  # the pages of evaluations say what is wrong with it
        first = [
            Linked(cases=number, address=to_cases(shop, name, first=item_id, hit=hit))
            if found.has_lists
            else None
            for hit, number in (
                ("right", found.right.get(item_id, 0)),
                ("wrong", found.wrong.get(item_id, 0)),
            )
        ]
        target = to_cases(shop, name, bought=item_id)
        bought = Linked(cases=found.bought.get(item_id, 0), address=target)
        rows.append(ItemCases(name=called, right=first[0], wrong=first[1], bought=bought))
    return rows
