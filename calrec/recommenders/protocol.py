"""What a recommender is, and what it needs of a catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from calrec.records import Item

if TYPE_CHECKING:
    from calrec.records.recommendation import Recommendation


class Recommender(Protocol):
    """Anything that ranks a corpus for a history."""

    name: str
    settings: Mapping[str, Any]

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """The ranking for a history, oldest item first."""
        ...
