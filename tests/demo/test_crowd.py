"""Many visitors and programs at once: every page is drawn, and nobody's place is taken."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gradio as gr
import httpx
import pytest
from running import API, Events, Tab, running

pytestmark = pytest.mark.slow

CROWD = 200
ON_TOP = """(() => {
  const line = document.querySelector('#arrival').getBoundingClientRect();
  return document.elementFromPoint(line.left + line.width / 2, line.top + line.height / 2).id;
})()"""
"""What a person sees where the line of a page's arrival is."""
MINUTE = 60.0


@pytest.fixture(scope="module")
def server(workspace):
    with running(workspace, pause=0.05, sessions=CROWD + 20) as server:
        yield server


def arrive(server, number: int) -> float:
    """Seconds until a visitor's first event is answered."""
    start = time.monotonic()
    with Tab(server.address) as tab:
        done = tab.run(number, [])
    assert done["success"], done["output"]
    return time.monotonic() - start


@pytest.mark.browser
def test_two_hundred_at_once_are_all_shown_a_page(server, open_page):
    number = Events(server.address).number("arrive")
    with ThreadPoolExecutor(CROWD) as pool:
        arriving = [pool.submit(arrive, server, number) for _ in range(CROWD)]
        open_page(server.address, "html[data-arrived] #history", listen=patient)
        took = [one.result() for one in arriving]
    assert max(took) < MINUTE, f"{max(took):.1f} s"


def patient(page) -> None:
    page.set_default_timeout(1000 * MINUTE)


def ask(address: str, recommend: int, stop: threading.Event) -> set[int]:
    """Calls the API as fast as it can, without waiting for answers."""
    said = set()
    body = {"fn_index": recommend, "data": ["lamps", ["item-1"], 0, 64, 0.5, 100, "calrec"]}
    with httpx.Client(timeout=60) as client:
        for i in range(10_000):
            if stop.is_set():
                return said
            one = {**body, "session_hash": f"program{threading.get_ident()}x{i}"}
            answer = client.post(f"{address}{API}/queue/join", json=one)
            said.add(answer.status_code)
            if answer.status_code == 503:
                assert answer.headers["retry-after"].isdecimal()
                assert "\n" not in answer.json()["detail"]
    return said


@pytest.mark.browser
def test_programs_that_ask_without_end_blank_no_page(server, open_page):
    number = Events(server.address).number("recommend", "public")
    stop = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask, server.address, number, stop) for _ in range(2)]
        try:
            time.sleep(1)
            open_page(server.address, "html[data-arrived] #history")
        finally:
            stop.set()
        assert set.union(*(one.result() for one in asking)) == {200, 503}


@pytest.mark.browser
@pytest.mark.parametrize("width", [1440, 390])
def test_a_page_that_is_refused_says_so_and_comes_by_itself(server, open_page, width):
    refused = []

    def busy(page):
        def answer(route):
            first = len(refused) < 3 and "fn_index" in (route.request.post_data or "")
            if not first:
                return route.continue_()
            refused.append(route.request.post_data)
            return route.fulfill(status=503, json={"detail": "full"})

        page.route("**/queue/join*", answer)

    page = open_page(server.address, "#arrival:not([hidden])", width, listen=busy)
    page.wait_for_selector(".toast-body")
    assert page.evaluate(ON_TOP) == "arrival"
    assert "trying again in 2 seconds" in page.inner_text("#arrival")
    page.wait_for_selector("html[data-arrived]", state="attached")
    page.wait_for_selector("#arrival", state="hidden")
    assert len(refused) == 3


@pytest.fixture
def failing(application, monkeypatch):
    """Address of a page whose first event fails as often as `times` says."""
    from demo.server import shell
    from demo.server.app import launch

    times = [0]
    arrive = shell._Showing.arrive

    def arriving(self, request: gr.Request):
        if times[0]:
            times[0] -= 1
            raise RuntimeError("the disk is gone")
        return arrive(self, request)

    monkeypatch.setattr(shell._Showing, "arrive", arriving)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = launch(application, "127.0.0.1", port)
    yield f"http://127.0.0.1:{port}", times
    page.close(verbose=False)


@pytest.mark.browser
def test_a_page_whose_first_event_fails_says_so_and_asks_again(failing, open_page, capfd):
    address, times = failing
    times[0] = 2
    page = open_page(address, "#arrival:not([hidden])")
    assert "could not show this page" in page.inner_text("#arrival")
    page.wait_for_selector("html[data-arrived]", state="attached")
    assert times == [0]
    assert "the disk is gone" in capfd.readouterr().err


def test_one_visitors_events_are_bounded_and_another_still_comes(server):
    number = Events(server.address).number("recommend")
    data = Events(server.address).defaults(number)
    with Tab(server.address) as tab, Tab(server.address) as other:
        with ThreadPoolExecutor(8) as visitors:  # sooner than the events are done
            joined = visitors.map(lambda _: tab.join(number, data).status_code, range(160))
            assert set(joined) == {200, 503}
        assert other.run(Events(server.address).number("arrive"), [])["success"]


def test_a_session_that_was_let_go_is_told_so(workspace):
    with running(workspace, sessions=3) as server:
        events = Events(server.address)
        arrived, load = events.number("arrive"), events.number("load_shopper")
        with Tab(server.address) as tab:
            assert tab.run(load, [None, "user-1"])["success"]
            for _ in range(4):
                arrive(server, arrived)
            answer = tab.join(load, [None, "user-1"])
            assert answer.status_code == 410
            assert "load the page again" in answer.json()["detail"]


@pytest.mark.browser
def test_a_tab_that_was_let_go_is_read_back_from_its_address(workspace, open_page):
    with running(workspace, sessions=3) as server:
        number = Events(server.address).number("arrive")
        page = open_page(f"{server.address}/?shop=tools", "html[data-arrived] #history")
        page.click("#random")
        page.wait_for_selector("#history >> text=Saw")
        history = page.inner_text("#history")
        page.wait_for_function("location.search.includes('user=')")
        for _ in range(4):
            arrive(server, number)
        page.click("#random")
        page.wait_for_selector("#arrival:not([hidden])")
        assert "read back from its address" in page.inner_text("#arrival")
        page.wait_for_selector("#history >> text=Saw")
        assert page.inner_text("#history") == history
        assert "shop=tools" in page.url
