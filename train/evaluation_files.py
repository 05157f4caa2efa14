"""The folder of an evaluation and the files in it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.files import whole_folder

FORMAT = "calrec-evaluation"
VERSION = 1
FILES = frozenset({"meta.json", "metrics.json", "cases.parquet", "samples.parquet"})


@contextmanager
def evaluation_folder(out: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `out` when the block ends well.

    Raises:
      CalrecError: if `out` is neither absent, nor empty, nor an earlier evaluation and nothing
        else, or cannot be written.
    """
    with whole_folder(out, ours=_is_evaluation, what="evaluation") as folder:
        yield folder


def _is_evaluation(folder: Path) -> bool:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        return meta["format"] == FORMAT and {path.name for path in folder.iterdir()} <= FILES
    except (OSError, ValueError, LookupError, TypeError):
        return False


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file fit to be read by a person."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with _writing(path):
        path.write_text(text + "\n", encoding="utf-8")


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Writes named columns of equal length as a Parquet file."""
    table = pa.table({name: pa.array(values) for name, values in columns.items()})
    with _writing(path):
        pq.write_table(table, path)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CalrecError(
            f"expected to write {path}, found {error.strerror or error}; "
            "choose an --out that can be written, or make room"
        ) from error
