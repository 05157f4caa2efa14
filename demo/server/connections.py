"""Connections that take their time: who has not asked for anything within some seconds goes."""

from __future__ import annotations

import asyncio

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE = 30.0
"""Seconds for the beginning of a request to come, from its first byte or the connection's start."""
MOST = 2_000
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
