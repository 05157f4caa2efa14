"""What separates and encloses the fields of a CSV, and quotes that swallow rows."""

import pyarrow as pa
import pytest
from in_memory import shop_of

from catalog.errors import CatalogueError
from catalog.ingest.files.csv_rows import CSVFile
from catalog.ingest.sources.two_tables import TwoTables


def _read(folder, name: str, text: str, quotes="auto", **how):
    """The shop of that text and its titles by item."""
    path = folder / name
    path.write_text(text, newline="")
    bought = pa.table({"user_id": ["u"], "item_id": ["p0"], "timestamp": [1]})
    source = TwoTables(items=path, interactions=bought, quotes=quotes)
    shop = shop_of(source, folder=folder, **how)
    return shop, {item_id: title for item_id, (title, *_) in shop.items.items()}


QUOTED_TSV = 'item_id\ttitle\np0\t"say ""x"""\np1\t"two\nlines"\np2\tplain\n'


def test_a_tsv_has_no_quotes(tmp_path):
    text = 'item_id\ttitle\tbrand\np0\t"Heroes\tB\np1\t12" disk\tB\np2\tLodger"\tB\n'
    text += 'p3\t\'Low\tB\np4\t"Heroes" (single)\tB\n'
    shop, titles = _read(tmp_path, "x.tsv", text)
    assert titles == {
        "p0": '"Heroes', "p1": '12" disk', "p2": 'Lodger"', "p3": "'Low",
        "p4": '"Heroes" (single)',
    }  # fmt: skip
    assert shop.report["read_as"]["items"] == "CSV with tabs, no quotes"
    assert "remarks" not in shop.report


@pytest.mark.slow
def test_a_tsv_with_quotes_is_said_to_be_one(tmp_path, run):
    shop, titles = _read(tmp_path, "x.tsv", QUOTED_TSV, "double")
    assert titles == {"p0": 'say "x"', "p1": "two lines", "p2": "plain"}
    shop, titles = _read(tmp_path, "x.tsv", 'item_id\ttitle\np0\t"a"\np1\tb\n')
    assert titles == {"p0": '"a"', "p1": "b"}
    (remark,) = shop.report["remarks"]
    assert remark.startswith("1 fields of ")
    assert remark.endswith("give --quotes double if it encloses them")
    with pytest.raises(
        CatalogueError, match=r'TSV has none, found "item_id": give --quotes double'
    ):
        _read(tmp_path, "x.tsv", '"item_id"\t"title"\n"p0"\t"a"\n')
    events = tmp_path / "e.csv"
    events.write_text("user_id,item_id,timestamp\nu,p0,1\n")
    for quotes, shown in (("auto", "note: 1 fields of"), ("double", "")):
        status, said, _ = run(
            "build", "--workspace", tmp_path / "w", "--domain", "x", "--quotes", quotes, "--items",
            _saved(tmp_path / "y.tsv", 'item_id\ttitle\np0\t"a"\n'), "--interactions", events,
        )  # fmt: skip
        assert status == 0
        assert shown in said
        assert ("note:" in said) == bool(shown)


def _saved(path, text):
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("text", "titles"),
    [
        # A space behind what separates.
        ('"item_id", "title"\n"p0", "Salt, ""P"""\n"p1", "b"\n', ['Salt, "P"', "b"]),
        ('item_id; title\np0; "Salt; P"\np1; b\n', ["Salt; P", "b"]),
        ("item_id, title\np0, Salt\np1, b\n", ["Salt", "b"]),
        ('item_id,title\np0, Salt "P"\np1,b\n', ['Salt "P"', "b"]),
        # Single quotes around fields, around those that need it, and within texts.
        ("'item_id','title'\n'p0','It''s, ok'\n'p1','b'\n", ["It's, ok", "b"]),
        ("item_id,title\n'p0','It\\'s'\n'p1',NULL\n", ["It's", None]),
        ("item_id,title\np0,'Salt, P'\np1,It's\n", ["Salt, P", "It's"]),
        ("item_id, title\n'p0', 'Salt, P'\n'p1', 'b'\n", ["Salt, P", "b"]),
        ("item_id;title\n'p0';'Salt; P'\n'p1';'b'\n", ["Salt; P", "b"]),
        ("item_id,title\np0,'Tis\np1,'Heroes'\n", ["'Tis", "'Heroes'"]),
        ("item_id,title\np0,Rock 'n' Roll\np1,Boys'\n", ["Rock 'n' Roll", "Boys'"]),
        # Text over several lines.
        ('item_id,title\np0,"one\nand, two, more"\np1,b\n', ["one and, two, more", "b"]),
        ('"item_id","title"\n"p0","a\nx,y"\n"p1","b"\n', ["a x,y", "b"]),
    ],
)
def test_titles_come_as_they_were_meant(tmp_path, text, titles):
    shop, found = _read(tmp_path, "x.csv", text)
    assert found == dict(zip(("p0", "p1"), titles, strict=True))
    assert shop.report["bad_lines"]["items"] == 0


SWALLOWING = [
    ("item_id,title,brand\np0,Low,B\np1,\"Heroes,B\np2,Lodger,B\np3,Blue 12\",N\np4,X,N\n", (3, 5)),
    ("item_id,title,brand\np0,Low,B\np1,\"Heroes, live,B\np3,Blue 12\",N\np4,X,N\n", (3, 4)),
    ("item_id,title\np0,Low\np1,\"Heroes\np2,Lodger\np3,12\"\np4,X\n", (3, 5)),
    ("item_id,title,brand\r\np0,Low,B\r\np1,\"A,B\r\np2,B\",N\r\n", (3, 4)),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("text", "lines"), SWALLOWING)
def test_quotes_that_swallow_rows_are_bad_lines(tmp_path, text, lines):
    with pytest.raises(
        CatalogueError,
        match=rf"first is line {lines[0]}: a quote opens on line {lines[0]} and closes on line "
        rf"{lines[1]}, .* --quotes none .* --quotes double",
    ):
        _read(tmp_path, "x.csv", text)
    shop, _ = _read(tmp_path, "x.csv", text, allow_bad_lines=True)
    assert [line for _, line, *_ in shop.bad] == [*range(lines[0], lines[1] + 1)]
    shop, titles = _read(tmp_path, "x.csv", text, "none", allow_bad_lines=True)
    assert shop.report["bad_lines"]["items"] == ("live" in text)  # its comma is no text then
    assert titles["p0"] == "Low"
    assert not [title for title in titles.values() if title and "p2" in title]
    shop, titles = _read(tmp_path, "x.csv", text, "double")
    assert shop.report["bad_lines"]["items"] == 0
    assert "p2," in titles["p1"] or "p3," in titles["p1"]


@pytest.mark.slow
def test_a_late_swallowing_quote_is_found_and_long_texts_are_none(tmp_path):
    rows = "".join(f"p{n},Title of {n},Brand {n}\n" for n in range(2000))
    swallowing = 'q0,"Heroes,B\nq1,Lodger,B\nq2,Blue 12",N\n'
    shop, titles = _read(tmp_path, "x.csv", f"item_id,title,brand\n{rows}{swallowing}")
    assert shop.report["bad_lines"]["items"] == 3
    assert len(titles) == 2000
    text = 'q0,"one\nGreat, soft, warm\nVery, very, good\nlast, and, least",Brand\n'
    shop, titles = _read(tmp_path, "x.csv", f"item_id,title,brand\n{rows}{text}")
    assert shop.report["bad_lines"]["items"] == 0
    assert titles["q0"].startswith("one Great, soft, warm Very")


def test_the_form_is_told_apart_from_what_is_in_it(tmp_path):
    path = _saved(tmp_path / "x.csv", "a,b\n1,2\n")
    assert str(CSVFile.opened(path).dialect) == "CSV with commas, double quotes"
    path = _saved(tmp_path / "x.csv", "a; b\n'1'; '2'\n")
    assert str(CSVFile.opened(path).dialect) == (
        "CSV with semicolons and spaces behind them, single quotes"
    )
