"""What gradio keeps for each visitor: so many of them, and nobody's is lost without a word."""

from __future__ import annotations

import gradio as gr
from gradio.state_holder import StateHolder

from demo.bounded import Bounded

REMEMBERED = 20_000
"""Sessions that were let go and are known as such."""


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
        self._gone: Bounded[str, bool] = Bounded(REMEMBERED)

    def has_let_go(self, session: str) -> bool:
        """Whether the session's state was kept once and is not any more."""
        return session not in self.session_data and bool(self._gone.known(session))

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
        self._gone.put(session, True)
