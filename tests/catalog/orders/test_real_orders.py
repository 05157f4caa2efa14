"""A real shop's books made back from its two tables, with returns and guests added by us."""

import csv
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from catalog.build import build
from catalog.ingest.sources.orders import Orders
from catalog.ingest.sources.two_tables import TwoTables
from catalog.sources import ONLINE_RETAIL_II, sources

UCI = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")
_SECOND_SHEET = datetime(2010, 12, 1)


@pytest.fixture
def retail(shared_data) -> Path:
    path = shared_data.parent / "retail" / "online_retail_ii"
    if not path.is_dir():
        pytest.skip("needs the retail data in ../shared/data, which is not here")
    return path


def _tables(folder: Path, customers: str) -> TwoTables:
    """The shop's two tables, of the customers whose number ends in one of these digits."""
    items = pq.read_table(folder / "items.parquet")
    events = pq.read_table(folder / "interactions.parquet")
    events = events.filter([user[-1] in customers for user in events["user_id"].to_pylist()])
    bought = set(events["item_id"].to_pylist())
    items = items.filter([item in bought for item in items["item_id"].to_pylist()])
    return TwoTables(items=items, interactions=events)


def _books(tables: TwoTables) -> tuple[list[tuple], dict[str, int]]:
    """Invoice lines by time, and how many are a return or a guest's."""
    draw, lines, added = random.Random(0), [], {"return": 0, "guest": 0}
    items = {row["item_id"]: row for row in tables.items.to_pylist()}

    def line(invoice, item, units, at, user):
        row = items[item]
        lines.append((invoice, item, row["title"], units, at, row["price"], user))

    def basket(row):
        return row["timestamp"], row["basket"], row["user_id"]

    # By position, as one invoice may hold several times and one time several invoices.
    rows = sorted(tables.interactions.to_pylist(), key=lambda row: (*basket(row), row["position"]))
    for (second, invoice, user), group in groupby(rows, key=basket):
        at = datetime.fromtimestamp(second, UTC).replace(tzinfo=None)
        bought = [row["item_id"] for row in group]
        for item in bought:
            line(invoice, item, draw.choice([1, 2, 6, 12]), at, user)
        chance = draw.random()
        if chance < 0.1:  # sent back whole, so that it is as if it had never been bought
            item, units = draw.choice(bought), draw.choice([3, 7, 24])
            line(f"9{invoice}", item, units, at, user)
            line(f"C9{invoice}", item, -units, at + timedelta(days=draw.randrange(9)), user)
            added["return"] += 1
        elif chance < 0.2:
            for item in bought[:5]:
                line(f"8{invoice}", item, 1, at, None)
            lines.append((f"8{invoice}", "M", "Manual", 1, at, "£1.00", None))
            added["guest"] += len(bought[:5]) + 1
    return sorted(lines, key=lambda line: line[4]), added


def _assert_equal(
    tmp_path: Path,
    tables: TwoTables,
    orders: Orders,
    added: dict[str, int],
    *,
    repeats_kept: tuple[bool, ...],
) -> dict:
    """Builds both, with and without repeats; returns what the last has."""
    for keep in repeats_kept:
        two = build(tmp_path / "w", "two", tables, keep_repeats=keep)
        one = build(tmp_path / "w", "one", orders, keep_repeats=keep)
        sizes = {"users": one.users, "items": one.items, "purchases": one.events}
        assert sizes == {"users": two.users, "items": two.items, "purchases": two.events}
        assert one.report["order_purchases"] == tables.interactions.num_rows
        assert one.report["order_lines_return"] == added["return"]
        assert one.report["order_purchases_taken_back"] == added["return"]
        assert one.report["order_lines_guest"] == added["guest"]
        assert one.report["bad_lines"] == {"items": 0, "events": 0}
    return sizes | {"fingerprints": {one.fingerprint, two.fingerprint}}


def _rows(lines: list[tuple]) -> Iterator[tuple]:
    for invoice, item, title, units, at, price, user in lines:
        yield (
            invoice if invoice.startswith("C") else int(invoice),
            int(item) if item.isdigit() else item,
            title,
            units,
            at,
            float(price[1:]),
            user and int(user),
        )


@pytest.mark.slow
def test_a_workbook_of_a_tenth_of_its_customers(retail, tmp_path, workbook):
    tables = _tables(retail, "7")
    lines, added = _books(tables)
    years = {
        "Year 2009-2010": [row for row in _rows(lines) if row[4] < _SECOND_SHEET],
        "Year 2010-2011": [row for row in _rows(lines) if row[4] >= _SECOND_SHEET],
    }
    path = workbook({title: [UCI, *rows] for title, rows in years.items()})
    found = _assert_equal(
        tmp_path, tables, Orders(files=(path,)), added, repeats_kept=(True, False)
    )
    assert found["purchases"] > 50_000
    assert min(added.values()) > 300


@pytest.mark.slow
def test_the_whole_shop_has_its_very_counts(retail, tmp_path):
    tables = _tables(retail, "0123456789")
    lines, added = _books(tables)
    path = tmp_path / "orders.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([UCI, *lines])
    found = _assert_equal(tmp_path, tables, Orders(files=(path,)), added, repeats_kept=(False,))
    # To the last byte, as the prices are written as there.
    (fingerprint,) = found.pop("fingerprints")
    assert found == {"users": 5_852, "items": 4_619, "purchases": 785_630}
    assert sources([fingerprint]) == [ONLINE_RETAIL_II]
