"""Magento: its table of order lines with the orders' columns beside it, as plugins export it."""

from __future__ import annotations

from catalog.ingest.exports.record import Export

# Magento's `item_id` numbers the lines of all orders; its items go by their SKU.
MAGENTO = Export(
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
