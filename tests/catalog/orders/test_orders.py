"""What is a purchase: guests, returns, exports that overlap, bad lines, titles, prices, baskets."""

from datetime import datetime

import pytest
from in_memory import shop_of

from catalog.errors import CatalogueError
from catalog.ingest.order_lines.report import summary
from catalog.ingest.sources.orders import Orders

UCI = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")


def _sold(order, item, units, day, customer="c1", *, title="T", price="2.50"):
    return (order, item, title, units, f"2010-03-{day:02} 10:00:00", price, customer)


@pytest.mark.slow
def test_returns_take_back_what_they_cancel_whatever_the_order_of_the_file(read, lines):
    rows = [
        _sold("1", "A", 6, 1),
        _sold("2", "A", 4, 2),
        _sold("3", "B", 10, 2),
        _sold("4", "A", 6, 2, "c2"),
        _sold("C5", "A", -6, 3),  # takes back 1, of as many units
        _sold("C6", "B", -3, 3),  # a part of 3
        _sold("C7", "A", -6, 1, "c3"),  # of nothing that is there
        _sold("C8", "A", -6, 1, "c2"),  # before its purchase
        _sold("C9", "A", -6, 4, None),  # a guest's
        _sold("10", "B", -1, 5, "c4"),  # a return without a C
        _sold("C11", "A", 4, 5),  # a cancellation without a minus
    ]
    for order in (rows, rows[::-1]):
        found = read(lines(UCI, order))
        assert sorted(found.bought) == [("c1", "B"), ("c2", "A")]
        notes = found.notes
        assert notes["order_purchases"] == 2
        assert notes["order_lines_return"] == 6
        assert notes["order_lines_guest"] == 1
        assert notes["order_purchases_taken_back"] == 2
        assert notes["order_returns_of_a_part"] == 1
        assert notes["order_returns_without_a_purchase"] == 3
        assert notes["order_lines"] == 11


@pytest.mark.parametrize(
    ("kind", "quantities"),
    [
        ("purchases", ["1", "1.0000", "+2", "1e3", "2.5E-1", " 3 "]),
        # What a comma means is told by the column: each has one of its own.
        ("purchases", ["1,200"]),
        ("purchases", ["0,5"]),
        ("lines_return", ["-1", "−1", "5-", "(5)"]),
        ("lines_return", ["-1,200"]),
        ("lines_refunded", ["0", "0.0"]),
        ("lines_bad", ["two", "1 2", ""]),
    ],
)
def test_quantities_as_people_write_them(read, lines, kind, quantities):
    header = ("user_id", "item_id", "timestamp", "quantity")
    rows = [("u", f"i{n}", "2020-01-01", units) for n, units in enumerate(quantities)]
    found = read(lines(header, [*rows, ("u", "plain", "2020-01-02", "1")]))
    bought = [item for _, item, *_ in rows] if kind == "purchases" else []
    assert found.bought == [("u", item) for item in [*bought, "plain"]]
    assert found.notes[f"order_{kind}"] == len(quantities) + (kind == "purchases")
    assert found.notes["order_lines"] == len(quantities) + 1


@pytest.mark.parametrize("price", ["-2.50", "€ -2.50", "-€2.50", "(2.50)", "−3"])
def test_lines_of_a_negative_price_are_returns(read, lines, price):
    rows = [_sold("1", "A", 1, 1), _sold("2", "A", 1, 2, price=price), _sold("3", "B", 1, 2)]
    found = read(lines(UCI, rows))
    assert found.bought == [("c1", "B")]
    assert found.notes["order_lines_return"] == 1


@pytest.mark.parametrize("price", ["2.50", "0", "", "US-$ 3", "3 - 5"])
def test_other_prices_are_no_sign_of_a_return(read, lines, price):
    assert read(lines(UCI, [_sold("1", "A", 1, 1, price=price)])).bought == [("c1", "A")]


@pytest.mark.slow
def test_title_and_price_are_the_most_frequent_and_among_equals_the_last(read, lines):
    rows = [
        _sold("1", "A", 1, 1, title="old", price="1"),
        _sold("2", "A", 1, 2, title="old", price="1"),
        _sold("3", "A", 1, 3, title="new", price="2"),
        _sold("4", "B", 1, 1, title="first", price="1"),
        _sold("5", "B", 1, 2, title="last", price="2"),
        _sold("6", "C", 1, 1, title=None, price="4"),
        _sold("7", "C", 1, 2, title="known", price=None),
        _sold("8", "D", 1, 1, title="bought"),
        *[_sold(f"9{n}", "D", 1, 1, None, title="damaged", price="0") for n in range(3)],
        _sold("10", "E", 1, 1, title=None),
        _sold("11", "E", 1, 1, None, title="as guests have it"),
        _sold("12", "F", 1, 1, None),  # only a guest's
        _sold("13", "G", 1, 1),  # wholly taken back
        _sold("C14", "G", -1, 2),
    ]
    for order in (rows, rows[::-1]):
        found = read(lines(UCI, order))
        assert {item: (value[0], value[3]) for item, value in found.items.items()} == {
            "A": ("old", "1"),
            "B": ("last", "2"),
            "C": ("known", "4"),
            "D": ("bought", "2.50"),
            "E": ("as guests have it", "2.50"),
        }
        assert found.notes["items_of_several_titles"] == 3
        assert found.notes["items_of_several_prices"] == 3


def test_a_basket_keeps_the_order_of_the_file(lines):
    items = ["Z", "B", "Y", "A", "B", "M"]
    path = lines(UCI, [_sold("1", item, 1, 1) for item in items] + [_sold("2", "N", 1, 2)])
    assert [item for _, item in shop_of(Orders(files=(path,))).bought] == [*items, "N"]


@pytest.mark.slow
def test_orders_in_two_exports_count_once(read, lines):
    header = ("order_id", "user_id", "item_id", "timestamp", "quantity", "status")
    first = [
        ("1", "u", "a", "2020-01-01", 1, "paid"),
        ("2", "u", "b", "2020-01-31", 1, "paid"),
        ("2", "u", "b", "2020-01-31", 1, "paid"),  # twice in one order, on purpose
        ("3", "u", "c", "2020-01-31", 1, "paid"),
    ]
    second = [
        ("2", "u", "b", "2020-01-31", 1, "paid"),
        ("2", "u", "b", "2020-01-31", 1, "paid"),
        ("3", "u", "c", "2020-01-31", 1, "refunded"),
        ("4", "u", "a", "2020-02-01", 1, "paid"),
        ("3", "u", "d", "2020-01-31", 1, "paid"),
    ]
    files = lines(header, first, "jan.csv"), lines(header, second, "feb.csv")
    for given in (files, files[::-1]):  # what is known of a cancellation holds either way
        found = read(*given)
        assert sorted(found.bought) == [("u", item) for item in "aabbd"]
        assert found.notes["order_lines_twice"] == 3
        assert found.notes["order_lines_cancelled"] == 1


@pytest.mark.slow
def test_what_a_later_export_knows_of_a_refund_holds(read, lines):
    header = ("sku", "qty_ordered", "qty_refunded", "increment_id", "customer_id", "created_at")
    first = lines(header, [("A", 2, 0, "1", "c", "2020-01-01")], "jan.csv")
    second = lines(header, [("A", 2, 2, "1", "c", "2020-01-01")], "feb.csv")
    for given in ((first, second), (second, first)):
        found = read(*given, lines(header, [("B", 1, 0, "2", "c", "2020-01-01")], "mar.csv"))
        assert found.bought == [("c", "B")]
        assert found.notes["order_lines_refunded"] == 1


@pytest.mark.slow
def test_an_order_that_goes_over_two_files_keeps_its_lines(read, lines):
    header = ("order_id", "user_id", "item_id", "timestamp")
    first = lines(header, [("1", "u", item, "2020-01-01") for item in "ab"], "1.csv")
    second = lines(header, [("1", "u", item, "2020-01-01") for item in "cd"], "2.csv")
    found = read(first, second)
    assert [item for _, item in found.bought] == list("abcd")
    assert found.notes["order_lines_twice"] == 0


def test_without_order_numbers_nothing_is_taken_for_a_copy(read, lines):
    header = ("user_id", "item_id", "timestamp")
    rows = [("u", "a", "2020-01-01")]
    found = read(lines(header, rows, "1.csv"), lines(header, rows, "2.csv"))
    assert found.bought == [("u", "a"), ("u", "a")]


def test_lines_of_one_number_that_stand_apart_are_different_orders(read, lines):
    header = ("order_id", "user_id", "item_id", "timestamp")
    rows = [
        ("1", "u", "a", "2020-01-01"),
        ("1", None, "b", None),  # the same
        ("2", "v", "c", "2020-01-01"),
        ("1", None, "d", "2020-01-02"),  # the till has begun anew: a guest
    ]
    found = read(lines(header, rows))
    assert found.bought == [("u", "a"), ("u", "b"), ("v", "c")]
    assert found.notes["order_lines_guest"] == 1


@pytest.mark.slow
def test_bad_lines_have_their_own_files_number(read, lines, workbook):
    header = ("user_id", "item_id", "timestamp", "quantity")
    good = ("u", "a", "2020-01-01", 1)
    first = lines(header, [good, ("u", "a", "2020-01-01", "two")], "1.csv")
    second = lines(header, [good, good, ("u", None, "2020-01-01", 1)], "2.csv")
    third = workbook(
        {"x": [header, good], "y": [["A title"], header, good, [], ("u", "a", "?", 1)]}
    )
    found = read(first, second, third)
    assert found.bad == [
        (str(first), 3, "quantity: expected a number, found 'two'"),
        (str(second), 4, "item_id is missing"),
        (
            f"{third} (sheet y)",
            5,
            "timestamp: expected an ISO date, such as 2020-01-31 (--time-format says how to read"
            " others), found '?'",
        ),
    ]
    assert len(found.bought) == 5
    assert found.notes["order_lines_bad"] == 3


@pytest.mark.slow
def test_a_file_with_too_many_bad_lines_stops_the_build_and_guests_are_none(lines, tmp_path):
    header = ("user_id", "item_id", "timestamp")
    good = [("u", "a", "2020-01-01")] * 50 + [(None, "a", "2020-01-01")] * 60
    first = lines(header, good, "1.csv")
    second = lines(header, [*good, ("u", None, "2020-01-01")], "2.csv")
    report = shop_of(Orders(files=(first, second))).report
    assert report["bad_lines"] == {"items": 0, "events": 1}
    third = lines(header, [*good[:20], ("u", None, "2020-01-01")], "3.csv")
    with pytest.raises(CatalogueError, match=r"in .*3\.csv, found 1 of 21 .*the first is line 22"):
        shop_of(Orders(files=(first, third)), folder=tmp_path)


def test_no_purchase_at_all_is_said_with_what_there_was(read, lines):
    with pytest.raises(
        CatalogueError,
        match="found orders of UCI Online Retail: 3 lines, of "
        r"them 0 purchases\. no purchases: 2 without a customer .*; 1 returns: ",
    ):
        read(lines(UCI, [_sold("1", "A", 1, 1, None), _sold("2", "A", 1, 1, None),
                         _sold("C2", "A", -1, 1)]))  # fmt: skip


def test_attributes_are_cleaned_on_request(read, lines):
    path = lines(UCI, [_sold("1", "A", 1, 1, title="Salt &amp; <b>Pepper</b>")])
    assert read(path).items["A"][0] == "Salt &amp; <b>Pepper</b>"
    assert read(path, clean=True).items["A"][0] == "Salt & Pepper"


def test_files_are_checked_before_anything_is_read(tmp_path, lines):
    path = lines(UCI, [_sold("1", "A", 1, 1)])
    odd = tmp_path / "orders.doc"
    odd.write_text("x")
    for files, line in [
        ((tmp_path / "none.csv",), "a CSV file of orders at .*none.csv, found nothing"),
        ((tmp_path / "none.xlsx",), "a workbook of orders at .*none.xlsx, found nothing"),
        ((odd,), r"ends in \.parquet.*, \.xlsx, .*found .*orders\.doc"),
        ((path, path), "different files of orders"),
        ((), "found none"),
    ]:
        with pytest.raises(CatalogueError, match=line) as caught:
            Orders(files=files).check()
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_summary_is_a_line_or_two(read, lines):
    assert summary({"form": "two tables"}) == []
    plain = read(lines(UCI, [_sold("1", "A", 1, 1)])).notes
    assert summary(plain) == ["orders of UCI Online Retail: 1 lines, of them 1 purchases"]
    rows = [_sold("1", "A", 2, 1), _sold("2", "B", 3, 1), _sold("C3", "A", -2, 2),
            _sold("4", "A", 1, 1, None)]  # fmt: skip
    assert summary(read(lines(UCI, rows)).notes) == [
        "orders of UCI Online Retail: 4 lines, of them 1 purchases "
        "(1 of several units, each one purchase)",
        "no purchases: 1 without a customer (guests); 1 returns, which took back 1 purchases",
    ]


def test_times_of_files_of_different_types_meet(read, lines, workbook):
    header = ("user_id", "item_id", "timestamp")
    text = lines(header, [("u", "a", "2020-01-01 10:00:00")])
    book = workbook({"x": [header, ("u", "b", datetime(2020, 1, 2, 10))]})
    assert read(text, book).times == [1577872800, 1577959200]
