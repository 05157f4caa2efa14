"""The folder of an evaluation and the files in it.

OUT/meta.json        what was evaluated: settings, data, checkpoint, code, timings; digests of
                     itself and of the other files
OUT/metrics.json     its figures
OUT/cases.parquet    a row a user: ranks and facts; the same for the same meta.json, timings aside
OUT/top.parquet      the score of each user's target and the best items
OUT/samples.parquet  for calrec: a row a generated text, in the order drawn
OUT/timings.parquet  for calrec: seconds of each user
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.evaluation.runs import FORMAT, EvaluationRun
from calrec.records.files import check_place, whole_folder

FILES = frozenset(
    {
        "meta.json",
        "metrics.json",
        "cases.parquet",
        "top.parquet",
        "samples.parquet",
        "timings.parquet",
    }
)
_KIND = "evaluation"


@contextmanager
def evaluation_folder(out: Path) -> Iterator[Path]:
    """A temporary folder that takes the place of `out` when the block ends well.

    Raises:
      CalrecError: if `out` is neither absent, nor empty, nor an earlier evaluation and nothing
        else, or cannot be written.
    """
    with whole_folder(out, ours=_is_evaluation, what=_KIND) as folder:
        yield folder


def digest_of(run: Mapping[str, Any]) -> str:
    """sha256 of what a run is (`train.evaluation.run.identity`), as `meta.json` keeps it."""
    return hashlib.sha256(json.dumps(run, sort_keys=True).encode()).hexdigest()


def finished_run(out: Path, run: Mapping[str, Any]) -> dict[str, Any] | None:
    """`meta.json` and `metrics.json` of `out` as one, if that very run is whole there."""
    try:
        found = EvaluationRun.load(out)
        found.check()
    except CalrecError:
        return None
    return {**found.meta, **found.figures} if found.meta.get("run") == digest_of(run) else None


def require_free(out: Path) -> None:
    """Refuses an `out` that holds a finished evaluation.

    Raises:
      CalrecError: if so.
    """
    if (out / "meta.json").exists():
        raise CalrecError(
            f"expected an --out without a finished evaluation, found one of other settings, data or"
            f" code, or a damaged one, in {out}; name another, or give --replace"
        )


def check_out(out: Path) -> None:
    """Refuses an `out` that `evaluation_folder` would refuse."""
    check_place(out, ours=_is_evaluation, what=_KIND)


def _is_evaluation(folder: Path) -> bool:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        return meta["format"] == FORMAT and {path.name for path in folder.iterdir()} <= FILES
    except (OSError, ValueError, LookupError, TypeError):
        return False


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file fit to be read by a person."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with writing(path):
        path.write_text(text + "\n", encoding="utf-8")


def write_table(path: Path, table: pa.Table) -> None:
    """Writes a Parquet file."""
    with writing(path):
        pq.write_table(table, path, compression="zstd")


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
