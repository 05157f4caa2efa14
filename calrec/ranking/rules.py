"""One rule for every recommender of a table: which items are ranked, and which purchases count.

The paper leaves both open, and each moves figures by more than most recommenders differ. So they
are settings of an evaluation, of a page and of an answer, the same for all that stand side by side.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.records import Recommendation

Bought = Literal["ranked", "last"]
Count = Literal["training", "all"]

_BOUGHT = {
    "ranked": "items bought before are ranked like all others",
    "last": "items bought before stand behind all others",
}
_COUNT = {
    "training": "rules that count purchases count training parts alone",
    "all": "rules that count purchases count training and validation parts",
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """By what rules items are ranked.

    Attributes:
      bought: `ranked`, items of the history are ranked like all others (as in the paper); `last`,
        they stand behind all others, the item really bought, too, if it was bought before.
      count: the purchases that a counting recommender may use at the test split: those of the
        `training` parts alone, as trained models see them, or `all` before the targets, validation
        items too. At the validation split both are the training parts.

    Raises:
      CalrecError: if a value is none of these.
    """

    bought: Bought = "ranked"
    count: Count = "training"

    def __post_init__(self) -> None:
        for name, known in (("bought", Bought), ("count", Count)):
            value = getattr(self, name)
            if value not in get_args(known):
                raise CalrecError(
                    f"expected as {name} one of {', '.join(get_args(known))}, found {value!r}; "
                    "choose one"
                )

    def __str__(self) -> str:
        return f"bought {self.bought}, count {self.count}"

    @property
    def words(self) -> str:
        """Both in words, each with its name and value."""
        return (
            f"{_BOUGHT[self.bought]} (bought {self.bought}); "
            f"{_COUNT[self.count]} (count {self.count})"
        )

    def scores(
        self, scores: Float[np.ndarray, " N"], history: Int[np.ndarray, " L"]
    ) -> Float[np.ndarray, " N"]:
        """The scores of N items by the rule for items of the history (item indices)."""
        return behind(scores, history) if self.bought == "last" else scores

    def applied(self, record: Recommendation) -> Recommendation:
        """The same scores ranked by these rules, which the settings then name.

        `bought` is applied here; `count` is what the recommender was built by.

        Args:
          record: whole, as a recommender returns it.

        Raises:
          ValueError: for a record that a case file held, whose ranks are what they were.
        """
        ranking = record.ranking
        if ranking.row_ranks is not None:
            raise ValueError("the ranks of a case file follow its own rules")
        scores, addends = ranking.scores, ranking.addends
        if self.bought == "last":
            bought = {item.item_id for item in record.history}
            rows = [row for row, item_id in enumerate(ranking.item_ids) if item_id in bought]
            scores = self.scores(scores, np.array(rows, dtype=np.int64))
            # What moves them is one more part of the sum.
            addends = addends and {**addends, "bought before": scores - ranking.scores}
        settings = {**ranking.settings, **asdict(self)}
        ruled = replace(ranking, scores=scores, addends=addends, settings=settings)
        return replace(record, ranking=ruled)


DEFAULT = Rules()


def behind(
    scores: Float[np.ndarray, " N"], items: Int[np.ndarray, " L"]
) -> Float[np.ndarray, " N"]:
    """The scores with some items moved behind all others.

    They move down together, so that the best of them stands 1 below the least of the others: their
    differences, and so their order and ties, stay what they were, as do those of the others.

    Args:
      scores: finite, higher is better.
      items: indices, in any order and any number of times.
    """
    moved = np.zeros(len(scores), dtype=bool)
    moved[np.asarray(items, dtype=np.int64)] = True
    if moved.all() or not moved.any():
        return scores
    lower = scores.copy()
    lower[moved] -= max(0.0, scores[moved].max() - scores[~moved].min() + 1)
    return lower
