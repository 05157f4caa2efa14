"""A request that is not let in."""

from __future__ import annotations

from collections.abc import Mapping


class Refused(Exception):
    """Answered with a status and one line, of what was expected, found and can be done.

    Args:
      status: of HTTP.
      line: for whoever asked.
      headers: that the status calls for.
    """

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.line = line
        self.headers = dict(headers or {})
