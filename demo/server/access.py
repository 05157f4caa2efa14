"""Who may use a server: the logins that it asks for."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from calrec.errors import CalrecError

AUTH = "CALREC_AUTH"
"""Environment variable with the lines that `--auth` would read."""

Login = tuple[str, str]


def logins(given: str | None) -> list[Login]:
    """Users and passwords; none where neither the option nor the variable gives any.

    Args:
      given: the option `--auth`: a file, or USER:PASSWORD.

    Raises:
      CalrecError: if a line is no USER:PASSWORD, a user comes twice, or there is no line. No text
        of a line is in the message.
    """
    if given is None and AUTH not in os.environ:
        return []
    source, text = AUTH, os.environ.get(AUTH, "")
    if given is not None:
        source, text = "--auth", given
        if Path(given).is_file():
            source, text = given, _text(Path(given))
    found: dict[str, str] = {}
    for number, whole in enumerate(text.splitlines(), 1):
        # Windows puts a mark before the first line; files put together have more of them.
        line = whole.strip().strip("\ufeff").strip()
        if not line:
            continue
        user, colon, password = line.partition(":")
        user = user.strip()
        if not (user and colon and password) or user in found:
            problem = "the same user again" if user in found and colon else "another"
            raise CalrecError(
                f"expected USER:PASSWORD in line {number} of {source}, found {problem};"
                " give each person one such line, or name a file of them"
            )
        found[user] = password
    if not found:
        raise CalrecError(
            f"expected a line USER:PASSWORD in {source}, found none; write one for each person"
        )
    return list(found.items())


def _text(path: Path) -> str:
    """A file of logins, as editors save it: UTF-8, or UTF-16 with its mark."""
    content = path.read_bytes()
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise CalrecError(
            f"expected text with lines USER:PASSWORD in {path}, found other bytes; save it as UTF-8"
        )
    return text
