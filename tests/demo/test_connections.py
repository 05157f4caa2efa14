"""Connections that ask nothing, or half of it."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from demo.server import serving
from demo.server.addresses import listening
from demo.server.serving import Server

LONG = 20.0
"""Seconds; no connection that is waited for ends within them, even where the machine is busy."""
WHOLE = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def answering(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/slow":
        for _ in range(20):
            await asyncio.sleep(0.1)
            await send({"type": "http.response.body", "body": b".", "more_body": True})
    await send({"type": "http.response.body", "body": b"done"})


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(serving, "PATIENCE", 0.5)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(answering, listening("127.0.0.1", port))
    server.start()
    yield port
    server.close()


def open_for(port: int, *parts: bytes, pause: float = 0.0) -> tuple[float, bytes]:
    """Seconds until the server closes a connection on which these parts are sent, and its words."""
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as one:
        for part in parts:
            one.sendall(part)
            time.sleep(pause)
        said = b""
        while part := one.recv(65536):
            said += part
    return time.monotonic() - start, said


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts", [(), (b"GET / HT",), (WHOLE[:-2],), (b"\r\n",), (WHOLE, b"GET / HTTP/1.1\r\nHo")]
)
def test_who_does_not_ask_is_not_waited_for(port, parts):
    _, said = open_for(port, *parts, pause=0.1)  # an error if it stays open for `LONG`
    assert said.count(b"done") == parts.count(WHOLE)


def trickle(one: socket.socket, end: float) -> None:
    one.sendall(WHOLE[:-2])
    while time.monotonic() < end:
        one.sendall(b"X: y\r\n")
        time.sleep(0.05)


@pytest.mark.slow
def test_a_trickle_is_not_waited_for(port):
    with (
        socket.create_connection(("127.0.0.1", port), timeout=LONG) as one,
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        trickle(one, time.monotonic() + LONG)


@pytest.mark.slow
def test_a_long_answer_is_not_cut(port):
    request = WHOLE.replace(b"GET / ", b"GET /slow ").replace(b"Host", b"Connection: close\r\nHost")
    took, said = open_for(port, request)
    assert took > 1.5
    assert b"done" in said
