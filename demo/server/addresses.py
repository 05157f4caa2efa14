"""Where a server listens: names, addresses of both kinds, and how they are written."""

from __future__ import annotations

import errno
import ipaddress
import socket

from calrec.errors import CalrecError

WILDCARDS = ("", "0.0.0.0", "::")
"""Hosts that stand for every address of this machine."""

_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def bare(host: str) -> str:
    """A host as the system takes it: IPv6 addresses without the brackets that addresses need."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def url(host: str, port: int) -> str:
    """The address of a page, as a browser takes it."""
    name = bare(host) or "0.0.0.0"
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def loopback(host: str, port: int) -> str:
    """The address at which this machine itself reaches a server that listens on a host."""
    name = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(bare(host), host)
    return url(name, port)


def is_public(host: str) -> bool:
    """Whether other machines may reach a server that listens on this host."""
    try:
        found = socket.getaddrinfo(bare(host) or "0.0.0.0", None)
    except OSError:
        return True
    addresses = {str(entry[4][0]).partition("%")[0] for entry in found}
    return not all(ipaddress.ip_address(address).is_loopback for address in addresses)


def check_port(host: str, port: int) -> None:
    """Raises a `CalrecError` if nothing can listen there; see `listening`."""
    for one in listening(host, port):
        one.close()


def listening(host: str, port: int) -> list[socket.socket]:
    """Sockets that are bound to all addresses of a host; `::` takes those of IPv4, too.

    Raises:
      CalrecError: if the port is none, or another program has it, or the host is not of this
        machine.
    """
    if not 0 < port < 65536:
        raise CalrecError(f"expected a port from 1 to 65535, found {port}; choose another --port")
    bound: list[socket.socket] = []
    missing: OSError | None = None
    try:
        for family, address in _addresses(bare(host), port):
            try:
                bound.append(_bound(family, address))
            except OSError as error:
                # A name such as localhost may have addresses that this machine lacks.
                if error.errno not in _ABSENT:
                    raise
                missing = error
        if not bound:
            raise missing or OSError("it has no address")
    except (OSError, UnicodeError) as error:
        for one in bound:
            one.close()
        raise CalrecError(
            f"expected a free address, but {bare(host)}:{port} cannot be used "
            f"({getattr(error, 'strerror', None) or error}); stop what uses it or choose another"
            " --port or --host"
        ) from error
    return bound


def _addresses(host: str, port: int) -> list[tuple[int, tuple]]:
    found = socket.getaddrinfo(
        host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _bound(family: int, address: tuple) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of an earlier run may still be closing.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            both = address[0] == "::" and socket.has_dualstack_ipv6()
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not both))
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one
