"""Abbreviations of time zones behind a time: which zone each means in a column.

An abbreviation such as `BST` is the name of several zones, British and Bangladesh time. It is never
guessed at: the other names of the column decide (`GMT` beside `BST` is British, `EDT` beside `EST`
is New York), else the person who builds does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

UTC = ("UTC", "GMT", "UT", "Z")

# Each the name of one zone only. Summer time, whose partner may be ambiguous alone, decides that.
_ONE_ZONE = {
    "AEDT": "+11:00", "AEST": "+10:00", "ACDT": "+10:30", "ACST": "+09:30", "AWST": "+08:00",
    "NZST": "+12:00", "NZDT": "+13:00", "JST": "+09:00", "HKT": "+08:00", "SGT": "+08:00",
    "PKT": "+05:00", "MSK": "+03:00", "EAT": "+03:00", "CAT": "+02:00", "SAST": "+02:00",
    "EET": "+02:00", "EEST": "+03:00", "CET": "+01:00", "CEST": "+02:00", "MEZ": "+01:00",
    "MESZ": "+02:00", "WET": "+00:00", "WEST": "+01:00", "BRT": "-03:00", "ART": "-03:00",
    "NDT": "-02:30", "EDT": "-04:00", "MDT": "-06:00", "PDT": "-07:00", "AKST": "-09:00",
    "AKDT": "-08:00", "HST": "-10:00",
}  # fmt: skip

# Names of several zones, and what each means beside another that only one of these has.
_BESIDE = {
    "BST": {"GMT": "+01:00"},
    "IST": {"IDT": "+02:00"},
    "IDT": {"IST": "+03:00"},
    "EST": {"EDT": "-05:00"},
    "CST": {"CDT": "-06:00"},
    "CDT": {"CST": "-05:00"},
    "MST": {"MDT": "-07:00"},
    "PST": {"PDT": "-08:00"},
    "AST": {"ADT": "-04:00"},
    "ADT": {"AST": "-03:00"},
    "NST": {"NDT": "-03:30"},
}

_SEVERAL = {
    "BST": ("+01:00", "+06:00"), "IST": ("+05:30", "+01:00", "+02:00"),
    "EST": ("-05:00", "+10:00"), "CST": ("-06:00", "+08:00"), "CDT": ("-05:00", "-04:00"),
    "MST": ("-07:00", "+08:00"), "PST": ("-08:00", "+08:00"), "AST": ("-04:00", "+03:00"),
    "GST": ("+04:00", "-02:00"), "SST": ("-11:00", "+08:00"), "WST": ("+08:00", "+13:00"),
}  # fmt: skip


def meanings(name: str) -> tuple[str, ...]:
    """Offsets that a name may mean, the most frequent first; an example of one if it is unknown."""
    return _SEVERAL.get(name, ("+01:00",))


def offsets(names: Collection[str], given: Mapping[str, str]) -> dict[str, str]:
    """What each zone name of a column means, as far as it can be told.

    Args:
      names: the abbreviations that stand in the column, in capitals.
      given: what the person who builds says of some; it goes before all else.

    Returns:
      An offset such as `+01:00`, or the name of a region such as `Europe/London`, for each name
      that means one zone here.
    """
    found = dict.fromkeys(UTC, "+00:00") | _ONE_ZONE
    for name, partners in _BESIDE.items():
        meant = {offset for partner, offset in partners.items() if partner in names}
        if len(meant) == 1:
            found[name] = meant.pop()
    return {name: zone for name, zone in (found | dict(given)).items() if name in names}
