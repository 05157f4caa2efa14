"""What requests carry: of bounded size, read in bounded time, and with no file to be fetched."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from demo.server.refusal import Refused

LARGEST = 2 * 1024 * 1024
"""Bytes of a request; the pages send far less."""
LONGEST = 30.0
"""Seconds that a request's body may take to come."""


async def read(headers: Headers, receive: Receive) -> bytes:
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


def parsed(body: bytes) -> Any:
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


def counted(headers: list[tuple[bytes, bytes]], body: bytes) -> list[tuple[bytes, bytes]]:
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
