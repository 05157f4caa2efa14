from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
# The script also runs as a server of its own, so it is a module and not a part of this file.
sys.path.insert(0, str(HERE))

from running import running  # noqa: E402
from scripted import ScriptedModel  # noqa: E402
from shops import HOSTILE, write_domain  # noqa: E402

from calrec.records import Recommendation  # noqa: E402


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Iterator[Path]:
    """Two shops, which nothing changes; some titles of `lamps` try to run as code."""
    folder = tmp_path_factory.mktemp("demo")
    place = folder / "workspace"
    plain = [f"Desk lamp number {i} with a warm light and a very long cable" for i in range(56)]
    write_domain(folder / "lamps", place, "lamps", [*HOSTILE, *plain])
    write_domain(folder / "tools", place, "tools", [f"Saw blade {i} mm" for i in range(25)])
    with pytest.MonkeyPatch.context() as patch:
        _open_once(place, patch)
        yield place


def _open_once(workspace: Path, patch: pytest.MonkeyPatch) -> None:
    """Opening shops is most of an application's work; each gets a copy, which tests may change."""
    from catalog.store import Catalogue, domains
    from demo.inspect import application

    @cache
    def opened(domain: str) -> Catalogue:
        return Catalogue.open(workspace, domain)

    @cache
    def listed() -> list:
        return domains(workspace)

    def catalogue(place: Path, domain: str) -> Catalogue:
        same = place == workspace
        return copy.copy(opened(domain)) if same else Catalogue.open(place, domain)

    patch.setattr(application, "Catalogue", SimpleNamespace(open=catalogue))
    patch.setattr(application, "domains", lambda p: listed() if p == workspace else domains(p))


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def application(workspace, model):
    from demo.inspect.application import Application

    app = Application(workspace, "scripted", load_model=lambda _: model)
    model.shops = [app.shop(domain).catalogue.items for domain in app.domains]
    return app


@pytest.fixture
def handlers(application):
    from demo.pages.walkthrough.handlers import WalkthroughHandlers

    return WalkthroughHandlers(application)


@pytest.fixture
def recommendation(application) -> Recommendation:
    """One over `lamps`, its history the hostile items."""
    items = application.shop("lamps").catalogue.items
    return application.shop("lamps").calrec().recommend(items[:4], seed=1)


@pytest.fixture(scope="session")
def server(workspace):
    """Address of a page whose model is quick."""
    with running(workspace, pause=0.05) as served:
        yield served.address


@pytest.fixture(scope="session")
def slow_server(workspace):
    """Address of a page whose model takes a moment for every few tokens."""
    with running(workspace, pause=0.7) as served:
        yield served.address


@pytest.fixture(scope="module")
def tab(browser):
    """A tab for the first visitor of each test.

    Its process keeps what it compiled of gradio's scripts, and shows the next page with less work.
    """
    return browser.new_context().new_page()


@pytest.fixture
def open_page(browser, tab):
    """Opens an address as another visitor every time.

    The first one of a test finds nothing in the browser that earlier tests stored there, but for
    its cache; any other has a context of its own.

    Call it with the address, what to wait for on it, the window's width in pixels, and what is to
    be done with the page before it is opened.
    """
    pages = []

    def opened(address: str, ready: str = "#pages", width: int = 1440, listen=None):
        page = browser.new_context().new_page() if pages else tab
        pages.append(page)
        page.set_viewport_size({"width": width, "height": 900})
        page.set_default_timeout(40_000)
        if listen is not None:
            listen(page)
        page.goto(address)
        page.wait_for_selector(ready)
        return page

    yield opened
    for page in pages[1:]:
        page.context.close()
    if pages:
        _forget(tab)


def _forget(tab) -> None:
    """Leaves the page, and nothing of the visit for the next visitor."""
    tab.unroute_all()
    tab.evaluate("localStorage.clear(); sessionStorage.clear()")
    tab.context.clear_cookies()
    tab.mouse.move(0, 0)
    tab.goto("about:blank")
