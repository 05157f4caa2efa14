"""Who may use a server: the logins that it asks for, and how often one may be tried."""

from __future__ import annotations

import codecs
import ipaddress
import math
import os
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
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
        if _is_file(given):
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


def _is_file(given: str) -> bool:
    try:
        return Path(given).is_file()
    except OSError:  # no name that a file could have: a login, which no message may repeat
        return False


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


@dataclass(frozen=True, kw_only=True)
class Pace:
    """So many tries at once, and then one more in so many seconds."""

    at_once: int
    seconds: float


# A person at a machine mistypes a few times; many people may share an address. What one address
# may try in all is less than what closes a person's name to everybody: nobody alone locks out.
PERSON_HERE = Pace(at_once=5, seconds=60)
ADDRESS = Pace(at_once=20, seconds=15)
PERSON = Pace(at_once=100, seconds=5)
LARGEST_TABLE = 10_000
"""Addresses and names that are remembered; what was used longest ago goes."""


class Throttle:
    """Counts tries by the address they come from, by the name they are for, and by both.

    A right password gives its try back. Not for several threads.

    Args:
      people: the names of the logins; only these are told in the log, as others may be passwords
        in the wrong field.
      now: seconds of a clock that never goes back.
      say: takes a line of the log.
    """

    def __init__(
        self,
        people: Collection[str],
        now: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._people = frozenset(people)
        self._now = now
        self._say = say or _log
        # Until when a key's tries are used up, if none is added: the "theoretical arrival time" of
        # the generic cell rate algorithm.
        self._until: OrderedDict[Hashable, float] = OrderedDict()
        self._told: OrderedDict[Hashable, None] = OrderedDict()

    def wait(self, address: str, name: str) -> int:
        """Takes a try; seconds to wait first where there is none, and nothing is taken."""
        paces = self._paces(address, name)
        wait = max(self._missing(key, pace) for key, pace in paces)
        if wait > 0:
            if _kept(self._told, (_network(address), self._known(name)), None):
                line = f"tries for {self._shown(name)} from {address} are refused: too many"
                self._say(f"{line}; the next one in {math.ceil(wait)} s")
            return math.ceil(wait)
        for key, pace in paces:
            _kept(self._until, key, max(self._until.get(key, 0.0), self._now()) + pace.seconds)
        return 0

    def ended(self, address: str, name: str, right: bool) -> None:
        """What came of a try."""
        self._told.pop((_network(address), self._known(name)), None)
        if not right:
            self._say(f"wrong password for {self._shown(name)} from {address}")
            return
        self._say(f"{self._shown(name)} from {address}")
        for key, pace in self._paces(address, name):
            if key in self._until:
                self._until[key] -= pace.seconds

    def _missing(self, key: Hashable, pace: Pace) -> float:
        used = self._until.get(key, 0.0) - self._now()
        return used - (pace.at_once - 1) * pace.seconds

    def _paces(self, address: str, name: str) -> list[tuple[Hashable, Pace]]:
        network, known = _network(address), self._known(name)
        return [((network, known), PERSON_HERE), ((network,), ADDRESS), (known, PERSON)]

    def _known(self, name: str) -> str:
        # All names that are none are one: made-up names do not fill the table.
        return name if name in self._people else ""

    def _shown(self, name: str) -> str:
        return repr(name) if name in self._people else "an unknown name"


def _network(address: str) -> str:
    """Whose address it is: a home has 2**64 of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if found.version == 4:
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, 64), strict=False))


def _kept(table: OrderedDict, key: Hashable, value: object) -> bool:
    """Puts a value into a table of bounded size; whether the key is new there."""
    new = key not in table
    table[key] = value
    table.move_to_end(key)
    while len(table) > LARGEST_TABLE:
        table.popitem(last=False)
    return new


def _log(line: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} login: {line}", file=sys.stderr, flush=True)
