"""The order exports that are known by the names of their columns.

Names are compared by their letters and digits alone, as plugins, pandas and R write one name in
several ways (`Customer ID`, `customer_id`, `Customer.ID`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from catalog.errors import CatalogueError
from catalog.ingest.exports.magento import MAGENTO
from catalog.ingest.exports.online_retail import ONLINE_RETAIL
from catalog.ingest.exports.record import NAMED, Export
from catalog.ingest.exports.shopify import SHOPIFY, SHOPIFY_REST
from catalog.ingest.exports.woocommerce import (
    WOOCOMMERCE_ADVANCED,
    WOOCOMMERCE_ITEMS,
    WOOCOMMERCE_REST,
)

EXPORTS = (
    SHOPIFY,
    SHOPIFY_REST,
    MAGENTO,
    WOOCOMMERCE_ITEMS,
    WOOCOMMERCE_ADVANCED,
    WOOCOMMERCE_REST,
    ONLINE_RETAIL,
)
OTHER = Export(
    name="order lines",
    told_by=(),
    names={ours: (ours.replace("_", ""),) for ours in NAMED},
    usual=("paid", "complete", "completed", "processing", "pending", "shipped", "delivered"),
)


def plain_name(name: str) -> str:
    """A column's name as it is compared: lower case, letters and digits alone."""
    return "".join(filter(str.isalnum, name.casefold()))


def recognised(columns: Iterable[str]) -> Export:
    """The export that has these columns; `OTHER` if none is known by them."""
    found = set(map(plain_name, columns))
    for export in EXPORTS:
        if all(found.intersection(group) for group in export.told_by):
            return export
    return OTHER


def check_named(given: Mapping[str, str]) -> None:
    """Raises `CatalogueError` unless the keys of a mapping are of `NAMED`."""
    for ours in given:
        if ours not in NAMED:
            raise CatalogueError(
                f"expected the name of one of our columns of orders ({', '.join(NAMED)}), "
                f"found {ours!r}: write a mapping like item_id=sku"
            )


def choose(
    export: Export, columns: Iterable[str], given: Mapping[str, str], where: str
) -> dict[str, str]:
    """The columns to read: our name to theirs.

    Args:
      export: what is known of the table.
      columns: its columns.
      given: our name to theirs, as the user says; goes before what the export says.
      where: the table, for messages.

    Raises:
      CatalogueError: if a given column is not there, or what every order line has to have.
    """
    columns = tuple(columns)
    theirs: dict[str, str] = {}
    for name in columns:
        theirs.setdefault(plain_name(name), name)
    chosen = {}
    for ours, names in export.names.items():
        if found := next((theirs[name] for name in names if name in theirs), None):
            chosen[ours] = found
    for ours, name in given.items():
        found = name if name in columns else theirs.get(plain_name(name))
        if found is None:
            raise CatalogueError(
                f"expected a column {name} for {ours} in {where}, "
                f"found {', '.join(columns) or 'none'}: correct {ours}={name}"
            )
        chosen[ours] = found
        chosen.pop(f"other_{ours}", None)
    if export.lines is not None:
        chosen["lines"] = theirs[export.lines]
    _require(export, chosen, columns, where)
    return chosen


def _require(
    export: Export, chosen: Mapping[str, str], columns: tuple[str, ...], where: str
) -> None:
    alternatives = {
        "user_id": ("user_id", "other_user_id"),
        "item_id": ("item_id", "other_item_id", "title", "lines"),
        "timestamp": ("timestamp",),
    }
    if export is OTHER:
        alternatives["item_id"] = ("item_id",)
    missing = [
        ours for ours, names in alternatives.items() if not any(name in chosen for name in names)
    ]
    if missing:
        known = sorted({one.name for one in EXPORTS})
        named = " ".join(f"--column {ours}=NAME" for ours in missing)
        taken = f"an export of {', '.join(known)}" if export is OTHER else f"{export.name}'s"
        raise CatalogueError(
            f"expected order lines with a customer, an item and a time, as {taken}, in {where}, "
            f"found the columns {', '.join(columns) or 'none'}: name what is not known by its "
            f"name, with {named}"
        )
