"""Can a shop be solved by a shortcut? What kinds of targets there are, and who finds which."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool

from calrec.evaluation.cases import Cases
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.slices import figure
from calrec.report.comparison import Comparison, Group
from calrec.report.layouts.hints import hint
from calrec.report.tables import Cell, Column, Table, Value, measured, with_best

FOUND = "recall@10"
"""Who solves what: how many of the targets of a kind are among the first ten."""


def shortcuts_table(group: Group, one: Comparison, key: str) -> Table:
    """Rows: kinds of targets, which overlap; columns: recommenders, all on the same users.

    Args:
      group: of the runs.
      one: the runs.
      key: short name of the table.
    """
    told = next((cases for cases in one.cases if cases.shortcuts), None)
    rows = [] if told is None else _rows(_kinds(told), one)
    again = f"--recommender {one.runs[0].recommender}"
    return Table(
        key=key,
        title=f"Can this shop be solved by a shortcut? {group.title}",
        columns=(
            *(Column(title=heading) for heading in ("Item really bought", "Users", "Share")),
            *(Column(title=name, group=f"{TITLES[FOUND]} of these") for name in one.names),
        ),
        rows=tuple(rows),
        notes=(
            f"On {one.note}. The first three kinds overlap. What followed is what anybody bought"
            " right after the last item, in training parts; texts are compared by the cosine of"
            " their words, ties counted against the target. Where most targets are of some kind,"
            " simple rules find them, and high figures say little of a model.",
        )
        if rows
        else (),
        missing="" if rows else f"{hint(group, again)} (these runs are of an earlier release)",
    )


def _kinds(cases: Cases) -> Mapping[str, Bool[np.ndarray, " C"]]:
    """Of each kind, which targets are of it."""
    kinds = {
        "bought before by the person": cases.target_in_history,
        "followed the last item": cases.shortcuts["target_follows_last"],
        "among the ten texts nearest to the last item's": cases.shortcuts["target_like_last"],
    }
    some = np.any([*kinds.values()], axis=0)
    return {**kinds, "any of these": some, "none of these": ~some}


def _rows(kinds: Mapping[str, Bool[np.ndarray, " C"]], one: Comparison) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = []
    for kind, where in kinds.items():
        users = int(where.sum())
        found = [
            measured(figure(cases, np.flatnonzero(where), FOUND, one.bootstrap)) if users else None
            for cases in one.cases
        ]
        rows.append(
            (
                kind,
                Value(optimistic=users, unit="count"),
                Value(optimistic=users / one.users, unit="share"),
                *with_best(found),
            )
        )
    return rows
