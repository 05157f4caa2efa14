"""The exports of known shops, in their shape, and any other by `--column`."""

import gzip
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from catalog.errors import CatalogueError
from catalog.ingest.exports import OTHER, recognised

SHOPIFY = (
    "Name", "Email", "Financial Status", "Paid at", "Fulfillment Status", "Currency", "Total",
    "Created at", "Lineitem quantity", "Lineitem name", "Lineitem price", "Lineitem sku",
    "Cancelled at", "Refunded Amount", "Vendor", "Phone",
)  # fmt: skip
MORE = [None] * 6  # the order's own fields, in its further lines


def _shopify(name, email, status, at, quantity, title, price, sku, *, cancelled=None):
    order = [name, email, status, at, "fulfilled", "EUR", "30.00", at]
    return [*order, quantity, title, price, sku, cancelled, "0.00", "Acme", None]


SHOPIFY_ROWS = [
    _shopify("#1002", "bo@x.org", "paid", "2024-02-02 10:00:00+00:00", 1, "Tin cup", "9.00", "CUP"),
    _shopify("#1001", "Ann@x.org", "paid", "2024-01-02 10:00:00+00:00", 3, "Cup", "9.50", "CUP"),
    ["#1001", *MORE, None, 1, "Plate", "4.00", "PLATE", None, None, "Bell", None],
    ["#1001", *MORE, None, 1, "Gift wrap", "1.00", None, None, None, "Acme", None],
    _shopify("#1003", "ann@x.org", "refunded", "2024-03-01 10:00:00+00:00", 1, "Cup", 9, "CUP"),
    ["#1003", *MORE, None, 1, "Plate", "4.00", "PLATE", None, None, "Bell", None],
    _shopify("#1004", "bo@x.org", "voided", "2024-03-02 10:00:00+00:00", 1, "Cup", 9, "CUP"),
    _shopify("#1005", "bo@x.org", "paid", "2024-03-03 10:00:00+00:00", 1, "Cup", 9, "CUP",
             cancelled="2024-03-04 10:00:00+00:00"),
    ["#1005", *MORE, None, 1, "Plate", "4.00", "PLATE", None, None, "Bell", None],
    _shopify("#1006", None, "paid", "2024-03-05 10:00:00+00:00", 1, "Cup", 9, "CUP"),
    ["#1006", *MORE, None, 1, "Plate", "4.00", "PLATE", None, None, "Bell", None],
    _shopify("#1007", "ANN@x.org", "partially_refunded", "2024-03-06 10:00:00+00:00",
             1, "Cup", "9.50", "CUP"),
]  # fmt: skip


@pytest.mark.parametrize("american", [False, True])
def test_shopify_says_what_holds_for_an_order_in_its_first_line(read, lines, american):
    header = [
        {"Cancelled at": "Canceled at", "Lineitem sku": "Lineitem SKU"}.get(name, name)
        if american
        else name
        for name in SHOPIFY
    ]
    found = read(lines(header, SHOPIFY_ROWS))
    assert found.bought == [
        ("bo@x.org", "CUP"),
        ("ann@x.org", "CUP"),
        ("ann@x.org", "PLATE"),
        ("ann@x.org", "Gift wrap"),
        ("ann@x.org", "CUP"),
    ]
    assert found.times[1:4] == [1704189600] * 3
    assert found.items == {
        "CUP": ("Cup", None, "Acme", "9.50"),
        "PLATE": ("Plate", None, "Bell", "4.00"),
        "Gift wrap": ("Gift wrap", None, "Acme", "1.00"),
    }
    assert found.bad == []
    assert found.notes["export"] == "Shopify"
    assert found.notes["order_lines"] == 12
    assert found.notes["order_lines_cancelled"] == 5
    assert found.notes["order_lines_guest"] == 2
    assert found.notes["order_purchases_told_by_title"] == 1
    assert found.notes["order_purchases_of_several_units"] == 1
    assert found.notes["order_states"] == (
        "paid (8), refunded (2), partially_refunded (1), voided (1)"
    )
    assert "order_states_unknown" not in found.notes


def test_shopifys_customers_without_an_email_go_by_their_phone(read, lines):
    rows = [
        [*_shopify("#1", None, "paid", "2024-01-01", 1, "Cup", 9, "CUP")[:-1], "+49 30 1"],
        ["#1", *MORE, None, 1, "Plate", 4, "PLATE", None, None, "Bell", None],
    ]
    assert read(lines(SHOPIFY, rows)).bought == [("+49 30 1", "CUP"), ("+49 30 1", "PLATE")]


def _woo(*lines: tuple) -> tuple[tuple, list[list]]:
    header = (
        "order_id", "order_number", "order_date", "status", "customer_id", "billing_email",
        "item_product_id", "item_name", "item_sku", "item_quantity", "item_total",
        "item_refunded_qty",
    )  # fmt: skip
    return header, [list(line) for line in lines]


def test_woocommerce_a_row_an_item(read, lines):
    header, rows = _woo(
        (1, "A1", "2023-05-01 09:00:00", "completed", 4, "Di@x.org", 7, "Tea", "T", 2, "9.00", 0),
        (1, "A1", "2023-05-01 09:00:00", "completed", 4, "Di@x.org", 8, "Pot", None, 1, "5.00", 0),
        (2, "A2", "2023-05-02 09:00:00", "wc-cancelled", 4, "di@x.org", 7, "Tea", "T", 1, "4", 0),
        (3, "A3", "2023-05-03 09:00:00", "refunded", 4, "di@x.org", 7, "Tea", "T", 1, "4", 0),
        (4, "A4", "2023-05-04 09:00:00", "Failed", 4, "di@x.org", 7, "Tea", "T", 1, "4", 0),
        (5, "A5", "2023-05-05 09:00:00", "on-hold", 0, "eve@x.org", 7, "Tea", "T", 1, "4", 0),
        (6, "A6", "2023-05-06 09:00:00", "completed", 0, None, 7, "Tea", "T", 1, "4", 0),
        (7, "A7", "2023-05-07 09:00:00", "completed", 9, None, 7, "Tea", "T", 2, "9", -2),
        (8, "A8", "2023-05-08 09:00:00", "completed", 9, None, 7, "Tea", "T", 3, "13.50", -2),
    )
    found = read(lines(header, rows))
    assert found.bought == [
        ("di@x.org", "T"), ("di@x.org", "8"), ("eve@x.org", "T"), ("9", "T"),
    ]  # fmt: skip
    assert found.items == {"T": ("Tea", None, None, "4.50"), "8": ("Pot", None, None, "5.00")}
    assert found.notes["order_lines_cancelled"] == 3
    assert found.notes["order_lines_guest"] == 1
    assert found.notes["order_lines_refunded"] == 1


def test_woocommerce_advanced_order_export_with_order_fields_in_the_first_line(read, lines):
    header = (
        "Order Number", "Order Status", "Order Date", "Email (Billing)", "Item #", "SKU",
        "Item Name", "Quantity (- Refund)", "Item Cost", "Category",
    )  # fmt: skip
    rows = [
        ("90", "Completed", "2022-01-01 10:00", "Di@x.org", 1, "T", "Tea", 2, "4.50", "Drinks"),
        (None, None, None, None, 2, "P", "Pot", 1, "15", "Ware"),
        (None, None, None, None, 3, "Q", "Sieve", 0, "3", "Ware"),
        ("91", "Cancelled", "2022-01-02 10:00", "di@x.org", 1, "T", "Tea", 2, "4.50", "Drinks"),
        (None, None, None, None, 2, "P", "Pot", 1, "15", "Ware"),
        ("92", "Processing", "2022-01-03 10:00", None, 1, "T", "Tea", 2, "4.50", "Drinks"),
        (None, None, None, None, 2, "P", "Pot", 1, "15", "Ware"),
    ]
    found = read(lines(header, rows))
    assert found.bought == [("di@x.org", "T"), ("di@x.org", "P")]
    assert found.items["P"] == ("Pot", "Ware", None, "15")
    notes = found.notes
    assert notes["order_lines_refunded"] == 1  # nothing left of its quantity
    assert (notes["order_lines_cancelled"], notes["order_lines_guest"]) == (2, 2)


def test_woocommerce_orders_as_its_rest_api_answers_them(read, tmp_path):
    def order(number, status, email, *lines):
        keys = ("name", "product_id", "sku", "quantity", "price")
        return {
            "id": number, "number": str(number), "status": status, "customer_id": 0,
            "date_created": f"2023-05-0{number}T09:00:00", "billing": {"email": email},
            "line_items": [dict(zip(keys, line, strict=True)) for line in lines],
        }  # fmt: skip

    tea, pot = ("Tea", 7, "T", 2, 4.5), ("Pot", 8, "", 1, 15)
    orders = [
        order(1, "completed", "Di@x.org", tea, pot),
        order(2, "cancelled", "di@x.org", tea),
        order(3, "processing", "", pot),
        order(4, "processing", "eve@x.org", pot, tea),
    ]
    path = tmp_path / "orders.jsonl.gz"
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, orders)).encode()))
    found = read(path)
    assert found.bought == [
        ("di@x.org", "T"), ("di@x.org", "8"), ("eve@x.org", "8"), ("eve@x.org", "T"),
    ]  # fmt: skip
    assert found.items == {"T": ("Tea", None, None, "4.5"), "8": ("Pot", None, None, "15")}
    assert (found.notes["order_lines"], found.notes["order_lines_guest"]) == (6, 1)
    assert found.notes["order_lines_cancelled"] == 1
    path.write_text(json.dumps(orders[0] | {"customer_id": 12}))
    found = read(path, columns={"user_id": "customer_id"})
    assert found.bought == [("12", "T"), ("12", "8")]


def test_shopify_orders_as_its_rest_api_answers_them(read, tmp_path):
    cup = {"sku": "CUP", "name": "Cup", "quantity": 1, "price": "9.00", "vendor": "Acme"}
    order = {"id": 1, "email": "Ann@x.org", "created_at": "2024-01-02T10:00:00-05:00",
             "financial_status": "paid", "cancelled_at": None}  # fmt: skip
    orders = [
        order | {"name": "#1", "line_items": [cup, cup | {"sku": "", "variant_id": 12}]},
        order | {"name": "#2", "line_items": [cup], "cancelled_at": "2024-01-03T10:00:00-05:00"},
        order | {"name": "#3", "line_items": [cup], "financial_status": "refunded"},
    ]
    path = tmp_path / "orders.jsonl"
    path.write_text("\n".join(map(json.dumps, orders)))
    found = read(path)
    assert found.bought == [("ann@x.org", "CUP"), ("ann@x.org", "12")]
    assert found.items["CUP"] == ("Cup", None, "Acme", "9.00")
    assert found.notes["order_lines_cancelled"] == 2


def test_magentos_item_id_is_a_lines_number(read, lines):
    header = (
        "item_id", "order_id", "parent_item_id", "status", "created_at", "sku", "name", "price",
        "qty_ordered", "qty_canceled", "qty_refunded", "increment_id", "customer_email",
        "category_name_1",
    )  # fmt: skip

    def line(item, parent, status, sku, ordered, canceled, refunded, order, email):
        day = f"2016-07-0{order}"
        price = "0.0000" if parent else "10.0000"
        return (item, order, parent, status, day, sku, sku.title(), price, ordered, canceled,
                refunded, f"1000{order}", email, "Women")  # fmt: skip

    rows = [
        line(1, None, "complete", "BAG", "1.0000", "0.0000", "0.0000", 1, "Ida@x.org"),
        line(2, 1, "complete", "BAG-RED", "1.0000", "0.0000", "0.0000", 1, "ida@x.org"),
        line(3, None, "canceled", "BAG", "1.0000", "1.0000", "0.0000", 2, "ida@x.org"),
        line(4, None, "closed", "BAG", "1.0000", "0.0000", "1.0000", 3, "ida@x.org"),
        line(5, None, "complete", "HAT", "3.0000", "1.0000", "2.0000", 4, "ida@x.org"),
        line(6, None, "complete", "HAT", "3.0000", "1.0000", "1.0000", 5, "ida@x.org"),
        line(7, None, "complete", "HAT", "1.0000", "0.0000", "0.0000", 6, None),
    ]
    found = read(lines(header, rows))
    assert found.bought == [("ida@x.org", "BAG"), ("ida@x.org", "HAT")]
    assert found.items["BAG"] == ("Bag", "Women", None, "10.0000")
    notes = found.notes
    assert (notes["order_lines_part"], notes["order_lines_cancelled"]) == (1, 2)
    assert (notes["order_lines_refunded"], notes["order_lines_guest"]) == (1, 1)


def test_magentos_orders_by_a_plugin(read, lines):
    header = (
        "Order Number", "Order Date", "Order Status", "Customer Name", "Customer Email",
        "Order Item Increment", "Item Name", "Item Status", "Item SKU", "Item Price",
        "Item Qty Ordered", "Item Qty Canceled", "Item Qty Refunded",
    )  # fmt: skip
    rows = [
        (1, "2014-01-02 10:00:00", "complete", "I", "i@x.org", 1, "Bag", "Shipped", "BAG", 9,
         1, 0, 0),
        (2, "2014-01-03 10:00:00", "closed", "I", "i@x.org", 1, "Bag", "Refunded", "BAG", 9,
         1, 0, 1),
        (3, "2014-01-04 10:00:00", "complete", "I", "i@x.org", 1, "Hat", "Shipped", "HAT", 9,
         2, 0, 2),
    ]  # fmt: skip
    found = read(lines(header, rows))
    assert found.bought == [("i@x.org", "BAG")]
    assert found.notes["export"] == "Magento"


@pytest.mark.parametrize(
    "names",
    [
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country",
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer.ID,Country",
        "invoice,stock_code,description,quantity,invoice_date,price,customer_id,country",
    ],
)
@pytest.mark.parametrize("name", ["orders.csv", "orders.tsv"])
def test_online_retail_in_both_editions(read, lines, names, name):
    rows = [
        ("536365", "85123A", "HOLDER", 6, "2010-12-01 08:26:00", 2.55, 17850, "UK"),
        ("536365", "POST", "POSTAGE", 1, "2010-12-01 08:26:00", 18, 17850, "UK"),
        ("C536379", "85123A", "HOLDER", -6, "2010-12-02 09:41:00", 2.55, 17850, "UK"),
        ("536380", "85123A", "HOLDER", 6, "2010-12-03 08:26:00", 2.55, None, "UK"),
    ]
    found = read(lines(names.split(","), rows, name))
    assert found.bought == [("17850", "POST")]
    assert found.items == {"POST": ("POSTAGE", None, None, "18")}
    assert found.notes["export"] == "UCI Online Retail"
    assert found.notes["order_purchases_taken_back"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl", "xlsx"])
def test_any_other_export_by_column_in_every_form(read, lines, workbook, tmp_path, form):
    header = ("beleg", "kunde", "artikel", "datum", "bezeichnung", "preis", "menge", "stand")
    rows = [
        ("1", "k1", "a1", "2024-01-01", "Tee", "4.50", "2", "paid"),
        ("1", "k1", "a2", "2024-01-01", "Topf", "15.00", "1", "paid"),
        ("2", "k1", "a1", "2024-01-05", "Tee", "4.50", "1", "Cancelled"),
        ("3", "k2", "a1", "2024-01-06", "Tee", "4.50", "1", "storniert"),
        ("4", "k2", "a2", "2024-01-06", "Topf", "15.00", "-1", "paid"),
    ]
    columns = {
        "order_id": "beleg", "user_id": "Kunde", "item_id": "artikel", "timestamp": "datum",
        "title": "bezeichnung", "price": "preis", "quantity": "menge", "status": "stand",
    }  # fmt: skip
    records = [dict(zip(header, row, strict=True)) for row in rows]
    path = tmp_path / f"orders.{form}"
    if form == "csv":
        lines(header, rows)
    elif form == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    elif form == "jsonl":
        path.write_text("\n".join(map(json.dumps, records)))
    else:
        workbook({"a": [header, *rows]})
    found = read(path, columns=columns)
    assert found.bought == [("k1", "a1"), ("k1", "a2"), ("k2", "a1")]
    assert found.items["a2"] == ("Topf", None, None, "15.00")
    assert found.notes["order_states_unknown"] == "storniert (1)"
    assert found.notes["order_returns_without_a_purchase"] == 1
    found = read(path, columns=columns, cancelled=("Storniert",))
    assert found.bought == [("k1", "a1"), ("k1", "a2")]
    assert "order_states_unknown" not in found.notes


def test_what_the_user_names_goes_before_what_is_known(read, lines):
    header = ("Invoice", "StockCode", "Parent", "Description", "Quantity", "InvoiceDate",
              "Customer ID", "Account")  # fmt: skip
    rows = [("1", "S1", "P1", "t", 1, "2010-01-01", "c", "a")]
    named = {"item_id": "Parent", "user_id": "account"}
    assert read(lines(header, rows), columns=named).bought == [("a", "P1")]


def test_guests_called_0_are_guests_whatever_names_the_column(read, lines):
    header, rows = _woo(
        (1, "A1", "2023-05-01 09:00:00", "completed", 0, None, 7, "Tea", "T", 1, "4", 0),
        (2, "A2", "2023-05-01 09:00:00", "completed", 5, None, 7, "Tea", "T", 1, "4", 0),
    )
    found = read(lines(header, rows), columns={"user_id": "customer_id"})
    assert found.bought == [("5", "T")]


def test_two_tables_are_no_export():
    for columns in (("user_id", "item_id", "timestamp"), ("item_id", "title"), ()):
        assert recognised(columns) is OTHER


@pytest.mark.parametrize(
    ("header", "columns", "line"),
    [
        (("a", "b", "c"), {}, "Magento, .*found the columns a, b, c: .*--column user_id=NAME"),
        (("user_id", "item_id", "c"), {}, "with --column timestamp=NAME$"),
        (("user_id", "timestamp", "title"), {}, "with --column item_id=NAME$"),
        (("Invoice", "StockCode", "Quantity", "InvoiceDate"), {}, "as UCI Online Retail's"),
        (("user_id", "item_id", "timestamp"), {"price": "cost"}, "column cost for price .*price=c"),
        (("user_id", "item_id", "timestamp"), {"rating": "x"}, "our columns of orders .*'rating'"),
    ],
)
def test_columns_that_are_not_known_are_named(read, lines, header, columns, line):
    with pytest.raises(CatalogueError, match=line) as caught:
        read(lines(header, [["x"] * len(header)]), columns=columns)
    assert "\n" not in str(caught.value)
