"""UCI's workbook: fetched, unpacked, and built with the command that is printed."""

import io
import re
import shlex
import zipfile
from datetime import datetime, timedelta
from functools import cache

import pytest
import xlsxwriter

from catalog.download import online_retail
from catalog.download.online_retail import download_online_retail, unpack
from catalog.download.resumable import Patience
from catalog.errors import CatalogueError

ARCHIVE, WORKBOOK = "online_retail_ii.zip", "online_retail_II.xlsx"
PATH = "/online+retail+ii.zip"
HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price",
          "Customer ID", "Country")  # fmt: skip


@cache  # as it holds the time when it was made
def _workbook() -> bytes:
    """Of the original's shape: two sheets that overlap, numbers for codes, returns and guests."""
    start = datetime(2010, 11, 30, 9)
    rows = [
        (530000 + n, 22000 + n % 7 if n % 3 else f"8512{n % 7}A", f"THING {n % 7}", 1 + n % 12,
         start + timedelta(days=n % 3, hours=n), 0.85, None if n % 10 == 9 else 13000 + n % 4,
         "France")
        for n in range(40)
    ]  # fmt: skip
    back = ("C530041", rows[0][1], "THING 0", -rows[0][3], start + timedelta(days=9), 0.85, 13000)
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        shown = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheets = {"Year 2009-2010": rows[:25], "Year 2010-2011": [*rows[20:], (*back, "France")]}
        for title, lines in sheets.items():
            sheet = book.add_worksheet(title)
            sheet.write_row(0, 0, HEADER)
            for r, line in enumerate(lines, 1):
                for c, cell in enumerate(line):
                    if isinstance(cell, datetime):
                        sheet.write_datetime(r, c, cell, shown)
                    elif cell is not None:
                        sheet.write(r, c, cell)
    return file.getvalue()


def _zip(files: dict[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content)
    return archive.getvalue()


@pytest.fixture
def uci(server):
    server.files[PATH] = _zip({WORKBOOK: _workbook()})
    return server


def _get(server, to, **settings):
    patience = Patience(timeout=5, attempts=3, pause=0.001)
    return download_online_retail(to, base_url=server.url, patience=patience, **settings)


@pytest.mark.slow
def test_two_commands_make_a_shop_of_it(uci, tmp_path, run):
    to = tmp_path / "my data"
    command = ("download", "online-retail-ii", "--to", to, "--base-url", uci.url)
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    source, path, following = out.splitlines()
    assert "CC BY 4.0" in source
    assert "https://doi.org/10.24432/C5CG6D" in source
    assert path == str(to / WORKBOOK)
    _, program, *words = shlex.split(following)
    assert program == "calrec-catalog"
    status, out, err = run(*words, "--workspace", tmp_path / "workspace")
    assert (status, err) == (0, "")
    built, *_, orders, none = out.splitlines()
    assert built.startswith("online-retail-ii: ")
    assert " 4 users, 35 purchases " in built
    assert orders.startswith("orders of UCI Online Retail: 46 lines, of them 35 purchases")
    assert none == (
        "no purchases: 5 exported twice; 4 without a customer (guests); "
        "1 returns, which took back 1 purchases"
    )
    status, out, _ = run(*command)
    assert out.splitlines()[1] == f"{path}  (was there, not fetched again)"


def test_the_address_is_ucis(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(online_retail, "fetch", lambda web, url, *_, **__: asked.append(url))
    monkeypatch.setattr(online_retail, "unpack", lambda *_: True)
    download_online_retail(tmp_path)
    assert asked == ["https://archive.ics.uci.edu/static/public/502/online+retail+ii.zip"]


def test_it_goes_on_where_it_stopped(uci, tmp_path):
    uci.faults.extend([{"cut": 2000}, *[{"status": 500}] * 3])
    with pytest.raises(CatalogueError, match="500"):
        _get(uci, tmp_path)
    assert (tmp_path / f"{ARCHIVE}.part").stat().st_size == 2000
    steps = []
    assert _get(uci, tmp_path, report=lambda *step: steps.append(step)).fetched
    assert uci.ranges(PATH)[-1] == "bytes=2000-"
    assert steps[0] == (ARCHIVE, 2000, len(uci.files[PATH]))
    assert sorted(path.name for path in tmp_path.iterdir()) == [WORKBOOK, ARCHIVE]
    assert (tmp_path / WORKBOOK).read_bytes() == _workbook()


@pytest.mark.parametrize("fault", [{"no_length": True}, {"chunked": True}])
def test_a_server_that_does_not_tell_the_size(uci, tmp_path, fault):
    uci.faults.append(fault)
    steps = []
    assert _get(uci, tmp_path, report=lambda *step: steps.append(step)).fetched
    assert steps[0] == (ARCHIVE, 0, None)
    assert (tmp_path / WORKBOOK).read_bytes() == _workbook()
    uci.faults.append(fault)
    assert not _get(uci, tmp_path).fetched


def test_a_break_without_a_size_is_mended(uci, tmp_path):
    uci.faults.append({"chunked": True, "cut": 1500})
    assert _get(uci, tmp_path).fetched
    assert uci.ranges(PATH) == [None, "bytes=1500-"]
    assert (tmp_path / WORKBOOK).read_bytes() == _workbook()


def test_a_silent_break_without_a_size_is_seen(uci, tmp_path):
    uci.faults.append({"no_length": True, "cut": 1500})
    with pytest.raises(CatalogueError, match=r"a whole zip file .*1,500 bytes that are not one"):
        _get(uci, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_gzip_file_still_needs_its_size(server, tmp_path):
    server.faults.append({"chunked": True})
    with pytest.raises(CatalogueError, match="Content-Length"):
        server.get(tmp_path)


@pytest.mark.parametrize(
    "content",
    [b"<html>log in first</html>", _zip({}), _zip({WORKBOOK: b"x" * 9000})[:-30], b""],
)
def test_what_is_no_zip_file_is_deleted(server, tmp_path, content):
    server.files[PATH] = content
    with pytest.raises(CatalogueError, match="a whole zip file") as caught:
        _get(server, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_damage_inside_is_seen(uci, tmp_path):
    damaged = bytearray(uci.files[PATH])
    damaged[len(damaged) // 2] ^= 0xFF
    uci.files[PATH] = bytes(damaged)
    with pytest.raises(CatalogueError, match="a whole zip file"):
        _get(uci, tmp_path)


@pytest.mark.parametrize(
    "name",
    [f"../../{WORKBOOK}", f"/etc/{WORKBOOK}", f"a/b/{WORKBOOK}", "C:\\other.xlsx", "Other.XLSX"],
)
def test_the_workbook_lands_under_its_own_name(server, tmp_path, name):
    server.files[PATH] = _zip({"readme.txt": b"hello", name: b"cells"})
    to = tmp_path / "below" / "here"
    assert _get(server, to).path == to / WORKBOOK
    assert (to / WORKBOOK).read_bytes() == b"cells"
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(path.name for path in found) == [WORKBOOK, ARCHIVE]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"readme.txt": b"hello"}, "found readme.txt: "),
        ({"a.xlsx": b"1", "b.xlsx": b"2"}, "found a.xlsx, b.xlsx: "),
        ({f"{WORKBOOK}/": b""}, "found nothing: "),
    ],
)
def test_an_archive_without_the_workbook_is_named(server, tmp_path, files, found):
    server.files[PATH] = _zip(files)
    with pytest.raises(CatalogueError, match=f"one workbook {WORKBOOK} in .*{found}") as caught:
        _get(server, tmp_path)
    assert "\n" not in str(caught.value)


def test_a_workbook_that_is_too_large_is_not_unpacked(server, tmp_path, monkeypatch):
    monkeypatch.setattr(online_retail, "_LARGEST", 1 << 20)
    server.files[PATH] = _zip({WORKBOOK: bytes((1 << 20) + 1)})
    with pytest.raises(CatalogueError, match=r"at most 1 MiB .* 1,048,577 bytes"):
        _get(server, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [ARCHIVE]


def test_an_archive_that_swells_is_not_read(server, tmp_path, monkeypatch):
    monkeypatch.setattr("catalog.download.damage._LARGEST", 2 << 20)
    server.files[PATH] = _zip({WORKBOOK: b"x", "zeros": bytes(3 << 20)})
    with pytest.raises(CatalogueError, match="a whole zip file"):
        _get(server, tmp_path)


def test_an_older_workbook_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    archive, workbook = tmp_path / ARCHIVE, tmp_path / WORKBOOK
    archive.write_bytes(_zip({WORKBOOK: bytes(5000)}))
    workbook.write_bytes(b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(online_retail.os, "fsync", full)
    with pytest.raises(CatalogueError, match="No space left on device"):
        unpack(archive, workbook)
    assert workbook.read_bytes() == b"old"
    monkeypatch.undo()
    assert unpack(archive, workbook)
    assert workbook.read_bytes() == bytes(5000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [WORKBOOK, ARCHIVE]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("amazon-2023",), "--category NAME for amazon-2023, found none: take one of https://"),
        (("online-retail-ii", "--category", "Books"), "no --category .*found 'Books': leave it"),
        (("online-retail-ii", "--base-url", "ftp://x"), "a base URL"),
    ],
)
def test_options_of_the_other_collection_are_one_line(tmp_path, run, words, line):
    status, out, err = run("download", *words, "--to", tmp_path / "new")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert re.search(line, err)
    assert not (tmp_path / "new").exists()
