"""Who may use a server: the logins it asks for, and whether others can reach it at all."""

from __future__ import annotations

import ipaddress
import os
import socket
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
            source = given
            try:
                text = Path(given).read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise CalrecError(
                    f"expected text with lines USER:PASSWORD in {given}, found other bytes; save it"
                    " as UTF-8"
                ) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        user, colon, password = line.strip().partition(":")
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


def is_public(host: str) -> bool:
    """Whether other machines may reach a server that listens on this address."""
    try:
        addresses = {found[4][0] for found in socket.getaddrinfo(host or "0.0.0.0", None)}
    except OSError:
        return True
    return not all(ipaddress.ip_address(str(a).partition("%")[0]).is_loopback for a in addresses)
