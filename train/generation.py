"""Figures of the generated texts themselves: format errors, matches, variety (paper, Table 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from calrec.ranking import fold
from calrec.recommendation import Recommendation

Row = dict[str, Any]


def sample_rows(user_id: str, recommendation: Recommendation) -> list[Row]:
    """One row per generated text of a case, in the order drawn."""
    return [
        {
            "user_id": user_id,
            "order": sample.order,
            "text": sample.text,
            "score": sample.score,
            "tokens": len(sample.token_ids),
            "finished": sample.finished,
            "format_error": sample.attributes is None,
            "match_level": sample.match_level,
            "kept": sample.kept,
            "why_not": sample.why_not,
        }
        for sample in recommendation.samples
    ]


def generation_figures(rows: Sequence[Row], users: int) -> dict[str, Any]:
    """Shares over the generated texts of all cases.

    Returns:
      `samples`, their number; `format_error_rate`; `match_rate`, for all samples and for the
      kept ones the share that matches some item on at least the first 4, 3, 2, 1 attributes;
      `distinct_texts_mean`, distinct texts per user after white-space folding.
    """
    kept = [row for row in rows if row["kept"]]
    return {
        "samples": len(rows),
        "format_error_rate": _share([row["format_error"] for row in rows]),
        "match_rate": {"all": _match_rates(rows), "kept": _match_rates(kept)},
        "distinct_texts_mean": len({(row["user_id"], fold(row["text"])) for row in rows}) / users,
    }


def _match_rates(rows: Sequence[Row]) -> dict[str, float]:
    return {
        str(level): _share([row["match_level"] >= level for row in rows]) for level in (4, 3, 2, 1)
    }


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags) if flags else 0.0
