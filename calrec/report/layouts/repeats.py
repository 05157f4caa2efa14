"""Table 7: Last Item Repeater on data with exact repeats and without them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, summarise
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.layouts.overview import TITLES
from calrec.report.paper import DOMAINS, PaperDomain
from calrec.report.rendering import number
from calrec.report.tables import Cell, Column, Table, Value, relative_change

Pair = tuple[EvaluationRun, EvaluationRun]
"""LIR with repeats kept, and with them removed."""


def table_7(runs: Sequence[EvaluationRun]) -> Table:
    """Rows: domains that hold repeats; columns: metrics with repeats, then without."""
    pairs = repeat_pairs(runs)
    beside = any(_paper(pair) for pair in pairs)
    groups = ["w/o dedup", "w/ dedup"]
    if beside:
        groups += ["The paper's, w/o dedup", "The paper's, w/ dedup"]
    return Table(
        key="table7",
        title="LIR with and without exact repeats (the paper's Table 7)",
        columns=(
            Column(title="Dataset"),
            *(Column(title=TITLES[metric], group=g) for g in groups for metric in METRICS),
        ),
        rows=tuple(
            (_title(pair, pairs), *_ours(pair), *(_papers(pair) if beside else ()))
            for pair in pairs
        ),
        notes=tuple(dict.fromkeys(note for pair in pairs for note in _notes(pair))),
        missing="" if pairs else _missing(),
    )


def repeat_pairs(runs: Sequence[EvaluationRun]) -> list[Pair]:
    """LIR's runs on the same data with repeats kept and with them removed.

    The data are the same where the one has removed as many repeats as the other has kept, and
    items and events then agree.
    """
    lir = [run for run in runs if run.recommender == "lir"]
    pairs: dict[tuple[Any, ...], Pair] = {}
    for kept in lir:
        removed = next((run for run in lir if _same_but_for_repeats(kept, run)), None)
        if removed is not None:
            pairs.setdefault((kept.fingerprint, kept.split, kept.rules), (kept, removed))
    return list(pairs.values())


def _same_but_for_repeats(kept: EvaluationRun, removed: EvaluationRun) -> bool:
    repeats = kept.data.repeats_kept or 0
    return (
        repeats > 0
        and (removed.data.repeats_removed or 0) == repeats
        and removed.data.items == kept.data.items
        and removed.data.events + repeats == kept.data.events
        and removed.split == kept.split
        and removed.rules == kept.rules
    )


def _title(pair: Pair, pairs: Sequence[Pair]) -> str:
    """The domain; with its rules where it stands in the table by several."""
    rules = {other[1].rules for other in pairs if other[1].domain == pair[1].domain}
    return pair[1].domain + (f", {pair[1].rules}" if len(rules) > 1 else "")


def _paper(pair: Pair) -> PaperDomain | None:
    alike = pair[1].split == "test" and pair[1].rules.bought == "ranked"
    return DOMAINS.get(pair[1].domain) if alike else None


def _ours(pair: Pair) -> tuple[Cell, ...]:
    kept, removed = (summarise(run.cases.optimistic, run.cases.pessimistic) for run in pair)
    changes = {m: relative_change(removed[m]["optimistic"], kept[m]["optimistic"]) for m in METRICS}
    return (
        *(Value(**kept[metric]) for metric in METRICS),
        *(Value(**removed[metric], change=changes[metric]) for metric in METRICS),
    )


def _papers(pair: Pair) -> tuple[Cell, ...]:
    domain = _paper(pair)
    if domain is None:
        return (None,) * (2 * len(METRICS))
    printed = paper.TABLE_7[domain.dataset]
    return tuple(
        itertools.chain(
            (Value(optimistic=printed.kept[metric]) for metric in METRICS),
            (
                Value(
                    optimistic=printed.removed[metric],
                    change=relative_change(printed.removed[metric], printed.kept[metric]),
                )
                for metric in METRICS
            ),
        )
    )


def _notes(pair: Pair) -> list[str]:
    kept, removed = pair
    repeats, events = kept.data.repeats_kept, kept.data.events
    share = number(repeats / events, "share")
    compared = (
        ", ".join(isolated(str(name)) for name in removed.data.compared or ()) or "not recorded"
    )
    notes = [
        "Relative change of the optimistic value in brackets. The paper prints optimistic values"
        " only.",
        f"{isolated(removed.domain)}: {repeats:,} of {events:,} purchases ({share}) repeat the one"
        f" before exactly (compared: {compared}); with them {kept.subset}"
        f" ({isolated(kept.domain)}), without {removed.subset}, so users and targets are not"
        " quite the same.",
    ]
    if domain := _paper(pair):
        notes.append(domain.remark)
        notes.append(
            "The paper's data with repeats are another selection (Li et al. 2023) than its own"
            " without."
        )
    return notes


def _missing() -> str:
    return (
        "To fill it: calrec-catalog build --domain SHOP-repeats --keep-repeats ... from a source"
        " that holds exact repeats, then calrec-evaluate --domain SHOP-repeats --recommender lir"
        " --out DIR, and the same for SHOP without --keep-repeats"
    )
