"""What gradio stumbles over: one line for whoever asked, and one in the log."""

from __future__ import annotations

import sys

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Stumbles:
    """ASGI middleware, innermost: before it, an error would be answered with 500 and logged whole.

    Args:
      app: gradio's own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun: list[Headers] = []

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                begun.append(Headers(raw=message["headers"]))
            await send(message)

        try:
            await self._app(scope, receive, sent)
        except Exception as error:
            found = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            print(f"error: {scope['method']} {scope['path'][:200]!r}: {found}", file=sys.stderr)
            if not begun:
                line = "expected a request that these pages know, found another"
                answer = PlainTextResponse(f"{line}; see /gradio_api/info\n", 400)
                await answer(scope, receive, send)
            elif begun[0].get("content-type", "").startswith("text/event-stream"):
                # What it had to say has been said. Of anything else the connection's end tells.
                await send({"type": "http.response.body", "body": b""})
