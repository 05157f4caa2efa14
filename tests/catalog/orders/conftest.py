"""Files of order lines, and what comes of them."""

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import in_memory
import pytest
import xlsxwriter

from catalog.ingest.sources.orders import Orders

UCI = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")


@dataclass(frozen=True)
class Read:
    """What a build would get: customer and item of each purchase, items by id, bad lines, notes."""

    bought: list[tuple[str, str]]
    items: dict[str, tuple]
    bad: list[tuple[str, int, str]]
    times: list[int]
    notes: dict[str, Any]


@pytest.fixture
def read() -> Callable[..., Read]:
    def call(*files: Path, **settings) -> Read:
        source = Orders(files=files, **settings)
        source.check()
        with in_memory.connection() as connection:
            loaded = source.load(connection)
            events = connection.execute("FROM raw_events").fetchall()
            items = connection.execute(
                "SELECT item_id, title, category, brand, price FROM raw_items"
            ).fetchall()
        good = [row for row in events if row[1] is None]
        return Read(
            bought=[(row[3], row[4]) for row in good],
            items={item[0]: item[1:] for item in items},
            bad=[(row[9], row[0], row[1]) for row in events if row[1] is not None],
            times=[row[5] // 1_000_000 for row in good],
            notes=dict(loaded.notes),
        )

    return call


@pytest.fixture
def lines(tmp_path) -> Callable[..., Path]:
    """Writes rows under a header as CSV; `None` is blank."""

    def call(header: Sequence[str], rows: Sequence[Sequence], name: str = "orders.csv") -> Path:
        text = io.StringIO()
        writer = csv.writer(text, delimiter="\t" if ".tsv" in name else ",")
        writer.writerow(header)
        writer.writerows(rows)
        path = tmp_path / name
        path.write_text(text.getvalue())
        return path

    return call


@pytest.fixture
def workbook(tmp_path) -> Callable[..., Path]:
    """Writes sheets of rows; a date becomes a cell that is shown as one."""

    def call(sheets: dict[str, Sequence[Sequence]], name: str = "orders.xlsx") -> Path:
        path = tmp_path / name
        with xlsxwriter.Workbook(path) as book:
            shown = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
            for title, rows in sheets.items():
                sheet = book.add_worksheet(title)
                for r, row in enumerate(rows):
                    for c, cell in enumerate(row):
                        if isinstance(cell, date):
                            sheet.write_datetime(r, c, cell, shown)
                        elif cell is not None:
                            sheet.write(r, c, cell)
        return path

    return call
