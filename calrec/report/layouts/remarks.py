"""What must be known of runs that stand side by side: rules, leaks, other code, too few users."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence

from calrec.evaluation.foreign import isolated
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report.comparison import Group
from calrec.report.spec import Part
from calrec.report.tables import Table, Value
from calrec.report.variants import MARK, names

DIGEST = 8
"""Characters of a digest that are shown."""

TOO_FEW = (
    "–: an interval needs at least two users; a p-value also differences that are not all equal."
)


def other_code(title: str, called: Sequence[str], runs: Sequence[EvaluationRun]) -> list[str]:
    """A note where runs that are compared were not made by the same code.

    Args:
      title: of the group.
      called: what each run is called.
      runs: those compared.
    """
    made: dict[str | None, list[str]] = {}
    for name, run in zip(called, runs, strict=True):
        made.setdefault(run.code_digest, []).append(name)
    if len(made) < 2:
        return []
    each = "; ".join(
        f"{', '.join(who)}: {isolated(digest[:DIGEST]) if digest else 'not recorded'}"
        for digest, who in made.items()
    )
    return [f"{title}: not all made by the same code (digests: {each})."]


def on_which_users(part: Part) -> list[str]:
    """On which users a part stands, and whether its runs were made by the same code."""
    one = part.comparison
    return [f"{part.title}: {one.note}.", *other_code(part.title, one.names, one.runs)]


def of_the_paper(part: Part) -> list[str]:
    """How the paper's data differ, where its figures stand beside."""
    return [part.paper.remark] if part.paper else []


def interval_words(bootstrap: Bootstrap) -> str:
    """How the intervals came about."""
    return (
        f"{bootstrap.level * 100:g} % percentile intervals from {bootstrap.resamples:,} bootstrap"
        f" resamples of the users, seed {bootstrap.seed}"
    )


def with_rules(table: Table, groups: Sequence[Group]) -> Table:
    """The table, with a note on the rules by which its runs rank."""
    if not table.rows:
        return table
    every = {group.rules for group in groups}
    if len(every) == 1:
        notes = [f"For all recommenders: {every.pop().words}."]
    else:
        notes = [f"{group.title}: {group.rules.words}." for group in groups]
    return dataclasses.replace(table, notes=(*table.notes, *notes))


def with_leaks(table: Table, runs: Sequence[EvaluationRun]) -> Table:
    """The table, with a remark on each run that is marked in it: what its model may know."""
    texts = (*(column.title for column in table.columns), *_texts(table), *table.notes)
    if not any(MARK in text for text in texts):
        return table
    notes = [
        f"{called} on {isolated(run.domain)}, {run.split}: {isolated('; '.join(run.leaks))}."
        for called, run in zip(names(runs), runs, strict=True)
        if run.leaks
    ]
    return dataclasses.replace(table, notes=(*table.notes, *dict.fromkeys(notes)))


def _texts(table: Table) -> Iterator[str]:
    return (cell for row in table.rows for cell in row if isinstance(cell, str))


def not_checked(called: Sequence[str], runs: Sequence[EvaluationRun]) -> list[str]:
    """A note on the runs whose files cannot be compared with what was written."""
    older = [name for name, run in zip(called, runs, strict=True) if not run.has_digests]
    if not older:
        return []
    return [f"Not checked for damage, as they were written without digests: {', '.join(older)}."]


def with_too_few(table: Table) -> Table:
    """The table, with a note where users are too few for an interval or a test."""
    if any(_undefined(table)):
        return dataclasses.replace(table, notes=(*table.notes, TOO_FEW))
    return table


def _undefined(table: Table) -> Iterator[bool]:
    for row in table.rows:
        for cell in row:
            if isinstance(cell, Value):
                yield cell.unit == "p" and math.isnan(cell.optimistic)
                interval = cell.optimistic_interval
                yield interval is not None and math.isnan(interval.low)
