"""A Ray cluster that is reached, or one started on this machine; Ray is an extra."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from calrec.errors import CalrecError


@contextmanager
def connected(address: str | None, option: str) -> Iterator[Any]:
    """The module `ray`, connected for the block.

    Args:
      address: of a cluster, or `auto`; None starts one on this machine for the block.
      option: what asked for it on the command line, for messages.

    Raises:
      CalrecError: if Ray is not installed or not reached.
    """
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise CalrecError(
            f"expected Ray for {option}, found none; install it with: "
            f"pip install 'calrec[ray]', or leave {option} out"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    if address:
        _reach(address)
    ends = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            configure_logging=False,
            include_dashboard=None if address else False,
        )
    except (ConnectionError, OSError, RuntimeError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise CalrecError(
            f"expected a Ray cluster at {address or 'this machine'}, found: {told}; "
            "start one with: ray start --head"
        ) from None
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ends)  # Ray has taken it for itself
        yield ray
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Refuses an address where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):  # such as `auto`, which Ray resolves
        return
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise CalrecError(
            f"expected a Ray cluster at {address}, found none ({error}); "
            "start one with: ray start --head"
        ) from None
