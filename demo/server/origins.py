"""Whom a server answers: the names it goes by, and the other sites that may use it.

A browser sends a request of any page that it shows to any server that it reaches, this one too.
`Host` says which server the page believes to talk to: a name that somebody else can point to this
machine is refused. `Origin` says whose page it is: only the server's own may read or write.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from calrec.errors import CalrecError
from demo.server.addresses import WILDCARDS, bare
from demo.server.request_rules import Refused

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:/?#@\[\]\\,]+)(?::([0-9]{1,5}))?", re.IGNORECASE)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SHOWN = 80
"""Characters of a name that a refusal repeats."""


@dataclass(frozen=True, kw_only=True)
class Origins:
    """Names and sites.

    Attributes:
      names: hosts of this server besides the loopback ones, in lower case.
      any_address: whether it goes by every address in digits. Nobody can point such a one
        elsewhere, and a container does not know those of its machine.
      sites: origins of other sites that may show its pages in frames and use its API.
    """

    names: frozenset[str] = frozenset()
    any_address: bool = False
    sites: frozenset[str] = frozenset()

    def knows(self, name: str) -> bool:
        """Whether the server goes by this host, without a port."""
        name = name.lower()
        if name == "localhost" or name in self.names:
            return True
        try:
            address = ipaddress.ip_address(bare(name))
        except ValueError:
            return False
        return self.any_address or address.is_loopback or str(address) in self.names

    def check(self, headers: Headers) -> None:
        """Raises `Refused` for a request to another host, or of another site's page."""
        hosts = headers.getlist("host")
        if len(hosts) != 1 or (host := _parts(hosts[0])) is None:
            found = ", ".join(map(_shown, hosts)) or "none"
            raise Refused(400, f"expected one Host of a request, found {found}; name the server")
        if not self.knows(host[0]):
            raise Refused(
                421,
                f"expected a name of this server as Host, found {_shown(host[0])}; open it by its"
                " address, or start calrec-demo with --allow-host and this name",
            )
        own = [host]
        forwarded = _parts(_first(headers.get("x-forwarded-host", "")))
        if forwarded is not None and self.knows(forwarded[0]):
            own.append(forwarded)
        self._check_site(headers, own)

    def _check_site(self, headers: Headers, own: Sequence[tuple[str, int | None]]) -> None:
        origins = headers.getlist("origin")
        if not origins:
            # Pictures, scripts and forms of other pages come without; newer browsers tell.
            foreign = headers.get("sec-fetch-site", "") in ("cross-site", "same-site")
            if foreign and headers.get("sec-fetch-mode") != "navigate" and not self.sites:
                raise _foreign("another site")
            return
        for origin in origins:
            if origin.lower() not in self.sites and not any(_is_of(origin, host) for host in own):
                raise _foreign(_shown(origin))

    def believed(self, headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """A request's headers without those that would give the pages an address of others."""
        kept = []
        for name, value in headers:
            if name == b"x-gradio-server":
                continue
            if name == b"x-forwarded-host":
                first = _first(value.decode("latin-1"))
                parts = _parts(first)
                if parts is None or not self.knows(parts[0]):
                    continue
                value = first.encode("latin-1")
            kept.append((name, value))
        return kept

    def framing(self) -> list[tuple[bytes, bytes]]:
        """Headers of an answer: who may show it in a frame."""
        if self.sites:
            allowed = " ".join(["'self'", *sorted(self.sites)])
            return [(b"content-security-policy", f"frame-ancestors {allowed}".encode())]
        return [
            (b"content-security-policy", b"frame-ancestors 'none'"),
            (b"x-frame-options", b"DENY"),
        ]

    def cookie(self, value: bytes, https: bool) -> bytes:
        """A cookie that other sites' pages do not send, unless they may show these pages."""
        if self.sites:
            return value
        parts = [part.strip() for part in value.split(b";")]
        kept = [part for part in parts if not re.match(rb"(?i)(samesite=|secure$)", part)]
        return b"; ".join([*kept, b"SameSite=Lax", *([b"Secure"] if https else [])])


def origins(
    host: str, allow_hosts: Sequence[str] = (), allow_origins: Sequence[str] = ()
) -> Origins:
    """Those of a server.

    Args:
      host: where it listens; on all addresses of the machine it goes by each of them and by the
        machine's name.
      allow_hosts: further names, such as a proxy's.
      allow_origins: other sites, such as https://shop.example.org.

    Raises:
      CalrecError: if one of them is no name, or no site.
    """
    everywhere = bare(host) in WILDCARDS
    names = {_name(name) for name in allow_hosts}
    names.add(_written(bare(host)))
    if everywhere:
        names.add(socket.gethostname().lower())
    return Origins(
        names=frozenset(names - {""}),
        any_address=everywhere,
        sites=frozenset(map(_site, allow_origins)),
    )


def _name(given: str) -> str:
    parts = _parts(given.strip().rstrip("."))
    try:
        if parts is None or "*" in given:
            raise ValueError(given)
        name = parts[0]
        return name if name.isascii() else name.encode("idna").decode()
    except ValueError:
        raise CalrecError(
            f"expected a name such as calrec.example.org for --allow-host, found {given!r}; give"
            " each host by itself, without http:// and path"
        ) from None


def _site(given: str) -> str:
    try:
        url = urlsplit(given.strip())
        default = _DEFAULT_PORTS[url.scheme]
        parts = _parts(url.netloc)
        if parts is None or "*" in given or url.path.strip("/") or url.query or url.fragment:
            raise ValueError(given)
        name, port = parts
        name = name if name.isascii() else name.encode("idna").decode()
    except (ValueError, KeyError):
        raise CalrecError(
            "expected a site such as https://shop.example.org for --allow-origin, found"
            f" {given!r}; give http:// or https:// and the host, without a path"
        ) from None
    name = f"[{name}]" if ":" in name else name
    return f"{url.scheme}://{name}" + (f":{port}" if port not in (None, default) else "")


def _written(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.lower()


def _parts(host: str) -> tuple[str, int | None] | None:
    """Host and port of a `Host`; none if it is not one."""
    found = _HOST.fullmatch(host)
    if found is None:
        return None
    name = _written(bare(found[1]))
    if found[1].startswith("[") and ":" not in name:
        return None
    return name, int(found[2]) if found[2] else None


def _is_of(origin: str, host: tuple[str, int | None]) -> bool:
    scheme, separator, rest = origin.partition("://")
    default = _DEFAULT_PORTS.get(scheme.lower())
    parts = _parts(rest)
    if not separator or default is None or parts is None:
        return False
    name, port = parts
    return name == host[0] and (port or default) == (host[1] or default)


def _first(values: str) -> str:
    return values.split(",")[0].strip()


def _shown(text: str) -> str:
    return repr(text[:_SHOWN])


def _foreign(found: str) -> Refused:
    return Refused(
        403,
        f"expected a request of this server's own pages, found one of {found}; let a proxy pass"
        " on Host as it came, or start calrec-demo with --allow-origin and the site",
    )
