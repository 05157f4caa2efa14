"""What a recommender is, and what it is built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from calrec.ranking.corpus import Corpus
from calrec.records import Item, Recommendation


class Recommender(Protocol):
    """Anything that ranks a shop's items for a history."""

    @property
    def name(self) -> str:
        """Its id in the register."""
        ...

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shapes its rankings, JSON-able."""
        ...

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """The ranking for a history, oldest item first.

        Raises:
          CalrecError: if the history is empty.
        """
        ...


@runtime_checkable
class Scorer(Recommender, Protocol):
    """A recommender that scores the items after many histories at once."""

    @property
    def reads(self) -> int | None:
        """How many last items of a history it looks at; `None`: all.

        Histories that end in the same ones get the same scores.
        """
        ...

    def scores(self, histories: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "Q N"]:
        """Scores of all N items after each of Q histories, higher is better.

        Args:
          histories: item indices, oldest first.

        Returns:
          float64, a row a history, each the same whatever the other histories are.
        """
        ...


class Purchases(Protocol):
    """What the users of a shop bought."""

    def counted(self, split: str, count: str) -> Sequence[Int[np.ndarray, " _"]]:
        """Item indices in the order bought, one array a user: what may be counted for a split.

        Args:
          split: whose targets are to be predicted: `test` or `validation`.
          count: see `calrec.ranking.rules.Rules`.
        """
        ...


class Shop(Protocol):
    """What a recommender may be built from; `catalog.store.Catalogue` is one."""

    @property
    def items(self) -> Sequence[Item]:
        """The N items."""
        ...

    @property
    def item_ids(self) -> tuple[str, ...]:
        """Their ids, in item-index order."""
        ...

    def corpus(self) -> Corpus:
        """BM25 of the items."""
        ...

    def sequences(self) -> Purchases:
        """Who bought what, in order."""
        ...


@runtime_checkable
class StoredShop(Shop, Protocol):
    """A shop of a workspace on disk, where what is computed of it may be kept."""

    @property
    def workspace(self) -> Path:
        """The folder."""
        ...

    @property
    def domain(self) -> str:
        """The shop's name."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of its data: equal for equal items and purchases."""
        ...
