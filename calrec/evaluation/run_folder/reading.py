"""The files of a run's folder, read and checked: what was written, or one line of error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.run_folder.schema import FIGURES


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file; raises `CalrecError` if there is none."""
    path = folder / name
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        # Half a surrogate pair is JSON and no text: no file of the report could hold it.
        json.dumps(content, ensure_ascii=False).encode("utf-8")
    except FileNotFoundError:
        raise CalrecError(
            f"expected an evaluation in {folder}, found no {name}; name a folder that"
            " calrec-evaluate wrote"
        ) from None
    except OSError as error:
        raise damaged(path, error.strerror or type(error).__name__) from None
    except (ValueError, RecursionError):
        raise damaged(path, "no JSON") from None
    if not isinstance(content, dict):
        raise damaged(path, "no object")
    return content


def read_table(path: Path, **how: Any) -> pa.Table:
    """A Parquet file, checked whole; raises `CalrecError` if it is damaged.

    Args:
      path: which.
      how: as for `pyarrow.parquet.read_table`.
    """
    with _parsing(path):
        table = pq.read_table(path, **how)
        _ = table.column_names  # decoded here
        table.validate(full=True)
        return table


def column_names(path: Path) -> tuple[str, ...]:
    """Of a Parquet file; raises `CalrecError` if it is damaged."""
    with _parsing(path):
        return tuple(pq.read_schema(path).names)


@contextmanager
def _parsing(path: Path) -> Iterator[None]:
    try:
        yield
    # Of a run without digests: pyarrow raises whatever its parsers stumble over.
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        found = next(iter(str(error).splitlines()), type(error).__name__)
        raise damaged(path, found) from None


def check_figures(folder: Path, figures: Mapping[str, Any]) -> None:
    """Raises `CalrecError` if `metrics.json` lacks a figure, or one is no number."""
    path = folder / FIGURES
    try:
        for value in figures["metrics"].values():
            _ = 0.0 + value["optimistic"] + value["pessimistic"]  # numbers, both
        known = METRICS.keys() <= figures["metrics"].keys()
        if not known or not isinstance(figures["users"], int):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged(path, "a figure missing or of the wrong form") from None


def damaged(path: Path, found: str) -> CalrecError:
    """The error that says so, for the caller to raise."""
    return CalrecError(f"expected {path} as it was written, found {found}; evaluate again")
