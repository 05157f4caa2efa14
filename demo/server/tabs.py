"""Sessions by the names that browsers give them: how long a name is, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from cachetools import LRUCache

from demo.server.refusal import Refused

# Gradio's pages take 11 letters and digits, its client for programs 36; gradio keeps each for ever.
_NAME = re.compile(r"[0-9A-Za-z_-]{1,64}")
_IN_PATH = re.compile(r"/gradio_api/heartbeat/(.*?)/?")
OWNED = 10_000
"""Sessions whose owners are remembered."""


class Tabs:
    """Whose sessions are whose: the first who names one with a login has it alone."""

    def __init__(self) -> None:
        # Read and written by the server's event loop alone.
        self._owners: LRUCache[str, str] = LRUCache(OWNED)

    def check(self, name: str, person: str | None) -> None:
        """Raises `Refused` for a session of somebody else, or without a login.

        Args:
          name: of the session.
          person: who asks; None without a login.
        """
        if person is None:
            raise Refused(401, "expected a login, found none; open the pages and log in")
        if self._owners.setdefault(name, person) != person:
            raise Refused(403, "expected a session of your own, found another; load the page again")


def named(path: str, query: bytes, body: Any) -> Iterator[str]:
    """The sessions that a request names.

    Args:
      path: as `demo.server.paths.inside` gives it.
      query: the part behind the question mark.
      body: as `demo.server.bodies.parsed` gives it.

    Raises:
      Refused: if one of them is no name of a session.
    """
    found: list[Any] = []
    if in_path := _IN_PATH.fullmatch(path):
        found.append(in_path[1])
    try:
        fields = parse_qs(query.decode("latin-1"), True, max_num_fields=2000)
    except ValueError:
        raise Refused(400, "expected a short query, found more than 2,000 fields") from None
    found += fields.get("session_hash", [])
    if isinstance(body, dict) and body.get("session_hash") is not None:
        found.append(body["session_hash"])
    for name in found:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise Refused(
                400,
                "expected as session_hash 1 to 64 letters, digits, - and _, found another; take a"
                " random one",
            )
        yield name
