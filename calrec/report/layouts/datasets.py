"""Table 1 of the runs' data beside the paper's, and the kinds of repeats (appendix A)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from calrec.evaluation.foreign import isolated
from calrec.evaluation.run_folder.meta import DataMeta
from calrec.evaluation.runs import EvaluationRun
from calrec.report import paper
from calrec.report.layouts.remarks import DIGEST
from calrec.report.tables import Cell, Column, Table, Unit, Value

COLUMNS: Mapping[str, Unit] = {
    "Users": "count",
    "Duplicates": "share",
    "Items": "count",
    "Purchases": "count",
    "Items/User": "number",
    "Purchases/Item": "number",
    "Density": "number",
    "Words/Item": "number",
    "Word Vocab Size": "count",
    "Avg. Word Freq": "number",
}
"""Of the paper's table, in its order."""
REPEATS = {"Removed": "Exact repeats", "Left in": "Exact repeats", "Compared": "Exact repeats"}
AGAIN = {"At the same time": "The same item again", "At another time": "The same item again"}


def datasets_table(runs: Sequence[EvaluationRun]) -> Table:
    """A row for each state of the data that runs evaluated, the paper's beneath its like."""
    states: dict[tuple[str, str], DataMeta] = {}
    for run in runs:  # those of earlier releases tell less of the same data
        told = states.setdefault((run.domain, run.fingerprint), run.data)
        if told.words_per_item is None:
            states[run.domain, run.fingerprint] = run.data
    domains = [domain for domain, _ in states]
    rows: list[tuple[Cell, ...]] = []
    notes = [
        "As built, never bought items included. Duplicates: exact repeats, removed or left in, of"
        " all purchases with them. Density: purchases / (users × items). Words are those of an"
        " item's text, in lower case, between white space.",
        "An exact repeat has the item, text, rating and time of the purchase right before it, as"
        " far as the source has them (compared); only those are removed. The same item again at"
        " the same time, with another text or rating, or at another time stays.",
    ]
    for place, ((domain, fingerprint), data) in enumerate(states.items()):
        state = f", data {fingerprint[:DIGEST]}" if domains.count(domain) > 1 else ""
        rows.append((f"{isolated(domain)}{state}", *_figures(data), *_repeats(data)))
        if (known := paper.DOMAINS.get(domain)) and domain not in domains[place + 1 :]:
            printed = paper.TABLE_1[known.dataset]
            absent = [None] * (len(REPEATS) + len(AGAIN))
            rows.append((f"{known.dataset}, the paper's", *_values(printed), *absent))
            notes.append(known.remark)
    if any(None in row for row in rows):
        notes.append("–: not recorded by an earlier release, or not printed in the paper.")
    kinds = {**REPEATS, **AGAIN}
    return Table(
        key="table1",
        title="Data and repeats (the paper's Table 1 and appendix A)",
        columns=(
            Column(title="Dataset"),
            *(Column(title=title) for title in COLUMNS),
            *(Column(title=title, group=group) for title, group in kinds.items()),
        ),
        rows=tuple(rows),
        notes=tuple(notes),
    )


def _figures(data: DataMeta) -> list[Cell]:
    removed, kept = data.repeats_removed, data.repeats_kept or 0
    repeats = None if removed is None else _ratio(removed + kept, data.events + removed)
    words = None if data.words_per_item is None else data.words_per_item * data.items
    return _values(
        (
            data.users,
            repeats,
            data.items,
            data.events,
            _ratio(data.events, data.users),
            _ratio(data.events, data.items),
            _ratio(data.events, data.users * data.items),
            data.words_per_item,
            data.vocabulary,
            None if words is None else _ratio(words, data.vocabulary or 0),
        )
    )


def _values(figures: Sequence[float | None]) -> list[Cell]:
    return [
        None if figure is None else Value(optimistic=figure, unit=unit)
        for figure, unit in zip(figures, COLUMNS.values(), strict=True)
    ]


def _repeats(data: DataMeta) -> list[Cell]:
    compared = ", ".join(isolated(str(name)) for name in data.compared or ()) or None
    return [
        _count(data.repeats_removed),
        _count(data.repeats_kept),
        compared,
        _count(data.bought_again_at_once),
        _count(data.bought_again_later),
    ]


def _count(number: int | None) -> Cell:
    return None if number is None else Value(optimistic=number, unit="count")


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
