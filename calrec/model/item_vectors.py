"""Vectors of a shop's items by one model (v_T, paper, section 3.4), kept on disk.

    WORKSPACE/embeddings/<domain>-<key>.npz    `vectors`, float32, N items x D

The key names the model and the shop's content, so a file is either of both or not found at all. It
only saves time, and may be deleted.
"""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from calrec.records import digests
from calrec.records.files import whole_file

FOLDER = "embeddings"

# What numpy and zipfile say of bytes that were changed, each found by changing every byte.
_DAMAGED = (
    *(OSError, ValueError, LookupError, EOFError, TypeError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, kw_only=True)
class VectorFile:
    """Where the vectors of all items of a shop by one model lie, in item-index order.

    Attributes:
      path: of the file.
      items: N.
    """

    path: Path
    items: int

    @classmethod
    def of(
        cls, workspace: Path, *, domain: str, fingerprint: str, items: int, record: bytes
    ) -> VectorFile:
        """The file of a shop and a model.

        Args:
          workspace: where it lies.
          domain: name of the shop.
          fingerprint: of the shop's data.
          items: N.
          record: what the checkpoint says of itself (`calrec.json`), with the digests of all
            weights.
        """
        key = digests.of_bytes(record + fingerprint.encode())[:16]
        return cls(path=workspace / FOLDER / f"{domain}-{key}.npz", items=items)

    def read(self) -> Float[np.ndarray, "N D"] | None:
        """The vectors; `None` where there are none, or they are damaged."""
        try:
            # Opened here: numpy leaves a file open that turns out to be no archive.
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                vectors = archive["vectors"]
        except _DAMAGED:
            return None
        fits = vectors.ndim == 2 and len(vectors) == self.items and vectors.dtype == np.float32
        return vectors if fits and np.isfinite(vectors).all() else None

    def write(self, vectors: Float[np.ndarray, "N D"]) -> None:
        """Whole or not at all; on a disk that is full or read-only not, as it only saves time."""
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self.path) as new, new.open("wb") as file:
                np.savez(file, vectors=vectors)
