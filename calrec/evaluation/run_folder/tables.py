"""The tables of a run's folder: made from arrays, and cases read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.evaluation.cases import Cases
from calrec.evaluation.run_folder.schema import (
    BEST,
    CASE,
    COUNTS,
    FIRST_TEN,
    FURTHER,
    NAMES_TARGET,
    OF_THE_TEXTS,
    SAMPLE,
    SECONDS,
    SHORTCUTS,
    TARGET_AGE,
)
from calrec.evaluation.seeds import SeedRanks

_FIELDS = {
    "optimistic_rank": "optimistic",
    "pessimistic_rank": "pessimistic",
    "history_length": "history_length",
    "target_popularity": "target_popularity",
    "target_in_history": "target_in_history",
    "target_is_last": "target_is_last",
    "target_cold": "target_cold",
}
"""Columns of numbers and flags, and what a `Cases` calls them."""
_TOP = "top_"
"""Begins the columns of what `Cases.first_ten` holds."""


def cases_table(cases: Cases) -> pa.Table:
    """The table of C cases."""
    columns = {
        "user_id": cases.user_ids,
        "target_item_id": cases.target_item_ids,
        "target_category": pa.array(cases.target_category, pa.string()),
        "tie_width": cases.tie_width,
        **{column: getattr(cases, name) for column, name in _FIELDS.items()},
        **cases.shortcuts,
        **({} if cases.target_age is None else {"target_age_days": cases.target_age}),
        **{f"{_TOP}{name}": values for name, values in cases.first_ten.items()},
        **_further(cases.by_seed),
        **cases.generated,
    }
    known = [*CASE, *SHORTCUTS, *TARGET_AGE, *FIRST_TEN, *FURTHER, *COUNTS, *OF_THE_TEXTS]
    return _table(columns, pa.schema([field for field in known if field.name in columns]))


def cases_of(table: pa.Table, path: Path) -> Cases:
    """The inverse of `cases_table`; columns that it does not know are left alone.

    Args:
      table: what stands in the file.
      path: which, for the error's text.

    Raises:
      CalrecError: if a column is missing, of the wrong kind or has holes, a user stands in it
        twice, or the ranks contradict each other.
    """
    values = {field.name: _column(table, field, path) for field in CASE}
    shortcuts: dict[str, np.ndarray] = {}
    if set(SHORTCUTS.names) <= set(table.column_names):
        shortcuts = {field.name: _array(_column(table, field, path)) for field in SHORTCUTS}
    generated: dict[str, np.ndarray] = {}
    if set(COUNTS.names) & set(table.column_names):
        there = [field for field in OF_THE_TEXTS if field.name in table.column_names]
        generated = {field.name: _numbers(table, field, path) for field in (*COUNTS, *there)}
    of_the_top: dict[str, np.ndarray] = {}
    if set(FIRST_TEN.names) & set(table.column_names):
        of_the_top = {
            field.name.removeprefix(_TOP): _array(_column(table, field, path))
            for field in FIRST_TEN
        }
    (age,) = TARGET_AGE
    if not len(table):
        raise _damaged(path, "no case")
    if len(values["user_id"].unique()) != len(table):
        raise _damaged(path, "a user twice")
    cases = Cases(
        user_ids=values["user_id"],
        target_item_ids=values["target_item_id"],
        target_category=tuple(values["target_category"].to_pylist()),
        shortcuts=shortcuts,
        generated=generated,
        target_age=_numbers(table, age, path) if age.name in table.column_names else None,
        first_ten=of_the_top,
        by_seed=None,
        **{name: _array(values[column]) for column, name in _FIELDS.items()},
    )
    if cases.optimistic.min() < 1 or (cases.pessimistic < cases.optimistic).any():
        raise _damaged(path, "a rank below 1, or a pessimistic one above the optimistic")
    if (_array(values["tie_width"]) != cases.tie_width).any():
        raise _damaged(path, "a tie_width that is not the difference of the ranks")
    if set(FURTHER.names) & set(table.column_names):
        return replace(cases, by_seed=_by_seed(table, cases, path))
    return cases


def _further(by_seed: SeedRanks | None) -> dict[str, pa.Array]:
    """The columns of `FURTHER`; none of a run with one seed."""
    if by_seed is None:
        return {}
    sides = (by_seed.optimistic, by_seed.pessimistic)
    return {
        field.name: pa.array(list(side[:, 1:]), field.type)
        for field, side in zip(FURTHER, sides, strict=True)
    }


def _by_seed(table: pa.Table, cases: Cases, path: Path) -> SeedRanks:
    optimistic, pessimistic = (
        np.column_stack([own, _rows_of(_column(table, field, path), field, path)])
        for field, own in zip(FURTHER, (cases.optimistic, cases.pessimistic), strict=True)
    )
    if (
        optimistic.shape != pessimistic.shape
        or optimistic.min() < 1
        or (pessimistic < optimistic).any()
    ):
        raise _damaged(path, "ranks of further seeds that contradict each other")
    return SeedRanks(optimistic=optimistic, pessimistic=pessimistic)


def _rows_of(lists: pa.ListArray, field: pa.Field, path: Path) -> np.ndarray:
    """Lists of one length as an array with a row each."""
    lengths = np.diff(lists.offsets.to_numpy())
    flat = lists.flatten()
    if lengths.min() < 1 or lengths.max() != lengths.min() or flat.null_count:
        raise _damaged(path, f"{field.name} of different lengths or with holes")
    return flat.to_numpy().reshape(len(lists), -1)


def top_table(
    *,
    user_ids: pa.Array,
    target_scores: pa.ChunkedArray | Float[np.ndarray, " C"],
    item_ids: Sequence[str],
    items: pa.ListArray,
    scores: pa.Array,
) -> pa.Table:
    """The best items of C cases.

    Args:
      user_ids: of the cases.
      target_scores: of the items really bought.
      item_ids: of the catalogue.
      items: of each case the best items, indices into `item_ids`, best first.
      scores: theirs, higher is better.
    """
    named = pa.DictionaryArray.from_arrays(items.values, pa.array(item_ids))
    columns = {
        "user_id": user_ids,
        "target_score": target_scores,
        "item_ids": pa.ListArray.from_arrays(items.offsets, named),
        "scores": scores,
    }
    return _table(columns, BEST)


def samples_table(user_ids: pa.Array, samples: pa.Table) -> pa.Table:
    """The generated texts, each behind whose it is.

    Args:
      user_ids: of each text.
      samples: a row a text, with the columns of `schema.SAMPLE` and `schema.NAMES_TARGET`.
    """
    schema = pa.schema([("user_id", pa.string()), *SAMPLE.fields, NAMES_TARGET])
    columns = {name: samples[name] for name in schema.names[1:]}
    return _table({"user_id": user_ids, **columns}, schema)


def timings_table(user_ids: pa.Array, seconds: Mapping[str, Any]) -> pa.Table:
    """Seconds of each user, to `sample` and to `match`."""
    columns = {f"{step}_seconds": of_users for step, of_users in seconds.items()}
    return _table({"user_id": user_ids, **columns}, SECONDS)


def _table(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table(dict(columns)).select(schema.names).cast(schema)


def _numbers(table: pa.Table, field: pa.Field, path: Path) -> np.ndarray:
    """Flags stay flags; whole numbers of any width come as int64."""
    kind = field.type if pa.types.is_boolean(field.type) else pa.int64()
    return _array(_column(table, field.with_type(kind), path))


def _array(values: pa.Array) -> np.ndarray:
    return values.to_numpy(zero_copy_only=False)


def _column(table: pa.Table, field: pa.Field, path: Path) -> pa.Array:
    """A column without holes; only a category may be missing."""
    if field.name not in table.column_names:
        raise _damaged(path, f"no column {field.name}")
    column = table[field.name]
    try:
        values = column.cast(field.type).combine_chunks()
    except pa.ArrowException:
        raise _damaged(path, f"{field.name} of type {column.type}") from None
    if values.null_count and field.name != "target_category":
        raise _damaged(path, f"{field.name} with holes")
    return values


def _damaged(path: Path, found: str) -> CalrecError:
    return CalrecError(
        f"expected the cases of an evaluation in {path}, found {found}; evaluate again"
    )
