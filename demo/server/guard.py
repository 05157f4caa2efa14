"""What the server lets in: the order in which a request is looked at before gradio gets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from demo.server.access import Throttle
from demo.server.origins import Origins
from demo.server.request_rules import (
    API_PATH,
    Refused,
    SessionOwners,
    check_path,
    parsed_body,
    path_inside,
    read_body,
    replayed,
    sessions_named,
    with_length,
)

RETRY = "2"
"""Seconds after which a refused request may be tried again."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Door:
    """The logins of a server.

    Attributes:
      throttle: counts tries.
      person: whose login a token is; None where it is none.
      owners: whose sessions are whose.
    """

    throttle: Throttle
    person: Callable[[str], str | None]
    owners: SessionOwners


class Guard:
    """ASGI middleware before gradio's own application.

    Gradio answers pages of every other site, takes JSON of any size and uploads even where no page
    has a place for them, fetches the addresses that requests name, ends sessions on a mere GET and
    lets passwords be tried without end. None of that is needed here.

    Args:
      app: what answers the requests that are let in.
      origins: whom it answers.
      root_path: path of a proxy, as `demo.server.request_rules.checked_root_path` gives it.
      door: the logins, if there are any.
    """

    def __init__(
        self, app: ASGIApp, origins: Origins, root_path: str = "", door: Door | None = None
    ) -> None:
        self._app = app
        self._origins = origins
        self._root_path = root_path
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or lets it in."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if scope["type"] == "http":
            send = self._with_headers(send, scope, headers)
        try:
            self._origins.check(headers)
            scope = {**scope, "headers": self._origins.believed(scope["headers"])}
            await self._let_in(scope, receive, send)
        except Refused as refusal:
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.line})
                return
            answer = PlainTextResponse(refusal.line + "\n", refusal.status, refusal.headers)
            await answer(scope, receive, send)

    async def _let_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = path_inside(scope["path"], self._root_path)
        check_path(path)
        if scope["type"] == "websocket":
            raise Refused(403, "expected a request over HTTP, found a websocket; use HTTP")
        if path.rstrip("/") == "/logout":
            scope, send = _logout(scope), _sent_back(send)
        elif scope["method"] == "GET" and not path.startswith(API_PATH):
            scope = {**scope, "query_string": _without_page(scope["query_string"])}
        body = b""
        if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
            body = await read_body(Headers(scope=scope), receive)
        self._check_sessions(scope, path, parsed_body(body))
        if self._door and path.rstrip("/") == "/login" and scope["method"] == "POST":
            name = await _username(scope, body, receive)
            send = self._tried(self._door.throttle, scope, name, send)
        if body:
            scope = {**scope, "headers": with_length(scope["headers"], body)}
            receive = replayed(body, receive)
        await self._app(scope, receive, send)

    def _check_sessions(self, scope: Scope, path: str, body: Any) -> None:
        for name in sessions_named(path, scope["query_string"], body):
            if self._door:
                self._door.owners.check(name, _person(self._door, scope))

    def _tried(self, throttle: Throttle, scope: Scope, name: str, send: Send) -> Send:
        """Takes a try of a login; what becomes of it is seen by its answer."""
        address = (scope.get("client") or ("unknown", 0))[0]
        if wait := throttle.wait(address, name):
            raise Refused(
                429,
                f"expected fewer wrong passwords, found too many; try again in {wait} s",
                {"Retry-After": str(wait)},
            )

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                throttle.ended(address, name, message["status"] == 200)
            await send(message)

        return sent

    def _with_headers(self, send: Send, scope: Scope, headers: Headers) -> Send:
        """Adds to every answer who may show it, and takes from cookies what others may send."""
        https = "https" in (scope["scheme"], headers.get("x-forwarded-proto"))

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                answered = [
                    (name, self._origins.cookie(value, https) if name == b"set-cookie" else value)
                    for name, value in message["headers"]
                ]
                message = {**message, "headers": [*answered, *self._origins.framing()]}
                if message["status"] == 503:
                    MutableHeaders(scope=message).setdefault("retry-after", RETRY)
            await send(message)

        return sent


def _logout(scope: Scope) -> Scope:
    """Gradio ends sessions on GET, which any page can make a browser send."""
    if scope["method"] != "POST":
        raise Refused(405, "expected POST to log out, found another method", {"Allow": "POST"})
    return {**scope, "method": "GET"}


def _sent_back(send: Send) -> Send:
    """The way back is relative: gradio's lacks the last slash, without which no script is found."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 302:
            MutableHeaders(scope=message)["location"] = "./"
        await send(message)

    return sent


def _without_page(query: bytes) -> bytes:
    """Gradio takes `page` for a choice among pages of its own kind, and fails where it has none."""
    return b"&".join(part for part in query.split(b"&") if not part.startswith(b"page="))


def _person(door: Door, scope: Scope) -> str | None:
    cookies = HTTPConnection(scope).cookies
    tokens = (value for name, value in cookies.items() if name.startswith("access-token-"))
    return next(filter(None, map(door.person, tokens)), None)


async def _username(scope: Scope, body: bytes, receive: Receive) -> str:
    try:
        form = await Request(scope, replayed(body, receive)).form()
    except HTTPException:
        return ""  # gradio says what is wrong with it
    return str(form.get("username", "")).strip()
