"""Workbooks: types of cells, sheets, headers, and what is damaged."""

import zipfile
from datetime import date, datetime

import pyarrow as pa
import pytest
import xlsxwriter

from catalog.errors import CatalogueError
from catalog.ingest.files.workbook import sheets

UCI = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")
AT = datetime(2009, 12, 1, 7, 45)


def _line(invoice, code, customer=13085.0, *, at=AT, quantity=1, price=6.95):
    return (invoice, code, "BALL", quantity, at, price, customer)


def test_numbers_in_cells_are_the_ids_that_people_see(read, workbook):
    rows = [_line(489434, 85048), _line(489434, "79323P"), _line("C489435", 22041, quantity=-1),
            _line(489436, 22041, None)]  # fmt: skip
    found = read(workbook({"Year 2009-2010": [UCI, *rows]}))
    assert found.bought == [("13085", "85048"), ("13085", "79323P")]
    assert found.times == [1259653500] * 2
    assert found.items["85048"] == ("BALL", None, None, "6.95")
    assert found.notes["order_lines_return"] == found.notes["order_lines_guest"] == 1


def test_sheets_of_equal_columns_are_one_table_and_others_are_left_out(read, workbook):
    early, late = datetime(2010, 11, 30), datetime(2010, 12, 5)
    twice = _line(538000, "B", at=late)
    path = workbook(
        {
            "Notes": [["Made for the accountant"], ["by year", "of invoice"]],
            "Year 2009-2010": [UCI, _line(1, "A", at=early), twice, twice],
            "Empty": [],
            "By month": [["month", "sum", "sum"], ["May", 3, 0.5]],
            "Year 2010-2011": [UCI, twice, twice, _line(3, "C", at=late)],
        }
    )
    found = read(path)
    assert [item for _, item in found.bought] == ["A", "B", "B", "C"]
    assert found.notes["order_lines_twice"] == 2
    assert found.notes["sheets_left_out"] == f"{path} (sheet By month)"


def test_a_header_may_stand_below_a_title_and_columns_need_no_name(read, workbook):
    header = (None, *UCI)
    rows = [["Orders of all years"], [], header, ("x", *_line(1, "A")), [], ("y", *_line(2, "B"))]
    found = read(workbook({"a": rows}))
    assert [item for _, item in found.bought] == ["A", "B"]


def test_a_column_is_of_one_type_or_text(workbook):
    rows = [
        ("number", "mixed", "time", "day", "blank", "logic", "whole"),
        (1.5, 2, AT, date(2020, 1, 2), None, True, 7),
        (None, "3x", None, datetime(2020, 1, 3), None, False, None),
        (2, 1.25, AT, None, None, None, 8),
    ]
    (sheet,) = sheets(workbook({"a": rows}))
    assert (sheet.name, sheet.first_row) == ("a", 2)
    assert sheet.table.to_pydict() == {
        "number": [1.5, None, 2.0],
        "mixed": ["2", "3x", "1.25"],
        "time": [AT, None, AT],
        "day": [datetime(2020, 1, 2), datetime(2020, 1, 3), None],
        "blank": [None] * 3,
        "logic": ["True", "False", None],
        "whole": [7.0, None, 8.0],
    }
    assert sheet.table.schema.field("blank").type == pa.string()


def test_types_that_change_far_below_are_text_throughout(workbook, monkeypatch):
    monkeypatch.setattr("catalog.ingest.files.workbook._BATCH", 2)
    rows = [
        ("a", "b", "c"),
        (1, AT, "x"),
        (2, AT, "x"),
        ("3P", AT, "x"),
        (4, 5, "x"),
        (5, None, ""),
    ]
    (sheet,) = sheets(workbook({"a": rows}))
    assert sheet.table.to_pydict() == {
        "a": ["1", "2", "3P", "4", "5"],
        "b": [str(AT)] * 3 + ["5", None],
        "c": ["x"] * 4 + [None],
    }


def test_days_that_are_not_shown_as_dates_are_dates(read, workbook):
    rows = [_line(1, "A", at=40148.32291666667), _line(2, "B", at=40149)]
    found = read(workbook({"a": [UCI, *rows]}))
    assert found.times == [1259653500, 1259712000]


def test_unix_times_in_cells_are_unix_times(read, workbook):
    found = read(workbook({"a": [UCI, _line(1, "A", at=1259653500)]}))
    assert found.times == [1259653500]


def test_charts_are_no_sheets(read, tmp_path):
    path = tmp_path / "orders.xlsx"
    with xlsxwriter.Workbook(path) as book:
        chart = book.add_chart({"type": "line"})
        sheet = book.add_worksheet("a")
        sheet.write_row(0, 0, ("user_id", "item_id", "timestamp"))
        sheet.write_row(1, 0, ("u", "i", "2020-01-01"))
        chart.add_series({"values": "=a!$A$1:$A$2"})
        book.add_chartsheet("curve").set_chart(chart)
    found = read(path)
    assert found.bought == [("u", "i")]
    assert "sheets_left_out" not in found.notes


@pytest.mark.parametrize("content", [b"PK\x03\x04 not a workbook", b"<html>log in</html>"])
def test_what_is_no_workbook_is_one_line(read, tmp_path, content):
    path = tmp_path / "orders.xlsx"
    path.write_bytes(content)
    with pytest.raises(CatalogueError, match=r"a workbook of orders at .*orders\.xlsx") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_damaged_workbook_is_one_line(read, workbook, tmp_path):
    whole = workbook({"a": [UCI, *[_line(n, "A") for n in range(500)]]})
    data = whole.read_bytes()
    cut = tmp_path / "cut.xlsx"
    cut.write_bytes(data[: len(data) // 2])
    with pytest.raises(CatalogueError, match="damaged or locked"):
        read(cut)
    odd = tmp_path / "odd.xlsx"
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(odd, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content[:-400] if name.endswith("sheet1.xml") else content)
    with pytest.raises(CatalogueError, match=r"odd\.xlsx") as caught:
        read(odd)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("book", "line"),
    [
        ({"a": []}, "a sheet of order lines in .*found none with three columns"),
        ({"a": [["x"], ["y"]]}, "found none with three columns"),
        ({"a": [("x", "y", "z"), (1, 2, 3)]}, r"\(sheet a\), found the columns x, y, z"),
        ({"a": [("Invoice", "Price", "price")]}, r"names in .*\(sheet a\), found Price and price"),
    ],
)
def test_sheets_without_order_lines_are_named(read, workbook, book, line):
    with pytest.raises(CatalogueError, match=line):
        read(workbook(book))


@pytest.mark.slow
@pytest.mark.parametrize(("row", "column", "read"), [(1_048_575, 16_383, False), (3000, 900, True)])
def test_cells_too_far_apart_are_one_line(tmp_path, row, column, read):
    path = tmp_path / "far.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("a")
        sheet.write_row(0, 0, UCI)
        sheet.write_row(1, 0, ("1", "A", "Ball", 1, "2020-01-31", 1.5, "u"))
        sheet.write(row, column, "here")
    if read:
        (found,) = sheets(path)
        assert found.table.num_rows == row
        return
    with pytest.raises(CatalogueError, match="1,048,576 rows and 16,384 columns: delete"):
        list(sheets(path))


def test_a_blank_cell_that_was_formatted_is_not_far(tmp_path):
    path = tmp_path / "formatted.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet("a")
        sheet.write_row(0, 0, UCI)
        sheet.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))
    (found,) = sheets(path)
    assert found.table.column_names == list(UCI)
