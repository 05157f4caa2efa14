"""How often a login may be tried: wrong passwords cost time, and are told in the log."""

from __future__ import annotations

import ipaddress
import math
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass


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
