"""One-line errors: what was expected, what was found, what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable


class CalrecError(Exception):
    """An error that bad input causes; its text is one line fit to be shown to a person."""


def run_cli(command: Callable[[], object]) -> None:
    """Runs a command; a `CalrecError` becomes one line and exit status 2, Ctrl-C status 130."""
    try:
        command()
    except CalrecError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`); without this Python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
