"""What a page of another site gets of a server, in a real browser: nothing."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from running import Events, running

pytestmark = pytest.mark.browser

EVIL = "evil.test"
READ = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return [answer.type, answer.status, (await answer.text()).slice(0, 200)];
  } catch (error) { return String(error); }
}"""


@contextmanager
def site() -> Iterator[int]:
    """Port of a site whose every page frames what its query says."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            framed = self.path.partition("?")[2]
            self.wfile.write(f"<iframe id='it' src='{framed}'></iframe>".encode())

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def misled(browser):
    """A Chromium for which foreign names lead to this machine, as a foreign DNS could say."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))))
    rules = "MAP *.test 127.0.0.1, MAP localhost. 127.0.0.1"
    other = browser.browser_type.launch(
        executable_path=path, args=["--no-sandbox", f"--host-resolver-rules={rules}"]
    )
    yield other
    other.close()


@pytest.fixture
def evil(misled):
    with site() as port:
        context = misled.new_context()
        page = context.new_page()
        page.goto(f"http://{EVIL}:{port}/")
        yield page
        context.close()


def names(address: str) -> list[str]:
    port = address.rpartition(":")[2]
    return [f"http://{host}:{port}" for host in ("127.0.0.1", "localhost.", "rebound.test", EVIL)]


def test_a_foreign_page_reads_and_writes_nothing(server, evil):
    event = Events(server).number("arrive")
    join = {"data": [], "fn_index": event, "session_hash": "evil"}
    for name in names(server):
        for path in ("/config", "/gradio_api/info", "/", "/gradio_api/mcp/"):
            read = evil.evaluate(READ, [name + path, {"credentials": "include"}])
            assert read == "TypeError: Failed to fetch", (name, path)
        for kind in ("text/plain", "application/json"):
            write = {"method": "POST", "headers": {"Content-Type": kind}, "body": str(join)}
            url = f"{name}/gradio_api/queue/join"
            assert evil.evaluate(READ, [url, write]) == "TypeError: Failed to fetch"


def test_a_foreign_name_shows_no_page(server, evil):
    for name in names(server)[1:]:
        assert evil.goto(name).status == 421
        assert "--allow-host" in evil.inner_text("body")


def framed(page, port: int, address: str) -> bool:
    """Whether the pages are shown in a frame of the other site."""
    page.goto(f"http://{EVIL}:{port}/?{address}")
    frame = page.wait_for_selector("#it", state="attached").content_frame()
    frame.wait_for_load_state()
    return "gradio-app" in frame.content()


def test_a_foreign_page_frames_none_unless_it_is_allowed(server, workspace, misled):
    with site() as port:
        page = misled.new_context().new_page()
        assert not framed(page, port, server)
        with running(workspace, allow=[f"http://{EVIL}:{port}"]) as other:
            assert framed(page, port, other.address)
            read = page.evaluate(READ, [f"{other.address}/config", {"credentials": "include"}])
            assert read[:2] == ["cors", 200]
        page.context.close()
