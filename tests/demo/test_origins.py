"""Names of a server and sites that may use it."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from calrec.errors import CalrecError
from demo.server.origins import origins
from demo.server.request_rules import Refused


def check(rules, *headers: tuple[str, str]) -> None:
    rules.check(Headers(raw=[(n.lower().encode(), v.encode("latin-1")) for n, v in headers]))


def refused(rules, *headers: tuple[str, str]) -> int:
    with pytest.raises(Refused) as refusal:
        check(rules, *headers)
    assert "\n" not in refusal.value.line
    assert refusal.value.line.startswith("expected")
    return refusal.value.status


LOCAL = origins("127.0.0.1")
PROXIED = origins("0.0.0.0", ["Calrec.Example.ORG", "kälte.example"])
SHOWN = origins("127.0.0.1", [], ["https://shop.example.org/", "http://[::1]:80"])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:7860", "127.0.0.1:7860", "127.9.9.9", "[::1]", "[0:0:0:0:0:0:0:1]:8"],
)
def test_loopback_names_are_answered(host):
    for rules in (LOCAL, PROXIED, origins("192.0.2.7"), origins("::1")):
        check(rules, ("Host", host))


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.",
        "localhost.:7860",
        "localhost.evil.example",
        "0.0.0.0",
        "192.0.2.7",
        "[2001:db8::7]",
        "127.0.0.1.evil.example",
        "2130706433",
        "0x7f000001",
    ],
)
def test_other_names_are_not(host):
    assert refused(LOCAL, ("Host", host)) == 421


@pytest.mark.parametrize(
    "host", ["", " ", "a b", "localhost:x", "localhost:123456", "[::1", "::1", "a@localhost", "a/b"]
)
def test_what_is_no_host_is_not(host):
    assert refused(LOCAL, ("Host", host)) == 400


def test_one_host_is_named():
    assert refused(LOCAL) == 400
    assert refused(LOCAL, ("Host", "localhost"), ("Host", "localhost")) == 400
    assert refused(LOCAL, ("Host", "localhost"), ("Host", "evil.example")) == 400


def test_names_that_are_given():
    for host in ("calrec.example.org", "CALREC.example.org:8443", "xn--klte-loa.example"):
        check(PROXIED, ("Host", host))
        assert refused(LOCAL, ("Host", host)) == 421
    assert refused(PROXIED, ("Host", "other.example.org")) == 421
    check(origins("192.0.2.7"), ("Host", "192.0.2.7:80"))
    check(origins("[2001:db8::7]"), ("Host", "[2001:DB8:0::7]:80"))
    check(origins("my-machine"), ("Host", "My-Machine:7860"))


def test_on_all_addresses_those_in_digits_and_the_machines_name(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "Shelf")
    for host in ("0.0.0.0", "::", "[::]", ""):
        rules = origins(host)
        for name in ("10.1.2.3:7860", "[2001:db8::7]", "shelf"):
            check(rules, ("Host", name))
        assert refused(rules, ("Host", "evil.example")) == 421


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("LOCALHOST:7860", "http://localhost:7860"),
        ("[::1]:7860", "http://[::1]:7860"),
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("localhost", "https://localhost"),  # a proxy speaks HTTPS
    ],
)
def test_own_pages(host, origin):
    check(LOCAL, ("Host", host), ("Origin", origin), ("Sec-Fetch-Site", "same-origin"))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://localhost:7861",
        "http://localhost",
        "http://127.0.0.1:7860",
        "file://localhost:7860",
        "http://localhost:7860.evil.example",
        "http://localhost:7860@evil.example",
        "chrome-extension://localhost:7860",
        "x" * 9999,
    ],
)
def test_other_pages(origin):
    assert refused(LOCAL, ("Host", "localhost:7860"), ("Origin", origin)) == 403
    own = ("Origin", "http://localhost:7860")
    assert refused(LOCAL, ("Host", "localhost:7860"), own, ("Origin", origin)) == 403


def test_what_other_pages_show_without_an_origin():
    host = ("Host", "localhost:7860")
    for site in ("cross-site", "same-site"):
        assert refused(LOCAL, host, ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors")) == 403
        check(LOCAL, host, ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "navigate"))  # a link
        check(SHOWN, host, ("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", "no-cors"))
    check(LOCAL, host, ("Sec-Fetch-Site", "none"))


def test_sites_that_are_given():
    for origin in ("https://shop.example.org", "HTTPS://Shop.example.org", "http://[::1]"):
        check(SHOWN, ("Host", "localhost:7860"), ("Origin", origin))
    for origin in ("http://shop.example.org", "https://shop.example.org:8443", "null"):
        assert refused(SHOWN, ("Host", "localhost:7860"), ("Origin", origin)) == 403


def test_a_proxy_names_the_host_that_is_its_own():
    inner, outer = ("Host", "127.0.0.1:7860"), ("Origin", "https://calrec.example.org")
    check(PROXIED, inner, ("X-Forwarded-Host", "calrec.example.org, 127.0.0.1"), outer)
    assert refused(PROXIED, inner, outer) == 403
    assert refused(LOCAL, inner, ("X-Forwarded-Host", "calrec.example.org"), outer) == 403


def test_what_is_believed_of_a_proxy():
    given = [(b"x-forwarded-host", b"calrec.example.org, a"), (b"x-forwarded-proto", b"https")]
    assert PROXIED.believed(given) == [(b"x-forwarded-host", b"calrec.example.org"), given[1]]
    assert LOCAL.believed(given) == given[1:]
    assert PROXIED.believed([(b"x-forwarded-host", b"evil.example")]) == []
    assert PROXIED.believed([(b"x-gradio-server", b"http://calrec.example.org")]) == []


def test_frames_and_cookies_are_for_the_sites_that_are_given():
    assert dict(LOCAL.framing())[b"content-security-policy"] == b"frame-ancestors 'none'"
    assert dict(LOCAL.framing())[b"x-frame-options"] == b"DENY"
    assert SHOWN.framing() == [
        (
            b"content-security-policy",
            b"frame-ancestors 'self' http://[::1] https://shop.example.org",
        )
    ]
    cookie = b"token=a=b; HttpOnly; Path=/; SameSite=none; Secure"
    assert LOCAL.cookie(cookie, False) == b"token=a=b; HttpOnly; Path=/; SameSite=Lax"
    assert LOCAL.cookie(cookie, True).endswith(b"; SameSite=Lax; Secure")
    assert SHOWN.cookie(cookie, True) == cookie


@pytest.mark.parametrize("name", ["", "*", "*.example.org", "http://a.example", "a b", "a/b", "::"])
def test_names_that_are_none(name):
    with pytest.raises(CalrecError, match="--allow-host"):
        origins("127.0.0.1", [name])


@pytest.mark.parametrize(
    "site", ["", "*", "null", "shop.example.org", "https://", "https://*.a.org", "https://a.org/b"]
)
def test_sites_that_are_none(site):
    with pytest.raises(CalrecError, match="--allow-origin"):
        origins("127.0.0.1", [], [site])
