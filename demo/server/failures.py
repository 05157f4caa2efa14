"""Failures are one line for whoever asked, and bounded ones in the log."""

from __future__ import annotations

import sys
import traceback
from html import escape
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from calrec.errors import CalrecError

FORGED = "expected what this page sends, found something else; load the page again"
UNKNOWN = "expected the inputs of this endpoint, found others; see /gradio_api/info"
FAILED = "expected an answer of this page, found a failure inside ({kind}); see the server's log"
WIDTH = 300
"""Characters of a line of the log; what somebody sent may be long."""
FRAMES = 12
"""Calls that the log shows of a failure, from within."""


class Pages(gr.Blocks):
    """Events fail in three ways: with a line of ours, by what was sent, and by a fault inside.

    Gradio answers nothing to the last two, and prints all that was sent.
    """

    async def preprocess_data(self, block_fn: Any, *args: Any, **kwargs: Any) -> Any:
        """Turns what a browser sent into what the event's function takes.

        Raises:
          gr.Error: of one line, if it is not what the page sends.
        """
        try:
            return await super().preprocess_data(block_fn, *args, **kwargs)
        except Exception as error:
            _say(f"error: forged inputs of {block_fn.api_name}: {type(error).__name__}")
            line = FORGED if block_fn.api_visibility == "private" else UNKNOWN
            raise gr.Error(line, print_exception=False) from None

    async def process_api(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Runs an event.

        Raises:
          gr.Error: of one line, if it fails.
        """
        try:
            return await super().process_api(*args, **kwargs)
        except gr.Error:
            raise
        except CalrecError as error:
            line = escape(" ".join(str(error).split()), quote=False)
            raise gr.Error(line, print_exception=False) from None
        except Exception as error:
            for line in _bounded(error):
                _say(line)
            line = FAILED.format(kind=type(error).__name__)
            raise gr.Error(line, print_exception=False) from None


def _bounded(error: Exception) -> list[str]:
    told = "".join(traceback.format_exception(error, limit=-FRAMES, chain=False))
    lines = [line[:WIDTH] for line in told.splitlines()]
    return lines if len(lines) <= 4 * FRAMES else [*lines[: 3 * FRAMES], "...", *lines[-FRAMES:]]


def _say(line: str) -> None:
    print(line[:WIDTH], file=sys.stderr, flush=True)


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
