"""A report's tables and plots as one HTML file that opens offline."""

from __future__ import annotations

from collections.abc import Iterator

import plotly.graph_objects as go

from calrec.evaluation.metrics import TITLES
from calrec.evaluation.slices import recorded
from calrec.evaluation.text_scores import text_scores
from calrec.report import figures
from calrec.report.comparison import Comparison
from calrec.report.drawing import drawing
from calrec.report.rendering import html_table, html_text
from calrec.report.report import Content
from train.offline_page import offline_page


def page(content: Content, lead: str) -> str:
    """The file's text.

    Args:
      content: tables and comparisons.
      lead: a sentence under the heading.
    """
    plots = [
        (f"plots-{place}", f"Plots: {title}", one)
        for place, (title, one) in enumerate(content.comparisons, start=1)
    ]
    # The overview, the plots, then the paper's tables and what is beneath them.
    first, *rest = content.tables
    links = [(first.key, first.title), *((key, title) for key, title, _ in plots)]
    links += [(table.key, table.title.partition(" (")[0]) for table in rest]
    sections = [html_table(first)]
    sections += [_plots(key, title, one, content.metric) for key, title, one in plots]
    sections += [html_table(table) for table in rest]
    return offline_page("Evaluation report", lead, links, sections)


def _plots(key: str, title: str, one: Comparison, metric: str) -> str:
    drawn = {"large": "", "small": ""}
    legend = _legend(one)
    for place, (kind, caption, figure) in enumerate(_figures(one, metric)):
        drawn[kind] += (
            f"<figure><figcaption>{html_text(caption)}</figcaption>"
            f'<div class="drawn">{drawing(figure, f"{key}-{place}")}</div></figure>'
        )
    return (
        f'<section class="panel" id="{key}"><h2>{html_text(title)}</h2>'
        f'<p class="lead">On {html_text(one.note)}.</p>'
        f'{legend}<div class="plots">{drawn["large"]}</div>'
        f'{legend}<div class="small-plots">{drawn["small"]}</div></section>'
    )


def _legend(one: Comparison) -> str:
    """Above the large plots and again above the small ones: from neither is it out of sight."""
    entries = "".join(
        f'<li><i style="background:{colour}"></i><span>{html_text(name)}</span></li>'
        for name, colour in figures.legend(one)
    )
    return f'<ul class="legend" aria-label="Colours">{entries}</ul>'


def _figures(one: Comparison, metric: str) -> Iterator[tuple[str, str, go.Figure]]:
    if pair := scatter_pair(one):
        first, second = (one.names[run] for run in pair)
        yield (
            "large",
            f"Optimistic ranks of the item really bought, {second} against {first}; above the line"
            f" {second} ranks it better. {figures.better_words(one, *pair)}.",
            figures.rank_scatter(one, *pair),
        )
    yield (
        "large",
        "How often the item really bought is among the first k: solid optimistic, dotted"
        " pessimistic.",
        figures.rank_distribution(one),
    )
    scores = [text_scores(run) if run.generative else None for run in one.runs]
    if any(of_run is not None and len(of_run.written) for of_run in scores):
        yield (
            "large",
            "How probable the generated texts are: solid all, dashed the distinct best of each"
            " user, dotted those that are the item really bought.",
            figures.score_distribution(one, scores),
        )
    for dimension in recorded(one.cases[0]):
        name = dimension(one.cases[0]).dimension
        yield (
            "small",
            f"{TITLES[metric]} by {name[0].lower()}{name[1:]}: optimistic with its"
            f" {one.bootstrap.level * 100:g} % interval, rings pessimistic.",
            figures.metric_by_slice(one, dimension, metric, TITLES[metric]),
        )


def scatter_pair(one: Comparison) -> tuple[int, int] | None:
    """Which runs the rank scatter shows: LIR, else another, across; CALRec down."""
    ids = [run.recommender for run in one.runs]
    if len(ids) < 2:
        return None
    down = ids.index("calrec") if "calrec" in ids else 1
    across = ids.index("lir") if "lir" in ids and ids.index("lir") != down else 0 if down else 1
    return across, down
