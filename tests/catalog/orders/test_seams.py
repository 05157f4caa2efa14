"""Order lines where the parts meet: ids, missing values, prices and times of several files."""

import json
from datetime import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import shop_of

from catalog.errors import CatalogueError
from catalog.ingest.sources.orders import Orders

HEADER = ("order_id", "user_id", "item_id", "timestamp", "title", "price", "quantity")
UCI = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")


def shop(*files, **settings):
    """Of order lines the report, the lowest price of each item, and the users."""
    found = shop_of(Orders(files=files, **settings))
    lows = {item_id: low for item_id, (_, low) in zip(found.items, found.prices, strict=True)}
    return found.report, lows, {user for user, _ in found.bought}


def test_a_float_of_one_file_returns_the_whole_number_of_another(lines):
    first = lines(
        HEADER,
        [
            ("1", "12346", "101", "2020-01-13", "Bowl", "1.5", "2"),
            ("2", "12347", "102A", "2020-01-14", "Cup", "2.5", "1"),
        ],
        "first.csv",
    )
    second = lines(
        HEADER,
        [
            ("3", "12346.0", "101.0", "2020-02-13", "Bowl", "1.5", "-2"),
            ("4", "12347.0", "101.0", "2020-02-14", "Bowl", "1.5", "1"),
        ],
        "second.csv",
    )
    report, lows, users = shop(first, second)
    assert (report["order_purchases_taken_back"], report["order_purchases"]) == (1, 2)
    assert set(lows) == {"101", "102A"}
    assert users == {"12347"}
    assert report["ids_put_right"] == [
        "1 item ids (2 rows), as '101.0' to '101'",
        "2 user ids (2 rows), as '12346.0' to '12346'",
    ]


def test_ids_that_meet_are_counted(lines):
    rows = [
        ("1", "u1", '="0001"', "2020-01-13", "Bowl", "1", "1"),
        ("2", "u1", "0001\t", "2020-01-14", "Bowl", "1", "1"),
        ("3", "u1", "0001", "2020-01-15", "Bowl", "1", "-1"),
    ]
    report, lows, _ = shop(lines(HEADER, rows))
    assert set(lows) == {"0001"}
    assert report["order_purchases_taken_back"] == 1
    assert report["ids_put_right"] == ["2 item ids (2 rows), as '0001\\t' to '0001'"]


@pytest.mark.parametrize("guest", ["0", "0.0"])
def test_guests_are_nobody_however_their_number_is_written(read, lines, guest):
    header = ("Order ID", "Customer ID", "Item SKU", "Item Quantity", "Order Date", "Item Name")
    rows = [("1", guest, "A", 1, "2020-01-13", "T"), ("2", "7", "A", 1, "2020-01-14", "T")]
    found = read(lines(header, rows))
    assert found.bought == [("7", "A")]
    assert found.notes["order_lines_guest"] == 1


def test_how_files_are_read_and_what_is_missing_is_in_the_report(lines, tmp_path):
    plain = lines(
        HEADER,
        [
            ("1", "u1", "A", "2020-01-13", "NaN", "\\N", "1"),
            ("2", "NULL", "A", "2020-01-14", "Bowl", "2", "1"),
        ],
    )
    tabs = tmp_path / "more.tsv"
    tabs.write_text("\t".join(HEADER) + '\n3\tu2\tB\t2020-01-15\t"Tea"\t2\t1\n')
    report, _, users = shop(plain, tabs)
    assert users == {"u1", "u2"}
    assert report["read_as"] == {
        str(plain): "CSV with commas, double quotes",
        str(tabs): "CSV with tabs, no quotes",
    }
    assert report["taken_as_missing"] == {str(plain): {"user_id": 1, "title": 1, "price": 1}}
    (remark,) = report["remarks"]
    assert remark.startswith("1 fields of")
    assert "--quotes double" in remark


@pytest.mark.slow
def test_lost_values_have_their_file_and_line(tmp_path):
    columns = dict(
        zip(HEADER, [["1"], ["u1"], ["A"], ["2020-01-13"], ["T"], ["1"], ["1"]], strict=True)
    )
    files = []
    for number, title in enumerate((["Bowl"], [{"en": 1}])):
        files.append(tmp_path / f"{number}.parquet")
        columns |= {"title": title, "order_id": [str(number)]}
        pq.write_table(pa.table(columns), files[-1])
    found = shop_of(Orders(files=files))
    assert found.report["attributes_unusable"] == {"title": 1}
    ((file, line, _, content),) = found.bad
    assert (file, line, content) == (str(files[1]), 1, '{"en":1}')


def test_what_cleaning_leaves_nothing_of_is_counted(lines):
    rows = [("1", "u1", "A", "2020-01-13", "<br>", "1", "1")]
    report, _, _ = shop(lines(HEADER, rows), clean=True)
    assert report["attributes_unusable"] == {"title": 1}


def test_prices_of_json_lines_are_the_numbers_that_they_are(tmp_path):
    """WooCommerce's REST API gives the price of an order's line as a number."""
    path = tmp_path / "orders.jsonl"
    orders = [
        {
            "id": number,
            "status": "completed",
            "date_created": f"2020-01-1{number}T10:00:00",
            "billing": {"email": "a@example.com"},
            "line_items": [{"sku": "A", "name": "Bowl", "price": 12.375, "quantity": 1}],
        }
        for number in (1, 2)
    ]
    path.write_text("\n".join(map(json.dumps, orders)))
    _, lows, _ = shop(path)
    assert lows == {"A": 12.375}


def test_numbers_of_a_mixed_column_of_a_sheet_are_those_numbers(workbook):
    rows = [
        UCI,
        ("1", "A", "Bowl", 1, datetime(2020, 1, 13), 6.955, 7),
        ("2", "B", "Cup", 1, datetime(2020, 1, 14), "on request", 7),
    ]
    report, lows, _ = shop(workbook({"2020": rows}))
    assert lows == {"A": 6.955, "B": None}
    assert report["prices_without_a_number"] == 1
    assert "prices_of_two_meanings" not in report


@pytest.mark.slow
def test_a_line_in_a_workbook_and_in_a_file_is_one(workbook, lines):
    sheet = workbook({"2020": [UCI, ("1", "A", "Bowl", 12, datetime(2020, 1, 13, 7, 45), 3, 7)]})
    rows = [
        ("1", "A", "Bowl", "12", "2020-01-13 07:45:00", "3.00", "7"),
        ("2", "A", "Bowl", "12", "2020-01-14 07:45:00", "3.00", "7"),
    ]
    report, _, _ = shop(sheet, lines(UCI, rows))
    assert (report["order_purchases"], report["order_lines_twice"]) == (2, 1)


@pytest.mark.slow
def test_exports_of_two_kinds_have_times_of_their_own(read, lines):
    uci = lines(UCI, [("1", "A", "Bowl", 1, "01/12/2009 07:45", 3, 7),
                      ("2", "A", "Bowl", 1, "13/12/2009 07:45", 3, 7)], "till.csv")  # fmt: skip
    shopify = lines(
        ("Name", "Email", "Created at", "Lineitem quantity", "Lineitem name", "Lineitem sku"),
        [("#1", "a@example.com", "1580000000", 1, "Bowl", "A")] * 3,
        "web.csv",
    )
    found = read(uci, shopify)
    assert found.times == [1259653500, 1260690300, 1580000000, 1580000000, 1580000000]
    assert found.notes["timestamp"] == "dates of day, month, year; unix seconds"


@pytest.mark.slow
def test_a_sheet_of_dates_and_one_of_texts(read, workbook):
    dates = [UCI, ("1", "A", "Bowl", 1, datetime(2009, 12, 1, 7, 45), 3, 7)]
    texts = [UCI, ("2", "A", "Bowl", 1, "13/12/2009 07:45", 3, 7)]
    found = read(workbook({"dates": dates, "texts": texts}))
    assert found.times == [1259653500, 1260690300]


@pytest.mark.slow
def test_one_export_in_two_files_decides_together(read, lines):
    both = [
        lines(HEADER, [("1", "u", "A", "03/04/2020", "T", 1, 1)], "april.csv"),
        lines(HEADER, [("2", "u", "A", "13/05/2020", "T", 1, 1)], "may.csv"),
    ]
    found = read(*both)
    assert found.times == [1585872000, 1589328000]
    with pytest.raises(CatalogueError, match="--time-format dmy or --time-format mdy"):
        read(both[0])
    assert read(both[0], time_format="dmy").times == [1585872000]


def test_what_is_missing_in_a_list_of_lines_is_missing(tmp_path):
    lines = [
        {"sku": "NULL", "product_id": 6, "name": "nan", "price": "NaN", "quantity": 1},
        {"sku": "A", "product_id": 5, "name": "Bowl", "price": "2.50", "quantity": 1},
    ]
    order = {
        "id": 1,
        "status": "completed",
        "date_created": "2020-01-11T10:00:00",
        "billing": {"email": "a@example.com"},
        "line_items": lines,
    }
    path = tmp_path / "orders.jsonl"
    path.write_text(json.dumps(order))
    report, lows, _ = shop(path)
    assert lows == {"6": None, "A": 2.5}
    assert report["taken_as_missing"] == {str(path): {"item_id": 1, "title": 1, "price": 1}}


@pytest.mark.parametrize(
    ("quantities", "several", "back"),
    [
        (("1,000", "2,000", "-1,000"), 1, 1),  # as German tills write pieces
        (("1,000", "0,500", "-1"), 0, 1),
        (("1,5", "1,000", "-1"), 1, 1),
        (("1,000", "12", "-1000"), 1, 1),
        (("1,000", "1,200,000", "-1000"), 1, 1),
    ],
)
def test_commas_in_quantities_are_told_by_the_column(read, lines, quantities, several, back):
    rows = [
        (str(n), "u", f"A{n % 2}", f"2020-01-0{n + 1}", "T", 1, q) for n, q in enumerate(quantities)
    ]
    # The return is of the item of whole units.
    rows[2] = (*rows[2][:2], "A1" if quantities[0] == "1,5" else "A0", *rows[2][3:])
    notes = read(lines(HEADER, rows)).notes
    assert notes["order_purchases_taken_back"] == back
    assert notes["order_returns_of_a_part"] == 0
    assert notes["order_purchases_of_several_units"] == several
