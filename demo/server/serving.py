"""The web server: gradio's application behind the guard, on sockets of our own.

Gradio's own start asks itself whether it can be reached, through whatever proxy the environment
names, and knows no IPv6; this one does neither.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, cast

import gradio as gr
import h11
import uvicorn
from fastapi import FastAPI
from gradio.routes import App
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount
from uvicorn.protocols.http.h11_impl import H11Protocol

from calrec.errors import CalrecError
from demo.server.access import Login, Throttle
from demo.server.failures import Stumbles
from demo.server.guard import Door, Guard
from demo.server.origins import Origins
from demo.server.request_rules import SessionOwners
from demo.server.visitors import Visitors

PATIENCE = 30.0
"""Seconds for the beginning of a request to come, from its first byte or the connection's start."""
MOST_CONNECTIONS = 2_000
"""Connections at once; a page keeps two or three of them."""


class Connection(H11Protocol):
    """uvicorn's, which bounds only the time between two requests of a connection."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """The clock starts."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """It runs as long as no whole head of a request has come."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """It stops."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        if self.conn.their_state is not h11.IDLE:
            self._stop()
        elif self._patience is None:
            self._patience = self.loop.call_later(PATIENCE, self._close)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


START = 60.0
"""Seconds within which the server answers, or something is wrong."""
END = 1
"""Seconds that open answers get when it ends."""


class Server(uvicorn.Server):
    """Serves in a thread of its own until it is closed."""

    def __init__(self, app: Any, sockets: Sequence[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app=app,
                http=Connection,
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=MOST_CONNECTIONS,
                timeout_graceful_shutdown=END,
            )
        )
        self._thread = threading.Thread(
            target=self.run, kwargs={"sockets": list(sockets)}, daemon=True
        )

    def start(self) -> None:
        """Returns when it answers.

        Raises:
          CalrecError: if it does not.
        """
        self._thread.start()
        end = time.monotonic() + START
        while not self.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                raise CalrecError("expected the server to start, found that it ended; see above")
            time.sleep(0.01)

    def close(self) -> None:
        """Returns when nobody is answered any more."""
        self.should_exit = True
        self._thread.join(timeout=END + 2)


def serve(
    page: gr.Blocks,
    sockets: Sequence[socket.socket],
    address: str,
    *,
    origins: Origins,
    root_path: str,
    auth: Sequence[Login],
    sessions: int,
    **options: Any,
) -> None:
    """Serves pages in the background, until `page.close()`.

    Args:
      page: the pages.
      sockets: where to listen.
      address: where this machine itself reaches the server.
      origins: whom it answers.
      root_path: path under which a proxy serves the pages.
      auth: users and passwords.
      sessions: visitors whose state is kept at once.
      options: further ones of `gr.mount_gradio_app`.
    """
    # With one of its parent's, gradio has no rule of its own about other sites.
    cors = Middleware(
        CORSMiddleware,
        allow_origins=sorted(origins.sites),
        allow_credentials=True,
        allow_methods=["*"],
        allow_headers=["*"],
    )
    parent = FastAPI(openapi_url=None, middleware=[cors])
    gr.mount_gradio_app(
        parent,
        page,
        path="/",
        root_path=root_path,
        auth=list(auth) or None,
        app_kwargs={"openapi_url": None, "middleware": [Middleware(Stumbles)]},
        **options,
    )
    mounted = parent.routes[-1]
    assert isinstance(mounted, Mount), "gradio was mounted last"
    assert isinstance(mounted.app, App), "and what it mounts is its own application"
    app = page.app = mounted.app  # what `page.close()` ends
    app.state_holder = Visitors(page, sessions)
    if page.mcp_server_obj:
        # The tools ask the server itself, and not whoever their caller says that it is.
        page.mcp_server_obj._local_url = address
    door = None
    if auth:
        throttle = Throttle([user for user, _ in auth])
        door = Door(throttle=throttle, person=app.tokens.get, owners=SessionOwners())
    server = Server(Guard(parent, origins, root_path, door), sockets)
    server.start()
    page.server = cast(Any, server)  # gradio calls nothing but its `close`
