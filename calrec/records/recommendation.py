"""The record that every recommender returns and every view shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calrec.errors import CalrecError
from calrec.records.generation import Generation, Sample
from calrec.records.item import Item
from calrec.records.ranking import Ranking


@dataclass(frozen=True, kw_only=True, eq=False)
class Recommendation:
    """From a history to a ranking, with everything between.

    Attributes:
      history: items, oldest first.
      generation: what a model wrote after it; `None` for a recommender that writes nothing.
      ranking: of the shop's items.
      target: item id of the true next item, where it is known.
      parts: what else is known of it, by name; JSON-able, and kept by case files as it is.
    """

    history: tuple[Item, ...]
    generation: Generation | None = None
    ranking: Ranking
    target: str | None = None
    parts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def recommender(self) -> str:
        """Id of the recommender (`calrec`, `lir`, ...)."""
        return self.ranking.recommender

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The generated texts in the order drawn; none without a generation."""
        return () if self.generation is None else self.generation.samples

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shaped it, JSON-able."""
        generated = {} if self.generation is None else self.generation.settings
        return {**generated, **self.ranking.settings}

    @property
    def timings(self) -> Mapping[str, float]:
        """Seconds per step."""
        sample = {} if self.generation is None else {"sample": self.generation.seconds}
        return {**sample, "match": self.ranking.seconds}

    def to_json(self, *, top: int = 200, target: str | None = None) -> str:
        """This record as a case file; see `calrec.records.case_file.to_json`."""
        from calrec.records import case_file

        return case_file.to_json(self, top=top, target=target)

    @staticmethod
    def from_json(text: str) -> Recommendation:
        """The record that a case file holds; see `calrec.records.case_file.from_json`."""
        from calrec.records import case_file

        return case_file.from_json(text)


def check_history(history: Sequence[Item]) -> None:
    """Refuses an empty history, which no recommender can continue.

    Raises:
      CalrecError: if there is no item.
    """
    if not history:
        raise CalrecError(
            "expected a history of at least one item, found an empty one: add an item"
        )
