"""The Metrics page's own HTML: tables sorted into shown and folded, legends, two runs compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import PurePath

from calrec.evaluation import foreign
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.report import figures
from calrec.report.comparison import SIDES, Comparison
from calrec.report.layouts.cells import tested_cells
from calrec.report.layouts.remarks import interval_words
from calrec.report.rendering import html_table, html_text
from calrec.report.report import Content
from calrec.report.tables import Column, Table
from calrec.report.variants import names
from demo.html.wording import count, escape
from demo.inspect import training_curves
from demo.inspect.training_curves import Log

OVERVIEW = ("runs", "table2")
DETAILS = ("paired", "slices")


def tables_html(content: Content) -> tuple[str, str, str]:
    """The tables as HTML: the overview, the details, and those that the page folds.

    Tables without a row say only what is missing, and come last of all.
    """
    filled = [table for table in content.tables if table.rows]
    empty = [table for table in content.tables if not table.rows]
    overview = [table for table in filled if table.key in OVERVIEW]
    details = [table for table in filled if table.key.partition("-")[0] in DETAILS]
    rest = [table for table in filled if table not in overview and table not in details]
    return _written(overview), _written(details), _written([*rest, *empty])


def _written(tables: Sequence[Table]) -> str:
    return "".join(html_table(_named(table)) for table in tables)


def _named(table: Table) -> Table:
    """With a key that no other part of the page has, and no folder above that of the runs."""
    rows = table.rows
    if table.columns and table.columns[-1].title == "Folder":
        rows = tuple((*row[:-1], PurePath(str(row[-1])).name) for row in rows)
    return dataclasses.replace(table, key=f"metrics-{table.key}", rows=rows)


def no_runs(domain: str) -> str:
    """What stands where a shop has no finished evaluation."""
    command = f"calrec-evaluate --domain {escape(domain)} --out WORKSPACE/evaluations/NAME"
    return (
        '<div class="cr-empty"><p class="cr-empty-title">No finished evaluation of this shop</p>'
        "<p>How well the recommenders foresee what shoppers buy has not been measured here yet."
        " Evaluations appear on this page when they are done.</p>"
        "<details><summary>How to make one</summary>"
        f"<p>A simple rule: <code>{command} --recommender lir</code></p>"
        f"<p>The model: <code>{command} --recommender calrec --checkpoint CHECKPOINT</code></p>"
        "</details></div>"
    )


def run_choices(runs: dict[str, EvaluationRun]) -> list[tuple[str, str]]:
    """Each run as the lists offer it: what it is called, and on how many users it was made."""
    called = names(tuple(runs.values()))
    return [
        (f"{foreign.plain(title)} · {user_words(run.users)}", name)
        for title, (name, run) in zip(called, runs.items(), strict=True)
    ]


def legend(one: Comparison) -> str:
    """Name and colour of each run."""
    return _legend(figures.legend(one))


def _legend(entries: Sequence[tuple[str, str]]) -> str:
    listed = "".join(
        f'<li><i style="background:{escape(colour)}"></i><span>{html_text(name)}</span></li>'
        for name, colour in entries
    )
    return f'<ul class="legend" aria-label="Colours">{listed}</ul>'


def plots_lead(content: Content) -> str:
    """On which users the plots stand, and whose colour is which."""
    title, one = content.comparisons[0]
    more = len(content.comparisons) - 1
    others = (
        f" The chosen runs stand on {more + 1} different states of the data, splits or rules; the"
        " plots show the first."
        if more
        else ""
    )
    return f'<p class="lead">{html_text(title)}, on {html_text(one.note)}.{others}</p>{legend(one)}'


def pair_table(one: Comparison) -> Table:
    """Two runs over their common users: each metric, the difference, its interval and p."""
    rows = []
    for metric, title in TITLES.items():
        tested = tested_cells(*(one.difference(0, 1, metric, side) for side in SIDES))
        rows.append((title, one.value(0, metric), one.value(1, metric), *tested))
    return Table(
        key="metrics-pair",
        title="The metrics of both",
        columns=tuple(
            Column(title=title)
            for title in ("Metric", *one.names, "Difference, first minus second", "p")
        ),
        rows=tuple(rows),
        notes=(
            f"On {one.note}. Optimistic/pessimistic; {interval_words(one.bootstrap)}; p from a"
            " two-sided paired t-test over users: how likely so large a difference would be if both"
            " were equally good.",
            f"For both: {one.runs[0].rules.words}.",
            *(
                f"{name}: {'; '.join(run.leaks)}."
                for name, run in zip(one.names, one.runs, strict=True)
                if run.leaks
            ),
        ),
    )


def pair_html(one: Comparison) -> str:
    """The metrics of two runs, and how often which ranks the item really bought better."""
    return _wins(one) + html_table(pair_table(one))


def _wins(one: Comparison) -> str:
    x, y = (cases.optimistic for cases in one.cases)
    first, second, equal = int((x < y).sum()), int((y < x).sum()), int((x == y).sum())
    parts = (
        (first, f"{one.names[0]} better", "cr-first"),
        (equal, "equal", "cr-equal"),
        (second, f"{one.names[1]} better", "cr-second"),
    )
    bars = "".join(
        f'<span class="{kind}" style="flex-grow:{number}"></span>' for number, _, kind in parts
    )
    listed = "".join(
        f'<li><i class="{kind}"></i><span>{html_text(words)}: <b>{number:,}</b>'
        f" ({number / one.users:.1%})</span></li>"
        for number, words, kind in parts
    )
    return (
        '<p class="lead">Who ranks the item really bought better, user by user (optimistic'
        f' ranks).</p><div class="cr-wins" aria-hidden="true">{bars}</div>'
        f'<ul class="legend">{listed}</ul>'
    )


def scatter_caption(one: Comparison) -> str:
    """What the scatter of two runs shows."""
    first, second = map(html_text, one.names)
    return (
        f'<p class="lead">Rank of the item really bought: right by {second}, up by {first}. Below'
        f" the line {first} ranks it better.</p>"
    )


def curves_lead(log: Log) -> str:
    """Which colour is which stage."""
    damaged = f" {count(log.damaged, 'line')} of the log could not be read." if log.damaged else ""
    colours = log.colours()
    entries = [(training_curves.stage_title(stage), colours[stage]) for stage in log.stages]
    return (
        '<p class="lead">Lower is better. Steps are counted over all stages, end to end; a dot'
        f" marks where a stage ended.{damaged}</p>{_legend(entries)}"
    )
