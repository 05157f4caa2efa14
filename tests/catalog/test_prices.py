"""Which number of a price's text is the price, and how its points and commas are meant."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from in_memory import shop_of

from catalog.attributes.price_texts import find_price
from catalog.attributes.prices import lowest_numbers
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue

NO_EVENTS = pa.table({"user_id": ["u"], "item_id": ["i0"], "timestamp": [1]})


def _low(*prices: str) -> list[float | None]:
    numbers, _ = lowest_numbers(prices)
    return [numbers.get(price) for price in prices]


@pytest.mark.parametrize(
    ("price", "low"),
    [
        ("$5.99", 5.99),
        ("$1,299.00", 1299.0),
        ("12,50 €", 12.5),
        ("1.299,00 €", 1299.0),
        ("1 299,00 €", 1299.0),
        ("1\u00a0299\u202f000 €", 1299000.0),
        ("CHF 1'299.00", 1299.0),
        ("₹1,29,999.00", 129999.0),
        ("kr 1.299,-", 1299.0),
        ("75,-", 75.0),
        ("¥3,000", 3000.0),
        ("Rs.650", 650.0),
        ("US$.79", 0.79),
        ("85¢", 0.85),
        ("0.5", 0.5),
        ("1.2345", 1.2345),
        ("7", 7.0),
        ("2.5E+03", 2500.0),
        # Both marks in one number, or groups that only one mark can make.
        ("2,345,678.120", 2345678.12),
        ("2.345.678", 2345678.0),
        ("3,21,000", 321000.0),
        ("1 234.567", 1234.567),
        ("12345.678", 12345.678),
        ("0,875", 0.875),
        # Currencies of three decimals, and those of none.
        ("3.750 KWD", 3.75),
        ("BHD 12.500", 12.5),
        ("12,500 DT", 12.5),
        ("Rp 25.000", 25000.0),
        ("45.000 ₫", 45000.0),
        # Digits of other scripts.
        ("２，４８０円", 2480.0),
        ("￥６５０", 650.0),
        ("٣٫٧٥٠ د.ك", 3.75),
        ("٢٬٥٠٠٫٥٠", 2500.5),
        ("१२.५०", 12.5),
        # Counts, percentages and former prices.
        ("4er Set 8,49 €", 8.49),
        ("3 for $7.50", 7.5),
        ("6 bottles from £48", 48.0),
        ("3 x 2.49", 2.49),
        ("2.49 x 3", 2.49),
        ("3 for 10", 10.0),
        ("Pack of 12 - $18.99", 18.99),
        ("500 g 3,99", 3.99),
        ("30% off $14.00", 14.0),
        ("$14.00 (30% off)", 14.0),
        ("%20 indirim 50 TL", 50.0),
        ("$5 off $40", 40.0),
        ("Was $20.00 Now $15.00", 15.0),
        ("$10 ($1.25 / oz)", 10.0),
        ("10 個 1,280円", 1280.0),
        # Ranges give their lower end.
        ("$12.99 - $5.99", 5.99),
        ("5.99 to 12.99", 5.99),
        ("5 – 10 €", 5.0),
        ("6 - $12.99", 12.99),
        ("2-3 pieces 5.99", 5.99),
        ("-4.50", -4.5),
        ("-$4.50", -4.5),
        ("€-4,50", -4.5),
        ("($4.50)", -4.5),
        ("Free!", 0.0),
        ("無料", 0.0),
        ("€ 5 € 10", 5.0),
        ("2 $5.00", 5.0),
        ("call us", None),
        ("30% off", None),
        ("31.12.2020", None),
        ("1,23.45.6", None),
    ],
)
def test_a_price_has_a_lowest_number(price, low):
    assert _low(price) == [low]


@pytest.mark.parametrize(
    ("prices", "lows"),
    [
        (["1.299", "12,50"], [1299.0, 12.5]),
        (["1.299", "12.50"], [1.299, 12.5]),
        (["1,299", "12.50"], [1299.0, 12.5]),
        (["1.299", "1.234.567"], [1299.0, 1234567.0]),
        (["1.250", "0.900", "12.000"], [1.25, 0.9, 12.0]),
        (["12.5", "4.125", "10.0"], [12.5, 4.125, 10.0]),
        # Prices of its own currency tell first, then the currency.
        (["$1,299", "1.299 €", "12,50 €"], [1299.0, 1299.0, 12.5]),
        (["1,250 KWD", "1,250.500 KWD"], [1250.0, 1250.5]),
        (["1.250 KWD", "12,50 €"], [1.25, 12.5]),
        (["€1.299", "$12.50"], [1299.0, 12.5]),
        # The more frequent way, and a whole number where nothing tells.
        (["1.299", "12.50", "3.20", "4,5"], [1.299, 12.5, 3.2, 4.5]),
        (["1.299", "2.499", "500"], [1299.0, 2499.0, 500.0]),
    ],
)
def test_the_other_prices_tell_how_marks_are_meant(prices, lows):
    assert _low(*prices) == lows
    assert _low(*reversed(prices)) == lows[::-1]


def test_the_reason_is_told_of_what_could_mean_two_numbers():
    assert lowest_numbers(["1.299", "12,50"])[1] == {"1.299": "other prices tell"}
    assert lowest_numbers(["1.299"])[1] == {"1.299": "nothing in the column tells"}
    assert lowest_numbers(["1.299 KWD"])[1] == {"1.299 KWD": "its currency tells"}
    assert lowest_numbers(["$1,299.00", "5"])[1] == {}


def test_the_currency_and_both_ends_of_a_range_are_found():
    price = find_price("CHF 5.- – CHF 8.-")
    assert (price.numbers, price.currency) == (("5.-", "8.-"), "CHF")


@pytest.mark.parametrize(
    ("column", "texts", "lows"),
    [
        (pa.array([2250, 15000], pa.int64()), ["2250", "15000"], [2250.0, 15000.0]),
        (pa.array([2.75, 1.125, 1299.0]), ["2.75", "1.125", "1299.0"], [2.75, 1.125, 1299.0]),
        (pa.array([2.5, 12.99], pa.float32()), ["2.5", "12.99"], [2.5, 12.99]),
        (pa.array([float("nan"), 1e20]), [None, "1" + "0" * 20 + ".00"], [None, 1e20]),
        (pa.array(["2.250", "3.000"]).cast(pa.decimal128(10, 3)), ["2.250", "3.000"], [2.25, 3.0]),
    ],
)
@pytest.mark.parametrize("form", ["parquet", "memory"])
def test_a_typed_price_is_that_number(tmp_path, column, texts, lows, form):
    items = pa.table({"item_id": [f"i{n}" for n in range(len(column))], "price": column})
    if form == "parquet":
        pq.write_table(items, items_path := tmp_path / "i.parquet")
        items = items_path
    assert _prices(items) == list(zip(texts, lows, strict=True))


def test_a_number_of_json_is_that_number_and_a_text_beside_it_a_text(tmp_path):
    prices = [2.349, 12.5, 1e3, 7, "1.299,00 €", "5", None, 2350.0]
    path = tmp_path / "i.jsonl"
    path.write_text("\n".join(json.dumps({"item_id": f"i{n}", "price": price, "title": "t"})
                              for n, price in enumerate(prices)))  # fmt: skip
    assert _prices(path) == [
        ("2.349", 2.349), ("12.5", 12.5), ("1000.0", 1000.0), ("7", 7.0), ("1.299,00 €", 1299.0),
        ("5", 5.0), (None, None), ("2350.0", 2350.0),
    ]  # fmt: skip


def test_a_column_of_json_may_be_price_and_title(tmp_path):
    path = tmp_path / "i.jsonl"
    path.write_text('{"item_id": "i0", "name": "5"}\n{"item_id": "i1", "name": 6.5}')
    columns = {"title": "name", "price": "name"}
    shop = shop_of(TwoTables(items=path, interactions=NO_EVENTS, columns=columns))
    assert shop.items == {"i0": ("5", None, None, "5"), "i1": ("6.5", None, None, "6.5")}


def _prices(items) -> list[tuple]:
    return shop_of(TwoTables(items=items, interactions=NO_EVENTS)).prices


@pytest.mark.slow
def test_the_report_and_the_command_say_what_was_decided(tmp_path, run):
    (tmp_path / "i.csv").write_text("item_id,price\na,2.499\nb,1.299\nc,ask us\nd,ask us\n")
    (tmp_path / "e.csv").write_text("user_id,item_id,timestamp\nu,a,1\n")
    status, said, _ = run(
        "build", "--workspace", tmp_path / "w", "--domain", "x",
        "--items", tmp_path / "i.csv", "--interactions", tmp_path / "e.csv",
    )  # fmt: skip
    assert status == 0
    assert "prices: 2 without a number, as 'ask us'" in said
    assert "prices: 2 as 1.299 is 1299: nothing in the column tells" in said
    _, report, _ = run("report", "--workspace", tmp_path / "w", "--domain", "x")
    report = json.loads(report)
    assert report["prices_without_a_number"] == 2
    assert report["prices_of_two_meanings"] == ["2 as 1.299 is 1299: nothing in the column tells"]


@pytest.mark.slow
def test_a_shop_with_negative_prices_has_price_bands(tmp_path, tables):
    prices = ["-5.00", "2.00", "12.00", "55.00", "130.00"]
    build(tmp_path, "x", tables([(str(n), "t", None, None, p) for n, p in enumerate(prices)], []))
    with Catalogue.open(tmp_path, "x") as catalogue:
        assert sum(facet.count for facet in catalogue.facets().prices) == len(prices)
        page = catalogue.page(sort="price")
        assert [item.price for item in page.items] == prices
