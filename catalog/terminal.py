"""Foreign text on a terminal."""

from __future__ import annotations

import re

# Controls, which move the cursor or worse, line breaks, and those that turn the writing round.
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def printable(text: str, encoding: str | None) -> str:
    """One line that a terminal of that encoding shows as it stands.

    Control characters and what the encoding does not have become escapes such as `\\x1b`.

    Args:
      text: any.
      encoding: the output's; UTF-8 where it is not known.
    """
    encoding = encoding or "utf-8"
    text = _HARMFUL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
    return text.encode(encoding, errors="backslashreplace").decode(encoding)
