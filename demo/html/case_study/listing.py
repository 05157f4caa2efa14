"""The cases of two runs as HTML: figures, agreement of rank bands, the list, what is filtered.

Pure functions; all text from outside is escaped. Buttons carry `data-act` and `data-id`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int

from demo.html.record.ranking import leaks_line, rules_line
from demo.html.widgets import empty_state
from demo.html.wording import count, escape, rank_range
from demo.inspect.annotations import MOST_SLICES, NOTHING, Annotation
from demo.inspect.case_filters import (
    COLD,
    LENGTHS,
    LEVELS,
    RANKS,
    REPEAT,
    STAR,
    TIES,
    WIN,
    CaseFilters,
    words,
)
from demo.inspect.case_table import PAGE, Selection

METRICS = {"ndcg@10": "NDCG@10", "recall@10": "Recall@10", "mrr": "MRR"}
Pair = tuple[str, str]
"""What the runs A and B are called; equal ones where there is no comparison."""


def figures_view(selection: Selection, names: Pair, alone: bool) -> str:
    """Users and metrics of the filtered cases, optimistic over pessimistic."""
    users = count(len(selection), "case")
    whole = len(selection.table.rows)
    of = "" if len(selection) == whole else f" of {whole:,}"
    figures = selection.figures
    if figures is None:
        return f'<p class="cr-figure-users"><b>No case</b>{of}</p>'
    runs = selection.table.comparison.runs[: 2 - alone]
    known = "".join(
        leaks_line(run.leaks, name) for run, name in zip(runs, names, strict=False) if run.leaks
    )
    sides = [("A", names[0], figures[0])]
    if not alone:
        sides.append(("B", names[1], figures[1]))
    body = "".join(
        f'<tr><th scope="row"><span class="cr-side">{letter}</span><bdi>{escape(name)}</bdi></th>'
        + "".join(_metric(one[key]) for key in METRICS)
        + "</tr>"
        for letter, name, one in sides
    )
    heads = "".join(f'<th scope="col">{title}</th>' for title in METRICS.values())
    return (
        f'<p class="cr-figure-users"><b>{users}</b>{of}</p>'
        '<div class="cr-scroll" tabindex="0" role="region" aria-label="Metrics of the cases">'
        '<table class="cr-case-figures"><thead><tr><th scope="col">Recommender</th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
        '<p class="cr-sub cr-wrap">Large: the true item first among its ties (optimistic); small: '
        f"last among them (pessimistic).</p>{rules_line(runs[0].rules)}{known}"
    )


def _metric(value: Mapping[str, float]) -> str:
    return f"<td>{value['optimistic']:.4f}<small>{value['pessimistic']:.4f}</small></td>"


def agreement_view(counts: Int[np.ndarray, "4 4"], filters: CaseFilters) -> str:
    """Cases by both rank bands; each cell a button that filters to it, or back."""
    bands = list(RANKS)
    labels = [label for label, _ in words(RANKS)]
    most = max(int(counts.max()), 1)
    heads = "".join(f'<th scope="col">{label}</th>' for label in labels)
    rows = ""
    for i, band in enumerate(bands):
        cells = ""
        act = 'type="button" class="cr-cell" data-act="cell"'
        for j, other in enumerate(bands):
            cases = int(counts[i, j])
            chosen = filters.a == band and filters.b == other
            strength = 0 if not cases else 0.08 + 0.5 * np.log1p(cases) / np.log1p(most)
            label = f"rank {labels[i]} by A, {labels[j]} by B: {count(cases, 'case')}"
            cells += (
                f'<td><button {act} data-id="{band}|{other}"'
                f' aria-pressed="{str(chosen).lower()}" style="--strength:{strength:.2f}"'
                f' aria-label="{label}" title="{label}"'
                f"{'' if cases or chosen else ' disabled'}>{cases:,}</button></td>"
            )
        rows += f'<tr><th scope="row">{labels[i]}</th>{cells}</tr>'
    return (
        '<div class="cr-scroll" tabindex="0" role="region" aria-label="Agreement of ranks">'
        '<table class="cr-agreement"><caption>Rank of the true item: down by '
        f'<span class="cr-side">A</span>, across by <span class="cr-side">B</span>. Press a cell '
        "to see its cases; above the diagonal A is better, below B.</caption>"
        f'<thead><tr><th scope="col"><span class="cr-corner">A \\ B</span></th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def chips(filters: CaseFilters) -> str:
    """What is filtered, each as a button that takes it away."""
    found = "".join(
        f'<button type="button" class="cr-case-chip" data-act="without" data-id="{name}" '
        f'aria-label="Take away the filter {escape(_TITLES[name])}">'
        f"{escape(_TITLES[name])}: <b><bdi>{escape(_said(name, value))}</bdi></b>"
        '<span aria-hidden="true"> ×</span></button>'
        for name, value in filters.write().items()
    )
    if not found:
        return ""
    return (
        f'<div class="cr-case-chips">{found}<button type="button" class="cr-link" data-act="clear">'
        "Clear all filters</button></div>"
    )


_TITLES: Mapping[str, str] = {
    "text": "text",
    "win": "better",
    "a": "rank by A",
    "b": "rank by B",
    "length": "history",
    "category": "category",
    "cold": "true item",
    "repeat": "true item",
    "tie": "ties",
    "level": "best text",
    "star": "annotations",
    "label": "label",
}


def _said(name: str, value: str) -> str:
    offered = {
        "win": WIN,
        "a": words(RANKS),
        "b": words(RANKS),
        "length": words(LENGTHS),
        "cold": COLD,
        "repeat": REPEAT,
        "tie": words(TIES),
        "level": LEVELS,
        "star": STAR,
    }.get(name, ())
    return next((said for said, own in offered if own == value), value)


def case_list(
    selection: Selection,
    offset: int,
    noted: Mapping[str, Annotation],
    current: str | None,
    pinned: str | None,
    alone: bool,
) -> str:
    """A page of cases as a table, each title a button; then the pager."""
    if not len(selection):
        return empty_state("No such case", "Take a filter away to see cases again.")
    rows = "".join(
        _row(row, noted.get(row["user_id"], NOTHING), current, pinned, alone)
        for row in selection.page(offset)
    )
    texts = (
        '<th scope="col" class="cr-narrow" title="attributes on which the best text equals some '
        'item, of 4">match</th>'
        if selection.table.generative
        else ""
    )
    second = "" if alone else '<th scope="col" title="rank of the true item by B">B</th>'
    return (
        '<table class="cr-case-list"><thead><tr><th scope="col">item really bought</th>'
        f'<th scope="col" title="rank of the true item by A">A</th>{second}'
        f'<th scope="col" class="cr-narrow" title="purchases in the history">history</th>{texts}'
        f"</tr></thead>"
        f"<tbody>{rows}</tbody></table>{_pager(offset, len(selection))}"
    )


def _row(
    row: Mapping[str, Any],
    noted: Annotation,
    current: str | None,
    pinned: str | None,
    alone: bool,
) -> str:
    user = escape(row["user_id"])
    title = row["title"] or f"Untitled item {row['target']}"
    is_current = row["user_id"] == current
    details = " · ".join(escape(v) for v in (row["category"], row["user_id"]) if v)
    level = row["match_level"]
    match = "" if level is None else f'<td class="cr-value cr-narrow">{level}/4</td>'
    a, b = row["a_optimistic"], row["b_optimistic"]
    cells = _rank(a, row["a_pessimistic"], not alone and a < b, "A")
    if not alone:
        cells += _rank(b, row["b_pessimistic"], b < a, "B")
    return (
        f'<tr data-user="{user}"{" class=cr-current" if is_current else ""}><td>'
        f'<button type="button" class="cr-case-button" data-act="case" data-id="{user}" '
        f'aria-current="{str(is_current).lower()}" title="{escape(title)}">'
        f'<span class="cr-title"><bdi>{escape(title)}</bdi></span>'
        f'<span class="cr-sub">{details}</span></button>'
        f"{_badges(row, noted, row['user_id'] == pinned)}</td>"
        f'{cells}<td class="cr-value cr-narrow">{row["history_length"]:,}</td>{match}</tr>'
    )


def _rank(optimistic: int, pessimistic: int, wins: bool, letter: str) -> str:
    tied = "" if optimistic == pessimistic else f"<small>to {pessimistic:,}</small>"
    mark = ' <span class="cr-win" title="ranks it better">better</span>' if wins else ""
    label = f"rank {rank_range(optimistic, pessimistic)} by {letter}"
    return f'<td class="cr-value" title="{label}"><b>{optimistic:,}</b>{tied}{mark}</td>'


def _badges(row: Mapping[str, Any], noted: Annotation, pinned: bool) -> str:
    found = []
    if noted.star:
        found.append(("★ starred", "fair", "starred"))
    if pinned:
        found.append(("pinned", "good", "pinned to compare"))
    found += flags(row)
    if row["format_errors"]:
        errors = count(row["format_errors"], "format error")
        found.append((errors, "bad", "texts that lack the four labels"))
    found += [(label, "fair", "label") for label in noted.labels]
    if noted.note:
        found.append(("note", "plain", noted.note[:300]))
    badges = "".join(badge(*one) for one in found)
    return f'<span class="cr-case-badges">{badges}</span>' if badges else ""


def flags(row: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """What is special about a case: text, kind and tip of each badge."""
    found = []
    if row["is_last"]:
        found.append(("same as last", "plain", "the last purchase was bought again"))
    elif row["in_history"]:
        found.append(("bought before", "plain", "an earlier purchase was bought again"))
    if row["cold"]:
        found.append(("cold", "plain", "in nobody's training and nobody's validation part"))
    return found


def badge(text: str, kind: str, tip: str) -> str:
    """A small word with a tip; both are escaped."""
    return f'<span class="cr-badge cr-{kind}" title="{escape(tip)}">{escape(text)}</span>'


def _pager(offset: int, total: int) -> str:
    def button(label: str, to: int, usable: bool) -> str:
        return (
            f'<button type="button" class="cr-button" data-act="page" data-id="{to}" '
            f'data-way="{label}"{"" if usable else " disabled"}>{label}</button>'
        )

    last = min(offset + PAGE, total)
    return (
        '<nav class="cr-pager" aria-label="Pages of the cases">'
        f"{button('Previous', max(offset - PAGE, 0), offset > 0)}"
        f"<span>{offset + 1:,}–{last:,} of {total:,}</span>"
        f"{button('Next', offset + PAGE, last < total)}</nav>"
    )


Slice = tuple[str, str, Selection]
"""Name, query and cases."""


def slices_view(slices: Sequence[Slice], names: Pair, alone: bool) -> str:
    """The saved slices with both runs' metrics on each; a name opens it."""
    if not slices:
        return empty_state(
            "No saved slice yet",
            "Set some filters, give them a name here and press Save: the slice is then measured "
            "for whichever two runs are chosen.",
        )
    full = ""
    if len(slices) >= MOST_SLICES:
        full = (
            f'<p class="cr-sub cr-wrap">These are {MOST_SLICES} slices, the most that a shop can '
            "have: forget one to save another.</p>"
        )
    sides = [0] if alone else [0, 1]
    heads = "".join(
        f'<th scope="col">{title} {"AB"[side]}</th>' for title in METRICS.values() for side in sides
    )
    body = ""
    for name, query, selection in slices:
        figures = selection.figures
        cells = "".join(
            "<td>–</td>" if figures is None else _metric(figures[side][key])
            for key in METRICS
            for side in sides
        )
        body += (
            f'<tr><th scope="row"><button type="button" class="cr-link" data-act="slice" '
            f'data-id="{escape(query)}"><bdi>{escape(name)}</bdi></button></th>'
            f'<td>{len(selection):,}</td>{cells}<td><button type="button" class="cr-icon" '
            f'data-act="drop" data-id="{escape(name)}" aria-label="Forget {escape(name)}" '
            'title="Forget this slice">×</button></td></tr>'
        )
    return (
        '<div class="cr-scroll" tabindex="0" role="region" aria-label="Saved slices">'
        '<table class="cr-case-figures"><thead><tr><th scope="col">slice</th>'
        '<th scope="col">cases</th>'
        f'{heads}<th scope="col"></th></tr></thead><tbody>{body}</tbody></table></div>' + full
    )
