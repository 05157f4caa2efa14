"""A recommender that follows the rules of a table (see `calrec.ranking.rules`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calrec.ranking.rules import Rules
from calrec.recommenders.protocol import Recommender
from calrec.records import Item, Recommendation


@dataclass(frozen=True, kw_only=True, eq=False)
class Ruled:
    """A recommender whose rankings follow the rules, and whose settings name them.

    Attributes:
      recommender: one that was built by `rules.count`.
      rules: which.
    """

    recommender: Recommender
    rules: Rules

    @property
    def name(self) -> str:
        """The recommender's id."""
        return self.recommender.name

    @property
    def settings(self) -> Mapping[str, Any]:
        """The recommender's, and the rules."""
        return {**self.recommender.settings, **asdict(self.rules)}

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Its ranking for a history, oldest item first, by the rules."""
        return self.rules.applied(self.recommender.recommend(history))
