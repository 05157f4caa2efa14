"""Who waits for whom: people before programs, and room for every page that opens."""

from __future__ import annotations

from typing import Any

import fastapi
import gradio as gr
from gradio.queueing import Queue
from gradio.utils import LRUCache

from demo.server.visitors import REMEMBERED, Visitors

PAGES = 1_000
"""Events of pages that may wait, of all visitors together."""
TAB = 64
"""Of one visitor."""
PROGRAMS = 16
"""Calls of programs that may wait."""
BYTES = 64 * 1024 * 1024
"""What all that waits may hold."""


class FairQueue(Queue):
    """Gradio's queue, in which calls of the API take no place of the pages' events.

    Gradio counts all of them together, so that a few programs leave pages blank.

    Args:
      page: the pages whose events they are.
      default_concurrency_limit: how many calls of one function run at once.
    """

    def __init__(self, page: gr.Blocks, default_concurrency_limit: int) -> None:
        super().__init__(
            live_updates=True,
            concurrency_count=page.max_threads,
            update_intervals=1,
            max_size=None,
            blocks=page,
            default_concurrency_limit=default_concurrency_limit,
        )
        # Gradio keeps every session that it ever heard of.
        self.pending_event_ids_session = LRUCache(REMEMBERED)

    async def push(
        self, body: Any, request: fastapi.Request, username: str | None
    ) -> tuple[bool, Any, Any]:
        """Takes an event, or says why not.

        Raises:
          HTTPException: of status 410 if the visitor's state is not kept any more.
        """
        # Not gradio's own way to find it, which makes a state for whoever asks.
        fn = self.blocks.fns.get(body.fn_index)
        if fn is None:
            return False, "expected an event of these pages, found another; load the page", "error"
        program = _is_program(fn)
        if full := self._full(program, body.session_hash, request):
            return False, full, "queue_full"
        holder = self.blocks.state_holder
        if not program and isinstance(holder, Visitors) and holder.has_let_go(body.session_hash):
            raise fastapi.HTTPException(
                410, "expected a session that is kept, found one of long ago; load the page again"
            )
        pushed = await super().push(body, request, username)
        for queue in self.event_queue_per_concurrency_id.values():
            queue.queue.sort(key=lambda event: _is_program(event.fn))  # keeps the order of equals
        return pushed

    def compute_analytics_summary(self, records: Any) -> dict[str, Any]:
        """Nothing: gradio would count all events anew after each, for a page that is closed."""
        return self.cached_event_analytics_summary

    def _full(self, program: bool, session: str | None, request: fastapi.Request) -> str | None:
        waiting = [
            event for queue in self.event_queue_per_concurrency_id.values() for event in queue.queue
        ]
        alike = [event for event in waiting if _is_program(event.fn) == program]
        own = [event for event in alike if event.session_hash == session]
        most = PROGRAMS if program else PAGES
        held = _size(request) + sum(_size(event.request) for event in waiting)
        if len(alike) >= most or (not program and len(own) >= TAB) or held > BYTES:
            what = "calls of programs" if program else "events of pages"
            return f"expected room for another of the {what}, found the queue full; wait a moment"
        return None


def _is_program(fn: Any) -> bool:
    return fn.api_visibility != "private"


def _size(request: Any) -> int:
    """Bytes of the request that an event came with."""
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0
