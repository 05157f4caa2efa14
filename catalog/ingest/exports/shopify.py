"""Shopify: the orders export of its admin, and what its REST API answers."""

from __future__ import annotations

from catalog.ingest.exports.record import Export

_STATES = {
    "cancelled": ("refunded", "voided"),
    "usual": ("paid", "pending", "authorized", "partially_paid", "partially_refunded"),
}
SHOPIFY = Export(
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
    **_STATES,
)
SHOPIFY_REST = Export(
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
    **_STATES,
)
