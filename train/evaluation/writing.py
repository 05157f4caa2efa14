"""From the results of all cases to the files of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from calrec.evaluation import metrics
from calrec.evaluation.runs import FORMAT, VERSION
from calrec.ranking.rules import Rules
from calrec.records import Item, digests
from calrec.text import TextSettings, item_text
from catalog.store import Catalogue
from train.evaluation.cases import Cases, facts
from train.evaluation.files import write_json, write_table
from train.evaluation.generation import generation_figures, sample_counts


def write(
    folder: Path, catalogue: Catalogue, cases: Cases, results: pa.Table, meta: Mapping[str, Any]
) -> dict[str, Any]:
    """Writes a run's files; returns the content of `meta.json` and `metrics.json` as one.

    Args:
      folder: where; it is there and empty.
      catalogue: of the cases.
      cases: C cases.
      results: C rows of `train.evaluation.results`, in any order.
      meta: what `meta.json` is to say besides format and version.
    """
    start = time.monotonic()
    results = results.sort_by("case")
    users = pa.array(cases.user_ids)
    ranks = {name: results[name].to_numpy() for name in ("optimistic_rank", "pessimistic_rank")}
    columns = facts(catalogue, cases, meta["split"])
    columns |= ranks | {"tie_width": ranks["pessimistic_rank"] - ranks["optimistic_rank"]}
    figures: dict[str, Any] = {
        "users": len(cases.targets),
        **{name: meta[name] for name in asdict(Rules())},
        "metrics": metrics.summarise(*ranks.values()),
    }
    write_table(folder / "top.parquet", _top(catalogue, users, results))
    if "samples" in results.column_names:
        samples = _samples(results)
        figures["generation"] = generation_figures(samples, len(users))
        columns |= {
            **sample_counts(samples, len(users)),
            "target_generated": _generated(catalogue, cases, samples, meta["settings"]["text"]),
            # With it the page, or `CALRec.recommend`, draws the same samples again.
            **{name: results[name] for name in ("seed", "prompt_tokens", "items_cut")},
        }
        shown = samples.add_column(0, "user_id", users.take(samples["case"])).drop_columns("case")
        write_table(folder / "samples.parquet", shown)
        seconds = {name: results[name] for name in ("sample_seconds", "match_seconds")}
        write_table(folder / "timings.parquet", pa.table({"user_id": users, **seconds}))
        figures["user_seconds"] = {
            name.removesuffix("_seconds"): pc.mean(column).as_py()
            for name, column in seconds.items()
        }
    write_table(folder / "cases.parquet", pa.table(columns))
    write_json(folder / "metrics.json", figures)
    spent = {**meta["seconds"], "write": time.monotonic() - start}
    spent = {name: round(seconds, 3) for name, seconds in spent.items()}
    content = {"format": FORMAT, "version": VERSION, **meta}
    content["seconds"] = {**spent, "total": round(sum(spent.values()), 3)}
    content["files"] = digests.of_files(folder)
    content["digest"] = digests.of_record(content)
    write_json(folder / "meta.json", content)
    return {**content, **figures}


def _top(catalogue: Catalogue, users: pa.Array, results: pa.Table) -> pa.Table:
    lists = results["top_items"].combine_chunks()
    items = pa.DictionaryArray.from_arrays(lists.values, pa.array(catalogue.item_ids))
    return pa.table(
        {
            "user_id": users,
            "target_score": results["target_score"],
            "item_ids": pa.ListArray.from_arrays(lists.offsets, items),
            "scores": results["top_scores"],
        }
    )


def _samples(results: pa.Table) -> pa.Table:
    """A row a sample, with the place of its case."""
    lists = results["samples"].combine_chunks()
    samples = pa.Table.from_struct_array(lists.flatten())
    return samples.add_column(0, "case", results["case"].take(pc.list_parent_indices(lists)))


def _generated(
    catalogue: Catalogue, cases: Cases, samples: pa.Table, text: Mapping[str, Any]
) -> list[bool]:
    """Of each case, whether some sample is the target's very text."""
    settings = TextSettings(**text)

    def key(item: Item) -> str:
        return item_text(item, settings)

    drawn: list[set[str]] = [set() for _ in cases.user_ids]
    for case, written in zip(samples["case"].to_pylist(), samples["text"].to_pylist(), strict=True):
        drawn[case].add(written)
    return [
        key(catalogue.items[target]) in texts
        for target, texts in zip(cases.targets.tolist(), drawn, strict=True)
    ]
