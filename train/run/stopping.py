"""Ctrl-C and SIGTERM while a run trains: the step is finished and its state saved first."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from calrec.errors import Terminated


class Asked:
    """Whether the run has been asked to stop, and how."""

    def __init__(self) -> None:
        self.by: int | None = None

    def stop(self) -> None:
        """Ends the run as the signal would have, by now that its state is saved."""
        raise Terminated if self.by == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def stopping() -> Iterator[Asked]:
    """Notes a first signal for the block; a second one acts at once, as it did before."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def told(number: int, frame: FrameType | None) -> None:
        asked.by = number
        for each, handler in before.items():
            signal.signal(each, handler)

    for number in before:
        signal.signal(number, told)
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
