"""The Metrics page: evaluations side by side, two of them compared, training and model card."""

from __future__ import annotations

from demo.pages.events import BROWSE, LOOK_UP
from demo.pages.metrics.handlers import MetricsHandlers
from demo.pages.metrics.parts import MetricsParts, lay_out
from demo.pages.page import Page, Shell

TITLE = "Metrics"


def build(shell: Shell) -> Page:
    """The page in the current context."""
    handlers = MetricsHandlers(shell.app)
    parts = lay_out()
    controls = list(parts.controls)
    # Menus are used one after another; the last choice counts.
    for control in parts.choices:
        control.input(handlers.choose, [shell.session, *parts.choices], controls, **BROWSE)
    _show_what_changes(parts, handlers)
    return Page(show=handlers.show, outputs=controls, address=parts.controls.address)


def _show_what_changes(parts: MetricsParts, handlers: MetricsHandlers) -> None:
    of, quick = parts.controls, {**LOOK_UP, "trigger_mode": "always_last"}
    of.report_of.change(handlers.show_report, of.report_of, list(parts.report), **quick)
    of.slices_of.change(handlers.show_slices, of.slices_of, list(parts.slices), **quick)
    of.pair_of.change(handlers.show_pair, of.pair_of, list(parts.pair), **quick)
    of.model_of.change(
        lambda asked: handlers.show_model(asked).flat(), of.model_of, parts.model.flat(), **quick
    )
