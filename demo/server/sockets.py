"""The web server: gradio's application behind the guard, on sockets of our own.

Gradio's own start asks itself whether it can be reached, through whatever proxy the environment
names, and knows no IPv6; this one does neither.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from calrec.errors import CalrecError
from demo.server import connections
from demo.server.access import Login
from demo.server.guard import Door, Guard
from demo.server.origins import Origins
from demo.server.stumbles import Stumbles
from demo.server.tabs import Tabs
from demo.server.throttle import Throttle
from demo.server.visitors import Visitors

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
                http=connections.Connection,
                ws="none",
                log_level="warning",
                access_log=False,
                server_header=False,
                limit_concurrency=connections.MOST,
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
    app = page.app = parent.routes[-1].app  # what `page.close()` ends
    app.state_holder = Visitors(page, sessions)
    if page.mcp_server_obj:
        # The tools ask the server itself, and not whoever their caller says that it is.
        page.mcp_server_obj._local_url = address
    door = None
    if auth:
        throttle = Throttle([user for user, _ in auth])
        door = Door(throttle=throttle, person=app.tokens.get, tabs=Tabs())
    server = Server(Guard(parent, origins, root_path, door), sockets)
    server.start()
    page.server = server
