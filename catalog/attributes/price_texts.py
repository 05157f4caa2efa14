"""The number that is the price in a text such as `3er Pack 9,99 €` or `$5.99 - $12.99`.

Which of its numbers, and in what currency; how its points and commas are meant is decided over all
prices of a shop (see `catalog.attributes.prices`).
"""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

_SYMBOLS = "$¢£¤¥֏؋߾߿৲৳৻૱௹฿៛₠-⃀꠸﷼"
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP"
    " BYN BZD CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP"
    " GEL GHS GIP GMD GNF GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS"
    " KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR"
    " MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF"
    " SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD"
    " TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWL"
    " Rs RM Rp KD BD JD LD DT RO SR DH Dhs TL Ft RMB Fr SFr VNĐ"
)
_WORDS = (
    "kr kč zł zl lei лв руб р грн euros? dollars? pounds? yen won yuan bucks cents? riyals? dinars?"
    r" dirhams? đ บาท د\.ك د\.ب د\.إ د\.ا د\.ت د\.ع د\.م ر\.س ر\.ع ر\.ق ل\.د دينار ريال درهم جنيه"
)
_NO_LETTER_BEFORE, _NO_LETTER_BEHIND = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_CURRENCY = (
    rf"(?:(?:{_NO_LETTER_BEFORE}[A-Z]{{1,3}})?[{_SYMBOLS}]|[円元圓块원]"
    rf"|{_NO_LETTER_BEFORE}(?:{'|'.join(_CODES.split())}|(?i:{'|'.join(_WORDS.split())}))"
    rf"{_NO_LETTER_BEHIND}\.?)"
)
_SPACES = " \u00a0\u202f\u2009"
# Groups of three digits may stand apart; a mark with dashes behind it is a decimal one (`5,-`).
_NUMBER = re.compile(
    rf"(?<!\d)(?:\d{{1,3}}(?:[{_SPACES}'’]\d{{3}}(?!\d))+(?:[.,٫]\d+)?|\d+(?:[.,٫٬]\d+)*"
    r"|(?<![\w.,])[.,]\d+)(?:[.,][-–—]+)?"
)
_SIMPLE = re.compile(r"([$€£]?)(\d[\d,]*(?:\.\d+)?)")  # most prices, found at once
_PLAIN = re.compile(rf"({_CURRENCY})?\s*(\d[\d.,]*)(?<=\d)\s*({_CURRENCY})?")
_BEFORE = re.compile(rf"({_CURRENCY})\s*+[-−]?\s*+$")
_BEHIND = re.compile(rf"\s*({_CURRENCY})")
_MINUS = re.compile(rf"(?:(?:^|[\s(])[-−](?:{_CURRENCY})?|{_CURRENCY}\s*[-−])\s*$")
_RANGE = re.compile(
    rf"(?:\s*{_CURRENCY})?\s*(?:[-–—−~〜～]|to|bis|until|up to|до)\s*(?:{_CURRENCY}\s*)?"
)
_JOINED = re.compile(r"\s*(?:[x×✕*@/]|for|für|por|pour|за)\s*", re.IGNORECASE)
_PERCENT = re.compile(r"\s*(?:%|٪|percent|prozent|pct)", re.IGNORECASE)
_DISCOUNT = re.compile(rf"(?:\s*{_CURRENCY})?\s*(?:off|discount|rabatt)\b", re.IGNORECASE)
_NOT_AFTER = re.compile(
    r"(?:[%٪]|\b(?:save|saved?|rabatt|spare|was|rrp|msrp|uvp|statt|list price|instead of)[\s:]*)"
    rf"(?:{_CURRENCY}\s*)?$",
    re.IGNORECASE,
)
_UNIT = re.compile(
    r"(?:[\s-]*(?:pcs?|pieces?|packs?|pk|er|ct|count|pairs?|sets?|units?|bottles?|cans?|bags?|boxe?s?"
    r"|stück|stk|st|paar|pièces?|piezas?|шт|m?g|kg|[mc]?l|liters?|litres?|oz|lbs?|[mc]?m|inch(?:es)?)"
    r"(?![^\W_])|\s*[個枚本件入개セ包袋])",
    re.IGNORECASE,
)
_COUNT_BEFORE = re.compile(
    r"\b(?:packs?|sets?|box|lot|case|bundle|count|qty|quantity|pairs?)\s*+(?:of|à|:|x)?\s*+$",
    re.IGNORECASE,
)
_FREE = ("free", "gratis", "kostenlos", "umsonst", "gratuit", "gratuito", "grátis", "бесплатно",
         "無料", "免费", "免費")  # fmt: skip
_EXPONENT = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d+")


@dataclass(frozen=True)
class Price:
    """What is a price in a text.

    Attributes:
      numbers: digits with their marks; two are the ends of a range. `0` if it is free.
      currency: as it is written, "" if it is not.
      negative: whether a minus stands before it.
    """

    numbers: tuple[str, ...]
    currency: str = ""
    negative: bool = False


@dataclass
class _Number:
    text: str
    before: str
    behind: str
    currency: str = ""
    excluded: bool = False  # a percentage, a discount or a former price
    counts: bool = False  # how many or how much there is for the price


@cache
def _ascii_digits() -> dict[int, str]:
    """Digits of every script, and full-width signs, as ASCII's (for `str.translate`)."""
    digits = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x660, sys.maxunicode)
        if chr(code).isdecimal()
    }
    return digits | {0xFF01 + n: chr(0x21 + n) for n in range(94)} | {0x60C: ",", 0x3000: " "} | {
        0xFFE5: "¥", 0xFFE1: "£", 0xFFE0: "¢", 0xFFE6: "₩"
    }  # fmt: skip


def find_price(raw: str) -> Price | None:
    """The price in a text, as its first number that is one; `None` if there is no number."""
    text = raw if raw.isascii() else raw.translate(_ascii_digits())
    text = text.strip()
    if simple := _SIMPLE.fullmatch(text):
        return Price((simple[2].rstrip(","),), simple[1])
    if plain := _PLAIN.fullmatch(text):
        return Price((plain[2],), plain[1] or plain[3] or "")
    if _EXPONENT.fullmatch(text):
        return Price((f"{float(text):f}",), "", text.startswith("-"))
    if text.casefold().strip("!. ") in _FREE:
        return Price(("0",))
    found = list(_NUMBER.finditer(text))
    if not found:
        return None
    edges = [0, *(match.end() for match in found)]
    starts = [*(match.start() for match in found), len(text)]
    gaps = [text[edge:start] for edge, start in zip(edges, starts, strict=True)]
    numbers = [_Number(match[0], gaps[i], gaps[i + 1]) for i, match in enumerate(found)]
    _give_currencies(numbers, gaps)
    return _chosen(numbers, text)


def _chosen(numbers: list[_Number], text: str) -> Price | None:
    for number in numbers:
        number.excluded = bool(
            _PERCENT.match(number.behind)
            or _DISCOUNT.match(number.behind)
            or _NOT_AFTER.search(number.before)
        )
        number.counts = not number.currency and bool(
            _UNIT.match(number.behind) or _COUNT_BEFORE.search(number.before)
        )
    pairs = list(pairwise(numbers))
    for one, two in pairs:
        if _JOINED.fullmatch(one.behind) and not (one.currency or two.currency):
            # Of `3 x 1.99` and `1.99 x 3` the one with decimals is the price.
            counting = two if _has_mark(one) and not _has_mark(two) else one
            counting.counts = True
    ranges = [(one, two) for one, two in pairs if _is_range(one, two)]
    for one, two in ranges:
        one.excluded = two.excluded = one.excluded or two.excluded
        one.counts = two.counts = one.counts or two.counts
        one.currency = two.currency = one.currency or two.currency
    left = [number for number in numbers if not number.excluded]
    priced = [number for number in left if number.currency]
    prices = priced or [number for number in left if not number.counts] or left
    if not prices:
        return None
    first = prices[0]
    ends = next(((one, two) for one, two in ranges if one is first), (first,))
    in_brackets = len(numbers) == 1 and text.startswith("(") and text.endswith(")")
    return Price(
        tuple(number.text for number in ends),
        first.currency,
        negative=in_brackets or (first is numbers[0] and bool(_MINUS.search(first.before))),
    )


def _give_currencies(numbers: list[_Number], gaps: list[str]) -> None:
    """To each number the currency beside it; one between two numbers is the nearer one's.

    `gaps[i]` stands before number i and behind the one before it.
    """
    for i, gap in enumerate(gaps):
        behind = _BEHIND.match(gap) if i > 0 else None
        before = _BEFORE.search(gap) if i < len(numbers) else None
        if behind and before and behind.start(1) == before.start(1):
            nearer = behind.start(1) <= len(gap) - before.end(1)
            if nearer and not numbers[i - 1].currency:
                before = None
            else:
                behind = None
        if behind and not numbers[i - 1].currency:
            numbers[i - 1].currency = behind[1]
        if before:
            numbers[i].currency = before[1]


def _is_range(one: _Number, two: _Number) -> bool:
    if not _RANGE.fullmatch(one.behind) or (one.counts and not two.counts):
        return False
    # `6 - $12.99` is no range, as `6 - 12.99 $` is.
    return bool(one.currency or not two.currency or not _BEFORE.search(two.before))


def _has_mark(number: _Number) -> bool:
    return not number.text.isdigit()
