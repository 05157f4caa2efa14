"""A run's folder, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.meta import RunMeta, content_of
from calrec.evaluation.run_folder.schema import (
    CASES,
    FIGURES,
    FILES,
    FORMAT,
    META,
    SAMPLES,
    TIMINGS,
    TOP,
)
from calrec.records import digests
from calrec.records.files import check_place, whole_folder

_KIND = "evaluation"


@dataclass(frozen=True, kw_only=True, eq=False)
class RunTables:
    """The tables of a run, as `calrec.evaluation.run_folder.tables` makes them.

    Attributes:
      cases: a row a user.
      top: likewise, with the best items.
      samples: a row a generated text; `None` of a recommender that writes none.
      timings: a row a user; likewise.
    """

    cases: pa.Table
    top: pa.Table
    samples: pa.Table | None = None
    timings: pa.Table | None = None


@contextmanager
def run_folder(out: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `out` when the block ends well.

    Raises:
      CalrecError: if `out` is neither absent, nor empty, nor an earlier evaluation and nothing
        else, or cannot be written.
    """
    with whole_folder(out, ours=_is_run, what=_KIND) as folder:
        yield folder


def check_out(out: Path) -> None:
    """Refuses an `out` that `run_folder` would refuse."""
    check_place(out, ours=_is_run, what=_KIND)


def require_free(out: Path) -> None:
    """Refuses an `out` that holds a finished evaluation.

    Raises:
      CalrecError: if so.
    """
    if (out / META).exists():
        raise CalrecError(
            f"expected an --out without a finished evaluation, found one of other settings, data or"
            f" code, or a damaged one, in {out}; name another, or give --replace"
        )


def write_tables(folder: Path, tables: RunTables, figures: Mapping[str, Any]) -> None:
    """Writes all of a run but `meta.json`.

    Args:
      folder: where; it is there and empty.
      tables: of the run.
      figures: content of `metrics.json`.

    Raises:
      CalrecError: if they cannot be written.
    """
    named = {
        TOP: tables.top,
        SAMPLES: tables.samples,
        TIMINGS: tables.timings,
        CASES: tables.cases,
    }
    for name, table in named.items():
        if table is not None:
            with writing(folder / name):
                pq.write_table(table, folder / name, compression="zstd")
    write_json(folder / FIGURES, figures)


def write_meta(folder: Path, meta: RunMeta) -> None:
    """Writes `meta.json`, the last file of a run, with the digests of all others and of itself.

    Raises:
      CalrecError: if it cannot be written.
    """
    meta = dataclasses.replace(meta, files=digests.of_files(folder), digest=None)
    content = content_of(meta)
    write_json(folder / META, content | {"digest": digests.of_record(content)})


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file fit to be read by a person."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with writing(path):
        path.write_text(text + "\n", encoding="utf-8")


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what prevents a file from being written into a `CalrecError` of one line."""
    try:
        yield
    except OSError as error:
        raise CalrecError(
            f"expected to write {path}, found {error.strerror or error}; "
            "choose an --out that can be written, or make room"
        ) from error


def _is_run(folder: Path) -> bool:
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        return meta["format"] == FORMAT and {path.name for path in folder.iterdir()} <= FILES
    except (OSError, ValueError, LookupError, TypeError):
        return False
