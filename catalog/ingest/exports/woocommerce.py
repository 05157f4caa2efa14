"""WooCommerce: a row an item, by two families of plugins, and what its REST API answers."""

from __future__ import annotations

from catalog.ingest.exports.record import Export

_STATES = {
    "cancelled": ("cancelled", "refunded", "failed"),
    "usual": ("completed", "processing", "on_hold", "pending", "pending_payment"),
}
WOOCOMMERCE_ITEMS = Export(
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
    **_STATES,
)
WOOCOMMERCE_ADVANCED = Export(
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
    **_STATES,
)
WOOCOMMERCE_REST = Export(
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
    **_STATES,
)
