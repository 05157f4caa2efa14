"""What the server lets in: no huge bodies, no uploads, nothing that would make it call out."""

from __future__ import annotations

import json
import sys
from typing import Any
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes of a request; the pages send far less."""

# Gradio would fetch these for a visitor from anywhere.
_FETCHING = ("/file=", "/file/", "/proxy=")
_CLOSED = ("/upload", "/process_recording", "/component_server")
_PREFIX = "/gradio_api"


class _Refused(Exception):
    """A request that is answered with a status and one line."""


class Guard:
    """ASGI middleware before gradio's own application.

    Gradio takes JSON of any size, uploads even where no page has a place for them, and fetches the
    addresses that requests name. None of that is needed here.

    Args:
      app: what answers the requests that are let in.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, or lets it in."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] == "GET" and _PREFIX not in scope["path"]:
            scope = {**scope, "query_string": _without_page(scope["query_string"])}
        try:
            _check_path(scope["path"])
            if scope["method"] in ("POST", "PUT", "PATCH", "DELETE"):
                body = await _body(Headers(scope=scope), receive)
                _check_addresses(body)
                receive = _replayed(body, receive)
        except _Refused as refusal:
            status, line = refusal.args
            await PlainTextResponse(line + "\n", status)(scope, receive, send)
            return
        await self._answered(scope, receive, send)

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lets a request in; what gradio stumbles over becomes a line, here and in the log."""
        begun = False

        async def sent(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            if begun:
                raise
            found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            print(f"error: {scope['method']} {scope['path'][:200]!r}: {found}", file=sys.stderr)
            line = "expected a request that these pages know, found another; see /gradio_api/info"
            await PlainTextResponse(line + "\n", 400)(scope, receive, send)


def _without_page(query: bytes) -> bytes:
    """Gradio takes `page` for a choice among pages of its own kind, and fails where it has none."""
    return b"&".join(part for part in query.split(b"&") if not part.startswith(b"page="))


def _check_path(path: str) -> None:
    # Behind a proxy the path may begin with the proxy's own.
    _, prefix, rest = path.partition(_PREFIX)
    if not prefix:
        return
    if rest.rstrip("/") in _CLOSED:
        raise _Refused(403, "expected no files, found an upload; these pages take none")
    for beginning in _FETCHING:
        if rest.startswith(beginning) and "://" in unquote(rest):
            raise _Refused(403, "expected a file of these pages, found another address; open it")


async def _body(headers: Headers, receive: Receive) -> bytes:
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > LARGEST_BODY:
        raise _too_large()
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Refused(400, "expected a whole request, found the connection closed; try again")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise _too_large()
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large() -> _Refused:
    return _Refused(
        413, f"expected a request of at most {LARGEST_BODY:,} bytes, found more; send less"
    )


def _check_addresses(body: bytes) -> None:
    """Refuses JSON with a file that gradio would fetch from its address."""
    if not body:
        return
    try:
        json.loads(body, object_hook=_check_file)
    except (ValueError, RecursionError):
        return  # no JSON: the application says so


def _check_file(found: dict[str, Any]) -> dict[str, Any]:
    path = found.get("path")
    if "meta" in found and isinstance(path, str) and "://" in path:
        raise _Refused(403, "expected no files, found the address of one; these pages take none")
    return found


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what comes after it: the end of the connection."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
