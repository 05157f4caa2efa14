"""Can a shop be solved by a shortcut? What kinds of targets there are, and who finds which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from calrec.evaluation.cases import Cases
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.slices import SliceFigure, figure
from calrec.report.comparison import Comparison, Group
from calrec.report.layouts.hints import hint
from calrec.report.tables import Cell, Column, Table, Value, measured, with_best

FOUND = "recall@10"
"""Who solves what: how many of the targets of a kind are among the first ten."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Targets of a kind.

    Attributes:
      name: in words.
      users: how many targets are of it.
      share: of all, as a fraction.
      found: `FOUND` of these by each run; nothing where there is no target of it.
    """

    name: str
    users: int
    share: float
    found: tuple[SliceFigure, ...]


def kinds(one: Comparison) -> tuple[Kind, ...]:
    """The three shortcuts, which overlap, then `any of these` and `none of these`.

    Nothing where no run tells, as those of earlier releases do not.
    """
    told = next((cases for cases in one.cases if cases.shortcuts), None)
    return () if told is None else tuple(_kind(*named, one) for named in _places(told).items())


def shortcuts_table(group: Group, one: Comparison, key: str) -> Table:
    """Rows: kinds of targets, which overlap; columns: recommenders, all on the same users.

    Args:
      group: of the runs.
      one: the runs.
      key: short name of the table.
    """
    rows = [_row(kind, one) for kind in kinds(one)]
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


def _places(cases: Cases) -> Mapping[str, Bool[np.ndarray, " C"]]:
    """Of each kind, which targets are of it."""
    shortcuts = {
        "bought before by the person": cases.target_in_history,
        "followed the last item": cases.shortcuts["target_follows_last"],
        "among the ten texts nearest to the last item's": cases.shortcuts["target_like_last"],
    }
    some = np.any([*shortcuts.values()], axis=0)
    return {**shortcuts, "any of these": some, "none of these": ~some}


def _kind(name: str, where: Bool[np.ndarray, " C"], one: Comparison) -> Kind:
    users, places = int(where.sum()), np.flatnonzero(where)
    share = users / one.users
    found = [figure(cases, places, FOUND, one.bootstrap) for cases in one.cases] if users else []
    return Kind(
        name=name,
        users=users,
        share=share,
        found=tuple(
            SliceFigure(band=name, users=users, share=share, value=value) for value in found
        ),
    )


def _row(kind: Kind, one: Comparison) -> tuple[Cell, ...]:
    found = [measured(by_run.value) for by_run in kind.found] or [None] * len(one.runs)
    return (
        kind.name,
        Value(optimistic=kind.users, unit="count"),
        Value(optimistic=kind.share, unit="share"),
        *with_best(found),
    )
