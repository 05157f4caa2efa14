"""How the pages' events run: who waits for whom, and what the public sees of them (nothing)."""

from __future__ import annotations

from typing import Any

import gradio as gr

SKIP: Any = gr.skip()

# Events of the page are no public endpoints. Those that only look something up do not wait for
# the model; edits of a session run one after another, so that quick clicks do not get lost.
# Gradio's progress only tells the style sheet that something is under way.
LOOK_UP: dict[str, Any] = {"api_visibility": "private", "show_progress": "minimal"}
# What goes on by itself, with nobody waiting for it.
QUIET: dict[str, Any] = {**LOOK_UP, "show_progress": "hidden"}
EDIT: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "edit",
    "concurrency_limit": 1,
}
# A filter's choices follow the query: one that was offered a moment ago is no error.
UNCHECKED: dict[str, Any] = {"preprocess": False}
BROWSE: dict[str, Any] = {**LOOK_UP, **UNCHECKED, "trigger_mode": "always_last"}
WAITING = "Waiting for the model; it serves one visitor at a time."
# Each trigger counts: one that waited for a stopped job to end would wait for ever.
MODEL: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}
# What is made once for everybody, beside the model's turns; many may wait for it.
PREPARE: dict[str, Any] = {
    **LOOK_UP,
    "trigger_mode": "multiple",
    "concurrency_id": "prepare",
    "concurrency_limit": 8,
}


def carried(click: gr.EventData, name: str) -> str:
    """What a click carries under a name; it comes from the browser and may lack it."""
    try:
        value = getattr(click, name)
    except (AttributeError, TypeError):
        return ""
    return value if isinstance(value, str) else ""
