"""A GGUF file as it stands: its metadata by name, and its tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from gguf import GGMLQuantizationType, GGUFReader, GGUFValueType, dequantize
from gguf.gguf_reader import ReaderTensor
from jaxtyping import Float

from calrec.errors import CalrecError

T = TypeVar("T")


class _Reader(GGUFReader):
    """The library's reader, which makes several arrays of each element of an array.

    That is a million for a vocabulary of 262,144 tokens: 0.7 GB and a minute. Here an array of
    numbers is one array, and a text one slice.
    """

    def _get_field_parts(self, orig_offs: int, raw_type: int) -> Any:
        kind = GGUFValueType.ARRAY
        if raw_type != kind or self.byte_order != "I":
            return super()._get_field_parts(orig_offs, raw_type)
        view = self.data.data
        element, count = struct.unpack_from("<IQ", view, orig_offs)
        head = (np.asarray([element], np.uint32), np.asarray([count], np.uint64))
        types, start = [kind, GGUFValueType(element)], orig_offs + 12
        if (number := self.gguf_scalar_to_np.get(types[1])) is not None:
            values = np.frombuffer(view, number, count, start)
            return 12 + values.nbytes, [*head, values], [2], types
        if types[1] != GGUFValueType.STRING:
            return super()._get_field_parts(orig_offs, raw_type)
        texts: list[Any] = []
        at = start
        for _ in range(count):
            (size,) = struct.unpack_from("<Q", view, at)
            texts.append(view[at + 8 : at + 8 + size])
            at += 8 + size
        return at - orig_offs, [*head, *texts], range(2, 2 + count), types


@dataclass(frozen=True, kw_only=True)
class Stored:
    """Where a tensor lies.

    Attributes:
      file: in which file.
      name: under which name.
      kind: how its numbers are stored.
      shape: as Hugging Face writes it, rows first; the file has it the other way round.
      offset: its first byte.
      nbytes: its bytes, the same for each row.
    """

    file: Path
    name: str
    kind: GGMLQuantizationType
    shape: tuple[int, ...]
    offset: int
    nbytes: int

    @classmethod
    def of(cls, file: Path, tensor: ReaderTensor) -> Stored:
        """As the library tells it."""
        return cls(
            file=file,
            name=tensor.name,
            kind=tensor.tensor_type,
            shape=tuple(map(int, tensor.shape[::-1])),
            offset=tensor.data_offset,
            nbytes=tensor.n_bytes,
        )

    @property
    def rows(self) -> int:
        """How many rows it has; a vector is one."""
        return self.shape[0] if len(self.shape) > 1 else 1

    def numbers(self, start: int, stop: int) -> Float[np.ndarray, "rows columns"]:
        """Some of its rows, as the numbers that they stand for.

        They are read, not mapped: pages of a map would stay in memory.
        """
        row = self.nbytes // self.rows
        offset, count = self.offset + start * row, (stop - start) * row
        stored = np.fromfile(self.file, np.uint8, count, offset=offset)
        return dequantize(stored.reshape(stop - start, row), self.kind)


@dataclass(frozen=True, kw_only=True)
class File:
    """What is in a GGUF file.

    Attributes:
      path: where it lies.
      metadata: all values by name.
      tensors: all tensors by name.
    """

    path: Path
    metadata: Mapping[str, Any]
    tensors: Mapping[str, Stored]

    @classmethod
    def of(cls, path: Path) -> File:
        """Reads all but the tensors' numbers.

        Raises:
          CalrecError: if there is none, it is no GGUF file, is cut or damaged, or one of several
            parts.
        """
        if not path.is_file():
            raise CalrecError(f"{path}: expected a GGUF file, found none; check its name")
        try:
            reader = _Reader(path)
            metadata = {name: field.contents() for name, field in reader.fields.items()}
            tensors = {found.name: Stored.of(path, found) for found in reader.tensors}
        # The library raises whatever its steps through the bytes stumble over.
        except Exception as error:
            detail = " ".join(str(error).split())[:120]
            raise CalrecError(
                f"{path}: expected a whole GGUF file, found a cut or damaged one, or none"
                f" ({detail}); copy it again"
            ) from None
        if metadata.get("split.count", 0) > 1:
            raise CalrecError(
                f"{path}: expected a model in one GGUF file, found one of"
                f" {metadata['split.count']} parts; join them with llama-gguf-split --merge"
            )
        if reader.byte_order != "I":
            raise CalrecError(
                f"{path}: expected a GGUF file of this machine's byte order, found the other one;"
                " convert it with gguf-convert-endian"
            )
        return cls(path=path, metadata=metadata, tensors=tensors)

    @property
    def architecture(self) -> str:
        """Its architecture's name, such as `llama`."""
        return self.text("general.architecture")

    def text(self, name: str, default: str | None = None) -> str:
        """A text of the metadata.

        Raises:
          CalrecError: if there is none and no default, or it is of another type.
        """
        return self._of(str, name, default)

    def own(self, kind: type[T], name: str, default: T | None = None) -> T:
        """A value under the architecture's name, as `llama.block_count`.

        Raises:
          CalrecError: if there is none and no default, or it is of another type.
        """
        return self._of(kind, f"{self.architecture}.{name}", default)

    def optional(self, name: str) -> Any:
        """A value under the architecture's name, or None."""
        return self.metadata.get(f"{self.architecture}.{name}")

    def same(self, name: str, default: int | None = None) -> int:
        """A count under the architecture's name that may be told for each layer.

        Raises:
          CalrecError: if layers differ, or as `own` does.
        """
        found = self.optional(name)
        if isinstance(found, list):
            if len(set(found)) != 1:
                raise self.refused(f"all layers alike in {name}", f"{sorted(set(found))}")
            return found[0]
        return self.own(int, name, default)

    def refused(self, expected: str, found: object) -> CalrecError:
        """The error of a file that holds what is not supported."""
        return CalrecError(
            f"{self.path}: expected {expected}, found {found}, which is not supported; give another"
            " file, or the model's Hugging Face folder"
        )

    def _of(self, kind: type[T], name: str, default: T | None) -> T:
        found: Any = self.metadata.get(name, default)
        if kind is float and type(found) in (int, float):
            # The shortest number that float32 keeps so: 1e-5, not 9.99999974e-6.
            found = float(str(np.float32(found)))
        # A bool is an int to Python.
        if not isinstance(found, kind) or (isinstance(found, bool) and kind is not bool):
            raise CalrecError(
                f"{self.path}: expected {name} in its metadata ({kind.__name__}), found"
                f" {'none' if found is None else repr(found)[:60]}; convert the model again"
            )
        return found
