"""A file that several processes write, one after the other: whose turn it is."""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from calrec.errors import CalrecError

PATIENCE = 5.0
"""Seconds that a read or a write waits for another process."""


@contextmanager
def alone(path: Path, until: float) -> Iterator[None]:
    """Keeps the other pages' processes away from opening the file to having closed it.

    Raises:
      CalrecError: if another one has it until that moment of `time.monotonic`.
    """
    try:
        lock = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT, 0o666)
    except OSError:
        yield  # where nobody may write, nobody needs to wait
        return
    try:
        while not _locked(lock):
            if time.monotonic() > until:
                raise taken(path)
            time.sleep(0.002 + 0.008 * random.random())
        yield
    finally:
        os.close(lock)


def _locked(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def taken(path: Path) -> CalrecError:
    """The error that another program has the file, for the caller to raise."""
    return CalrecError(
        f"expected {path.name} to be free within {PATIENCE:g} seconds, found it in use by another"
        " program; try again, nothing was stored"
    )
