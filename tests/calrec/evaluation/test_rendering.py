"""Foreign text stays text; numbers stay whole in CSV."""

import csv
import html
import io
import math
import re
from html.parser import HTMLParser

import pytest

from calrec.evaluation.foreign import CLOSE, OPEN, isolated, plain
from calrec.evaluation.statistics import NO_INTERVAL, Interval
from calrec.report.rendering import csv_text, html_table, markdown, number
from calrec.report.tables import Column, Table, Value, relative_change, with_best

HOSTILE = (
    "a | b",
    "<script>window.hacked = 1</script>",
    '"><img src=x onerror="window.hacked=1">',
    "two\nlines & 'quotes'",
    "*bold* _it_ `code` [link](http://x) ~~no~~ $x$",
    "=HYPERLINK(1)",
    "＝1+1",
    "@SUM(1)",
    "# heading",
)
VALUE = Value(
    optimistic=0.07884,
    pessimistic=0.07401,
    optimistic_interval=Interval(low=0.07, high=0.0888888),
    pessimistic_interval=Interval(low=0.065, high=0.08),
    change=-0.048,
    best_optimistic=True,
    best_pessimistic=True,
)


def table(**changes):
    columns = (Column(title="Dataset"), Column(title="NDCG@10", group="Ours"))
    plain = {"key": "t", "title": "T", "columns": columns, "rows": (("shop", VALUE),)}
    return Table(**plain | changes)


class Cells(HTMLParser):
    """The texts of a table's cells, and every tag."""

    def __init__(self, text):
        super().__init__()
        self.cells, self.tags, self.inside = [], set(), False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.cells[-1] += data


def test_values_in_each_form():
    text = markdown(table())
    assert "| Dataset | Ours · NDCG@10 |" in text
    assert "**0.0788** / *0.0740* (-4.8 %)" in text
    assert "0.0700–0.0889 / 0.0650–0.0800" in text
    page = html_table(table())
    assert "<b>0.0788</b>/<u>0.0740</u><i> (-4.8 %)</i>" in page
    assert "<small>0.0700–0.0889</small><small>0.0650–0.0800</small>" in page
    head, row = csv.reader(io.StringIO(csv_text(table())))
    found = dict(zip(head, row, strict=True))
    assert found == {
        "Dataset": "shop",
        "Ours: NDCG@10": "0.07884",
        "Ours: NDCG@10 optimistic low": "0.07",
        "Ours: NDCG@10 optimistic high": "0.0888888",
        "Ours: NDCG@10 pessimistic": "0.07401",
        "Ours: NDCG@10 pessimistic low": "0.065",
        "Ours: NDCG@10 pessimistic high": "0.08",
        "Ours: NDCG@10 change": "-0.048",
    }


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (0.12345, "metric", "0.1235"),
        (-0.01, "difference", "-0.0100"),
        (0.224, "change", "+22.4 %"),
        (0.823, "share", "82.3 %"),
        (0.00001, "share", "0.001 %"),
        (0.0, "share", "0.0 %"),
        (0.0076, "p", "0.0076"),
        (1e-9, "p", "<0.0001"),
        (8442, "count", "8,442"),
        (12.34, "seconds", "12.3"),
        (math.nan, "p", "–"),
    ],
)
def test_numbers(value, unit, shown):
    assert number(value, unit) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_html(text):
    columns = (Column(title=text), Column(title="x", group=text))
    shown = html_table(
        table(title=text, columns=columns, rows=((text, text),), notes=(text,), missing=text)
    )
    parsed = Cells(shown)
    assert parsed.cells.count(text) == 4
    assert parsed.tags <= {
        *("section", "h2", "div", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "p")
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_markdown(text):
    columns = (Column(title=text), Column(title="x"))
    shown = markdown(table(title=text, columns=columns, rows=((text, text),), notes=(text,)))
    lines = shown.splitlines()
    for line in (line for line in lines if line.startswith("|")):
        assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
    assert "<" not in re.sub(r"</?(small|br)>", "", shown)
    assert len([line for line in lines if line.startswith("#")]) == 1
    for mark in "*_`[$":
        assert not re.search(rf"(?<!\\){re.escape(mark)}", shown)
    # Read back, the text is whole.
    cell = re.split(r"(?<!\\)\|", lines[4])[1].strip()
    assert html.unescape(re.sub(r"\\(.)", r"\1", cell)) == " ".join(text.split())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_csv(text):
    columns = (Column(title=text), Column(title="x"))
    rows = list(csv.reader(io.StringIO(csv_text(table(columns=columns, rows=((text, VALUE),))))))
    guarded = f"'{text}" if text.strip()[0] in "=＝@" else text
    assert rows[0][0] == guarded
    assert rows[1][0] == guarded
    assert rows[1][1] == "0.07884"


def test_cells_without_a_value():
    empty = table(rows=(("shop", None), ("other", Value(optimistic=math.nan, unit="p"))))
    assert "| shop | – |" in markdown(empty)
    assert csv_text(empty).splitlines()[1:] == ["shop,", "other,"]
    assert "–" in html_table(empty)
    bare = table(rows=(), missing="To fill it: run this")
    assert "<table>" not in html_table(bare)
    assert "To fill it: run this" in html_table(bare)
    assert "To fill it: run this" in markdown(bare)


def test_where_there_is_no_interval():
    alone = Value(
        optimistic=0.5,
        pessimistic=0.25,
        optimistic_interval=NO_INTERVAL,
        pessimistic_interval=NO_INTERVAL,
    )
    shown = table(rows=(("shop", alone),))
    assert "| 0.5000 / 0.2500<br><small>–</small> |" in markdown(shown)
    assert "0.5000/0.2500<small>–</small></td>" in html_table(shown)
    assert csv_text(shown).splitlines()[1] == "shop,0.5,,,0.25,,"


@pytest.mark.parametrize("name", ["\u202egnirts", "\u2067x\u2066y", "\u200fa\u061c", "שלום"])
def test_foreign_text_turns_no_other_writing_round(name):
    note = f"On {isolated(name)}: 5 users."
    shown = {"title": f"By {isolated(name)}", "rows": ((name, isolated(name)),), "notes": (note,)}
    page = html_table(table(**shown))
    rest = plain(name)
    assert rest in page
    assert plain(page) == page
    if rest == "שלום":
        assert f"<li>On <bdi>{rest}</bdi>: 5 users.</li>" in page
        assert f"<h2>By <bdi>{rest}</bdi></h2>" in page
        assert f'aria-label="By {rest}"' in page
    for text in (markdown(table(**shown)), csv_text(table(**shown))):
        assert rest in text
        assert plain(text) == text


def test_isolates_that_do_not_close_are_no_element():
    page = html_table(table(notes=(f"{OPEN}a {OPEN}b{CLOSE} c{CLOSE}{CLOSE} <bdi>",)))
    assert "<li>a <bdi>b</bdi> c &lt;bdi&gt;</li>" in page


def test_text_that_turns_nothing_round_stays_as_it_is():
    for text in ("CALRec (big)", "été", "日本", "a\u200bb"):
        assert isolated(text) == text


def test_a_row_has_as_many_cells_as_columns():
    with pytest.raises(ValueError, match="2 columns, 1 cells"):
        table(rows=(("shop",),))


def test_the_best_are_marked():
    first, second = Value(optimistic=0.3, pessimistic=0.1), Value(optimistic=0.2, pessimistic=0.2)
    marked = with_best([first, None, second])
    assert (marked[0].best_optimistic, marked[0].best_pessimistic) == (True, False)
    assert (marked[2].best_optimistic, marked[2].best_pessimistic) == (False, True)
    assert marked[1] is None
    assert not with_best([first])[0].best_optimistic
    shared = with_best([first, second, first])
    assert [value.best_optimistic for value in shared] == [True, False, True]


def test_nothing_is_best_where_all_are_equal():
    zero, half = Value(optimistic=0.5, pessimistic=0.0), Value(optimistic=0.5, pessimistic=0.25)
    assert not any(value.best_optimistic for value in with_best([zero, zero, zero]))
    assert not any(value.best_pessimistic for value in with_best([zero, zero]))
    marked = with_best([zero, half])  # one side says nothing of the other
    assert [(v.best_optimistic, v.best_pessimistic) for v in marked] == [(0, 0), (0, 1)]


def test_relative_change():
    assert relative_change(0.12, 0.1) == pytest.approx(0.2)
    assert math.isnan(relative_change(1.0, 0.0))
