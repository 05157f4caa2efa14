"""The Metrics page: evaluations side by side, two of them compared, training and model card."""

from __future__ import annotations

from functools import partial

from demo.pages.events import BROWSE, LOOK_UP
from demo.pages.metrics.address import CHOICES
from demo.pages.metrics.handlers import MetricsHandlers
from demo.pages.metrics.parts import CURVES, lay_out
from demo.pages.metrics.saving import saved
from demo.pages.named import Named
from demo.pages.page import Page, Shell

TITLE = "Metrics"
# What is to be shown of the choices; it is shown when one of these changes.
_ASKED = ("report_of", "slices_of", "pair_of", "model_of")
_CONTROLS = (*CHOICES, "problems", *_ASKED, "address")
_SHORTCUTS = ("shortcuts_lead", "shortcuts", "shortcuts_found")
_REPORT = ("status", "overview", "plots_lead", "distribution", *_SHORTCUTS, "details", "more")


def build(shell: Shell) -> Page:
    """The page in the current context."""
    handlers = MetricsHandlers(shell.app)
    parts = Named(**lay_out(), session=shell.session)
    # Menus are used one after another; the last choice counts.
    for control in parts.of(CHOICES):
        parts.on(control.input, handlers.choose, ("session", *CHOICES), _CONTROLS, **BROWSE)
    curves = (*CURVES, *(f"{name}_title" for name in CURVES))
    answers = (
        (handlers.show_report, _REPORT),
        (handlers.show_slices, ("slices_caption", "slices")),
        (handlers.show_pair, ("table", "scatter_caption", "scatter")),
        (handlers.show_model, ("curves_lead", "card", "download", *curves)),
    )
    quick = {**LOOK_UP, "trigger_mode": "always_last"}
    for asked, (answer, changes) in zip(_ASKED, answers, strict=True):
        parts.on(getattr(parts, asked).change, answer, [asked], changes, **quick)
    return parts.page(handlers.show, _CONTROLS, partial(saved, handlers))
