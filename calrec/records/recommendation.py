"""The record that every recommender returns and every view shows, and its case file.

A case file is one JSON object that holds a whole `Recommendation`, except that of the matrices it
keeps the rows of the top items and of the true item. Floats come back exactly.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
from jaxtyping import Bool, Float, Int

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from calrec.records import Attributes, Item
from calrec.records.ranks import ranks_of

CASE_FORMAT = "calrec-case"
CASE_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Alternative:
    """A token that might have been drawn in a place, with its log-probability at temperature 1."""

    token_id: int
    text: str
    log_prob: float


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One generated text.

    Attributes:
      text: the text, without the end token.
      token_ids: its tokens, the end token included where it was reached.
      token_texts: each token as text; a token may hold a part of a character.
      log_probs: natural-log probability of each token at temperature 1, in nats.
      tempered_log_probs: the same at the sampling temperature.
      alternatives: the most probable tokens in each token's place, best first; empty where none
        were asked for.
      score: sum of `log_probs`, in nats; higher is better.
      order: place in the order drawn, from 0.
      finished: whether the end token came within the token limit.
      attributes: the attributes parsed back, `None` for a format error.
      match_level: how many attributes (4, 3, 2, 1 or 0) of some item it matches exactly.
      kept: whether it became a column of the score matrix.
      why_not: empty for a kept one, else one phrase.
    """

    text: str
    token_ids: tuple[int, ...]
    log_probs: tuple[float, ...]
    tempered_log_probs: tuple[float, ...]
    score: float
    order: int
    finished: bool
    attributes: Attributes | None
    match_level: int = 0
    kept: bool = False
    why_not: str = ""
    token_texts: tuple[str, ...] = ()
    alternatives: tuple[tuple[Alternative, ...], ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Recommendation:
    """From a history to a ranking, with everything between.

    N items, K kept columns. Whole in memory; a case file keeps some rows (see `rows`).

    Attributes:
      recommender: its name (`calrec`, `lir`, ...).
      settings: every setting that shaped it, JSON-able; by `under` also `bought` and `count`.
      history: items, oldest first.
      prompt: the text that the model read; empty where there is none.
      prompt_tokens: its length in tokens.
      items_cut: how many of the oldest items did not fit the token budget.
      samples: all generated texts in the order drawn.
      columns: the query text of each column, best first: the kept samples, or LIR's last item.
      column_scores: each column's score in nats (0 where a recommender has none).
      rows: item index of each row of the matrices; `arange(N)` in memory.
      item_ids: item id of each row.
      raw: BM25 scores. With `hierarchical` or `rerank` as the settings' retrieval this and the next
        three are what `calrec.ranking.hierarchical` and `calrec.ranking.rerank` return.
      scaled: each column scaled linearly to [0, 1].
      modulated: scaled x exp(epsilon x column score).
      scores: pooled score per row; higher is better.
      corpus_size: N.
      timings: seconds per step.
      unranked: rows that the recommender says nothing of, where those stand behind all others (see
        `calrec.ranking.hierarchical`); a case file has their ranks instead.
      target: item id of the true next item, where a case file knows it.
      row_ranks: optimistic and pessimistic rank of each row among all N items, in a case file;
        `None` in memory, where the scores tell.
    """

    recommender: str
    settings: Mapping[str, Any]
    history: tuple[Item, ...]
    prompt: str = ""
    prompt_tokens: int = 0
    items_cut: int = 0
    samples: tuple[Sample, ...] = ()
    columns: tuple[str, ...] = ()
    column_scores: tuple[float, ...] = ()
    rows: np.ndarray
    item_ids: tuple[str, ...]
    raw: Float[np.ndarray, "N K"]
    scaled: Float[np.ndarray, "N K"]
    modulated: Float[np.ndarray, "N K"]
    scores: Float[np.ndarray, " N"]
    corpus_size: int
    timings: Mapping[str, float]
    unranked: Bool[np.ndarray, " N"] | None = None
    target: str | None = None
    row_ranks: Int[np.ndarray, "N 2"] | None = None

    def order(self) -> Int[np.ndarray, " N"]:
        """Places of the rows by score, best first; equal scores stay in row order."""
        return np.argsort(-self.scores, kind="stable")

    def under(self, rules: Rules) -> Recommendation:
        """The same scores ranked by these rules, which the settings then name.

        Args:
          rules: `bought` is applied here; `count` is what the recommender was made by.

        Raises:
          ValueError: for a record that a case file held, whose ranks are what they were.
        """
        if self.row_ranks is not None:
            raise ValueError("the ranks of a case file follow its own rules")
        scores = self.scores
        if rules.bought == "last":
            bought = {item.item_id for item in self.history}
            rows = [row for row, item_id in enumerate(self.item_ids) if item_id in bought]
            scores = rules.scores(scores, np.array(rows, dtype=np.int64))
        return replace(self, scores=scores, settings={**self.settings, **asdict(rules)})

    def is_ranked(self, item_id: str) -> bool:
        """Whether the recommender says anything of an item; raises as `ranks` does."""
        return self.unranked is None or not self.unranked[self._row(item_id)]

    def ranks(self, item_id: str) -> tuple[int, int]:
        """Optimistic and pessimistic rank of an item among all N, from 1 (paper, section 4).

        Raises:
          CalrecError: if the item has no row.
        """
        row = self._row(item_id)
        if self.row_ranks is not None:
            optimistic, pessimistic = self.row_ranks[row]
        else:
            optimistic, pessimistic = ranks_of(self.scores, row, self.unranked)
        return int(optimistic), int(pessimistic)

    def winner(self, row: int) -> int | None:
        """The column that scored highest in a row, the better text where two tie.

        `None` where there is no column or none matched the item at all.
        """
        modulated = self.modulated[row]
        return int(modulated.argmax()) if modulated.any() else None

    def to_json(self, top: int = 200, target: str | None = None) -> str:
        """This record as a case file.

        Args:
          top: how many of the best rows the matrices keep.
          target: item id of the true next item, whose row is kept too.

        Raises:
          CalrecError: if the target has no row, or a number is not finite.
        """
        target = self.target if target is None else target
        kept = list(self.order()[:top])
        if target is not None and (row := self._row(target)) not in kept:
            kept.append(row)
        case = {field.name: getattr(self, field.name) for field in fields(self)}
        del case["unranked"]
        case.update({name: getattr(self, name)[kept].tolist() for name in _MATRICES})
        case.update(
            format=CASE_FORMAT,
            version=CASE_VERSION,
            settings=dict(self.settings),
            timings=dict(self.timings),
            history=[asdict(item) for item in self.history],
            samples=[asdict(sample) for sample in self.samples],
            item_ids=[self.item_ids[row] for row in kept],
            target=target,
            row_ranks=[self.ranks(self.item_ids[row]) for row in kept],
        )
        try:
            # NumPy's scalars know their plain value.
            return json.dumps(case, allow_nan=False, default=lambda scalar: scalar.item())
        except ValueError as error:
            raise CalrecError(
                "expected finite numbers for a case file, found NaN or infinity in a "
                f"recommendation of {self.recommender!r}: recompute it with another checkpoint"
            ) from error

    @classmethod
    def from_json(cls, text: str) -> Recommendation:
        """The record that a case file holds.

        Raises:
          CalrecError: if the text is no case file, of another version, or damaged.
        """
        try:
            case = json.loads(text, parse_float=_finite, parse_constant=_finite)
            if not isinstance(case, dict) or case.pop("format", None) != CASE_FORMAT:
                raise ValueError(f'no object of "format": "{CASE_FORMAT}"')
            if (version := case.pop("version", None)) != CASE_VERSION:
                raise ValueError(f"version {version!r}")
            return _decoded(case)
        except (LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
            found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise CalrecError(
                f"expected a case file ({CASE_FORMAT}, version {CASE_VERSION}), found {found}; "
                "export the case again"
            ) from error

    def _row(self, item_id: str) -> int:
        try:
            return self.item_ids.index(item_id)
        except ValueError:
            raise CalrecError(
                f"expected the id of one of the {len(self.item_ids)} items that this "
                f"recommendation holds, found {item_id!r}; choose one of its items"
            ) from None


def check_history(history: Sequence[Item]) -> None:
    """Refuses an empty history, which no recommender can continue.

    Raises:
      CalrecError: if there is no item.
    """
    if not history:
        raise CalrecError(
            "expected a history of at least one item, found an empty one: add an item"
        )


_MATRICES = ("rows", "raw", "scaled", "modulated", "scores")


def _finite(number: str) -> float:
    if not math.isfinite(value := float(number)):
        raise ValueError(f"the number {number}, which is no finite float")
    return value


def _decoded(case: dict[str, Any]) -> Recommendation:
    n, k = len(case["item_ids"]), len(case["columns"])
    arrays = {
        "rows": _array(case.pop("rows"), (n,), np.int64),
        "raw": _array(case.pop("raw"), (n, k), np.float64),
        "scaled": _array(case.pop("scaled"), (n, k), np.float64),
        "modulated": _array(case.pop("modulated"), (n, k), np.float64),
        "scores": _array(case.pop("scores"), (n,), np.float64),
        "row_ranks": _array(case.pop("row_ranks"), (n, 2), np.int64),
    }
    hints = get_type_hints(Recommendation)
    record = Recommendation(
        **arrays, **{name: _typed(value, hints[name], name) for name, value in case.items()}
    )
    if len(record.column_scores) != k:
        raise ValueError(f"{len(record.column_scores)} column_scores for {k} columns")
    if record.target is not None and record.target not in record.item_ids:
        raise ValueError(f"no row for the target {record.target!r}")
    return record


def _array(values: Any, shape: tuple[int, ...], dtype: type[np.generic]) -> np.ndarray:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in ("i" if dtype is np.int64 else "if"):
        raise ValueError(f"values that are no {dtype.__name__} in an array")
    if array.shape != shape and (array.size or 0 not in shape):
        raise ValueError(f"an array of shape {array.shape} where {shape} belongs")
    return array.astype(dtype).reshape(shape)


def _typed(value: Any, hint: Any, name: str) -> Any:
    """A JSON value as the annotated type of a field, refused where it is of another."""
    if is_dataclass(hint) and isinstance(value, dict):
        hints = get_type_hints(hint)
        return hint(**{key: _typed(inner, hints[key], key) for key, inner in value.items()})
    if isinstance(hint, UnionType):
        return None if value is None else _typed(value, get_args(hint)[0], name)
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_typed(inner, get_args(hint)[0], name) for inner in value)
    if get_origin(hint) is Mapping and isinstance(value, dict):
        return value
    if hint is float and type(value) in (int, float):
        return float(value)
    if type(value) is hint:
        return value
    raise TypeError(f"{value!r} as {name}")
