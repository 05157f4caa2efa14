"""One-line errors: what was expected, what was found, what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class CalrecError(Exception):
    """An error that bad input causes; its text is one line fit to be shown to a person."""


def run_cli(command: Callable[[], object]) -> None:
    """Runs a command; an error of its input becomes one line and exit status 2, Ctrl-C status 130.

    `OSError` counts as one: a path that cannot be read or written, a full disk.
    """
    try:
        command()
        return
    except CalrecError as error:
        line = str(error)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        # Without the interpreter's own ending, which crashes while jax still compiles in a thread.
        os._exit(130)
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
