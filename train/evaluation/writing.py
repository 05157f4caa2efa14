"""From the results of all cases to the files of a run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Int

from calrec.evaluation import first_ten, metrics
from calrec.evaluation.cases import Cases
from calrec.evaluation.run_folder.meta import DataMeta, RunMeta
from calrec.evaluation.run_folder.schema import FURTHER, NAMES_TARGET
from calrec.evaluation.run_folder.tables import (
    cases_table,
    samples_table,
    timings_table,
    top_table,
)
from calrec.evaluation.run_folder.writing import RunTables, write_meta, write_tables
from calrec.evaluation.seeds import SeedRanks
from calrec.text import TextSettings, item_text
from catalog.statistics import statistics
from catalog.store import Catalogue
from train.evaluation.cases import HeldOutCases, facts
from train.evaluation.generation import generation_figures, sample_counts
from train.evaluation.shortcuts import shortcuts

_STEPS = ("sample", "match")


def write(
    folder: Path, catalogue: Catalogue, cases: HeldOutCases, results: pa.Table, meta: RunMeta
) -> None:
    """Writes a run's files.

    Args:
      folder: where; it is there and empty.
      catalogue: of the cases.
      cases: C cases.
      results: C rows of `train.evaluation.results`, in any order.
      meta: of the run, without the time to write it.
    """
    start = time.monotonic()
    results = results.sort_by("case")
    samples = None
    if "samples" in results.column_names:
        samples = _samples(catalogue, cases, results, TextSettings(**meta.settings["text"]))
    top = _first_ten(results)
    lists = first_ten.of_lists(
        top,
        cases.histories,
        popularity=catalogue.popularity,
        categories=[item.category for item in catalogue.items],
        brands=[item.brand for item in catalogue.items],
    )
    tables = _tables(catalogue, cases, results, samples, meta, lists)
    exposure = np.unique(top, return_counts=True)[1]
    shown = first_ten.variety(exposure, len(catalogue.item_ids), lists)
    figures = _figures(results, samples, meta) | {"first_ten": dataclasses.asdict(shown)}
    write_tables(folder, tables, figures)
    data = _with_words(meta.data, catalogue)
    spent = {**(meta.seconds or {}), "write": time.monotonic() - start}
    spent = {name: round(seconds, 3) for name, seconds in spent.items()}
    spent["total"] = round(sum(spent.values()), 3)
    write_meta(folder, dataclasses.replace(meta, data=data, seconds=spent))


def _with_words(data: DataMeta, catalogue: Catalogue) -> DataMeta:
    """With what Table 1 says of the items' words: no result depends on it, and it takes a while."""
    known = statistics(catalogue)
    return dataclasses.replace(
        data, words_per_item=known.words_per_item, vocabulary=known.vocabulary
    )


def _tables(
    catalogue: Catalogue,
    cases: HeldOutCases,
    results: pa.Table,
    samples: pa.Table | None,
    meta: RunMeta,
    lists: Mapping[str, np.ndarray],
) -> RunTables:
    optimistic, pessimistic = _ranks(results)
    evaluated = Cases(
        optimistic=optimistic,
        pessimistic=pessimistic,
        generated={} if samples is None else _of_the_texts(results, samples),
        shortcuts=shortcuts(catalogue, cases, meta.split),
        first_ten=lists,
        by_seed=_by_seed(results),
        **facts(catalogue, cases, meta.split),
    )
    users = evaluated.user_ids
    top = top_table(
        user_ids=users,
        target_scores=results["target_score"],
        item_ids=catalogue.item_ids,
        items=results["top_items"].combine_chunks(),
        scores=results["top_scores"],
    )
    if samples is None:
        return RunTables(cases=cases_table(evaluated), top=top)
    return RunTables(
        cases=cases_table(evaluated),
        top=top,
        samples=samples_table(users.take(samples["case"].combine_chunks()), samples),
        timings=timings_table(users, {step: results[f"{step}_seconds"] for step in _STEPS}),
    )


def _figures(results: pa.Table, samples: pa.Table | None, meta: RunMeta) -> dict[str, Any]:
    figures = {
        "users": len(results),
        **dataclasses.asdict(meta.rules),
        "metrics": metrics.summarise(*_ranks(results)),
    }
    if (by_seed := _by_seed(results)) is not None:
        seeds = list(range(meta.seed, meta.seed + by_seed.seeds))
        figures["by_seed"] = {"seeds": seeds, "metrics": by_seed.summary()}
    if samples is None:
        return figures
    seconds = {step: _mean(results[f"{step}_seconds"]) for step in _STEPS}
    generation = generation_figures(samples, len(results))
    return {**figures, "generation": generation, **_decoding(results), "user_seconds": seconds}


def _decoding(results: pa.Table) -> dict[str, Any]:
    """Means over the users of what a decoder over the items' texts tells; else nothing."""
    if results["exact"].null_count:
        return {}
    outside = {bound: _mean(results[f"outside_{bound}"]) for bound in ("least", "most")}
    return {"decoding": {"outside": outside, "exact": _mean(results["exact"])}}


def _first_ten(results: pa.Table) -> Int[np.ndarray, "C K"]:
    """The first items of each case; all rankings are of one length."""
    top = results["top_items"].combine_chunks().flatten().to_numpy()
    return top.reshape(len(results), -1)[:, : first_ten.FIRST]


def _ranks(results: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    return results["optimistic_rank"].to_numpy(), results["pessimistic_rank"].to_numpy()


def _by_seed(results: pa.Table) -> SeedRanks | None:
    """The ranks with all seeds; `None` where there is one."""
    if not set(FURTHER.names) <= set(results.column_names):
        return None
    further = (np.array(results[name].to_pylist()) for name in FURTHER.names)
    optimistic, pessimistic = (
        np.column_stack(pair) for pair in zip(_ranks(results), further, strict=True)
    )
    return SeedRanks(optimistic=optimistic, pessimistic=pessimistic)


def _of_the_texts(results: pa.Table, samples: pa.Table) -> dict[str, np.ndarray]:
    naming = samples.filter(samples[NAMES_TARGET.name])["case"].to_numpy()
    return {
        **sample_counts(samples, len(results)),
        "target_generated": np.bincount(naming, minlength=len(results)) > 0,
        **{name: results[name].to_numpy() for name in ("seed", "prompt_tokens", "items_cut")},
    }


def _mean(seconds: pa.ChunkedArray) -> float:
    return pc.call_function("mean", [seconds]).as_py()


def _samples(
    catalogue: Catalogue, cases: HeldOutCases, results: pa.Table, text: TextSettings
) -> pa.Table:
    """A row a sample, with the place of its case, and whether it is its target's very text."""
    lists = results["samples"].combine_chunks()
    samples = pa.Table.from_struct_array(lists.flatten())
    place = results["case"].take(pc.call_function("list_parent_indices", [lists]))
    targets = [item_text(catalogue.items[target], text) for target in cases.targets.tolist()]
    pairs = zip(place.to_pylist(), samples["text"].to_pylist(), strict=True)
    naming = pa.array([written == targets[case] for case, written in pairs], NAMES_TARGET.type)
    return samples.add_column(0, "case", place).append_column(NAMES_TARGET, naming)
