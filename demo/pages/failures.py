"""What a visitor reads of work that failed: one line, whatever it was."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

from calrec.errors import CalrecError
from demo.html.widgets import notice
from demo.pages.named import Update

Given = ParamSpec("Given")


def told_in(part: str) -> Callable[[Callable[Given, Update]], Callable[Given, Update]]:
    """A handler whose `CalrecError` becomes a line in the part of this name."""

    def telling(handler: Callable[Given, Update]) -> Callable[Given, Update]:
        @wraps(handler)
        def told(*given: Given.args, **options: Given.kwargs) -> Update:
            try:
                return handler(*given, **options)
            except CalrecError as error:
                return {part: notice(str(error), "error")}

        return told

    return telling


def line(error: Exception, wanted: str, where: str = "the model") -> str:
    """The failure in one line; what is no `CalrecError` goes to the log as a whole.

    Args:
      error: what was raised; call this where it is handled.
      wanted: what there was to be, such as "a map".
      where: what failed.
    """
    if isinstance(error, CalrecError):
        return str(error)
    logging.getLogger(__name__).exception("%s failed", wanted)
    return (
        f"expected {wanted}, found a failure in {where} ({type(error).__name__}); try again, or"
        " see the server's log"
    )
