"""The curves as an offline page, and Fig. 2 alone as one to be photographed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from markupsafe import Markup

from calrec.report.drawing import drawing
from calrec.report.rendering import html_table
from calrec.report.tables import Table
from calrec.report.training_log import NDCG, TITLES
from train.curves import figures
from train.curves.runs import LOSSES, TrainedRun
from train.offline_page import TEMPLATES, offline_page

TITLE = "Training curves"
_FIGURE2 = {
    "nig": Markup("L<sub>NIG</sub>, writing the next purchase: cross-entropy of its text."),
    "tt": Markup("L<sub>TT</sub>, prediction and target: contrast of the written item with it."),
}
_OTHERS = (
    "total",
    "ut",
    "gradient_norm",
    "learning_rate",
    "tokens_per_second",
    "productive",
    "share_of_peak",
)
_DASHES = {"solid": "none", "dash": "8 5", "dot": "2 3"}
_NOTES = (
    "Training curves are of single batches, with dropout where it is set; where a log is long, a"
    " point is the mean of several. Validation and test losses are of the same held-out users each"
    " time.",
    Markup(
        "L<sub>TT</sub> is about the logarithm of the number of users compared while the vectors"
        " are not yet aligned, so runs of different batch sizes begin at different heights."
    ),
)


def page(runs: Sequence[TrainedRun], table: Table) -> str:
    """The file's text.

    Args:
      runs: in the order of their colours.
      table: of the runs.
    """
    legend = _legend(runs)
    measured = [run for run in runs if run.points(NDCG)]
    chosen = [("On validation users; the ring is the step that was kept.", _selection(runs))]
    unmeasured = [
        f"{run.label} was chosen by its validation loss: its log holds no NDCG@10."
        for run in runs
        if run not in measured
    ]
    sections = [
        html_table(table),
        _figure2(runs),
        _macro("others", "selection", "Selection", legend, chosen if measured else (), unmeasured),
        _macro("others", "run", "How it ran", legend, list(_others(runs)), ()),
    ]
    links = [
        ("runs", "Runs"),
        ("figure2", "Losses"),
        ("selection", "Selection"),
        ("run", "How it ran"),
    ]
    return offline_page(TITLE, _lead(runs), links, sections)


def picture_page(runs: Sequence[TrainedRun]) -> tuple[str, int, int]:
    """Fig. 2 alone, as wide and about as high as it needs; width and height are in pixels."""
    lines, line = 1, 0
    for _, label in _legend(runs):
        entry = 40 + 8 * len(label)
        lines, line = (lines + 1, entry) if line and line + entry > 1200 else (lines, line + entry)
    return offline_page(TITLE, "", (), [_figure2(runs, notes=())]), 1320, 710 + 26 * lines


def _lead(runs: Sequence[TrainedRun]) -> str:
    number = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{number}, each from its first step. Losses are in nats; lower is better."


def _figure2(runs: Sequence[TrainedRun], notes: Sequence[str] = _NOTES) -> Markup:
    drawn = [
        (caption, drawing(figures.losses(runs, loss), f"figure2-{loss}"))
        for loss, caption in _FIGURE2.items()
        if any(run.points(name) for run in runs for name in LOSSES[loss].values())
    ]
    strokes = [(split, _DASHES[stroke]) for split, stroke in figures.STROKES.items()]
    missing = [line for run in runs if notes and (line := run.missing())]
    return _macro("figure2", _legend(runs), strokes, drawn, missing, notes)


def _selection(runs: Sequence[TrainedRun]) -> Markup:
    return drawing(figures.selection(runs), "ndcg")


def _others(runs: Sequence[TrainedRun]) -> Iterator[tuple[str, Markup]]:
    for name in _OTHERS:
        if any(run.points(name) for run in runs):
            yield TITLES[name], drawing(figures.quantity(runs, name), f"run-{name}")


def _legend(runs: Sequence[TrainedRun]) -> list[tuple[str, str]]:
    return [(figures.colour(place), run.label) for place, run in enumerate(runs)]


def _macro(name: str, *values: Iterable[Any]) -> Markup:
    module: Any = TEMPLATES.get_template("curves/sections.html.jinja").module
    return Markup(getattr(module, name)(*values))
