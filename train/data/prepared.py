"""What `calrec-train prepare` wrote: domains as tokens, the tokenizer, and where they are from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.records import codec, digests
from calrec.records.codec import Format
from calrec.text import TextSettings
from calrec.tokenizer import Tokenizer

VERSION = 2
PREPARED = Format(
    name="calrec-prepared",
    version=VERSION,
    remedy="prepare it again",
    name_field="kind",
    version_field="format",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class DomainData:
    """One domain as tokens: E events and I items.

    Attributes:
      domain: its name.
      item_tokens: all item texts' tokens, one after the other.
      item_offsets: where each item's begin, [I + 1].
      items: item indices of the training parts, user after user, [E].
      offsets: where each user's begin, [U + 1].
      validation: index of each user's validation item, or -1.
      test: of each user's test item, or -1: for curves, never for a choice.
    """

    domain: str
    item_tokens: Int[np.ndarray, " K"]
    item_offsets: Int[np.ndarray, " I+1"]
    items: Int[np.ndarray, " E"]
    offsets: Int[np.ndarray, " U+1"]
    validation: Int[np.ndarray, " U"]
    test: Int[np.ndarray, " U"]

    def text(self, item: int) -> list[int]:
        """Token ids of one item's text."""
        return self.item_tokens[self.item_offsets[item] : self.item_offsets[item + 1]].tolist()

    def history(self, user: int) -> Int[np.ndarray, " n"]:
        """Item indices of one user's training part, oldest first."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]

    def target(self, split: Literal["validation", "test"]) -> Int[np.ndarray, " U"]:
        """The held-out item of each user, or -1."""
        return self.validation if split == "validation" else self.test

    def before(self, split: Literal["validation", "test"], user: int) -> list[int]:
        """What a user bought before the held-out item; before the last one, this includes the
        validation item."""
        held = (
            [int(self.validation[user])] if split == "test" and self.validation[user] >= 0 else []
        )
        return [*self.history(user).tolist(), *held]


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """What `calrec-train prepare` wrote: domains as tokens, the tokenizer, and where it is from."""

    folder: Path
    domains: tuple[DomainData, ...]
    meta: dict[str, Any]

    @classmethod
    def load(cls, folder: Path, only: Sequence[str] = ()) -> Prepared:
        """Reads a prepared folder; `only` names some of its domains.

        Raises:
          CalrecError: if the folder is none, of another version, damaged, or lacks a domain.
        """
        if not (folder / "meta.json").is_file():
            raise CalrecError(
                f"expected prepared data in {folder}, found no meta.json;"
                " make it with: calrec-train prepare --workspace W --domains D --out DIR"
            )
        meta = PREPARED.read(folder / "meta.json")
        PREPARED.decode(TextSettings, meta.get("text"), f"{folder}/meta.json: text")
        told = dict[str, dict[str, Any]]
        known = list(PREPARED.decode(told, meta.get("domains"), f"{folder}/meta.json: domains"))
        _check_files(folder, meta)
        names = list(only) or known
        if unknown := [name for name in names if name not in known]:
            raise CalrecError(
                f"{folder}: expected domains among {known}, found {unknown};"
                " choose of these, or prepare the others too"
            )
        domains = []
        for name in names:
            try:
                with (folder / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
                    domains.append(DomainData(domain=name, **arrays))
            # numpy and zipfile raise whatever their parsers stumble over.
            except Exception as error:
                raise CalrecError(
                    f"expected {folder / name}.npz as it was prepared, found a damaged one;"
                    " prepare it again"
                ) from error
        return cls(folder=folder, domains=tuple(domains), meta=meta)

    def role(self, domain: str) -> str:
        """What a domain is for: evaluation, selection or training."""
        return self.meta["domains"][domain]["role"]

    @property
    def trained(self) -> tuple[DomainData, ...]:
        """The domains that are trained on: all but those of the selection role."""
        return tuple(d for d in self.domains if self.role(d.domain) != "selection")

    @property
    def choosing(self) -> tuple[DomainData, ...]:
        """The domains whose validation users choose the best state: those of the selection role
        alone where there are such, else all that hold users out."""
        selecting = tuple(d for d in self.domains if self.role(d.domain) == "selection")
        return selecting or tuple(d for d in self.domains if self.role(d.domain) != "training")

    @property
    def added(self) -> list[list[int]]:
        """Tokens that were added to a pretrained model's, each as the ids that it stands for."""
        return self.meta.get("added", [])

    @property
    def text(self) -> TextSettings:
        """How items became text."""
        return codec.decode(TextSettings, self.meta["text"])

    def tokenizer(self) -> Tokenizer:
        """The tokenizer of these tokens."""
        return Tokenizer.load(self.folder / "tokenizer")


def _check_files(folder: Path, meta: dict[str, Any]) -> None:
    """Compares what `prepare` wrote with its digests."""
    found = digests.of_files(folder) | {"meta.json": None}
    wanted = meta.get("files", {}) | {"meta.json": None}
    changed = next((n for n in sorted(wanted | found) if wanted.get(n) != found.get(n)), None)
    if changed is not None:
        raise CalrecError(
            f"{folder}: expected {changed} as it was prepared, found another, a damaged one or"
            " none; prepare it again"
        )
