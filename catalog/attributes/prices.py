"""Prices as numbers; all prices of a shop together decide what its points and commas mean.

`12,50` says that a comma is its decimal mark, so that `1.299` beside it is 1299; beside `12.50` it
is 1.299. Prices of the same currency tell first, then the currency itself (some dinars have three
decimals, no other currency has), and of a price without one all others. Where nothing tells, three
digits behind a mark end a whole number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from catalog.attributes.price_texts import Price, find_price

_THREE_DECIMALS = ("KWD", "BHD", "OMR", "JOD", "TND", "IQD", "LYD", "KD", "BD", "RO", "JD", "DT",
                   "LD", "د.ك", "د.ب", "ر.ع", "د.ا", "د.ت", "د.ع", "ل.د")  # fmt: skip
_CENTS = frozenset(("¢", "CENT", "CENTS"))
_SPACES = str.maketrans("", "", " \u00a0\u202f\u2009'’٬")
_OTHER = {".": ",", ",": "."}

UNDECIDED = "nothing in the column tells"


@dataclass(frozen=True, kw_only=True)
class Amount:
    """A number as it is written.

    Attributes:
      digits: with `.` as its decimal mark.
      mark: what is its decimal mark if it is one, where three digits stand behind it alone.
      tells: the decimal mark that the writing shows; "" if it shows none.
    """

    digits: str
    mark: str = ""
    tells: str = ""


def amount(text: str) -> Amount | None:
    """What digits with marks can mean; `None` if that is no number, such as `31.12.2020`."""
    number = text.rstrip("-–—")
    dashed = number[-1] if number != text else ""  # the mark in `5,-`
    number = number.rstrip(".,") if dashed else number
    plain = number.translate(_SPACES)
    apart = plain != number
    plain = plain.replace("٫", ".")
    marks = [sign for sign in plain if sign in ".,"]
    if not marks:
        return Amount(digits=plain, tells=dashed)
    last = marks[-1]
    whole, _, decimals = plain.rpartition(last)
    if len(set(marks)) == 2:
        whole = whole.replace(_OTHER[last], "")
        return None if last in whole else Amount(digits=f"{whole}.{decimals}", tells=last)
    if len(marks) > 1:
        first, *groups, end = plain.split(last)
        grouped = first and len(first) <= 3 and len(end) == 3
        if not grouped or any(len(group) not in (2, 3) for group in groups):
            return None
        return Amount(digits=plain.replace(last, ""), tells=_OTHER[last])
    if dashed and dashed != last:
        return Amount(digits=whole + decimals, tells=dashed)
    surely = apart or "٫" in number or len(decimals) != 3 or not 0 < len(whole) <= 3
    if surely or whole.startswith("0"):
        return Amount(digits=f"{whole}.{decimals}", tells=last)
    return Amount(digits=f"{whole}.{decimals}", mark=last)


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What the prices of a shop tell of their marks.

    Attributes:
      told: how many of each currency (in capitals, "" for none) show which decimal mark.
    """

    told: Counter[tuple[str, str]] = field(default_factory=Counter)

    def decimal(self, mark: str, currency: str) -> tuple[bool, str]:
        """Whether a mark with three digits behind it is a decimal one, and what tells."""
        told = self._more(currency, mark)
        if told:
            return told > 0, "prices of its currency tell" if currency else "other prices tell"
        if currency:
            return currency in _THREE_DECIMALS, "its currency tells"
        told = sum(self._more(one, mark) for one in {one for one, _ in self.told})
        return told > 0, "other prices tell" if told else UNDECIDED

    def _more(self, currency: str, mark: str) -> int:
        """How many more prices show this decimal mark than the other one."""
        return self.told[currency, mark] - self.told[currency, _OTHER[mark]]


def lowest_numbers(texts: Iterable[str]) -> tuple[dict[str, float], dict[str, str]]:
    """The lowest number of each price, and what told how three digits behind a mark are meant.

    Args:
      texts: the distinct prices of a shop.

    Returns:
      The number of each text that has one, and, of those that could mean two numbers, the reason
      for the one.
    """
    found = {text: price for text in texts if (price := find_price(text))}
    amounts = {
        text: [one for number in price.numbers if (one := amount(number))]
        for text, price in found.items()
    }
    marks = Marks()
    for text, price in found.items():
        marks.told.update((_key(price), one.tells) for one in amounts[text] if one.tells)
    numbers, reasons = {}, {}
    for text, price in found.items():
        if not amounts[text]:
            continue
        values = []
        for one in amounts[text]:
            digits = one.digits
            if one.mark:
                decimal, reasons[text] = marks.decimal(one.mark, _key(price))
                digits = digits if decimal else digits.replace(".", "")
            values.append(float(digits))
        low = min(values) / (100 if _key(price) in _CENTS else 1)
        numbers[text] = -low if price.negative else low
    return numbers, reasons


def _key(price: Price) -> str:
    return price.currency.rstrip(".").upper()


def read_prices(
    connection: duckdb.DuckDBPyConnection, table: str, *, typed: str | None = None
) -> dict[str, object]:
    """Makes `price_lows(price, price_low)` of the prices of a table.

    Args:
      connection: has the table.
      table: its name, or a query in brackets; has a column `price`.
      typed: a table of one column, the prices that were numbers in the source and not texts.

    Returns:
      For the report: how many prices have no number, how many could mean two numbers, what told
      which, and an example of each; nothing of what there is not.
    """
    is_typed = f"price IN (FROM {typed})" if typed else "false"
    rows = connection.execute(
        f"SELECT price, count(*), {is_typed} FROM {table}"
        " WHERE price IS NOT NULL GROUP BY price ORDER BY price"
    ).fetchall()
    numbers, reasons = lowest_numbers(price for price, _, typed in rows if not typed)
    numbers |= {price: float(price) for price, _, typed in rows if typed}
    connection.execute("CREATE OR REPLACE TEMP TABLE price_lows (price VARCHAR, price_low DOUBLE)")
    made = pa.table(
        {
            "price": pa.array(numbers, pa.string()),
            "price_low": pa.array(numbers.values(), pa.float64()),
        }
    )
    connection.register("made_prices", made)
    connection.execute("INSERT INTO price_lows FROM made_prices")
    connection.unregister("made_prices")
    return _notes(rows, numbers, reasons)


def _notes(
    rows: list[tuple[str, int, bool]], numbers: Mapping[str, float], reasons: dict[str, str]
) -> dict[str, object]:
    unread = [(price, count) for price, count, _ in rows if price not in numbers]
    notes: dict[str, object] = {}
    if unread:
        notes["prices_without_a_number"] = sum(count for _, count in unread)
        notes["price_without_a_number"] = unread[0][0]
    counts: Counter[str] = Counter()
    for price, count, _ in rows:
        if price in reasons:
            counts[reasons[price]] += count
    examples = {reason: price for price, reason in reversed(reasons.items())}
    marks = [
        f"{count:,} as {examples[reason]} is {numbers[examples[reason]]:g}: {reason}"
        for reason, count in counts.most_common()
    ]
    return notes | ({"prices_of_two_meanings": marks} if marks else {})
