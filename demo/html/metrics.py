"""The Metrics page's HTML: tables sorted into shown and folded, legends, two runs compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import PurePath

from markupsafe import Markup

from calrec.evaluation import foreign
from calrec.evaluation.metrics import TITLES
from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.report import figures
from calrec.report.comparison import SIDES, Comparison
from calrec.report.layouts.cells import tested_cells
from calrec.report.layouts.remarks import interval_words
from calrec.report.layouts.shortcuts import Kind
from calrec.report.model_card import stage_title
from calrec.report.rendering import html_table, html_text
from calrec.report.report import Content
from calrec.report.tables import Column, Table
from calrec.report.variants import names
from demo.html import commands
from demo.html.league import league
from demo.html.seed_spread import seed_spread
from demo.html.templating import render
from demo.html.wording import count, listed
from demo.inspect.run_links import Filters, RunLinks, kinds_of, slice_rows
from demo.inspect.training_curves import Log

OVERVIEW = ("runs", "table2")
DETAILS = ("paired", "variety", "slices")


def tables_html(content: Content) -> tuple[Markup, Markup, Markup]:
    """The tables as HTML: the overview, the details, and those that the page folds.

    Tables without a row say only what is missing, and come last of all.
    """
    filled = [table for table in content.tables if table.rows]
    empty = [table for table in content.tables if not table.rows]
    overview = [table for table in filled if table.key in OVERVIEW]
    details = [table for table in filled if table.key.partition("-")[0] in DETAILS]
    rest = [table for table in filled if table not in overview and table not in details]
    linked = {table.key: _links(table, content) for table in details}
    return _written(overview), _written(details, linked), _written([*rest, *empty])


def _links(table: Table, content: Content) -> Mapping[int, str]:
    """The cases of each slice, for a table of slices."""
    of_slices = [one for one in content.tables if one.key.partition("-")[0] == "slices"]
    if table not in of_slices or len(of_slices) != len(content.comparisons):
        return {}
    return slice_rows(table, RunLinks.of(content.comparisons[of_slices.index(table)][1]))


def overview(content: Content, tables: Markup) -> Markup:
    """Who foresees best, and the tables folded below."""
    lines = [league(one, content.metric) + seed_spread(one) for _, one in content.comparisons]
    return Markup("").join(
        [*lines, render("metrics", "folded", "All figures, with intervals", tables)]
    )


def _written(
    tables: Sequence[Table], links: Mapping[str, Mapping[int, str]] | None = None
) -> Markup:
    known = links or {}
    return Markup("").join(
        Markup(html_table(_named(table), known.get(table.key))) for table in tables
    )


def _named(table: Table) -> Table:
    """With a key that no other part of the page has, and no folder above that of the runs."""
    rows = table.rows
    if table.columns and table.columns[-1].title == "Folder":
        rows = tuple((*row[:-1], PurePath(str(row[-1])).name) for row in rows)
    return dataclasses.replace(table, key=f"metrics-{table.key}", rows=rows)


def no_runs(domain: str) -> Markup:
    """What stands where a shop has no finished evaluation."""
    lines = (commands.evaluate(domain, "lir"), commands.evaluate(domain, "calrec"))
    return render("metrics", "no_runs", commands.folded(*lines))


def run_choices(runs: dict[str, EvaluationRun]) -> list[tuple[str, str]]:
    """Each run as the lists offer it: what it is called, and on how many users it was made."""
    called = names(tuple(runs.values()))
    return [
        (f"{foreign.plain(title)} · {user_words(run.users)}", name)
        for title, (name, run) in zip(called, runs.items(), strict=True)
    ]


def plots_lead(content: Content) -> Markup:
    """On which users the plots stand, and whose colour is which."""
    title, one = content.comparisons[0]
    states = len(content.comparisons)
    return render(
        "metrics", "plots_lead", _text(title), _text(one.note), states, _named_colours(one)
    )


def _named_colours(one: Comparison) -> list[tuple[Markup, str]]:
    return [(_text(name), colour) for name, colour in figures.legend(one)]


def _text(foreign_text: str) -> Markup:
    """Text of a run as it stands, whatever way it is written."""
    return Markup(html_text(foreign_text))


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


def pair_html(one: Comparison) -> Markup:
    """The metrics of two runs, and how often which ranks the item really bought better."""
    return _wins(one) + Markup(html_table(pair_table(one)))


def _wins(one: Comparison) -> Markup:
    x, y = (cases.optimistic for cases in one.cases)
    first, second, equal = int((x < y).sum()), int((y < x).sum()), int((x == y).sum())
    links = RunLinks.of(one)
    sides = (
        (first, _text(f"{one.names[0]} better"), "cr-first", links.cases(0, {"win": "a"})),
        (equal, "equal", "cr-equal", links.cases(0, {"win": "equal"})),
        (second, _text(f"{one.names[1]} better"), "cr-second", links.cases(0, {"win": "b"})),
    )
    return render("metrics", "wins", sides, one.users)


def shortcuts_sentence(one: Comparison, kinds: Sequence[Kind]) -> str:
    """How much of a shop lies on a shortcut, and who finds most there and beside it."""
    *_, some, none = kinds
    items = f"the {count(one.users, 'item')} really bought"
    if not some.users:
        return f"None of {items} lies on a shortcut: {_most(one, none)}."
    said = f"{some.share:.0%} of {items} lie on a shortcut: {_most(one, some)}."
    if not none.users:
        return said
    return f"{said} Of the other {none.share:.0%}, to which none leads, {_most(one, none)}."


def _most(one: Comparison, kind: Kind) -> str:
    """Who has most of a kind among the first ten, by pessimistic ranks."""
    values = [by_run.value.pessimistic for by_run in kind.found]
    best = max(values)
    if best == 0:
        return "nobody finds any among the first ten"
    names = [foreign.plain(name) for name, v in zip(one.names, values, strict=True) if v == best]
    find = "finds" if len(names) == 1 else "find"
    return f"{listed(names)} {find} most, {best:.1%} of them among the first ten"


def shortcuts_lead(one: Comparison, kinds: Sequence[Kind]) -> Markup:
    """The sentence, and whose colour is which."""
    sentence = _text(shortcuts_sentence(one, kinds))
    bands = kinds_of(kinds)
    parts = parts_of([kind.name for kind in kinds], bands, [kind.users for kind in kinds], one)
    return render("metrics", "shortcuts_lead", sentence, _named_colours(one), parts)


def parts_of(
    names: Sequence[str], bands: Sequence[Filters | None], users: Sequence[int], one: Comparison
) -> list[tuple[str, str]]:
    """Parts of the cases that hold some and that a filter knows: what they are called, their
    address."""
    links = RunLinks.of(one)
    return [
        (name, links.part(band))
        for name, band, count in zip(names, bands, users, strict=True)
        if band is not None and count
    ]


def scatter_caption(one: Comparison) -> Markup:
    """What the scatter of two runs shows."""
    return render("metrics", "scatter_caption", *map(_text, one.names))


def curves_lead(log: Log) -> Markup:
    """Which colour is which stage."""
    colours = log.colours()
    entries = [(_text(stage_title(stage)), colours[stage]) for stage in log.stages]
    return render("metrics", "curves_lead", log.damaged, entries)
