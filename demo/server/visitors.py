"""What gradio keeps of each visitor, and who waits for whom.

Nobody's state is lost without a word. People go before programs, and every page that opens has
room.
"""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any, cast

import fastapi
import gradio as gr
from cachetools import LRUCache
from gradio.queueing import Queue
from gradio.state_holder import SessionState, StateHolder
from gradio.utils import LRUCache as DictOfBoundedSize

REMEMBERED = 20_000
"""Sessions that were let go and are known as such."""


class State(SessionState):
    """What one visitor has, and no copy of all that the pages are made of.

    Gradio makes that copy, of about 1 MB and a tenth of a second, for links that nobody makes here.

    Args:
      page: the pages.
    """

    def __init__(self, page: gr.Blocks) -> None:
        # All that gradio reads of the pages here, and none of what it would copy.
        bare = SimpleNamespace(default_config=page.default_config, blocks=())
        super().__init__(cast(gr.Blocks, bare))
        self.config_values = _Nothing()

    def _update_config(self, key: int) -> None:
        pass

    def _update_value_in_config(self, key: int, value: Any) -> None:
        pass


class _Nothing(dict):
    """Keeps nothing that is put into it."""

    def __setitem__(self, key: Any, value: Any) -> None:
        pass


class Visitors(StateHolder):
    """Gradio's states of sessions, which knows whose it has let go.

    Gradio makes a new state for a session that it does not know: a visitor whose state went, as
    many others came or the machine slept, would be in the first shop with an empty history.

    Args:
      page: the pages.
      capacity: how many sessions are kept.
    """

    def __init__(self, page: gr.Blocks, capacity: int) -> None:
        super().__init__()
        page.state_session_capacity = capacity
        self.set_blocks(page)
        self._gone: LRUCache[str, bool] = LRUCache(REMEMBERED)

    def __getitem__(self, session_id: str) -> SessionState:
        """The state of a session, which is as good as used; a new one where none is kept."""
        if session_id not in self.session_data:
            self.session_data[session_id] = State(self.blocks)
        self.update(session_id)
        self.time_last_used[session_id] = datetime.datetime.now()
        return self.session_data[session_id]

    def has_let_go(self, session: str) -> bool:
        """Whether the session's state was kept once and is not any more."""
        with self.lock:
            return session not in self.session_data and session in self._gone

    def update(self, session_id: str) -> None:
        """Marks a session as used last; the one used longest ago goes if there are too many."""
        with self.lock:
            if session_id in self.session_data:
                self.session_data.move_to_end(session_id)
            while len(self.session_data) > self.capacity:
                self._let_go(next(iter(self.session_data)))

    def delete_state(self, session_id: str, expired_only: bool = False) -> None:
        """Lets a session go; `expired_only` those alone that were left an hour ago."""
        state = self.session_data.get(session_id)
        if state is None:
            return
        if not expired_only or any(expired for _, _, expired in state.state_components):
            super().delete_state(session_id, expired_only)
            with self.lock:
                self._let_go(session_id)

    def _let_go(self, session: str) -> None:
        self.session_data.pop(session, None)
        self.time_last_used.pop(session, None)
        self._gone[session] = True


EVENTS_WAITING = 1_000
"""Events of pages that may wait, of all visitors together."""
EVENTS_WAITING_OF_ONE = 64
"""Of one visitor."""
CALLS_WAITING = 16
"""Calls of programs that may wait."""
BYTES_WAITING = 64 * 1024 * 1024
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
        self.pending_event_ids_session = DictOfBoundedSize(REMEMBERED)

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
        most = CALLS_WAITING if program else EVENTS_WAITING
        held = _size(request) + sum(_size(event.request) for event in waiting)
        if (
            len(alike) >= most
            or (not program and len(own) >= EVENTS_WAITING_OF_ONE)
            or held > BYTES_WAITING
        ):
            what = "calls of programs" if program else "events of pages"
            return f"expected room for another of the {what}, found the queue full; wait a moment"
        return None


def _is_program(fn: Any) -> bool:
    return fn.api_visibility != "private"


def _size(request: Any) -> int:
    """Bytes of the request that an event came with."""
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0
