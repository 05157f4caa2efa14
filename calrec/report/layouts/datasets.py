"""Table 1 of the runs' data, beside the paper's, and its appendix A: the kinds of repeats."""

from __future__ import annotations

from collections import Counter
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
REPEATS = ("Removed", "Left in", "Compared")
AGAIN = ("At the same time", "At another time")


def datasets_table(runs: Sequence[EvaluationRun]) -> Table:
    """Table 1: a row for each state of the data that runs evaluated, the paper's beneath."""
    rows: list[tuple[Cell, ...]] = []
    notes = [
        "As built, never bought items included. Duplicates: exact repeats, removed or left in, of"
        " all purchases with them. Density: purchases / (users × items). Words are those of an"
        " item's text, in lower case, between white space.",
    ]
    states = _states(runs)
    last = {domain: name for name, (domain, _) in states.items()}
    for name, (domain, data) in states.items():
        rows.append((name, *_figures(data)))
        if name == last[domain] and (known := paper.DOMAINS.get(domain)):
            rows.append((f"{known.dataset}, the paper's", *_values(paper.TABLE_1[known.dataset])))
            notes.append(known.remark)
    return Table(
        key="table1",
        title="Data (the paper's Table 1)",
        columns=tuple(Column(title=title) for title in ("Dataset", *COLUMNS)),
        rows=tuple(rows),
        notes=(*notes, *_not_recorded(rows)),
    )


def repeats_table(runs: Sequence[EvaluationRun]) -> Table:
    """Appendix A: the kinds of repeats in each state of the data."""
    rows = [(name, *_repeats(data)) for name, (_, data) in _states(runs).items()]
    return Table(
        key="repeats",
        title="Kinds of repeats (the paper's appendix A)",
        columns=(
            Column(title="Dataset"),
            *(Column(title=title, group="Exact repeats") for title in REPEATS),
            *(Column(title=title, group="The same item again") for title in AGAIN),
        ),
        rows=tuple(rows),
        notes=(
            "Purchases of what the person bought just before. An exact repeat also has its text,"
            " rating and time, as far as the source has them (compared); only those are removed."
            " Those at the same time have another text or rating.",
            *_not_recorded(rows),
        ),
    )


def _states(runs: Sequence[EvaluationRun]) -> dict[str, tuple[str, DataMeta]]:
    """Domain and data by what they are called, one for each fingerprint."""
    found: dict[tuple[str, str], DataMeta] = {}
    for run in runs:  # those of earlier releases tell less of the same data
        told = found.setdefault((run.domain, run.fingerprint), run.data)
        if told.words_per_item is None:
            found[run.domain, run.fingerprint] = run.data
    several = Counter(domain for domain, _ in found)
    named: dict[str, tuple[str, DataMeta]] = {}
    for (domain, fingerprint), data in found.items():
        state = f", data {fingerprint[:DIGEST]}" if several[domain] > 1 else ""
        named[f"{isolated(domain)}{state}"] = (domain, data)
    return named


def _not_recorded(rows: Sequence[Sequence[Cell]]) -> list[str]:
    return ["–: not recorded by an earlier release."] * any(None in row for row in rows)


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
