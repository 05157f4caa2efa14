"""Plotly figures on a page: a place for one, and the updates that show or hide it."""

from __future__ import annotations

from typing import Any

import gradio as gr

HIDDEN: Any = gr.update(value=None, visible=False)


def place(elem_id: str) -> gr.Plot:
    """Where a figure will stand; hidden until there is one."""
    return gr.Plot(
        visible=False, show_label=False, container=False, elem_id=elem_id, elem_classes="cr-drawn"
    )


def shown(figure: Any) -> Any:
    """The update of a place that shows a figure there."""
    return gr.update(value=figure, visible=True)
