"""The order in which requests are looked at, before an application that records what it gets."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from demo.server import request_rules
from demo.server.access import Throttle
from demo.server.guard import Door, Guard
from demo.server.origins import origins
from demo.server.request_rules import SessionOwners

TOKENS = {"token-of-ann": "ann", "token-of-bo": "bo"}


class Application:
    """Answers as gradio does to logins, and 200 to all else."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []

    async def __call__(self, scope, receive, send):
        request = Request(scope, receive)
        body = await request.body()
        self.seen.append((scope["method"], scope["path"], body))
        answer = JSONResponse({"host": request.headers.get("x-forwarded-host")})
        if scope["path"] == "/login":
            form = await request.form()
            answer = Response(status_code=200 if form["password"] == "right" else 400)
            answer.set_cookie("access-token-x", "t", secure=True, samesite="none", httponly=True)
        if scope["path"] == "/config":
            answer = Response(status_code=503)
        await answer(scope, receive, send)


@pytest.fixture
def application():
    return Application()


@pytest.fixture
def ask(application):
    """Sends one request to a guard; its answer's status, headers and text."""
    door = Door(
        throttle=Throttle(["ann"], say=lambda _: None), person=TOKENS.get, owners=SessionOwners()
    )

    def asked(method, path, body=b"", *, login=False, root_path="", kind="http", **headers):
        guard = Guard(application, origins("127.0.0.1"), root_path, door if login else None)
        headers = {"host": "localhost:7860", **{k.replace("_", "-"): v for k, v in headers.items()}}
        address, _, query = path.partition("?")
        scope = {
            "type": kind,
            "method": method,
            "path": address,
            "scheme": "http",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "client": ("192.0.2.1", 1),
        }
        return asyncio.run(answered(guard, scope, body))

    return asked


async def answered(guard, scope, body):
    messages = []
    parts = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message):
        messages.append(message)

    await guard(scope, receive, send)
    if scope["type"] == "websocket":
        return messages
    text = b"".join(message.get("body", b"") for message in messages[1:]).decode()
    headers = {k.decode(): v.decode() for k, v in messages[0]["headers"]}
    return messages[0]["status"], headers, text


JOIN = "/gradio_api/queue/join"
JSON = {"content_type": "application/json"}


def test_a_page_is_let_in_and_nobody_may_frame_it(ask, application):
    status, headers, _ = ask("GET", "/?view=cases&page=2")
    assert status == 200
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"] == "frame-ancestors 'none'"
    assert application.seen == [("GET", "/", b"")]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "localhost."}, 421),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/", JOIN, "/gradio_api/mcp/", "/assets/a.js", "/login"])
def test_other_hosts_and_sites_are_refused_everywhere(ask, application, path, headers, status):
    for method in ("GET", "POST", "OPTIONS", "HEAD"):
        got, said, text = ask(method, path, **headers)
        assert got == status
        assert "access-control-allow-origin" not in said
        assert text.count("\n") <= 1
        assert "--allow-" in text
    assert application.seen == []


def test_websockets_are_refused(ask, application):
    for headers in ({}, {"origin": "https://evil.example"}):
        (closed,) = ask("GET", JOIN, kind="websocket", **headers)
        assert closed["type"] == "websocket.close"
    assert application.seen == []


@pytest.mark.parametrize(
    "rest",
    [
        "deep_link",
        "token",
        "upload",
        "upload/",
        "component_server",
        "process_recording",
        "stream/a",
        "dev/reload",
        "startup-events",
        "custom_component/a/b/c/d",
        "vibe-code",
        "runs",
        "run-history/connect",
        "profiling/traces",
        "queue/status",
        "file=http://a.example/",
        "proxy=http://a.example/",
    ],
)
@pytest.mark.parametrize("root_path", ["", "/calrec", "/x/y"])
def test_what_no_page_needs_is_closed(ask, application, rest, root_path):
    for path in {f"/gradio_api/{rest}", f"{root_path}/gradio_api/{rest}"}:
        for method in ("GET", "POST"):
            assert ask(method, path, root_path=root_path)[0] in (403, 404)
    assert application.seen == []


@pytest.mark.parametrize("path", ["/openapi.json", "/docs", "/monitoring", "/x", "//", "/calrecx"])
def test_other_addresses_are_not_there(ask, application, path):
    assert ask("GET", path, root_path="/calrec")[0] == 404
    assert application.seen == []


def test_a_proxy_may_leave_its_path_or_take_it_away(ask):
    for path in ("/calrec", "/calrec/", "/calrec/config", "/config", "/calrec/gradio_api/info"):
        assert ask("GET", path, root_path="/calrec")[0] in (200, 503)


def test_logging_out_is_a_post_of_an_own_page(ask, application):
    for method in ("GET", "HEAD", "PUT"):
        status, headers, text = ask(method, "/logout")
        assert (status, headers["allow"]) == (405, "POST")
        assert text.count("\n") == 1
    assert ask("POST", "/logout", origin="https://evil.example")[0] == 403
    assert application.seen == []
    assert ask("POST", "/logout", origin="http://localhost:7860")[0] == 200
    assert application.seen == [("GET", "/logout", b"")]


@pytest.mark.parametrize("name", ["a" * 65, "", "a b", "ä", 7, ["a"], {"a": 1}, "a" * 1_000_000])
def test_names_of_sessions_are_bounded(ask, application, name):
    import json

    body = json.dumps({"session_hash": name, "fn_index": 1, "data": []}).encode()
    status, _, text = ask("POST", JOIN, body, **JSON)
    assert status == 400
    assert "64" in text
    if isinstance(name, str) and len(name) < 100:
        assert ask("GET", f"/gradio_api/queue/data?session_hash={name}")[0] == 400
        assert ask("GET", f"/gradio_api/heartbeat/{name}")[0] == 400
    assert application.seen == []


def test_a_session_is_its_owners(ask):
    body = b'{"session_hash": "abc"}'
    ann, bo = ({"cookie": f"access-token-x=token-of-{who}"} for who in ("ann", "bo"))
    asked = [("POST", JOIN), ("POST", "/gradio_api/cancel"), ("GET", "/gradio_api/heartbeat/abc")]
    asked += [("GET", "/gradio_api/queue/data?session_hash=abc")]
    for method, path in asked:
        assert ask(method, path, body, login=True, **ann)[0] == 200, path
    for method, path in asked:
        assert ask(method, path, body, login=True, **bo)[0] == 403, path
        assert ask(method, path, body, login=True)[0] == 401, path
        wrong = {"cookie": "access-token-x=guessed"}
        assert ask(method, path, body, login=True, **wrong)[0] == 401, path
        assert ask(method, path, body)[0] == 200, path  # nobody owns anything without logins


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_wrong_passwords_cost_time(ask, application, kind):
    def attempt(password: str):
        if kind.startswith("multipart"):
            fields = (("username", "ann"), ("password", password))
            body = "".join(
                f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
                for name, value in fields
            )
            return ask(
                "POST",
                "/login",
                f"{body}--x--\r\n".encode(),
                login=True,
                content_type=f"{kind}; boundary=x",
            )
        body = f"username=ann&password={password}".encode()
        return ask("POST", "/login", body, login=True, content_type=kind)

    assert attempt("right")[0] == 200
    assert [attempt("wrong")[0] for _ in range(5)] == [400] * 5
    status, headers, text = attempt("right")
    assert status == 429
    assert 0 < int(headers["retry-after"]) <= 60
    assert "try again in" in text
    assert len(application.seen) == 6


def test_the_logins_cookie_stays_with_this_site(ask):
    login = b"username=ann&password=right"
    form = {"content_type": "application/x-www-form-urlencoded"}
    cookie = ask("POST", "/login", login, **form)[1]["set-cookie"]
    assert cookie.endswith("; SameSite=Lax")
    assert "Secure" not in cookie
    cookie = ask("POST", "/login", login, x_forwarded_proto="https", **form)[1]["set-cookie"]
    assert cookie.endswith("; SameSite=Lax; Secure")


def test_who_is_refused_for_want_of_room_is_told_when_to_come(ask):
    status, headers, _ = ask("GET", "/config")
    assert status == 503
    assert headers["retry-after"].isdecimal()


def test_a_host_of_somebody_else_is_not_believed(ask):
    assert '"host":null' in ask("GET", "/theme.css", x_forwarded_host="evil.example")[2]
    assert '"host":"localhost"' in ask("GET", "/theme.css", x_forwarded_host="localhost")[2]


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(request_rules, "LONGEST", 0.05)

    async def receive():
        await asyncio.sleep(5)

    guard = Guard(Application(), origins("127.0.0.1"))
    messages = []

    async def send(message):
        messages.append(message)

    scope = {"type": "http", "method": "POST", "path": JOIN, "scheme": "http", "query_string": b""}
    scope["headers"] = [(b"host", b"localhost"), (b"content-length", b"10")]
    asyncio.run(guard(scope, receive, send))
    assert messages[0]["status"] == 408
