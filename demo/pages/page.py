"""What every page is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from markupsafe import Markup

from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.inspect.url import Query


@dataclass(frozen=True, kw_only=True, eq=False)
class Shell:
    """What the pages share.

    Attributes:
      app: what all visitors read.
      session: this visitor's `Session`; who outputs another one changes it for all pages.
      tabs: output `gr.Tabs(selected=NAME)` to go to a page.
      toast: one line above the pages.
    """

    app: Application
    session: gr.State
    tabs: gr.Tabs
    toast: gr.HTML


Saver = Callable[[Session, Query, str], Markup]


@dataclass(frozen=True, kw_only=True, eq=False)
class Page:
    """A page's way to be shown: its state is its query.

    Attributes:
      show: updates of some `outputs` for a visitor and a query; an empty query shows the defaults.
      outputs: among them `address`.
      address: of `address()`; the page writes its query into it.
      saved: what the page shows for a visitor and a query, as part of a report; the key begins the
        ids of its parts. `None` where nothing of the page can be collected.
    """

    show: Callable[[Session, Query], dict[Component, Any]]
    outputs: Sequence[Component]
    address: gr.Textbox
    saved: Saver | None = None


def address(elem_id: str | None = None) -> gr.Textbox:
    """The hidden box that a page writes its query into; the shell takes it to the address."""
    return gr.Textbox(
        visible="hidden", show_label=False, render=False, interactive=False, elem_id=elem_id
    )
