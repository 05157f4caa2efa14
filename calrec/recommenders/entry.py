"""What the register says of a recommender."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.ranking.rules import DEFAULT, Rules
from calrec.recommenders.protocol import Recommender, Shop

if TYPE_CHECKING:
    from calrec.generation.model import GenerativeModel

Need = Literal["checkpoint", "purchases", "texts"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """What a recommender is built from, for a shop and a split of its users' purchases.

    Attributes:
      shop: its items and purchases.
      split: whose targets are to be predicted: `test` or `validation`.
      rules: `count` says which purchases may be counted; `bought` is for whoever ranks to apply.
      checkpoint: the trained model, for one that needs it: a folder, or a shipped one's name.
      first_stage: for one that ranks another's best items.
      options: for one that takes any, in place of what it would choose itself, by name.
      model: of a checkpoint that is loaded already, in its place; for entries that `reads_model`.
    """

    shop: Shop
    split: str = "test"
    rules: Rules = DEFAULT
    checkpoint: str | Path | None = None
    first_stage: Recommender | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    model: GenerativeModel | None = None

    def purchases(self) -> Sequence[Int[np.ndarray, " _"]]:
        """Item indices in the order bought, one array a user: all that may be counted."""
        return self.shop.sequences().counted(self.split, self.rules.count)

    def required_checkpoint(self, entry: Entry) -> str | Path:
        """The checkpoint.

        Raises:
          CalrecError: if none was given.
        """
        if self.checkpoint is None:
            raise CalrecError(
                f"{entry.id} needs a checkpoint, found none; give one, or choose another"
                " recommender"
            )
        return self.checkpoint


def never(folder: Path, shop: Shop) -> bool:
    """For a recommender that needs no checkpoint."""
    return False


def nothing(folder: Path) -> Mapping[str, Any]:
    """For a recommender that needs no checkpoint, or says of it what `calrec.json` says."""
    return {}


@dataclass(frozen=True, kw_only=True, eq=False)
class Entry:
    """A recommender, as whatever lists recommenders needs to know it.

    Attributes:
      id: what commands, addresses and files call it (`item-knn`).
      label: its name in a table (`Item KNN`).
      name: its name for people (`Last Item Repeater`); the label where none is given.
      sentence: what it does, in one sentence.
      needs: of a checkpoint, purchases and texts, what it is built from.
      build: makes it; loads what must be loaded.
      fits: whether a folder holds a checkpoint of it that can rank this shop; cheap.
      describe: what such a folder was trained on: `domain`, `data` (its fingerprint), `role`, and a
        `digest` of all that it is; raises `CalrecError` where it cannot be read.
      generative: whether it writes texts.
      chooses: whether it chooses settings of its own by both rules when it is built.
      reads_model: whether its checkpoint is one of the language model, an exported folder or a
        shipped one's name, and not one of its own form.
      decimals: of its scores, where they are shown.
    """

    id: str
    label: str
    name: str = ""
    sentence: str
    needs: frozenset[Need]
    build: Callable[[Inputs], Recommender]
    fits: Callable[[Path, Shop], bool] = never
    describe: Callable[[Path], Mapping[str, Any]] = nothing
    generative: bool = False
    chooses: bool = False
    reads_model: bool = False
    decimals: int = 3

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name or self.label

    @property
    def trained(self) -> bool:
        """Whether it is a trained model, which may know what it is asked for."""
        return "checkpoint" in self.needs
