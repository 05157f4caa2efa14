"""What gradio keeps for each visitor: so many of them, and nobody's is lost without a word."""

from __future__ import annotations

import datetime
from types import SimpleNamespace
from typing import Any

import gradio as gr
from cachetools import LRUCache
from gradio.state_holder import SessionState, StateHolder

REMEMBERED = 20_000
"""Sessions that were let go and are known as such."""


class State(SessionState):
    """What one visitor has, and no copy of all that the pages are made of.

    Gradio makes that copy, of about 1 MB and a tenth of a second, for links that nobody makes here.

    Args:
      page: the pages.
    """

    def __init__(self, page: gr.Blocks) -> None:
        super().__init__(SimpleNamespace(default_config=page.default_config, blocks=()))
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
