"""The files of an evaluation's folder, read and checked: what was written, or one line of error."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from calrec.records import digests

_META = {
    "recommender": str,
    "domain": str,
    "split": str,
    "users": int,
    "cases": int,
    "seed": int,
    "settings": dict,
    "data": dict,
}
_DATA = {"fingerprint": str, "items": int, "users": int, "events": int}
_OPTIONAL = {
    "label": str,
    "checkpoint": dict,
    "code": dict,
    "seconds": dict,
    "device": str,
    "samples_seed": int,
}
_OPTIONAL_IN = {
    "data": {"role": str, "repeats_kept": int, "repeats_removed": int, "compared": list},
    "checkpoint": {"name": str, "digest": str, "data": dict, "seen": list},
    "code": {"version": str, "digest": str},
}
"""What may be missing or null; how a model was trained is read as far as it can be."""


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
    """A Parquet file, checked whole; raises `CalrecError` if it is damaged."""
    try:
        table = pq.read_table(path, **how)
        _ = table.column_names  # decoded here
        table.validate(full=True)
        return table
    # Of a run without digests: pyarrow raises whatever its parsers stumble over.
    except (pa.ArrowException, OSError, ValueError, LookupError, MemoryError) as error:
        found = next(iter(str(error).splitlines()), type(error).__name__)
        raise damaged(path, found) from None


def check_meta(path: Path, meta: Mapping[str, Any], *, with_rules: bool) -> None:
    """Raises `CalrecError` if `meta.json` lacks something, or has it of another type or digest.

    Args:
      path: where it stands, for the message.
      meta: its content.
      with_rules: whether it says by which rules the run ranks.
    """
    _check_fields(path, meta, _META)
    if with_rules:
        _check_rules(path, meta)
    _check_fields(path, meta["data"], _DATA)
    _check_fields(path, meta, _OPTIONAL, optional=True)
    for part, fields in _OPTIONAL_IN.items():
        _check_fields(path, meta.get(part) or {}, fields, optional=True, before=f"{part}.")
    _check_digest(path, meta)


def _check_fields(
    path: Path,
    content: Mapping[str, Any],
    fields: Mapping[str, type],
    *,
    optional: bool = False,
    before: str = "",
) -> None:
    for name, kind in fields.items():
        value = content.get(name)
        if optional and value is None:
            continue
        # A bool is an int to Python.
        if not isinstance(value, kind) or isinstance(value, bool):
            raise damaged(path, f"{before}{name} {value!r}, which is no {kind.__name__}")


def _check_rules(path: Path, meta: Mapping[str, Any]) -> None:
    try:
        Rules(bought=meta.get("bought"), count=meta.get("count"))
    except CalrecError as error:
        raise damaged(path, str(error).partition("; ")[0]) from None


def _check_digest(path: Path, meta: Mapping[str, Any]) -> None:
    if not {"files", "digest"} & meta.keys():
        return  # of a release that wrote none
    _check_fields(path, meta, {"files": dict, "digest": str})
    if meta["digest"] != digests.of_record(meta):
        raise damaged(path, "an edited or damaged one")


def check_figures(folder: Path, figures: Mapping[str, Any]) -> None:
    """Raises `CalrecError` if `metrics.json` lacks a figure, or one is no number."""
    path = folder / "metrics.json"
    try:
        for value in figures["metrics"].values():
            _ = 0.0 + value["optimistic"] + value["pessimistic"]  # numbers, both
        known = {"ndcg@10", "recall@1", "recall@10", "mrr"} <= figures["metrics"].keys()
        if not known or not isinstance(figures["users"], int):
            raise ValueError
    except (KeyError, TypeError, ValueError, AttributeError):
        raise damaged(path, "a figure missing or of the wrong form") from None


def damaged(path: Path, found: str) -> CalrecError:
    """The error that says so, for the caller to raise."""
    return CalrecError(f"expected {path} as it was written, found {found}; evaluate again")
