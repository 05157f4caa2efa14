"""HTML on a page, and the scripts of `demo/html/static` that pages name."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from demo.html.assets import STATIC
from demo.html.widgets import heading


def listener(name: str) -> str:
    """A script of `static/listeners`, for `js_on_load` of `html`."""
    return (STATIC / "listeners" / f"{name}.js").read_text(encoding="utf-8")


CLICKS = listener("clicks")
"""Hands what a pressed button carries to the `select` event."""


def html(value: str, **options: Any) -> gr.HTML:
    """HTML of our own making, without gradio's styles for prose."""
    return gr.HTML(value, apply_default_css=False, **options)


def head(title: str, text: str) -> gr.HTML:
    """The heading of a panel, and what is in it."""
    return html(heading(0, title, text))


def script(function: str, *arguments: Any) -> str:
    """A function of the browser's `calrec` with its first arguments given, for an event's `js`."""
    given = "".join(f", {json.dumps(one)}" for one in arguments)
    return f"calrec.{function}.bind(calrec{given})"
