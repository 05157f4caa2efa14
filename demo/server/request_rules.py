"""What a request may ask for, carry and name, and how it is refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from cachetools import LRUCache
from starlette.datastructures import Headers
from starlette.types import Message, Receive

from calrec.errors import CalrecError


class Refused(Exception):
    """Answered with a status and one line, of what was expected, found and can be done.

    Args:
      status: of HTTP.
      line: for whoever asked.
      headers: that the status calls for.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.headers = dict(headers or {})


API_PATH = "/gradio_api"

# Gradio would fetch these for a visitor from anywhere.
_FETCHING = ("/file=", "/file/", "/proxy=")
_UPLOADS = ("/upload", "/process_recording", "/component_server")
_PAGES = re.compile(
    r"/|/(config|login|logout)/?|/(theme\.css|robots\.txt|manifest\.json|favicon\.ico)"
    r"|/(assets|static|svelte)/.*"
)
_API = re.compile(
    r"/(info|openapi\.json|user|login_check|app_id|cancel|reset|theme\.css)/?|/queue/(join|data)/?"
    r"|/(call|run|api|heartbeat|mcp)/.*|/mcp|/file[=/].*"
)


def path_inside(path: str, root_path: str) -> str:
    """A path as gradio knows it, whether the proxy took its own part away or left it."""
    if root_path and (path == root_path or path.startswith(f"{root_path}/")):
        return path[len(root_path) :] or "/"
    return path


def checked_root_path(path: str) -> str:
    """A proxy's path with one slash before and none behind; empty for the root.

    Raises:
      CalrecError: if it is no plain path, or takes gradio's own.
    """
    parts = [part for part in path.split("/") if part]
    if "gradio_api" in parts:
        raise CalrecError(
            f"expected a path such as /calrec, found {path!r}, whose gradio_api belongs to the"
            " pages; choose another --root-path"
        )
    if not all(
        part.replace("-", "").replace("_", "").isalnum() and part.isascii() for part in parts
    ):
        raise CalrecError(
            f"expected a path such as /calrec, found {path!r}; give --root-path letters, digits,"
            " - and _ between its slashes"
        )
    return "".join(f"/{part}" for part in parts)


def check_path(path: str) -> None:
    """Raises `Refused` for what is not served, although gradio would answer.

    Args:
      path: as `path_inside` gives it.
    """
    if _PAGES.fullmatch(path):
        return
    rest = path.removeprefix(API_PATH)
    if rest == path:
        raise _unknown(path)
    if rest.rstrip("/") in _UPLOADS:
        raise Refused(403, "expected no files, found an upload; these pages take none")
    for beginning in _FETCHING:
        if rest.startswith(beginning) and "://" in unquote(rest):
            raise Refused(403, "expected a file of these pages, found another address; open it")
    if not _API.fullmatch(rest):
        raise _unknown(path)


def _unknown(path: str) -> Refused:
    return Refused(404, f"expected an address of these pages, found {path[:80]!r}; open /")


LARGEST = 2 * 1024 * 1024
"""Bytes of a request; the pages send far less."""
LONGEST = 30.0
"""Seconds that a request's body may take to come."""


async def read_body(headers: Headers, receive: Receive) -> bytes:
    """A request's whole body.

    Raises:
      Refused: if it is too large or too slow, or ends early.
    """
    declared = headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()) or int(declared[:20]) > LARGEST:
        raise _too_large()
    try:
        async with asyncio.timeout(LONGEST):
            return await _whole(receive)
    except TimeoutError:
        raise Refused(
            408, f"expected a request within {LONGEST:.0f} s, found half of one; send it at once"
        ) from None


async def _whole(receive: Receive) -> bytes:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "expected a whole request, found the connection closed; try again")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            raise _too_large()
        more = message.get("more_body", False)
    return b"".join(parts)


def _too_large() -> Refused:
    return Refused(413, f"expected a request of at most {LARGEST:,} bytes, found more; send less")


def parsed_body(body: bytes) -> Any:
    """What a body of JSON says; None where it is no JSON.

    Raises:
      Refused: if it has a file that gradio would fetch from its address.
    """
    if not body:
        return None
    try:
        return json.loads(body, object_hook=_checked)
    except (ValueError, RecursionError):
        return None  # the application says so


def _checked(found: dict[str, Any]) -> dict[str, Any]:
    path = found.get("path")
    if "meta" in found and isinstance(path, str) and "://" in path:
        raise Refused(403, "expected no files, found the address of one; these pages take none")
    return found


def with_length(headers: list[tuple[bytes, bytes]], body: bytes) -> list[tuple[bytes, bytes]]:
    """The headers of a request whose body is at hand, however it came."""
    framing = (b"content-length", b"transfer-encoding")
    kept = [(name, value) for name, value in headers if name not in framing]
    return [*kept, (b"content-length", b"%d" % len(body))]


def replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more, then what comes after it: the end of the connection."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


# Gradio's pages take 11 letters and digits, its client for programs 36; gradio keeps each for ever.
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_IN_PATH = re.compile(r"/gradio_api/heartbeat/(.*?)/?")
OWNED = 10_000
"""Sessions whose owners are remembered."""


class SessionOwners:
    """Whose sessions are whose: the first who names one with a login has it alone."""

    def __init__(self) -> None:
        # Read and written by the server's event loop alone.
        self._owners: LRUCache[str, str] = LRUCache(OWNED)

    def check(self, name: str, person: str | None) -> None:
        """Raises `Refused` for a session of somebody else, or without a login.

        Args:
          name: of the session.
          person: who asks; None without a login.
        """
        if person is None:
            raise Refused(401, "expected a login, found none; open the pages and log in")
        if self._owners.setdefault(name, person) != person:
            raise Refused(403, "expected a session of your own, found another; load the page again")


def sessions_named(path: str, query: bytes, body: Any) -> Iterator[str]:
    """The sessions that a request names.

    Args:
      path: as `path_inside` gives it.
      query: the part behind the question mark.
      body: as `parsed_body` gives it.

    Raises:
      Refused: if one of them is no name of a session.
    """
    found: list[Any] = []
    if in_path := _IN_PATH.fullmatch(path):
        found.append(in_path[1])
    try:
        fields = parse_qs(query.decode("latin-1"), True, max_num_fields=2000)
    except ValueError:
        raise Refused(400, "expected a short query, found more than 2,000 fields") from None
    found += fields.get("session_hash", [])
    if isinstance(body, dict) and body.get("session_hash") is not None:
        found.append(body["session_hash"])
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused(
                400,
                "expected as session_hash 1 to 64 letters, digits, - and _, found another; take a"
                " random one",
            )
        yield name
