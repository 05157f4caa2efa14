"""Serving to others: logins, a reverse proxy, tools, and what nobody gets at."""

from __future__ import annotations

import asyncio
import http.client
import importlib.util
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx
import pytest
from running import API, Events, Tab, running

pytestmark = pytest.mark.slow

PREFIX = "/calrec"
HAS_MCP = importlib.util.find_spec("mcp") is not None


@pytest.fixture(scope="module")
def served(workspace):
    """Behind a proxy's path, with the tools where they are installed."""
    with running(workspace, root_path=PREFIX, mcp=HAS_MCP) as server:
        yield server


@pytest.fixture(scope="module")
def locked(workspace):
    """Asks for a login."""
    with running(workspace, auth=[("ann", "pass:word"), ("bo", "other")]) as server:
        yield server


def status(address: str, path: str) -> tuple[int, bytes]:
    """Of a path as it stands: clients make `..` disappear before they ask."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.putrequest("GET", path)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/file=/etc/passwd",
        f"{API}/file=../../../../../../../etc/passwd",
        f"{API}/file=%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        f"{API}/file/etc/passwd",
        f"{API}/file=demo/app.py",
        "/static/../../../../../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/assets/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/svelte/..%2f..%2f..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
    ],
)
def test_no_file_of_the_machine_is_served(served, path):
    code, content = status(served.address, path)
    assert code in (403, 404)
    assert b"root:" not in content
    assert b"calrec-demo" not in content


def test_no_file_of_the_workspace_is_served(served, workspace):
    (workspace / "annotations.sqlite").touch()
    for name in ("catalog.duckdb", "annotations.sqlite"):
        assert (workspace / name).exists()
        assert status(served.address, f"{API}/file={workspace / name}")[0] == 403
    (workspace / "annotations.sqlite").unlink()


def test_an_address_with_gradios_own_page_parameter_opens(served):
    answer = httpx.get(f"{served.address}/?view=cases&page=99&shop=lamps", timeout=30)
    assert answer.status_code == 200
    assert "gradio" in answer.text


def test_nothing_can_be_uploaded(served):
    for size in (10, 3_000_000):
        files = {"files": ("a.txt", b"x" * size)}
        answer = httpx.post(f"{served.address}{API}/upload", files=files)
        assert answer.status_code == 403
        assert answer.text.count("\n") == 1


def test_a_visitor_cannot_make_the_server_call_out(served):
    """Of somebody else's address it makes no request, however it is asked for."""
    asked = []

    class Listening(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listening)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        elsewhere = f"http://127.0.0.1:{server.server_port}/x.png"
        for path in (f"{API}/file={elsewhere}", f"{API}/proxy={elsewhere}"):
            assert status(served.address, path)[0] == 403
        file = {"path": elsewhere, "meta": {"_type": "gradio.FileData"}}
        event = Events(served.address).number("search", "public")
        with Tab(served.address) as tab:
            for value in (file, [file], {"a": [file]}):
                assert tab.join(event, ["lamps", value, None, 1, 0]).status_code == 403
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


def test_without_a_login_nothing_is_answered(locked):
    page = httpx.get(locked.address)
    assert "lamps" not in page.text
    for path in (
        "/config",
        f"{API}/info",
        f"{API}/queue/data?session_hash=a",
        f"{API}/openapi.json",
    ):
        assert httpx.get(locked.address + path).status_code == 401, path
    data = {"data": ["lamps", "", None, 1, 0]}
    asked = {**data, "fn_index": 0, "session_hash": "a"}
    for path, body in (
        ("/call/search", data),
        ("/call/v2/search", {"shop": "lamps"}),
        ("/run/search", data),
        ("/queue/join", asked),
    ):
        answer = httpx.post(f"{locked.address}{API}{path}", json=body)
        assert answer.status_code == 401, path
    assert httpx.get(f"{locked.address}{API}/file=/etc/passwd").status_code == 401


@pytest.mark.parametrize(
    ("user", "password"), [("ann", "other"), ("ann", ""), ("", ""), ("eve", "pass:word")]
)
def test_a_wrong_password_is_refused(locked, user, password):
    with httpx.Client() as client:
        login = {"username": user, "password": password}
        assert client.post(f"{locked.address}/login", data=login).status_code in (400, 422)
        assert client.get(f"{locked.address}/config").status_code == 401


def test_a_login_opens_the_api(locked):
    with Tab(locked.address) as tab:
        login = {"username": "ann", "password": "pass:word"}
        assert tab.client.post(f"{locked.address}/login", data=login).status_code == 200
        done = tab.run(_number(tab, "search"), ["lamps", "", None, 1, 0])
        assert done["output"]["data"][0]["total"] == 60


def test_a_login_is_for_this_site_alone(locked):
    login = {"username": "bo", "password": "other"}
    with httpx.Client() as client:
        answer = client.post(f"{locked.address}/login", data=login)
        cookies = answer.headers.get_list("set-cookie")
        assert len(cookies) == 2
        for cookie in cookies:
            assert "samesite=lax" in cookie.lower()
            assert "samesite=none" not in cookie.lower()
        assert client.get(f"{locked.address}{API}/token").status_code == 404
        assert client.get(f"{locked.address}/logout").status_code == 405
        assert client.get(f"{locked.address}/config").status_code == 200
        assert client.post(f"{locked.address}/logout").status_code == 302
        assert client.get(f"{locked.address}/config").status_code == 401


def test_a_session_is_its_persons(locked):
    with Tab(locked.address) as ann, Tab(locked.address) as bo:
        for tab, user, password in ((ann, "ann", "pass:word"), (bo, "bo", "other")):
            login = {"username": user, "password": password}
            tab.client.post(f"{locked.address}/login", data=login).raise_for_status()
        number = _number(ann, "search")
        assert ann.run(number, ["lamps", "", None, 1, 0])["success"]
        bo.session = ann.session
        assert bo.join(number, ["lamps", "", None, 1, 0]).status_code == 403
        for client in (bo.client, httpx):
            asked = client.post(
                f"{locked.address}{API}/cancel",
                json={"session_hash": ann.session, "fn_index": number, "event_id": "a"},
            )
            assert asked.status_code in (401, 403)


def test_passwords_are_not_tried_without_end(workspace):
    with running(workspace, auth=[("ann", "pass:word")]) as server, httpx.Client() as client:
        answers = []
        for password in [*(f"wrong{i}" for i in range(30)), "pass:word"]:
            login = {"username": "ann", "password": password}
            answers.append(client.post(f"{server.address}/login", data=login).status_code)
        logged = server.logged()
    assert answers == [400] * 5 + [429] * 26
    assert logged.count("wrong password for 'ann' from 127.0.0.1") == 5
    assert "pass:word" not in logged
    assert "wrong0" not in logged


@pytest.mark.browser
def test_logging_out_on_the_page(locked, open_page):
    page = open_page(locked.address, "input[type=password]")
    page.fill("input >> nth=0", "bo")
    page.fill("input[type=password]", "other")
    page.press("input[type=password]", "Enter")
    page.wait_for_selector("html[data-arrived] #history", state="attached")
    out, shop = (page.locator(place).bounding_box() for place in ("#logout button", "#shop"))
    assert abs(out["y"] + out["height"] - shop["y"] - shop["height"]) <= 1
    page.set_viewport_size({"width": 390, "height": 900})
    out, title = (page.locator(place).bounding_box() for place in ("#logout button", "h1"))
    assert out["y"] < title["y"] + title["height"]
    page.click("#logout button")
    page.wait_for_selector("input[type=password]")
    assert page.request.get(f"{locked.address}/config").status == 401


def _number(tab: Tab, name: str) -> int:
    config = tab.client.get(f"{tab.address}/config").json()
    return next(e["id"] for e in config["dependencies"] if e["api_name"] == name)


def test_forged_events_are_one_line_and_their_payload_is_not_logged(served):
    payload = "PAYLOAD" * 1000
    events = Events(served.address)
    with Tab(served.address) as tab:
        for name in ("recommend", "load_shopper", "query_of"):
            inputs = len(events.defaults(events.number(name)))
            for data in ([], [payload] * inputs, [payload] * 40, [{"a": [payload]}] * inputs):
                done = tab.run(events.number(name), data)
                if not done["success"]:
                    assert done["output"]["error"].startswith("expected")
    logged = served.logged()
    assert "PAYLOAD" not in logged
    assert "forged inputs" in logged
    assert len(logged) < 20_000


def test_names_of_sessions_leave_no_memory(served):
    event = Events(served.address).number("arrive")
    for name in ("x" * 100_000, "", "a/b"):
        with Tab(served.address) as tab:
            tab.session = name
            assert tab.join(event, []).status_code == 400


@contextmanager
def proxied(server):
    """A reverse proxy that serves the pages under its own path and nothing else."""

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"  # the end of the connection is the end of the answer

        def do_GET(self):
            if not self.path.startswith(PREFIX + "/") and self.path.split("?")[0] != PREFIX:
                self.send_error(404)
                missed.append(self.path)
                return
            target = urlsplit(server.address)
            connection = http.client.HTTPConnection(target.netloc, timeout=60)
            length = int(self.headers.get("Content-Length", 0))
            headers = {k: v for k, v in self.headers.items() if k.lower() != "connection"}
            path = self.path.removeprefix(PREFIX) or "/"
            path = path if path.startswith("/") else "/" + path
            try:
                connection.request(self.command, path, self.rfile.read(length), headers)
                answer = connection.getresponse()
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in ("transfer-encoding", "connection"):
                        self.send_header(name, value)
                self.end_headers()
                while part := answer.read1(65536):
                    self.wfile.write(part)
                    self.wfile.flush()
            except OSError:
                pass  # the browser left
            finally:
                connection.close()

        do_POST = do_HEAD = do_GET

        def log_message(self, *_):
            pass

    missed: list[str] = []
    passing = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    passing.daemon_threads = True
    threading.Thread(target=passing.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{passing.server_port}{PREFIX}", missed
    passing.shutdown()
    passing.server_close()


@pytest.fixture
def proxy(served):
    with proxied(served) as found:
        yield found


def test_a_proxy_may_leave_its_path(served):
    for path in ("/config", f"{PREFIX}/config", f"{PREFIX}{API}/info", f"{API}/info"):
        assert httpx.get(served.address + path, timeout=30).status_code == 200, path
    for path in (f"{PREFIX}{API}/upload", f"{PREFIX}{API}/deep_link?session_hash=a"):
        assert httpx.get(served.address + path).status_code in (403, 404)


@pytest.mark.browser
def test_the_pages_work_behind_a_reverse_proxy(proxy, open_page):
    address, missed = proxy
    elsewhere = []

    def listen(page):
        page.on("request", lambda r: r.url.startswith(address) or elsewhere.append(r.url))

    page = open_page(f"{address}/", "#random", listen=listen)
    page.click("#random")
    page.wait_for_selector("#history >> text=lamp")
    assert urlsplit(page.url).path.startswith(PREFIX)
    outside = [url for url in elsewhere if not url.startswith(("data:", "blob:"))]
    assert outside == []
    assert [path for path in missed if "favicon" not in path] == []


@pytest.mark.browser
def test_logging_out_behind_a_reverse_proxy_shows_the_login(workspace, open_page):
    options = {"root_path": PREFIX, "auth": [("ann", "pass:word")]}
    with running(workspace, **options) as server, proxied(server) as (address, missed):
        page = open_page(f"{address}/", "input[type=password]")
        page.fill("input >> nth=0", "ann")
        page.fill("input[type=password]", "pass:word")
        page.press("input[type=password]", "Enter")
        page.wait_for_selector("html[data-arrived] #history", state="attached")
        page.click("#logout button")
        page.wait_for_selector("input[type=password]")
        assert urlsplit(page.url).path == f"{PREFIX}/"
    assert [path for path in missed if "favicon" not in path] == []


@pytest.mark.skipif(not HAS_MCP, reason="needs the extra mcp: pip install 'calrec[mcp]'")
def test_the_tools_are_the_functions_of_the_api(served):
    from mcp import ClientSession
    from mcp.client.streamable_http import streamable_http_client

    async def talk():
        place = f"{served.address}{API}/mcp/"
        async with (
            streamable_http_client(place) as (read, write, _),
            ClientSession(read, write) as s,
        ):
            await s.initialize()
            tools = (await s.list_tools()).tools
            found = await s.call_tool("search", {"shop": "lamps", "query": "script", "limit": 1})
            refused = await s.call_tool("search", {"shop": "lamps", "limit": 1000})
            case = await s.call_tool("evaluate", {"shop": "lamps", "user": "user-1"})
            return tools, found, refused, case

    tools, found, refused, case = asyncio.run(talk())
    names = {"search", "recommend", "evaluate", "explore", "attribute"}
    assert {tool.name for tool in tools} == names
    for tool in tools:
        assert "Returns" in tool.description
        for told in tool.inputSchema["properties"].values():
            assert told["description"]
    assert not found.isError
    assert "<script>window.hacked = 1</script> lamp" in found.content[0].text
    assert refused.isError
    assert refused.content[0].text.startswith("expected as limit a number from 1 to 100")
    assert "optimistic_rank" in case.content[0].text
