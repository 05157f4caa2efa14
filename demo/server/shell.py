"""What holds the pages together: header, tabs, the visitor's session, and the address."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import gradio as gr
from gradio.blocks import Block
from gradio.themes import Base, Default, LocalFont, colors, sizes

from calrec.errors import CalrecError
from demo.html import widgets
from demo.html.assets import STATIC
from demo.html.templating import render
from demo.inspect import session, url
from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.inspect.url import Query
from demo.pages import collecting, failures
from demo.pages.components import html, script
from demo.pages.events import EDIT, LOOK_UP, QUIET, SKIP
from demo.pages.page import Page, Shell, address
from demo.server import api
from demo.server.failures import Pages
from demo.server.visitors import FairQueue

PAGES = ("walkthrough", "cases", "metrics", "catalogue", "embeddings")
LOOK_AGAIN = 5.0
"""Seconds between two looks at whether the shop was built anew."""

Updates = dict[Block, Any]


class Common(NamedTuple):
    """The components that all pages share.

    Attributes:
      session: this visitor's `Session`.
      shop: the menu of shops.
      data: fingerprint of the shop as this visitor knows it; empty where it cannot be read.
      toast: one line above the pages.
      opened: page -> fingerprint of the shop that it shows.
    """

    session: gr.State
    shop: gr.Dropdown
    data: gr.State
    toast: gr.HTML
    opened: gr.State


def theme() -> Base:
    """Calm colours and the fonts that ship with gradio, so that nothing is fetched."""
    return Default(
        primary_hue=colors.indigo,
        secondary_hue=colors.indigo,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_lg,
        # Not the default 600: gradio's semi-bold files lack most letters.
        font=(LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"),
    ).set(
        # A shade darker than the theme's own: its contrast with white is below 4.5.
        color_accent="*primary_600",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


def head() -> str:
    """The scripts of all pages."""
    names = (
        *("shell.js", "visit.js", "undo.js", "arrival.js", "events.js", "keys.js"),
        *("matrix.js", "links.js", "story.js", "report.js"),
    )
    scripts = [(STATIC / name).read_text(encoding="utf-8") for name in names]
    return render("shell", "head", scripts)


def build_page(app: Application, *, login: bool = False) -> gr.Blocks:
    """The whole application. Visitors share nothing but what they read.

    Args:
      app: what they read.
      login: whether they have logged in and can log out.
    """
    first = Session(domain=next(iter(app.domains)))
    # Gradio copies what is downloaded; an hour later the copy goes.
    with Pages(title="CALRec", analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        api.publish(app)  # first, so that no event of a page has its names
        state, opened, data = gr.State(first), gr.State({}), gr.State("")
        link = address()
        shop = _header(app, first.domain, login)
        html(render("shell", "way_back"), elem_id="way-back")
        toast = html("", elem_id="toast")
        common = Common(session=state, shop=shop, data=data, toast=toast, opened=opened)
        pages: dict[str, Page] = {}
        tab_of: dict[str, gr.Tab] = {}
        with gr.Tabs(selected=PAGES[0], elem_id="pages") as tabs:
            shell = Shell(app=app, session=state, tabs=tabs, toast=toast)
            for name, module in _modules().items():
                with (
                    gr.Tab(module.TITLE, id=name, elem_id=f"tab-{name}") as tab_of[name],
                    gr.Column(elem_id=name, elem_classes="cr-page"),
                ):
                    pages[name] = module.build(shell)
        savers = {name: page.saved for name, page in pages.items() if page.saved is not None}
        collecting.lay_out(app, savers)
        with gr.Row(visible="hidden"):
            for box in (link, *(page.address for page in pages.values())):
                box.render()
            again = gr.Button(elem_id="arrive-again", visible="hidden")
            back = gr.Button(elem_id="restore", visible="hidden")

        showing = _Showing(app, pages, common, tabs)
        shown = [*common, *(component for page in pages.values() for component in page.outputs)]
        # One part waits for all: see `demo.pages.named.Named.on`.
        waits: dict[str, Any] = {"show_progress_on": link}
        for when in (blocks.load, again.click):
            asked = when(showing.arrive, None, [*shown, tabs], **LOOK_UP, **waits)
            asked.success(None, None, None, js=script("arrive"), **LOOK_UP)
            asked.failure(None, None, None, js=script("failed"), **LOOK_UP)
        known = [link, state, opened]
        last = {**LOOK_UP, "trigger_mode": "always_last", **waits}
        back.click(showing.restore, known, [*shown, tabs], js=script("restored"), **last)
        shop.input(None, None, None, js=script("leaves"), **LOOK_UP)
        shop.input(showing.another_shop, shop, shown, **EDIT, **waits)
        gr.Timer(LOOK_AGAIN).tick(showing.look_again, [state, data], shown, **QUIET, **waits)
        for name, page in pages.items():
            tab = tab_of[name]
            tab.select(None, None, None, js=script("open", name), **LOOK_UP)
            tab.select(
                showing.opener(name),
                [state, opened, data, page.address],
                [opened, *page.outputs],
                **LOOK_UP,
                **waits,
            )
            page.address.change(None, page.address, None, js=script("address", name), **LOOK_UP)
        state.change(session.query_of, state, link, **LOOK_UP)
        link.change(None, link, None, js=script("address", ""), **LOOK_UP)
    blocks.queue(api_open=False)
    blocks._queue = FairQueue(blocks, default_concurrency_limit=8)
    return blocks


def _header(app: Application, first: str, login: bool) -> gr.Dropdown:
    """The name of it all, the choice of the shop and, with a login, the way out."""
    with gr.Row(elem_classes="cr-header"):
        html(render("shell", "brand"), scale=3)
        collecting.opener()
        html(render("shell", "tools"), elem_id="tools", scale=0, min_width=180)
        shop = gr.Dropdown(
            [(_shop_label(name, info.items), name) for name, info in app.domains.items()],
            value=first,
            label="Shop",
            elem_id="shop",
            scale=1,
            min_width=240,
        )
        if login:
            html(render("shell", "logout"), elem_id="logout", scale=0, min_width=90)
    return shop


class _Showing:
    """Which page is shown when: on arrival, for another shop, for new data, when it is opened."""

    def __init__(
        self, app: Application, pages: Mapping[str, Page], common: Common, tabs: gr.Tabs
    ) -> None:
        self._app = app
        self._pages = pages
        self._common = common
        self._tabs = tabs

    def arrive(self, request: gr.Request) -> Updates:
        """The view of the address."""
        query = url.read(str(request.query_params))
        page = self._page_of(query)
        visitor, said = self._visitor(query)
        return {**self._views(visitor, page, said, query), self._tabs: gr.Tabs(selected=page)}

    def another_shop(self, domain: str, request: gr.Request) -> Updates:
        """An empty history in another shop, and the page that is open anew."""
        page = self._page_of(url.read(str(request.query_params)))
        return self._views(Session(domain=domain), page, "", {})

    def restore(self, written: str, visitor: Session, opened: dict[str, str]) -> Updates:
        """The view that a visitor goes back to; pages of the same shop keep what they show."""
        query = url.read(written)
        page = self._page_of(query)
        wanted, said = self._visitor(query)
        views = self._views(wanted, page, said, query)
        if wanted.domain == visitor.domain:
            for other in self._pages.keys() - {page}:
                del views[self._pages[other].address]
            views[self._common.opened] = {**opened, **views[self._common.opened]}
        return {**views, self._tabs: gr.Tabs(selected=page)}

    def look_again(self, visitor: Session, data: str, request: gr.Request) -> Any:
        """Nothing, unless the shop was built anew since this visitor last looked."""
        try:
            now = self._app.shop(visitor.domain).fingerprint
        except CalrecError as error:
            return {self._common.toast: widgets.notice(str(error), "error")}
        if now == data:
            return SKIP
        page = self._page_of(url.read(str(request.query_params)))
        fresh = Session(domain=visitor.domain)
        # Without data before, the shop could not be read when this visitor came.
        rebuilt = "The shop was rebuilt with other data: this page now shows the new ones, with an"
        said = widgets.notice(f"{rebuilt} empty history.") if data else ""
        return self._views(fresh, page, said, {})

    def opener(self, name: str) -> Callable[..., Any]:
        """Shows a page when its tab is opened, unless it shows this shop already."""

        def show(visitor: Session, opened: dict[str, str], data: str, written: str) -> Any:
            # The first tab opens itself before the address has been read.
            if not data or opened.get(name) == data:
                return SKIP
            try:
                shown = self._pages[name].show(visitor, url.read(written))
            except Exception as error:
                raise gr.Error(_failed(error), print_exception=False) from None
            return {self._common.opened: {**opened, name: data}, **shown}

        return show

    def _page_of(self, query: Query) -> str:
        name = url.one(query, "view", PAGES[0])
        return name if name in self._pages else PAGES[0]

    def _visitor(self, query: Query) -> tuple[Session, str]:
        try:
            return session.from_query(query, self._app), ""
        except CalrecError as error:
            domain = url.one(query, "shop")
            domain = domain if domain in self._app.domains else next(iter(self._app.domains))
            return Session(domain=domain), widgets.notice(str(error), "error")

    def _fingerprint(self, domain: str) -> str:
        try:
            return self._app.shop(domain).fingerprint
        except CalrecError:
            return ""

    def _views(self, visitor: Session, name: str, said: str, query: Query) -> Updates:
        """What all pages share, and one page; the others forget what they showed."""
        data, common = self._fingerprint(visitor.domain), self._common
        forgotten = {page.address: "" for page in self._pages.values()}
        try:
            shown = {**forgotten, **self._pages[name].show(visitor, query)}
        except Exception as error:  # whatever it is, the other pages are of use
            shown = {common.toast: widgets.notice(_failed(error), "error")}
        return {
            common.session: visitor,
            common.shop: visitor.domain,
            common.data: data,
            common.toast: said,
            common.opened: {name: data},
            **shown,
        }


def _failed(error: Exception) -> str:
    return failures.line(error, "a page of this shop", "the page")


def _modules() -> dict[str, ModuleType]:
    return {name: import_module(f"demo.pages.{name}") for name in PAGES}


def _shop_label(domain: str, items: int) -> str:
    return f"{re.sub('[_-]', ' ', domain).capitalize()} · {items:,} items"
