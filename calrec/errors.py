"""One-line errors: what was expected, what was found, what to do."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class CalrecError(Exception):
    """An error that bad input causes; its text is one line fit to be shown to a person."""


class Terminated(KeyboardInterrupt):
    """The command was told to end, as `docker stop` and `kill` do."""


def run_cli(command: Callable[[], object]) -> None:
    """Runs a command; an error of its input becomes one line and exit status 2.

    `OSError` counts as one: a path that cannot be read or written, a full disk. Ctrl-C ends it with
    status 130 and SIGTERM with 143, both after it has cleaned up.
    """
    try:
        with _ending_when_told():
            command()
        return
    except CalrecError as error:
        line = str(error)
    except KeyboardInterrupt as told:
        print("stopped", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # Without the interpreter's own ending, which crashes while jax still compiles in a thread.
        os._exit(143 if isinstance(told, Terminated) else 130)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`); without this Python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        line = f"{where}{error.strerror or error}; check the path, its rights and the free space"
    # Outside the handler: the error's frames are free by now, and with them open databases.
    print(f"error: {line}", file=sys.stderr)
    sys.exit(2)


@contextmanager
def _ending_when_told() -> Iterator[None]:
    """Turns SIGTERM into `Terminated`; the first process of a container would ignore it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(*_: object) -> None:
    # Told again while it cleans up, it ends as it stands.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    raise Terminated
