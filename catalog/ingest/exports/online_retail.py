"""Online Retail and Online Retail II of the UCI Machine Learning Repository."""

from __future__ import annotations

from catalog.ingest.exports.record import Export

ONLINE_RETAIL = Export(
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
