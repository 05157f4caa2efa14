"""The files of a run's folder, the columns of its tables, and the versions.

OUT/meta.json        what was evaluated: settings, data, checkpoint, code, timings; digests of
                     itself and of the other files
OUT/metrics.json     its figures
OUT/cases.parquet    a row a user: ranks and facts; the same for the same meta.json, timings aside
OUT/top.parquet      the score of each user's target and the best items
OUT/samples.parquet  for calrec: a row a generated text, in the order drawn
OUT/timings.parquet  for calrec: seconds of each user
"""

from __future__ import annotations

import pyarrow as pa

FORMAT = "calrec-evaluation"
VERSION = 3
TEXTS_SINCE = 2
"""Runs from this version on hold generated texts that can be ranked again."""

META = "meta.json"
FIGURES = "metrics.json"
CASES = "cases.parquet"
TOP = "top.parquet"
SAMPLES = "samples.parquet"
TIMINGS = "timings.parquet"
FILES = frozenset({META, FIGURES, CASES, TOP, SAMPLES, TIMINGS})


def list_of(value: pa.DataType) -> pa.ListType:
    """Lists by Parquet's name for what is in them: a table that was read back has the same type."""
    return pa.list_(pa.field("element", value))


CASE = pa.schema(
    {
        "user_id": pa.string(),
        "target_item_id": pa.string(),
        "history_length": pa.int64(),
        "target_in_history": pa.bool_(),
        "target_is_last": pa.bool_(),
        "target_cold": pa.bool_(),
        "target_popularity": pa.int64(),
        "target_category": pa.string(),
        "optimistic_rank": pa.int64(),
        "pessimistic_rank": pa.int64(),
        "tie_width": pa.int64(),
    }
)
"""A row of `CASES`, of every recommender."""

SHORTCUTS = pa.schema({"target_follows_last": pa.bool_(), "target_like_last": pa.bool_()})
"""What a row of `CASES` says besides of the last item and the target; runs of earlier releases lack
both."""

TARGET_AGE = pa.schema({"target_age_days": pa.int64()})
"""The same, where the domain has times; runs of earlier releases lack it."""

FIRST_TEN = pa.schema(
    {
        "top_categories": pa.float64(),
        "top_brands": pa.float64(),
        "top_novelty": pa.float64(),
        "top_bought": pa.float64(),
    }
)
"""The same, of the first ten items of the ranking; runs of earlier releases lack them."""

FURTHER = pa.schema(
    {
        "further_optimistic_ranks": list_of(pa.int64()),
        "further_pessimistic_ranks": list_of(pa.int64()),
    }
)
"""The same, of a run with several seeds: the ranks with each further one, in their order."""

COUNTS = pa.schema(
    {
        "samples": pa.int64(),
        "format_errors": pa.int64(),
        "exact_matches": pa.int64(),
        "title_matches": pa.int64(),
    }
)
"""What a row of `CASES` says besides of a user's generated texts."""

OF_THE_TEXTS = pa.schema(
    {
        "distinct_texts": pa.int64(),
        "top_match_level": pa.int64(),
        "target_generated": pa.bool_(),
        "seed": pa.int64(),
        "prompt_tokens": pa.int32(),
        "items_cut": pa.int32(),
    }
)
"""The same, of which a run may lack some. With its seed the page, or `CALRec.recommend`, draws a
user's samples again."""

SAMPLE = pa.struct(
    {
        "order": pa.int32(),
        "text": pa.string(),
        "score": pa.float64(),
        "token_ids": list_of(pa.int32()),
        "log_probs": list_of(pa.float32()),
        "tokens": pa.int32(),
        "finished": pa.bool_(),
        "format_error": pa.bool_(),
        "match_level": pa.int8(),
        "kept": pa.bool_(),
        "column": pa.int32(),
        "why_not": pa.string(),
    }
)
"""One generated text, a row of `SAMPLES` behind its `user_id`; `column` is its place among the kept
ones, best first."""

NAMES_TARGET = pa.field("names_target", pa.bool_())
"""What a row of `SAMPLES` says besides: whether it is the very text of the item really bought. Runs
of earlier releases lack it."""

BEST = pa.schema(
    {
        "user_id": pa.string(),
        "target_score": pa.float64(),
        "item_ids": pa.list_(pa.dictionary(pa.int32(), pa.string())),
        "scores": list_of(pa.float64()),
    }
)
"""A row of `TOP`: the best items, best first."""

SECONDS = pa.schema(
    {"user_id": pa.string(), "sample_seconds": pa.float64(), "match_seconds": pa.float64()}
)
"""A row of `TIMINGS`."""
