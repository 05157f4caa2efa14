"""Tensors in safetensors files, read one by one.

The safetensors library checks a file and tells what is in it; the bytes are read here, into
memory that jax takes over without a copy. The library's own reader maps the file and copies out
of it, which holds a large embedding in memory three times.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import ml_dtypes
import numpy as np

from calrec.errors import CalrecError

DTYPES = {
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
}
ALIGNMENT = 64
"""Bytes; jax's CPU arrays can only lie on multiples of it."""
BLOCK = 2**20
"""Bytes that are compared at once."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where a tensor lies: its file, and the first of its bytes there."""

    file: Path
    offset: int
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes in the file; of a dtype that is read."""
        return math.prod(self.shape) * DTYPES[self.dtype].itemsize

    def read(self) -> np.ndarray:
        """The tensor, in memory of its own, aligned so that jax need not copy it.

        Raises:
          CalrecError: if the file ends before it does.
        """
        room = np.empty(self.nbytes + ALIGNMENT, np.uint8)
        start = -room.ctypes.data % ALIGNMENT
        room = room[start : start + self.nbytes]
        with self.file.open("rb") as file:
            file.seek(self.offset)
            if file.readinto(room.data) != self.nbytes:
                raise CalrecError(
                    f"{self.file}: expected {self.nbytes} more bytes, found its end; copy it again"
                )
        return room.view(DTYPES[self.dtype]).reshape(self.shape)

    def equals(self, other: Stored) -> bool:
        """Whether both are the same to the bit, NaN included; holds little of them in memory."""
        if (self.dtype, self.shape) != (other.dtype, other.shape) or self.dtype not in DTYPES:
            return False
        with self.file.open("rb") as ours, other.file.open("rb") as theirs:
            ours.seek(self.offset)
            theirs.seek(other.offset)
            left = self.nbytes
            while left > 0:
                size = min(left, BLOCK)
                if ours.read(size) != theirs.read(size):
                    return False
                left -= size
        return True


def stored_tensors(folder: Path) -> dict[str, Stored]:
    """All tensors of a folder, by name, from `model.safetensors` or the files of its index.

    Raises:
      CalrecError: if there is no such file, one is missing, cut or damaged, or two hold a tensor
        of one name.
    """
    tensors: dict[str, Stored] = {}
    for file in _files(folder):
        found = _in_file(file)
        if twice := sorted(tensors.keys() & found.keys()):
            raise CalrecError(
                f"{file}: expected each tensor in one file, found {twice[0]} in"
                f" {tensors[twice[0]].file.name} too; copy the folder again"
            )
        tensors |= found
    return tensors


def _files(folder: Path) -> list[Path]:
    whole, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if whole.is_file():
        return [whole]
    if not index.is_file():
        pickles = sorted(path.name for path in folder.glob("*.bin"))
        found = (
            f"only {pickles[0]}, a pickle, which can run code and is not read" if pickles else ""
        )
        raise CalrecError(
            f"{folder}: expected model.safetensors or its index, found {found or 'none'};"
            " save the model as safetensors"
        )
    try:
        names = set(json.loads(index.read_text())["weight_map"].values())
        files = [folder / name for name in sorted(names)]
        outside = [name for name in names if Path(name).name != name]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CalrecError(
            f"{index}: expected a weight_map of tensor names to files, found a damaged one"
            f" ({type(error).__name__}); copy the folder again"
        ) from None
    if missing := [*outside, *(file.name for file in files if not file.is_file())]:
        raise CalrecError(
            f"{folder}: expected the files that its index names, found no {missing[0]};"
            " copy the folder again"
        )
    return files


def _in_file(path: Path) -> dict[str, Stored]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass  # It checks that the header describes the file's bytes without gap or overlap.
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
    except (SafetensorError, OSError) as error:
        detail = " ".join(str(error).split())[:120]
        raise CalrecError(
            f"{path}: expected a whole safetensors file, found a cut or damaged one ({detail});"
            " copy it again"
        ) from None
    header.pop("__metadata__", None)
    return {
        name: Stored(
            file=path,
            offset=8 + size + content["data_offsets"][0],
            dtype=content["dtype"],
            shape=tuple(content["shape"]),
        )
        for name, content in header.items()
    }
