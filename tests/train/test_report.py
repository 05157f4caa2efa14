"""`calrec-evaluate report`: what is printed and written, whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1] / "calrec" / "evaluation"))

from synthetic_runs import BOTH_STAGES, NO_CONTRAST, user_ids, write_run

from calrec.errors import CalrecError
from calrec.evaluation.foreign import plain
from train.evaluation.command import execute
from train.report import BRIEFLY, Report, report

SCRIPT = '"><script>window.hacked = 1</script>'
CATEGORIES = (SCRIPT, "$y^2$", "pipes | and | more", "[bold]rich[/bold] \x1b[31m", None)
TURNED = "\u202eturned \u2067round $x^2$"
TEXTS = {
    "user_id": user_ids(120),
    "text": ["text"] * 120,
    "score": [-float(place) for place in range(120)],
    "kept": [True] * 120,
}
HOSTILE = {"label": SCRIPT, "domain": "shop | <b>x</b>", "categories": CATEGORIES}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    at = tmp_path_factory.mktemp("runs")
    common = {"domain": "scientific_2018", "count": 120}
    return [
        write_run(at / "lir", "lir", seed=1, **common),
        write_run(at / "knn", "item-knn", seed=2, **common),
        write_run(at / "with", "calrec", seed=3, training=BOTH_STAGES, texts=TEXTS, **common),
        write_run(at / "without", "calrec", seed=4, training=NO_CONTRAST, model="2", **common),
        write_run(at / "part", "calrec", users=user_ids(50), available=120, **HOSTILE),
        write_run(at / "other", "lir", count=120, **HOSTILE | {"label": TURNED}),
    ]


def printed(settings, width=100, encoding="utf-8"):
    """What the report holds, and what a terminal of that width and encoding gets."""
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    made = report(settings, Console(width=width, file=file))
    file.flush()
    return made, file.buffer.getvalue().decode(encoding)


def quick(folders, **settings):
    return Report(runs=tuple(folders), resamples=30, **settings)


@pytest.fixture(scope="module")
def written(folders, tmp_path_factory):
    out = tmp_path_factory.mktemp("report") / "out"
    made, text = printed(quick(folders, out=out))
    return out, made, text


@pytest.mark.slow
def test_the_terminal_shows_every_table_within_its_width(folders):
    made, text = printed(quick(folders))
    for table in made.tables:
        assert table.title in text.replace("\\x1b", "\x1b")
    assert max(map(len, text.splitlines())) <= 100
    assert "0.0788/0.0740" in text
    assert "\x1b" not in text
    assert "[bold]rich[/bold]" in text
    folded = " ".join(text.split())
    assert "our data hold 89 % of its purchases" in folded
    assert "50 users in common" in folded
    assert plain(text) == text
    assert "\\u202e" not in text
    assert "LIR (turned round $x^2$)" in folded


def test_what_is_written_is_printed_briefly(written):
    out, made, text = written
    shown = {table.key for table in made.tables if f"{table.title}\n" in text}
    assert shown == set(BRIEFLY)
    assert text.endswith(f"all tables and plots: {out / 'report.html'}\n")


@pytest.mark.slow
@pytest.mark.parametrize("width", [40, 80, 200])
def test_other_widths(folders, width):
    _, text = printed(quick(folders[:3]), width=width)
    assert max(map(len, text.splitlines())) <= max(width, 60)


@pytest.mark.slow
@pytest.mark.parametrize("width", [90, 100, 110, 130])
def test_no_number_is_folded(folders, width):
    _, text = printed(quick(folders[:4]), width=width)
    _, wide = printed(quick(folders[:4]), width=400)
    pair = r"\d\.\d{4}/\d\.\d{4}\s"
    assert len(re.findall(pair, text)) == len(re.findall(pair, wide))


def test_a_terminal_without_unicode(folders):
    _, text = printed(quick(folders[4:]), encoding="ascii")
    assert "0.0000-0.0000" in text or re.search(r"0\.\d{4}-0\.\d{4}", text)


def test_one_csv_a_table_and_markdown(written):
    out, made, _ = written
    names = {path.name for path in out.iterdir()}
    keys = {f"{table.key}.csv" for table in made.tables}
    assert names == keys | {"report.md", "report.html", "report.json"}
    for table in made.tables:
        text = (out / f"{table.key}.csv").read_text(encoding="utf-8")
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) == 1 + len(table.rows)
        assert len({len(row) for row in rows}) == 1
    text = (out / "report.md").read_text(encoding="utf-8")
    for table in made.tables:
        assert f"## {re.split(r' [(]|[:?]', table.title)[0]}" in text
    assert "<script" not in text
    assert "the best are bold and in italics" in text
    assert plain(text) == text
    about = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert [run["recommender"] for run in about["runs"]] == [
        *("lir", "item-knn", "calrec", "calrec", "calrec", "lir")
    ]


def test_the_page_is_whole_and_holds_no_foreign_markup(written):
    out, made, _ = written
    page = (out / "report.html").read_text(encoding="utf-8")
    head, _, body = page.partition("</head>")
    assert head.count("<script>") == 1
    assert "<script>window.hacked" not in page
    assert "<b>x</b>" not in page
    assert not re.search(r"<(link|img|iframe)\b|<script[^>]*\bsrc=|@import", body)
    assert "default-src 'none'" in head
    assert "the best are bold and underlined" in body
    assert plain(body) == body
    for table in made.tables:
        assert f'id="{table.key}"' in body
    assert body.count("How probable the generated texts are") == 1
    for place in range(1, len(made.comparisons) + 1):
        assert f'id="plots-{place}"' in body


@pytest.mark.slow
def test_the_same_runs_give_the_same_files(written, folders, tmp_path):
    out, _, _ = written
    printed(quick(folders, out=tmp_path / "again"))
    for path in out.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


@pytest.mark.slow
def test_an_earlier_report_is_replaced_and_nothing_else(folders, tmp_path):
    out = tmp_path / "out"
    printed(quick(folders[:3], out=out))
    printed(quick(folders[:1], out=out))
    assert not (out / "slices-2.csv").exists()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(CalrecError, match="found something else"):
        printed(quick(folders[:1], out=out))
    assert (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_run_alone(folders, tmp_path):
    made, text = printed(quick(folders[2:3], out=tmp_path / "out"))
    keyed = {table.key: table for table in made.tables}
    for key in ("table2", "paired", "table4", "table6", "table7", "table8"):
        assert keyed[key].missing.startswith("To fill it: calrec-"), key
    assert "To fill it: calrec-evaluate --domain scientific_2018" in text


@pytest.mark.slow
def test_right_to_left_names_keep_to_themselves(folders, tmp_path):
    label = "\u202eשלום"
    run = write_run(tmp_path / "run", "markov", seed=5, label=label, domain="scientific_2018")
    out = tmp_path / "out"
    printed(quick([folders[0], run], out=out))
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Markov (<bdi>שלום</bdi>) against LIR; above the line" in page
    assert "<span>Markov (<bdi>שלום</bdi>)</span></li>" in page
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "Markov (שלום)" in text


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"runs": ()}, "found none"),
        ({"resamples": 0}, "resamples must be at least 1, found 0"),
        ({"seed": -1}, "seed must be at least 0"),
    ],
)
def test_settings_out_of_range(folders, settings, found):
    with pytest.raises(CalrecError, match=found):
        printed(Report(**{"runs": tuple(folders[:1]), **settings}))


def test_a_run_named_twice_missing_or_damaged(folders, tmp_path):
    with pytest.raises(CalrecError, match=r"found .* twice"):
        printed(quick([folders[0], folders[0]]))
    with pytest.raises(CalrecError, match="found none at"):
        printed(quick([tmp_path / "nowhere"], out=tmp_path / "out"))
    broken = write_run(tmp_path / "broken")
    (broken / "cases.parquet").write_bytes(b"")
    with pytest.raises(CalrecError, match="evaluate again"):
        printed(quick([broken], out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_from_the_command_line(folders, tmp_path, capsys):
    arguments = ["report", *map(str, folders[:2]), "--out", str(tmp_path / "out")]
    execute([*arguments, "--resamples", "20", "--slice-metric", "mrr"])
    assert "Paired differences" in capsys.readouterr().out
    assert "MRR by slice" in (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    execute([*arguments[:2], "--resamples", "20", "--slice-metric", "mrr"])
    assert "MRR by slice" in capsys.readouterr().out


@pytest.mark.browser
def test_the_page_in_a_browser(written, browser):
    """Nothing is fetched or run from data; every plot is drawn; only the tables scroll sideways."""
    for width, theme in ((1440, "light"), (390, "dark")):
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
        heard = []
        page.on("console", lambda message, heard=heard: heard.append(message.text))
        page.on("pageerror", lambda error, heard=heard: heard.append(str(error)))
        page.on("request", lambda request, heard=heard: heard.append(request.url))
        page.goto((written[0] / "report.html").as_uri())
        plots = page.locator(".drawn").count()
        page.wait_for_function(
            "n => document.querySelectorAll('.drawn .xtitle').length >= n", arg=plots
        )
        assert heard == [(written[0] / "report.html").as_uri()]
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert plots == 15
        drawn = page.locator(".small-plots .nsewdrag").evaluate_all(
            "all => all.map(one => one.getBoundingClientRect().height)"
        )
        assert len(drawn) == 10
        assert min(drawn) >= 2 * 25  # two bands; no legend takes their room
        assert page.get_by_text("$y^2$").first.is_visible()
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == {"light": "rgb(248, 250, 252)", "dark": "rgb(15, 23, 42)"}[theme]
        page.close()
