"""What each column of `order_lines` is of the columns that an export has (SQL)."""

from __future__ import annotations

from collections.abc import Mapping

from catalog.database import quoted_text
from catalog.ingest.exports import OTHER, plain_name
from catalog.ingest.order_lines.part import SourcePart
from catalog.ingest.values.ids import clean_id, given_id

# Digits with a sign before or behind them or in brackets, as accounts write what goes back.
_UNITS = r"""
CASE
  WHEN regexp_full_match({0}, '[-−]\s*[\d.,]+|[\d.,]+\s*[-−]|\([\d.,]+\)')
    THEN -TRY_CAST({1} AS DOUBLE)
  WHEN regexp_full_match({0}, '\+?[\d.,]+([eE][-+]?\d+)?') THEN TRY_CAST({1} AS DOUBLE)
END"""
_DIGITS = r"""
CASE
  WHEN {1} AND regexp_matches({0}, '\d{{1,3}}(,\d{{3}})+(\.\d+)?\D*$')
    THEN regexp_replace({0}, '[^\d.]', '', 'g')
  ELSE replace(regexp_replace({0}, '^[-−+(\s]+|[-−)\s]+$', '', 'g'), ',', '.')
END"""


def column_values(
    part: SourcePart, kinds: Mapping[str, str], *, decimal_comma: bool
) -> dict[str, str]:
    """SQL over `staged` of each column of `order_lines`.

    Args:
      part: the table's.
      kinds: the type of each column of `staged`.
      decimal_comma: whether a comma in a quantity is a decimal one.
    """

    def text(ours: str) -> str:
        return f"nullif(trim(CAST({ours} AS VARCHAR)), '')" if ours in kinds else "NULL::VARCHAR"

    def an_id(ours: str) -> str:
        return given_id(text(ours)) if ours in kinds else text(ours)

    items = [an_id("item_id"), an_id("other_item_id")]
    titled = f"coalesce({', '.join(items)}) IS NULL AND {text('title')} IS NOT NULL"
    if part.export is OTHER:
        titled = "false"
    units = _units("quantity", decimal_comma=decimal_comma) if "quantity" in kinds else "1.0"
    gone = " + ".join(
        f"coalesce(abs({_units(name)}), 0)"
        for name in ("units_refunded", "units_cancelled")
        if name in kinds
    )
    other_user = _no_zero(an_id("other_user_id"))
    total = f"printf('%.2f', TRY_CAST(line_total AS DOUBLE) / nullif({units}, 0))"
    status = f"regexp_replace(lower({text('status')}), '[\\s-]+', '_', 'g')"
    return {
        "order_id": clean_id(an_id("order_id")) if "order_id" in kinds else an_id("order_id"),
        "user_id": f"coalesce({_user(part, an_id('user_id'))}, {other_user})",
        "item_id": f"coalesce({', '.join(items)}, CASE WHEN {titled} THEN {text('title')} END)",
        "by_title": titled,
        "title": text("title"),
        "category": text("category"),
        "path": "path" if "path" in kinds else "NULL::VARCHAR[]",
        "brand": text("brand"),
        "price": f"coalesce({text('price')}, {total})" if "line_total" in kinds else text("price"),
        "quantity": text("quantity"),
        "units": units,
        "gone": gone or "0.0",
        "time": text("time") if kinds["time"] == "VARCHAR" else "time",
        "status": f"regexp_replace({status}, '^wc_', '')",
        "cancelled_at": text("cancelled_at"),
        "parent_id": f"nullif({text('parent_id')}, '0')",
    }


def _user(part: SourcePart, user: str) -> str:
    """The customer; an address of mail in lower case, so that it is one however it was typed."""
    name = plain_name(part.chosen.get("user_id", ""))
    path = part.export.inside.get("user_id")
    if path and name in part.export.names["user_id"]:
        return f"lower(nullif(trim(json_extract_string(user_id, '{path}')), ''))"
    if "mail" in name:
        return f"lower({user})"
    # WooCommerce and Magento number their guests 0.
    return user if part.export is OTHER else _no_zero(user)


def _no_zero(text: str) -> str:
    return rf"CASE WHEN NOT regexp_full_match({text}, '\s*0([.]0+)?\s*') THEN {text} END"


def _units(column: str, *, decimal_comma: bool = False) -> str:
    text = f"trim({column})"
    return _UNITS.format(text, _DIGITS.format(text, "false" if decimal_comma else "true"))


def no_units(name: str) -> str:
    """SQL of the problem of a line whose quantity, called `name` there, is no number."""
    found = quoted_text(f"{name}: expected a number, found ")
    missing = quoted_text(f"{name} is missing")
    shown = f"{found} || chr(39) || left(quantity, 40) || chr(39)"
    return f"CASE WHEN quantity IS NULL THEN {missing} ELSE {shown} END"
