"""One-line errors: what was expected, what was found, what to do; and lines on a terminal."""

from __future__ import annotations

import importlib
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn


class CalrecError(Exception):
    """An error that bad input causes; its text is one line fit to be shown to a person."""


class Terminated(KeyboardInterrupt):
    """The command was told to end, as `docker stop` and `kill` do."""


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
    """Runs a command; an error of its input becomes one line and exit status 2.

    `OSError` counts as one: a path that cannot be read or written, a full disk. So does a text that
    has no form in an encoding, such as a name that is not UTF-8. Ctrl-C ends it with status 130 and
    SIGTERM with 143, both after it has cleaned up.
    """
    try:
        with _ctrl_c_is_never_lost(), _ending_when_told():
            command()
        return
    except CalrecError as error:
        line = str(error)
    except KeyboardInterrupt as told:
        _stop(type(told))
    except BrokenPipeError:
        # The reader of a pipe went away (`| head`); without this Python complains at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        line = f"{where}{error.strerror or error}; check the path, its rights and the free space"
    except UnicodeEncodeError as error:
        found = error.object[max(0, error.start - 20) : error.end + 20]
        line = (
            f"expected names and texts in {error.encoding}, found {found!a}; rename the file or "
            "folder, or use a terminal of UTF-8"
        )
    except Exception as error:
        if not _is_ctrl_c(error):
            raise
        _stop()
    # Outside the handler: the error's frames are free by now, and with them open databases.
    # It names columns, files and values of the input, whatever stands in them.
    print(f"error: {printable(line, sys.stderr.encoding)}", file=sys.stderr)
    sys.exit(2)


def run_cli_of(module: str) -> None:
    """Runs the `main` of that module as `run_cli` does: Ctrl-C is heard while it is loaded, too."""
    run_cli(lambda: importlib.import_module(module).main())


def _stop(told: type[BaseException] = KeyboardInterrupt) -> NoReturn:
    print("stopped", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    # Without the interpreter's own ending, which crashes while jax still compiles in a thread.
    os._exit(143 if issubclass(told, Terminated) else 130)


@contextmanager
def _ctrl_c_is_never_lost() -> Iterator[None]:
    """Stops also where Ctrl-C meets a callback, whose errors Python drops (jax has one of gc)."""
    before = sys.unraisablehook

    def told(dropped: sys.UnraisableHookArgs) -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            _stop(dropped.exc_type)
        before(dropped)

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before


def _is_ctrl_c(error: BaseException | None) -> bool:
    """Whether a library made another error of it."""
    while error is not None:
        # The text is what DuckDB makes of it.
        if isinstance(error, KeyboardInterrupt) or str(error) == "Query interrupted":
            return True
        error = error.__cause__ or error.__context__
    return False


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
