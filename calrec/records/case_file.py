"""Case files: one JSON object that holds a whole `Recommendation`.

Of the matrices it keeps the rows of the top items and of the true item, with the ranks of these
among all items. Floats come back exactly. Version 2 has a part for the generation, one for the
ranking, and room for others (`parts`); files of version 1, which had one level, are read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.records.generation import Generation, Sample
from calrec.records.item import Item
from calrec.records.ranking import Outcome, Ranking
from calrec.records.recommendation import Recommendation

FORMAT = "calrec-case"
VERSION = 2

_PER_ROW = ("rows", "raw", "scaled", "modulated", "scores")
_SUM = "sum"
"""The part that holds `Ranking.addends` of the kept rows."""
_OF_TEXTS = ("text", "max_prompt_tokens", "sampling", "seed", "run")


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """A `Generation` as it is written: its history stands once, beside it."""

    prompt: str
    prompt_tokens: int
    items_cut: int
    samples: tuple[Sample, ...]
    settings: dict[str, Any]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """A `Ranking` as it is written: some rows of its matrices."""

    recommender: str
    settings: dict[str, Any]
    columns: tuple[str, ...]
    column_scores: tuple[float, ...]
    outcomes: tuple[Outcome, ...]
    rows: tuple[int, ...]
    item_ids: tuple[str, ...]
    raw: tuple[tuple[float, ...], ...]
    scaled: tuple[tuple[float, ...], ...]
    modulated: tuple[tuple[float, ...], ...]
    scores: tuple[float, ...]
    corpus_size: int
    seconds: float
    row_ranks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True)
class _Case:
    format: str
    version: int
    history: tuple[Item, ...]
    generation: _Texts | None
    ranking: _Rows
    target: str | None
    parts: dict[str, Any]


def to_json(record: Recommendation, *, top: int = 200, target: str | None = None) -> str:
    """A recommendation as a case file.

    Args:
      record: whole, or read from a case file.
      top: how many of the best rows the matrices keep.
      target: item id of the true next item, whose row is kept too; else the record's own.

    Raises:
      CalrecError: if the target has no row, or a number is not finite.
    """
    ranking, generation = record.ranking, record.generation
    target = record.target if target is None else target
    kept = list(ranking.order()[:top])
    if target is not None and (row := ranking.row(target)) not in kept:
        kept.append(row)
    case = {
        "format": FORMAT,
        "version": VERSION,
        "history": [asdict(item) for item in record.history],
        "generation": generation and _fields(generation, without=("history",)),
        "ranking": {
            **_fields(ranking, without=("unranked", "item_ids", "row_ranks", "addends", *_PER_ROW)),
            **{name: getattr(ranking, name)[kept].tolist() for name in _PER_ROW},
            "item_ids": [ranking.item_ids[row] for row in kept],
            "row_ranks": [ranking.ranks(ranking.item_ids[row]) for row in kept],
        },
        "target": target,
        "parts": {**record.parts, **_sum(ranking, kept)},
    }
    try:
        # NumPy's scalars know their plain value.
        return json.dumps(case, allow_nan=False, default=lambda scalar: scalar.item())
    except ValueError as error:
        raise CalrecError(
            "expected finite numbers for a case file, found NaN or infinity in a "
            f"recommendation of {record.recommender!r}: recompute it with another checkpoint"
        ) from error


def from_json(text: str) -> Recommendation:
    """The recommendation that a case file holds.

    Raises:
      CalrecError: if the text is no case file, of another version, or damaged.
    """
    import msgspec

    try:
        case = msgspec.json.decode(text)
        if not isinstance(case, dict) or case.get("format") != FORMAT:
            raise ValueError(f'no object of "format": "{FORMAT}"')
        if case.get("version") == 1:
            case = _of_version_1(case)
        if case.get("version") != VERSION:
            raise ValueError(f"version {case.get('version')!r}")
        read = msgspec.convert(case, _Case)
        # Whatever no field took was left out without a word.
        if msgspec.json.decode(msgspec.json.encode(read)) != case:
            raise ValueError("a field that no case file has")
        return _record(read)
    # A file of version 1 is taken apart before its types are checked.
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise CalrecError(
            f"expected a case file ({FORMAT}, version 1 or {VERSION}), found {found}; "
            "export the case again"
        ) from error


def _sum(ranking: Ranking, kept: Sequence[int]) -> dict[str, Any]:
    """The part of the addends, where there are any."""
    rows = {name: values[kept].tolist() for name, values in ranking.addends.items()}
    return {_SUM: rows} if rows else {}


def _fields(record: Any, without: Sequence[str]) -> dict[str, Any]:
    """The fields of a record but some, as JSON has them."""
    named = {f.name: getattr(record, f.name) for f in fields(record) if f.name not in without}
    return {name: _plain(value) for name, value in named.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [asdict(one) if hasattr(one, "__dataclass_fields__") else one for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _record(case: _Case) -> Recommendation:
    written, n, k = case.ranking, len(case.ranking.item_ids), len(case.ranking.columns)
    named = {f.name: getattr(written, f.name) for f in fields(written)}
    per_row: dict[str, Any] = {
        name: _array(named.pop(name), shape, kind)
        for name, shape, kind in (
            ("rows", (n,), np.int64),
            ("raw", (n, k), np.float64),
            ("scaled", (n, k), np.float64),
            ("modulated", (n, k), np.float64),
            ("scores", (n,), np.float64),
            ("row_ranks", (n, 2), np.int64),
        )
    }
    _check_whole(case, per_row["row_ranks"])
    texts, parts = case.generation, dict(case.parts)
    addends = parts.pop(_SUM, {})
    per_row["addends"] = {
        name: _array(values, (n,), np.float64) for name, values in addends.items()
    }
    return Recommendation(
        history=case.history,
        generation=texts
        and Generation(
            history=case.history, **{f.name: getattr(texts, f.name) for f in fields(texts)}
        ),
        ranking=Ranking(**named, **per_row),
        target=case.target,
        parts=parts,
    )


def _check_whole(case: _Case, row_ranks: Int[np.ndarray, "N 2"]) -> None:
    """Refuses a case whose parts do not fit together, which no view could show."""
    written, n, k = case.ranking, len(case.ranking.item_ids), len(case.ranking.columns)
    if len(written.column_scores) != k:
        raise ValueError(f"{len(written.column_scores)} column_scores for {k} columns")
    if len(set(written.item_ids)) != n:
        raise ValueError("an item with two rows")
    if n and not 1 <= row_ranks.min() <= row_ranks.max() <= written.corpus_size:
        raise ValueError(f"ranks that are not from 1 to the {written.corpus_size} items")
    if case.target is not None and case.target not in written.item_ids:
        raise ValueError(f"no row for the target {case.target!r}")
    samples = case.generation.samples if case.generation else ()
    if len(written.outcomes) != len(samples):
        raise ValueError(f"{len(written.outcomes)} outcomes, which are not one a sample")
    if any(one.column is not None and not 0 <= one.column < k for one in written.outcomes):
        raise ValueError(f"an outcome with a column that is none of the {k}")
    for sample in samples:
        tokens = len(sample.token_ids)
        kept = (sample.tempered_log_probs, sample.token_texts, sample.alternatives)
        if len(sample.log_probs) != tokens or any(len(one) not in (0, tokens) for one in kept):
            raise ValueError(f"a sample of {tokens} tokens with facts of more or fewer")


def _array(values: Sequence[Any], shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
    array = np.array(values, dtype=kind)
    if array.shape != shape and (array.size or 0 not in shape):
        raise ValueError(f"an array of shape {array.shape} where {shape} belongs")
    return array.reshape(shape)


def _of_version_1(case: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file of version 1 as version 2 has it."""
    case = {name: value for name, value in case.items() if name not in ("format", "version")}
    settings, timings = dict(case.pop("settings")), dict(case.pop("timings"))
    samples, columns = case.pop("samples"), case["columns"]
    prompt = {name: case.pop(name) for name in ("prompt", "prompt_tokens", "items_cut")}
    outcomes = [
        {
            "column": columns.index(sample["text"]) if sample.pop("kept") else None,
            "why_not": sample.pop("why_not"),
            "match_level": sample.pop("match_level"),
        }
        for sample in samples
    ]
    texts = None
    if samples or prompt["prompt"]:
        own = {name: settings.pop(name) for name in _OF_TEXTS if name in settings}
        texts = {
            **prompt,
            "samples": [{"token_texts": [], "alternatives": [], **one} for one in samples],
            "settings": own,
            "seconds": timings.pop("sample", 0.0),
        }
    return {
        "format": FORMAT,
        "version": VERSION,
        "history": case.pop("history"),
        "generation": texts,
        "target": case.pop("target"),
        "parts": {},
        "ranking": {
            **case,
            "settings": settings,
            "outcomes": outcomes,
            "seconds": timings.pop("match", 0.0),
        },
    }
