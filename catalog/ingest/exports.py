"""The order exports that are known by the names of their columns.

Names are compared by their letters and digits alone, as plugins, pandas and R write one name in
several ways (`Customer ID`, `customer_id`, `Customer.ID`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from catalog.errors import CatalogueError

NAMED = (
    "order_id",
    "user_id",
    "item_id",
    "timestamp",
    "title",
    "category",
    "brand",
    "price",
    "quantity",
    "status",
)
"""What `--column` can name in order lines."""

CANCELLED = ("cancelled", "canceled", "refunded", "voided", "failed", "returned")
"""States of an order that was no purchase, for an export that is not known."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """What an export calls things.

    Attributes:
      name: for people.
      told_by: of each of these groups of names one has to be there.
      names: our name to theirs, of which the first that is there counts. Beside `NAMED` there are
        `other_user_id` and `other_item_id` (for a line that lacks the first), `line_total` (price
        times quantity), `cancelled_at` (filled where the order was cancelled), `units_refunded` and
        `units_cancelled` (of the line's quantity) and `parent_id` (filled in a line that is a part
        of another line, as of a bundle).
      cancelled: states of an order that was no purchase.
      usual: states of a purchase; any other is counted as one, too, and named.
      credit: regular expression of the number of an order that takes another back.
      lines: the column that holds the order's lines as a JSON list, where a row is an order.
      line_names: as `names`, of the objects in that list.
      inside: our name to a JSON path, where `names` gives an object.
    """

    name: str
    told_by: tuple[tuple[str, ...], ...]
    names: Mapping[str, tuple[str, ...]]
    cancelled: tuple[str, ...] = CANCELLED
    usual: tuple[str, ...] = ()
    credit: str | None = None
    lines: str | None = None
    line_names: Mapping[str, str] = field(default_factory=dict)
    inside: Mapping[str, str] = field(default_factory=dict)


_SHOPIFY_STATES = {
    "cancelled": ("refunded", "voided"),
    "usual": ("paid", "pending", "authorized", "partially_paid", "partially_refunded"),
}
_WOOCOMMERCE_STATES = {
    "cancelled": ("cancelled", "refunded", "failed"),
    "usual": ("completed", "processing", "on_hold", "pending", "pending_payment"),
}
_SHOPIFY = Export(
    name="Shopify",
    told_by=(("name",), ("lineitemname", "lineitemsku"), ("lineitemquantity",)),
    names={
        "order_id": ("name",),
        "user_id": ("email",),
        "other_user_id": ("phone",),
        "item_id": ("lineitemsku",),
        "title": ("lineitemname",),
        "brand": ("vendor",),
        "price": ("lineitemprice",),
        "quantity": ("lineitemquantity",),
        "timestamp": ("createdat",),
        "status": ("financialstatus",),
        "cancelled_at": ("cancelledat", "canceledat"),
    },
    **_SHOPIFY_STATES,
)
_SHOPIFY_REST = Export(
    name="Shopify",
    told_by=(("lineitems",), ("financialstatus",)),
    names={
        "order_id": ("name", "id"),
        "user_id": ("email", "contactemail"),
        "other_user_id": ("phone",),
        "timestamp": ("createdat",),
        "status": ("financialstatus",),
        "cancelled_at": ("cancelledat",),
    },
    lines="lineitems",
    line_names={
        "item_id": "sku",
        "other_item_id": "variant_id",
        "title": "name",
        "brand": "vendor",
        "price": "price",
        "quantity": "quantity",
    },
    **_SHOPIFY_STATES,
)
# Magento's `item_id` numbers the lines of all orders; its items go by their SKU.
_MAGENTO = Export(
    name="Magento",
    told_by=(("sku", "itemsku", "productsku"), ("qtyordered", "itemqtyordered")),
    names={
        "order_id": (
            "incrementid",
            "orderincrementid",
            "ordernumber",
            "orderid",
        ),
        "user_id": ("customeremail", "email"),
        "other_user_id": ("customerid",),
        "item_id": ("sku", "itemsku", "productsku"),
        "other_item_id": ("productid",),
        "title": ("name", "itemname", "productname"),
        "category": ("category", "categoryname", "categoryname1", "itemcategory"),
        "brand": ("brand", "manufacturer"),
        "price": ("price", "itemprice"),
        "quantity": ("qtyordered", "itemqtyordered"),
        "timestamp": ("createdat", "ordercreatedat", "orderdate", "purchasedate"),
        "status": ("status", "orderstatus", "state"),
        "units_refunded": ("qtyrefunded", "itemqtyrefunded"),
        "units_cancelled": ("qtycanceled", "itemqtycanceled"),
        "parent_id": ("parentitemid",),
    },
    cancelled=("canceled", "cancelled", "closed", "order_refunded", "refund", "refunded"),
    usual=(
        "complete",
        "completed",
        "new",
        "processing",
        "pending",
        "pending_payment",
        "pending_paypal",
        "holded",
        "on_hold",
        "payment_review",
        "received",
        "paid",
    ),
)
_WOOCOMMERCE_ITEMS = Export(
    name="WooCommerce",
    told_by=(
        ("orderid", "ordernumber"),
        ("itemname", "itemsku", "itemproductid"),
        ("itemquantity",),
    ),
    names={
        "order_id": ("ordernumber", "orderid"),
        "user_id": ("billingemail", "customeremail"),
        "other_user_id": ("customerid", "customeruser"),
        "item_id": ("itemsku",),
        "other_item_id": ("itemproductid", "productid"),
        "title": ("itemname",),
        "price": ("itemprice",),
        "line_total": ("itemsubtotal", "itemtotal"),
        "quantity": ("itemquantity",),
        "timestamp": ("orderdate", "datecreated", "date"),
        "status": ("status", "orderstatus"),
        "units_refunded": ("itemrefundedqty", "itemrefundedquantity"),
    },
    **_WOOCOMMERCE_STATES,
)
_WOOCOMMERCE_ADVANCED = Export(
    name="WooCommerce",
    told_by=(
        ("ordernumber", "orderid"),
        ("orderdate",),
        ("quantityrefund", "itemcost"),
        ("sku", "itemname", "productname"),
    ),
    names={
        "order_id": ("ordernumber", "orderid"),
        "user_id": ("emailbilling", "customeremail"),
        "other_user_id": ("customeruserid", "userid", "customerid"),
        "item_id": ("sku",),
        "other_item_id": ("productid",),
        "title": ("itemname", "productname", "name"),
        "category": ("category",),
        "price": ("itemcost",),
        "quantity": ("quantityrefund", "quantity"),
        "timestamp": ("orderdate",),
        "status": ("orderstatus",),
    },
    **_WOOCOMMERCE_STATES,
)
_WOOCOMMERCE_REST = Export(
    name="WooCommerce",
    told_by=(("lineitems",), ("billing",), ("status",)),
    names={
        "order_id": ("number", "id"),
        "user_id": ("billing",),
        "other_user_id": ("customerid",),
        "timestamp": ("datecreated", "datecreatedgmt"),
        "status": ("status",),
    },
    lines="lineitems",
    line_names={
        "item_id": "sku",
        "other_item_id": "product_id",
        "title": "name",
        "price": "price",
        "quantity": "quantity",
    },
    inside={"user_id": "$.email"},
    **_WOOCOMMERCE_STATES,
)
_ONLINE_RETAIL = Export(
    name="UCI Online Retail",
    told_by=(("invoice", "invoiceno"), ("stockcode",), ("quantity",), ("invoicedate",)),
    names={
        "order_id": ("invoice", "invoiceno"),
        "user_id": ("customerid",),
        "item_id": ("stockcode",),
        "title": ("description",),
        "price": ("price", "unitprice"),
        "quantity": ("quantity",),
        "timestamp": ("invoicedate",),
    },
    credit="[cC].*",
)
EXPORTS = (
    _SHOPIFY,
    _SHOPIFY_REST,
    _MAGENTO,
    _WOOCOMMERCE_ITEMS,
    _WOOCOMMERCE_ADVANCED,
    _WOOCOMMERCE_REST,
    _ONLINE_RETAIL,
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
