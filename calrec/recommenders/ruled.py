"""A recommender that follows the rules of a table (see `calrec.ranking.rules`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from calrec.ranking.rules import Rules
from calrec.recommenders.protocol import Recommender
from calrec.records import Item
from calrec.records.recommendation import Recommendation


class Ruled:
    """A recommender whose rankings follow the rules, and whose settings name them."""

    def __init__(self, recommender: Recommender, rules: Rules) -> None:
        """Takes one that was made by `rules.count`."""
        self._recommender = recommender
        self._rules = rules
        self.name = recommender.name
        self.settings: Mapping[str, Any] = {**recommender.settings, **asdict(rules)}

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """Its ranking for a history, oldest item first, by the rules."""
        return self._recommender.recommend(history).under(self._rules)
