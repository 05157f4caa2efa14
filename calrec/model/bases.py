"""The pretrained model that adapters belong to: known by what its tensors hold, found on disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from calrec.errors import CalrecError
from calrec.model.hf.files import BLOCK, Stored, stored_tensors

FETCHED = {"smollm2-135m": "", "gemma3-270m": " --accept-licence"}
"""Names that `calrec-train fetch` knows, and what it asks for."""


@dataclass(frozen=True, kw_only=True)
class Base:
    """A Hugging Face folder.

    Attributes:
      name: of the folder.
      digest: sha256 of its tensors, whatever files they lie in.
      tokens: its own vocabulary's size; tokens added by `prepare` come behind.
      folder: where it lay; empty where that means nothing, as in a checkpoint that is handed on.
    """

    name: str
    digest: str
    tokens: int
    folder: str = ""

    @classmethod
    def of(cls, folder: Path, tokens: int) -> Base:
        """That of a folder.

        Raises:
          CalrecError: if its tensors cannot be read.
        """
        folder = folder.resolve()
        return cls(name=folder.name, digest=digest(folder), tokens=tokens, folder=str(folder))

    def find(self, places: Sequence[Path]) -> Path:
        """The folder of this model: where it lay, or any in these places.

        Raises:
          CalrecError: if there is none.
        """
        others = []
        for folder in self._candidates(places):
            if digest(folder) == self.digest:
                return folder
            others.append(folder)
        found = f"another model in {others[0]}" if others else "none"
        where = places[-1] if places else Path("models")
        remedy = f"copy its Hugging Face folder to {where / self.name}"
        if self.name in FETCHED:
            given = f"{self.name}{FETCHED[self.name]} --to {where / self.name}"
            remedy = f"get it with: calrec-train fetch {given}"
        raise CalrecError(
            f"expected the model {self.name} (digest {self.digest[:12]}) that the adapters were"
            f" trained on, found {found}; {remedy}"
        )

    def _candidates(self, places: Sequence[Path]) -> Iterator[Path]:
        """Folders that may be it, of the same name first."""
        named = [place / self.name for place in places]
        rest = [folder for place in places if place.is_dir() for folder in sorted(place.iterdir())]
        first = [Path(self.folder)] if self.folder else []
        for folder in dict.fromkeys([*first, *named, *rest]):
            if any(folder.glob("model.safetensors*")):
                yield folder


def models(workspace: Path | None = None) -> Path:
    """Where a workspace keeps pretrained models."""
    return (workspace or Path(os.environ.get("CALREC_WORKSPACE", "workspace"))) / "models"


def digest(folder: Path) -> str:
    """sha256 of all tensors of a Hugging Face folder: names, types, shapes and bytes.

    Raises:
      CalrecError: if they cannot be read.
    """
    found = hashlib.sha256()
    for name, stored in sorted(stored_tensors(folder).items()):
        found.update(f"{name} {stored.dtype} {stored.shape}".encode())
        for block in _blocks(stored):
            found.update(block)
    return found.hexdigest()


def _blocks(stored: Stored) -> Iterator[bytes]:
    with stored.file.open("rb") as file:
        file.seek(stored.offset)
        left = stored.nbytes
        while left > 0:
            block = file.read(min(left, BLOCK))
            if not block:
                raise CalrecError(f"{stored.file}: expected {left} more bytes, found its end")
            left -= len(block)
            yield block
