"""Figures of the generated texts themselves: format errors, matches, variety (paper, Table 8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool

from calrec.ranking.algorithm import fold


def sample_counts(samples: pa.Table, cases: int) -> dict[str, Any]:
    """What the generated texts of C cases came to (`calrec.evaluation.run_folder.schema`).

    Args:
      samples: rows of `train.evaluation.results.SAMPLE`, with the place of their case in `case`.
      cases: C.
    """
    frame = {name: samples[name].to_numpy() for name in ("case", "format_error", "match_level")}

    def count(where: np.ndarray) -> np.ndarray:
        return np.bincount(frame["case"][where], minlength=cases)

    level = frame["match_level"]
    best = samples.filter(pc.field("column") == 0)
    top_level = np.zeros(cases, dtype=np.int64)
    top_level[best["case"].to_numpy()] = best["match_level"].to_numpy()
    folded = {(case, fold(text)) for case, text in _pairs(samples)}
    distinct = np.fromiter((case for case, _ in folded), dtype=np.int64)
    return {
        "samples": count(np.ones(len(level), dtype=bool)),
        "format_errors": count(frame["format_error"]),
        "exact_matches": count(level == 4),
        "title_matches": count(level >= 1),
        "distinct_texts": np.bincount(distinct, minlength=cases),
        "top_match_level": top_level,
    }


def generation_figures(samples: pa.Table, cases: int) -> dict[str, Any]:
    """Shares over the generated texts of all C cases.

    Args:
      samples: as for `sample_counts`.
      cases: C.

    Returns:
      `samples`, their number; `format_error_rate`; `match_rate`, for all samples and for the
      kept ones the share that matches some item on at least the first 4, 3, 2, 1 attributes;
      `distinct_texts_mean`, distinct texts per user after white-space folding.
    """
    kept = samples.filter(samples["kept"])
    distinct = len({(case, fold(text)) for case, text in _pairs(samples)})
    return {
        "samples": len(samples),
        "format_error_rate": _share(samples["format_error"].to_numpy()),
        "match_rate": {"all": _match_rates(samples), "kept": _match_rates(kept)},
        "distinct_texts_mean": distinct / cases,
    }


def _pairs(samples: pa.Table) -> Iterator[tuple[int, str]]:
    return zip(samples["case"].to_pylist(), samples["text"].to_pylist(), strict=True)


def _match_rates(samples: pa.Table) -> dict[str, float]:
    found = samples["match_level"].to_numpy()
    return {str(level): _share(found >= level) for level in (4, 3, 2, 1)}


def _share(flags: Bool[np.ndarray, " S"]) -> float:
    return float(flags.mean()) if len(flags) else 0.0
