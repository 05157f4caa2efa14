"""Table 4: with contrastive losses against without, paired t-test over users."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap, Difference, paired_differences
from calrec.report import paper
from calrec.report.comparison import SIDES, Comparison, Group
from calrec.report.layouts.overview import TITLES
from calrec.report.layouts.recommenders import (
    hint,
    interval_words,
    likeliest,
    paper_value,
    tested_cells,
)
from calrec.report.layouts.remarks import other_code
from calrec.report.layouts.training import differ_in_training
from calrec.report.tables import Cell, Column, Table, Value, relative_change
from calrec.report.variants import WITHOUT, main_first, training_words, unlike, variant

PAPER = "The paper's, over its 6 datasets"
Pair = tuple[Group, Comparison]
"""A run with the losses and one without them, on their common users."""


def table_4(groups: Sequence[Group], bootstrap: Bootstrap) -> Table:
    """Rows: domain x metric, all domains first where there are several; columns as in the paper."""
    pairs = [pair for group in groups if (pair := _pair(group, bootstrap))]
    pooled = _poolable(pairs)
    rows = []
    if len(pooled) > 1:
        rows += [_ours(f"All {len(pooled)} domains", pooled, m, bootstrap) for m in METRICS]
    for pair in pairs:
        rows += [_ours(pair[0].title, [pair], metric, bootstrap) for metric in METRICS]
    # Averages of the paper's six datasets: once, beside our first rows.
    beside = any(group.paper for group, _ in pairs)
    if beside:
        papers = [_papers(metric) for metric in METRICS]
        papers += [(None,) * 4] * (len(rows) - len(papers))
        rows = [(*ours, *theirs) for ours, theirs in zip(rows, papers, strict=True)]
    titles = ("w/ Contr.", "w/o Contr.", "Improv.", "Difference", "p-value")
    printed = ("w/ Contr.", "w/o Contr.", "Improv.", "p-value") if beside else ()
    return Table(
        key="table4",
        title="Contrastive alignment (the paper's Table 4)",
        columns=(
            Column(title="Dataset"),
            Column(title="Metric"),
            *(Column(title=title, group="Ours") for title in titles),
            *(Column(title=title, group=PAPER) for title in printed),
        ),
        rows=tuple(rows),
        keys=2,
        notes=tuple(_notes(pairs, bootstrap, beside)),
        missing="" if pairs else _missing(groups),
    )


def _pair(group: Group, bootstrap: Bootstrap) -> Pair | None:
    runs = main_first(_contrasted(group))
    for run in runs:
        for other in runs:
            if WITHOUT.get(variant(run)) == variant(other):
                one = Comparison.of((run, other), bootstrap)
                if len(one.runs) == 2:
                    return group, one
    return None


def _contrasted(group: Group) -> list[EvaluationRun]:
    """Those of which some other differs in the losses alone."""
    either = {*WITHOUT, *WITHOUT.values()}
    return [run for run in differ_in_training(group) if variant(run) in either]


def _poolable(pairs: Sequence[Pair]) -> list[Pair]:
    """One a domain, of the first split and rules: the users of one domain count once."""
    found: dict[str, Pair] = {}
    for pair in pairs:
        first = pairs[0][0]
        if (pair[0].split, pair[0].rules) == (first.split, first.rules):
            found.setdefault(pair[0].domain, pair)
    return list(found.values())


def _ours(
    dataset: str, pairs: Sequence[Pair], metric: str, bootstrap: Bootstrap
) -> tuple[Cell, ...]:
    # The average is over domains, as in the paper; the test over all users of all domains.
    averages = [
        {side: float(np.mean([c.mean(k, metric, side) for _, c in pairs])) for side in SIDES}
        for k in (0, 1)
    ]
    improvement = [relative_change(averages[0][side], averages[1][side]) for side in SIDES]
    return (
        dataset,
        TITLES[metric],
        *(Value(**average) for average in averages),
        Value(optimistic=improvement[0], pessimistic=improvement[1], unit="change"),
        *tested_cells(*_tests(pairs, metric, bootstrap)),
    )


def _papers(metric: str) -> tuple[Cell, ...]:
    printed = paper.TABLE_4[metric]
    return (
        paper_value(printed.with_losses),
        paper_value(printed.without),
        Value(optimistic=printed.improvement[0], pessimistic=printed.improvement[1], unit="change"),
        Value(optimistic=printed.p[0], pessimistic=printed.p[1], unit="p"),
    )


def _tests(pairs: Sequence[Pair], metric: str, bootstrap: Bootstrap) -> Sequence[Difference]:
    """Of either side, over all users of these domains."""
    if len(pairs) == 1:  # the resamples that this domain has in the other tables
        return [pairs[0][1].difference(0, 1, metric, side) for side in SIDES]
    return paired_differences(*(_pooled(pairs, k, metric) for k in (0, 1)), bootstrap)


def _pooled(pairs: Sequence[Pair], which: int, metric: str) -> Float[np.ndarray, "n 2"]:
    sides = [
        np.concatenate([one.cases[which].values[metric, side] for _, one in pairs])
        for side in SIDES
    ]
    return np.stack(sides, axis=1)


def _notes(pairs: Sequence[Pair], bootstrap: Bootstrap, beside: bool) -> list[str]:
    if not pairs:
        return []
    notes = [f"Two-sided paired t-test over users; {interval_words(bootstrap)}."]
    if beside:
        notes.append(
            "The paper's figures are averages over six datasets with another language model, and it"
            " does not say over what its test pairs: they stand beside for their size only."
        )
    pooled = _poolable(pairs)
    if len(pooled) > 1:
        users = sum(one.users for _, one in pooled)
        notes.append(
            f"All {len(pooled)} domains ({'; '.join(group.title for group, _ in pooled)}): values"
            f" and improvement are means over domains; difference and p are over the {users:,}"
            " pooled users, so that a domain weighs as many users as it has."
        )
    for group, one in pairs:
        notes.append(f"{group.title}: {one.note}.")
        notes += other_code(group.title, one.names, one.runs)
        notes += group.not_shown(_contrasted(group), one.runs)
        notes += [
            f"{group.title}, {name}: {training_words(run)}."
            for name, run in zip(one.names, one.runs, strict=True)
        ]
        if other := unlike(*one.runs, apart=()):
            notes.append(f"{group.title}: the second also differs in {', '.join(other)}.")
    return notes


def _missing(groups: Sequence[Group]) -> str:
    if not groups:
        return ""
    command = hint(likeliest(groups), "--recommender calrec --checkpoint CHECKPOINT")
    return (
        f"{command}, once with a checkpoint of the usual losses and once with one trained with"
        " calrec-train's --alpha 0 --beta 0 in the same stages"
    )
