"""What came of some cases, as an Arrow table: a row a case, in any order.

The same table is what an engine yields, what an unfinished run keeps, and what the files of a run
are made from.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int

from calrec.evaluation.run_folder.schema import FURTHER, SAMPLE, list_of

RANKED = pa.schema(
    {
        "case": pa.int32(),
        "optimistic_rank": pa.int64(),
        "pessimistic_rank": pa.int64(),
        "target_score": pa.float64(),
        "top_items": list_of(pa.int32()),
        "top_scores": list_of(pa.float64()),
    }
)
"""Of every recommender. `case` is the place among the run's cases."""

GENERATED = pa.schema(
    [
        *RANKED,
        pa.field("seed", pa.int64()),
        pa.field("prompt_tokens", pa.int32()),
        pa.field("items_cut", pa.int32()),
        pa.field("sample_seconds", pa.float64()),
        pa.field("match_seconds", pa.float64()),
        pa.field("outside_least", pa.float64()),
        pa.field("outside_most", pa.float64()),
        pa.field("exact", pa.bool_()),
        pa.field("samples", list_of(SAMPLE)),
    ]
)
"""Of a recommender that writes texts. Bounds of the probability of texts that are no item's, and
whether the texts are surely those looked for, are null where a decoder tells neither."""

SEEDED = pa.schema([*GENERATED, *FURTHER])
"""The same, with the ranks by further seeds."""


def ranked_table(
    *,
    cases: Int[np.ndarray, " C"],
    ranks: Int[np.ndarray, "C 2"],
    target_scores: Float[np.ndarray, " C"],
    top_items: Int[np.ndarray, "C K"],
    top_scores: Float[np.ndarray, "C K"],
) -> pa.Table:
    """A table of `RANKED` from arrays; `ranks` holds optimistic and pessimistic ones."""
    offsets = np.arange(len(cases) + 1, dtype=np.int32) * top_items.shape[1]

    def lists(name: str, values: np.ndarray) -> pa.ListArray:
        of = RANKED.field(name).type
        return pa.ListArray.from_arrays(offsets, pa.array(values.ravel(), of.value_type), of)

    columns = [
        pa.array(cases, type=pa.int32()),
        pa.array(ranks[:, 0], type=pa.int64()),
        pa.array(ranks[:, 1], type=pa.int64()),
        pa.array(target_scores, type=pa.float64()),
        lists("top_items", top_items),
        lists("top_scores", top_scores),
    ]
    return pa.Table.from_arrays(columns, schema=RANKED)
