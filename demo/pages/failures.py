"""What a visitor reads of work that failed: one line, whatever it was."""

from __future__ import annotations

import logging

from calrec.errors import CalrecError


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
