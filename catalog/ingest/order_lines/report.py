"""Counts of what became of the order lines, for the report, and a summary in one or two lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb

from catalog.ingest.order_lines.kinds import KINDS
from catalog.ingest.order_lines.part import SourcePart
from catalog.ingest.order_lines.returns import Returns

_STATES = 12  # named in the report


def summary(report: Mapping[str, object]) -> list[str]:
    """What came of the lines, for people: a line or two; nothing of a domain of another form."""
    if "order_lines" not in report:
        return []
    bought = f"orders of {report['export']}: {report['order_lines']:,} lines, of them "
    bought += f"{report['order_purchases']:,} purchases"
    if several := report["order_purchases_of_several_units"]:
        bought += f" ({several:,} of several units, each one purchase)"
    taken = report["order_purchases_taken_back"]
    back = {"return": f", which took back {taken:,} purchases" if taken else ""}
    parts = [
        f"{report[f'order_lines_{kind}']:,} {words}{back.get(kind, '')}"
        for kind, words in KINDS.items()
        if kind != "purchase" and report[f"order_lines_{kind}"]
    ]
    lines = [bought, f"no purchases: {'; '.join(parts)}"] if parts else [bought]
    if unknown := report.get("order_states_unknown"):
        lines.append(
            f"counted as purchases, though their state is not known: {unknown}; "
            "--cancelled-state STATE tells that one is none"
        )
    if left_out := report.get("sheets_left_out"):
        lines.append(f"left out, as they are no order lines of these columns: {left_out}")
    return lines


def counts(connection: duckdb.DuckDBPyConnection, returns: Returns) -> dict[str, int]:
    """Of each kind how many lines; what is bad only in being inserted is counted as bad."""
    found = dict(
        connection.execute("SELECT kind, count(*) FROM order_kinds GROUP BY kind").fetchall()
    )
    kinds = {kind: found.get(kind, 0) for kind in KINDS}
    bad, bought = connection.execute(
        "SELECT count(problem), count(*) - count(problem) FROM raw_events"
    ).fetchall()[0]
    several, by_title = connection.execute(
        "SELECT count(*) FILTER (units > 1), count(*) FILTER (by_title) FROM order_kinds"
        " ANTI JOIN taken_back USING (part, n) WHERE kind = 'purchase'"
    ).fetchall()[0]
    return {
        "order_lines": sum(kinds.values()),
        "order_purchases": bought,
        **{
            f"order_lines_{kind}": bad if kind == "bad" else count
            for kind, count in kinds.items()
            if kind != "purchase"
        },
        "order_purchases_taken_back": len(returns.taken_back),
        "order_purchases_of_several_units": several,
        "order_purchases_told_by_title": by_title,
        "order_returns_of_a_part": returns.partly,
        "order_returns_without_a_purchase": returns.unmatched,
    }


def states(connection: duckdb.DuckDBPyConnection, parts: Sequence[SourcePart]) -> dict[str, str]:
    """The states of the orders with their lines, and of those counted as purchases the unusual."""
    rows = connection.execute(
        "SELECT part, status, count(*), count(*) FILTER (kind = 'purchase') FROM order_kinds"
        " WHERE status IS NOT NULL AND kind <> 'twice' GROUP BY part, status ORDER BY status, part"
    ).fetchall()
    all_of: dict[str, int] = {}
    unknown: dict[str, int] = {}
    for number, state, lines, bought in rows:
        all_of[state] = all_of.get(state, 0) + lines
        if bought and state not in parts[number].export.usual:
            unknown[state] = unknown.get(state, 0) + bought
    notes = {"order_states": all_of, "order_states_unknown": unknown}
    return {name: _listed(counts) for name, counts in notes.items() if counts}


def _listed(counts: Mapping[str, int]) -> str:
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    shown = [f"{state} ({lines:,})" for state, lines in ordered[:_STATES]]
    return ", ".join(shown + [f"{len(ordered) - _STATES} more"] * (len(ordered) > _STATES))


def unused(connection: duckdb.DuckDBPyConnection, parts: Sequence[SourcePart]) -> dict[str, int]:
    """Of each file how many lines are neither a purchase nor bad."""
    counts = dict(
        connection.execute("SELECT part, count(*) FROM order_kinds GROUP BY part").fetchall()
    )
    events = dict(
        connection.execute("SELECT file, count(*) FROM raw_events GROUP BY file").fetchall()
    )
    return {part.file: counts.get(part.number, 0) - events.get(part.file, 0) for part in parts}


def as_read(parts: Sequence[SourcePart]) -> dict[str, object]:
    """Of each file how it was read and what in it stood for missing values; what to look at."""
    remarks = [line for part in parts for line in part.remarks]
    read: dict[str, object] = {
        "read_as": {part.file: part.form for part in parts},
        "taken_as_missing": {part.file: dict(part.missing) for part in parts if part.missing},
    }
    return read | ({"remarks": remarks} if remarks else {})


def columns_taken(parts: Sequence[SourcePart]) -> str:
    """What was taken for what, as `--column` would say it."""
    pairs = {f"{ours}={theirs}": None for part in parts for ours, theirs in part.chosen.items()}
    return ", ".join(pairs)
