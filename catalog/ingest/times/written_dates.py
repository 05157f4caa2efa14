"""SQL that parses written dates, once the order of day, month and year is known.

A text is tidied to `first-second-third clock`, cut into its parts, and put together again as the
one form that DuckDB's cast reads, in an order given from outside (see
`catalog.ingest.times.date_order`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

STRICT = r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?)?"
"""ISO dates that the cast reads as they are: most columns have no others (RE2, as a whole)."""

_MONTHS = (
    "jan january januar janvier janv enero ene gennaio gen janeiro januari jänner",
    "feb february februar février févr fév febrero febbraio fevereiro fev februari feber",
    "mar march märz mär mrz mars marzo março maart mrt",
    "apr april avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "jun june juni juin junio giugno giu junho",
    "jul july juli juillet juil julio luglio lug julho",
    "aug august août aoû agosto ago augustus",
    "sep sept september septembre septiembre settembre set setembro",
    "oct october oktober okt octobre octubre ottobre ott outubro out",
    "nov november novembre noviembre novembro",
    "dec december dezember dez décembre déc diciembre dic dicembre dezembro",
)
# No upper bound: RE2 would compile the class of all letters once for each letter.
_WEEKDAY = r"(?:\p{L}{2,}\.?,? )?"
_MONTH = r"(\p{L}{3,})"
# In this order; each makes another way of writing one that the next ones and `_PARTS` know.
_TIDY = (
    (r"\p{Cf}", ""),
    (r"[\s\p{Z}]+", " "),
    (r"^ | $| ?\(.*\)$|\[.*\]$", ""),
    (r"^(\d{4}) ?[年년] ?(\d{1,2}) ?[月월] ?(\d{1,2}) ?[日일]", r"\1-\2-\3"),
    (r"^(\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?),? (.+)$", r"\2 \1"),  # the clock first
    # `Fri Jan 31 10:00:00 UTC 2020`
    (rf"^{_WEEKDAY}{_MONTH} (\d{{1,2}}) ([\d:.]+)((?: \S+)?) (\d{{4}})$", r"\2-\1-\5 \3\4"),
    (rf"^{_WEEKDAY}{_MONTH}\.?[ ./-](\d{{1,2}})(?:st|nd|rd|th)?(?:, ?|[ ./-])(\d{{4}}|\d{{2}})\b",
     r"\2-\1-\3"),
    # `20200131T103000Z`, and digits of a day before a clock
    (r"^(\d{4})(0[1-9]|1[0-2])(\d{2})[T ](\d{2}):?(\d{2})", r"\1-\2-\3 \4:\5:"),
    (r"^(\d{2})(\d{2})(\d{4})[T ](\d{2}):?(\d{2})", r"\1-\2-\3 \4:\5:"),
    (r"( \d{2}:\d{2}:):", r"\1"),
)  # fmt: skip
_BETWEEN = r"(?: ?[./-] ?|\.? |\., ?)"
_PARTS = (
    rf"^{_WEEKDAY}(\d{{1,4}})(?:{_BETWEEN}(\d{{1,2}}){_BETWEEN}"
    rf"|(?:st|nd|rd|th)?{_BETWEEN}?(?:de |of )?{_MONTH}\.?,?{_BETWEEN}?(?:de )?)"
    r"(\d{1,4})[.,]?(?:(?:T| |, ?)(?:at )?(\d.*))?$"
)
_CLOCK = (
    r"^(\d{1,2})(?:[:.h](\d{2}):?(?:[:.]?(\d{2})(?:[.,](\d{1,9}))?)?)? ?(?:([AaPp])\.? ?[Mm]\.?)?"
    r" ?(?:(?:UTC|GMT)?([+-])(\d{1,2}?)(?::?(\d{2}))?|(\p{L}[\w/+-]*))?$"
)
_DIGITS = "".join(map(chr, (*range(0x660, 0x66A), *range(0x6F0, 0x6FA), *range(0x966, 0x970),
                            *range(0xFF10, 0xFF1A))))  # fmt: skip


def _tidied(text: str) -> str:
    text = f"translate({text}, '{_DIGITS}／－．：', '{'0123456789' * 4}/-.:')"
    for pattern, replacement in _TIDY:
        text = f"regexp_replace({text}, '{pattern}', '{replacement}', 'g')"
    return text


def parts(text: str) -> str:
    """A struct of texts `(a, b, name, c, clock)`; '' is none, and one of `b` and `name` (SQL)."""
    # Most are tidy: to replace in them takes five times as long as all else.
    tidy = (
        rf"CASE WHEN regexp_matches({text}, '^\d{{1,4}}([./-])\d{{1,2}}[./-]\d{{1,4}}($| \d)')"
        f" THEN {text} ELSE {_tidied(text)} END"
    )
    return f"regexp_extract({tidy}, '{_PARTS}', ['a', 'b', 'name', 'c', 'clock'])"


def zone_name(clock: str) -> str:
    """The zone's name behind a clock time, in capitals unless it is a region; '' is none (SQL)."""
    name = (
        rf"regexp_extract({clock}, '[\d. ](?:[AaPp]\.? ?[Mm]\.? ?)?(\p{{L}}+(?:/[\w/+-]+)?)$', 1)"
    )
    meridiem = r"'^[AaPp][Mm]?$'"
    return (
        f"CASE WHEN regexp_matches({name}, {meridiem}) THEN ''"
        f" WHEN contains({name}, '/') THEN {name} ELSE upper({name}) END"
    )


@dataclass(frozen=True, kw_only=True)
class WrittenDates:
    """Dates in a text.

    Attributes:
      order: of a date whose parts are numbers, day or month first or its year of two digits;
        `None` if no such date is read.
      named_order: the same of one whose month is a name, its year of two digits.
      zones: what each zone name means.
      strict: whether all are `STRICT`, so that nothing else is to be read.
    """

    order: str | None = None
    named_order: str = "dmy"
    zones: Mapping[str, str]
    strict: bool = False

    def sql(self, text: str) -> str:
        """The time as TIMESTAMPTZ, `NULL` if it cannot be read (SQL over a trimmed text)."""
        strict = f"regexp_full_match({text}, '{STRICT}') THEN TRY_CAST({text} AS TIMESTAMPTZ)"
        if self.strict:
            return f"CASE WHEN {strict} END"
        canonical = _chain(parts(text), "p", _chain(self._date("p"), "d", self._joined("p", "d")))
        cast = f"TRY_CAST({canonical} AS TIMESTAMPTZ)"
        if self.order == "ydm":
            return cast
        return f"CASE WHEN {strict} ELSE {cast} END"

    def _date(self, p: str) -> str:
        """`YYYY-MM-DD` of the parts, or `NULL`."""
        first_year = "ydm" if self.order == "ydm" else "ymd"
        return f"""
CASE
  WHEN {p}.a = '' THEN NULL
  WHEN {p}.name <> '' THEN {self._named(p)}
  WHEN length({p}.a) = 4 THEN {_iso(p, first_year)}
  ELSE {_iso(p, self.order) if self.order else "NULL"} END"""

    def _named(self, p: str) -> str:
        """`YYYY-MM-DD` of the parts of a date whose month is a name, or `NULL`."""
        a, c = f"{p}.a", f"{p}.c"
        year, day = (a, c) if self.named_order == "ymd" else (c, a)
        # The months once only: they are most of this statement.
        return _written(
            f"CASE WHEN length({a}) = 4 THEN {a} WHEN length({c}) = 4 THEN {c} ELSE {year} END",
            _month(f"{p}.name"),
            f"CASE WHEN length({a}) = 4 THEN {c} WHEN length({c}) = 4 THEN {a} ELSE {day} END",
        )

    def _joined(self, p: str, d: str) -> str:
        """Date, clock and zone as one text; `NULL` if one of them is wrong."""
        groups = "['h', 'm', 's', 'f', 'half', 'sign', 'zh', 'zm', 'zone']"
        clock = f"regexp_extract({p}.clock, '{_CLOCK}', {groups})"
        # A region stands behind a space.
        known = " ".join(
            f"WHEN '{name}' THEN '{' ' if '/' in zone else ''}{zone}'"
            for name, zone in self.zones.items()
        )
        zone = f"""
CASE WHEN c.sign <> '' THEN c.sign || lpad(c.zh, 2, '0') || ':' || coalesce(nullif(c.zm, ''), '00')
  WHEN c.zone = '' THEN '+00:00' WHEN contains(c.zone, '/') THEN ' ' || c.zone
  ELSE CASE upper(c.zone) {known or "WHEN '' THEN ''"} END END"""
        # `13:00 PM` and `00:30 AM` are written, too.
        hour = (
            "CASE WHEN lower(c.half) = 'p' AND c.h::INT < 12 THEN c.h::INT + 12"
            " WHEN lower(c.half) = 'a' AND c.h::INT = 12 THEN 0 ELSE c.h::INT END"
        )
        time = f"""
CASE WHEN c.h <> '' THEN lpad(({hour})::VARCHAR, 2, '0') || ':' || coalesce(nullif(c.m, ''), '00')
  || ':' || coalesce(nullif(c.s, ''), '00') || '.' || coalesce(nullif(c.f, ''), '0')
  || z END"""
        timed = _chain(clock, "c", _chain(zone, "z", time))
        return f"CASE WHEN {p}.clock = '' THEN {d} ELSE {d} || ' ' || {timed} END"


def _iso(p: str, order: str) -> str:
    """`YYYY-MM-DD` of the parts that are numbers, or `NULL`."""
    places = dict(zip(order, ("a", "b", "c"), strict=True))
    day, month, year = (f"{p}.{places[part]}" for part in "dmy")
    written = _written(year, f"lpad({month}, 2, '0')", day)
    return f"CASE WHEN length({month}) <= 2 THEN {written} END"


def _written(year: str, month: str, day: str) -> str:
    """`YYYY-MM-DD` of those texts; `NULL` of a day or year of too many digits."""
    century = (
        f"CASE length({year}) WHEN 4 THEN {year}"
        f" WHEN 2 THEN CASE WHEN {year} < '69' THEN '20' ELSE '19' END || {year} END"
    )
    return (
        f"CASE WHEN length({day}) <= 2"
        f" THEN {century} || '-' || {month} || '-' || lpad({day}, 2, '0') END"
    )


def _month(name: str) -> str:
    cases = " ".join(
        f"WHEN '{written}' THEN '{number:02}'"
        for number, names in enumerate(_MONTHS, 1)
        for written in names.split()
    )
    return f"CASE lower({name}) {cases} END"


def _chain(value: str, name: str, then: str) -> str:
    """`then` with `name` for a value, which is computed once (SQL)."""
    return f"list_transform([{value}], lambda {name}: {then})[1]"
