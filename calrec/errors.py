"""One-line errors: what was expected, what was found, what to do; and lines on a terminal."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable


class CalrecError(Exception):
    """An error that bad input causes; its text is one line fit to be shown to a person."""


# Controls, which move the cursor or worse, line breaks, and those that turn the writing round.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str, encoding: str | None) -> str:
    """One line that a terminal of that encoding shows as it stands.

    Control characters and what the encoding does not have become escapes such as `\\x1b`.

    Args:
      text: any, a foreign one as well.
      encoding: the output's; UTF-8 where it is not known.
    """
    encoding = encoding or "utf-8"
    text = _HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text.encode(encoding, errors="backslashreplace").decode(encoding)


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
    # It names columns, files and values of the input, whatever stands in them.
    print(f"error: {printable(line, sys.stderr.encoding)}", file=sys.stderr)
    sys.exit(2)
