"""Files and folders that one process at a time may change.

A lock belongs to the open file, so that the system releases it when the process ends, however it
ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import lock_descriptor


def lock(descriptor: int, path: Path) -> bool:
    """Locks an open file or folder until it is closed, without waiting for who has it.

    Returns:
      Whether it is this process's own now: nobody else has it, and `path` still names it. Between
      the opening and the lock another process may have renamed or removed it.

    Raises:
      OSError: if the disk has no locks.
    """
    if not lock_descriptor(descriptor, blocking=False):
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


@contextmanager
def locked(path: Path, *, create: bool = False) -> Iterator[bool]:
    """Locks a file or folder for the block; yields what `lock` returns.

    Args:
      path: of a file or folder.
      create: whether to make the file if there is none.

    Raises:
      OSError: if it cannot be opened, or the disk has no locks.
    """
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    descriptor = os.open(path, flags, 0o644)
    try:
        yield lock(descriptor, path)
    finally:
        os.close(descriptor)
