import json
import os
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from catalog.build import build
from catalog.store import domains
from catalog.workspace import FORMAT


@pytest.mark.slow
def test_build_stats_and_list(tmp_path, tables, run):
    source = tables()
    pq.write_table(source.items, tmp_path / "items.parquet")
    pq.write_table(source.interactions, tmp_path / "interactions.parquet")
    status, out, err = run(
        "build", "--workspace", tmp_path / "w", "--domain", "music", "--role", "selection",
        "--items", tmp_path / "items.parquet",
        "--interactions", tmp_path / "interactions.parquet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "8 items, 3 users, 7 purchases (selection); 2 exact repeats removed" in out
    assert domains(tmp_path / "w")[0].role == "selection"

    status, out, _ = run("stats", "--workspace", tmp_path / "w", "--domain", "music", "--json")
    assert status == 0
    assert json.loads(out)["purchases"] == 7
    status, out, _ = run("stats", "--workspace", tmp_path / "w", "--domain", "music")
    assert status == 0
    assert "duplicates percent   22.22\n" in out
    status, out, _ = run("list", "--workspace", tmp_path / "w")
    assert (status, out.split()[:2]) == (0, ["music", "selection"])


@pytest.mark.slow
def test_repeats_are_kept_on_request(tmp_path, tables, run):
    source = tables()
    pq.write_table(source.items, tmp_path / "items.parquet")
    pq.write_table(source.interactions, tmp_path / "interactions.parquet")
    status, out, err = run(
        "build", "--workspace", tmp_path / "w", "--domain", "music", "--keep-repeats",
        "--items", tmp_path / "items.parquet",
        "--interactions", tmp_path / "interactions.parquet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "3 users, 9 purchases (evaluation); 2 exact repeats kept (compared: " in out
    assert "removed" not in out
    report = json.loads(run("report", "--workspace", tmp_path / "w", "--domain", "music")[1])
    assert (report["repeats_removed"], report["repeats_kept"]) == (0, 2)


@pytest.mark.slow
def test_a_share_of_the_items_is_held_out_as_cold(tmp_path, tables, run):
    source = tables()
    pq.write_table(source.items, tmp_path / "items.parquet")
    pq.write_table(source.interactions, tmp_path / "interactions.parquet")
    status, out, err = run(
        "build", "--workspace", tmp_path / "w", "--domain", "music", "--cold-items", "0.4",
        "--items", tmp_path / "items.parquet",
        "--interactions", tmp_path / "interactions.parquet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    # i2 and i3 are cold; of a's i1 i1 i2 i3 the last stays.
    assert "3 users, 6 purchases (evaluation)" in out
    assert (
        "cold items: 2, first sold from 1970-01-01 on; 1 purchases of them are test targets, 1"
        " dropped, and 0 users with nothing left" in out
    )
    report = json.loads(run("report", "--workspace", tmp_path / "w", "--domain", "music")[1])
    assert report["cold_items"]["purchases_dropped"] == 1
    # Of the nine purchases as they came, two were repeats.
    stats = run("stats", "--workspace", tmp_path / "w", "--domain", "music")[1]
    assert "duplicates percent  22.22\n" in stats


@pytest.mark.slow
def test_the_sample_shop_with_its_repeats_stands_beside_the_plain_one(
    tmp_path, tables, run, monkeypatch
):
    source = tables()
    shop = {"sample-kitchen": (source.items, source.interactions)}
    monkeypatch.setattr("catalog.sample.make_shop", lambda seed: shop)
    status, out, err = run("sample", "--workspace", tmp_path, "--keep-repeats")
    assert (status, err) == (0, "")
    plain, kept = out.splitlines()
    assert plain.startswith("sample-kitchen: 8 items, 3 users, 7 purchases")
    assert "2 exact repeats removed" in plain
    assert kept.startswith("sample-kitchen-repeats: 8 items, 3 users, 9 purchases")
    assert "2 exact repeats kept" in kept
    built = [info.domain for info in domains(tmp_path)]
    assert built == ["sample-kitchen", "sample-kitchen-repeats"]


@pytest.mark.slow
def test_stats_of_all_domains_stand_side_by_side(tmp_path, tables, run):
    build(tmp_path, "music", tables())
    build(tmp_path, "other", tables(events=[]))
    _, out, _ = run("stats", "--workspace", tmp_path)
    lines = dict(line.split("  ", 1) for line in out.splitlines())
    assert lines["domain"].split() == ["music", "other"]
    assert lines["purchases"].split() == ["7", "0"]
    _, out, _ = run("stats", "--workspace", tmp_path, "--json")
    assert [column["purchases"] for column in json.loads(out)] == [7, 0]


@pytest.mark.slow
def test_a_shops_own_files_with_other_names_and_a_bad_line(tmp_path, run):
    (tmp_path / "products.csv").write_text('sku;name;maker\nA;"Tea; green";Acme\nB;Cup;\n')
    orders = [f"c{i % 9},{'AB'[i % 2]},2024-01-{i % 28 + 1:02}" for i in range(200)]
    orders[41] = "c1,A,yesterday"
    (tmp_path / "orders.csv").write_text("\n".join(["customer,sku,day", *orders]))
    command = (
        "build", "--workspace", tmp_path / "w", "--domain", "shop",
        "--items", tmp_path / "products.csv", "--interactions", tmp_path / "orders.csv",
        "--column", "user_id=customer", "--column", "item_id=sku", "--column", "timestamp=day",
        "--column", "title=name", "--column", "brand=maker",
    )  # fmt: skip
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    assert "199 purchases" in out
    assert "reports/shop.csv" in out
    status, out, _ = run("report", "--workspace", tmp_path / "w", "--domain", "shop")
    report = json.loads(out)
    assert report["bad_lines"] == {"items": 0, "events": 1}
    assert report["timestamp"] == "ISO dates"
    (line,) = report["first_bad_lines"]
    assert (line["file"], line["line"]) == (str(tmp_path / "orders.csv"), 43)
    assert line["reason"].startswith("day: expected an ISO date")
    assert "yesterday" in line["content"]
    shown = {
        lines: json.loads(run("report", "--workspace", tmp_path / "w", "--domain", "shop",
                              "--lines", lines)[1])["first_bad_lines"]
        for lines in (-(10**30), 0, 10**1000)
    }  # fmt: skip
    assert list(shown.values()) == [[], [], [line]]


@pytest.mark.slow
def test_a_report_needs_no_index_and_knows_the_domains(tmp_path, tables, run):
    build(tmp_path, "music", tables())
    shutil.rmtree(tmp_path / "index")
    status, out, err = run("report", "--workspace", tmp_path, "--domain", "music")
    assert (status, err) == (0, "")
    assert json.loads(out)["first_bad_lines"] == []
    status, out, err = run("report", "--workspace", tmp_path, "--domain", "books")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"error: expected a domain of {tmp_path} (music), found 'books': ")


@pytest.mark.slow
def test_migrating_twice_does_nothing(tmp_path, tables, run):
    build(tmp_path, "music", tables())
    status, out, _ = run("migrate", "--workspace", tmp_path)
    assert (status, out) == (
        0,
        f"{tmp_path} has format {FORMAT} already, and an index for each domain\n",
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("stats", "--domain", "x"), "calrec-catalog sample"),
        (("list",), "calrec-catalog sample"),
        (("report", "--domain", "x"), "calrec-catalog sample"),
        (("migrate",), "calrec-catalog sample"),
        (("build", "--domain", "x"), "found none of them"),
        (("build", "--domain", "x", "--items", "i.parquet"), "found --items"),
        (
            ("build", "--domain", "x", "--amazon-reviews", "r.gz", "--items", "i"),
            "found --items --amazon-reviews",
        ),
        (("build", "--domain", "x", "--amazon-reviews", "nowhere.gz"), "nowhere.gz, found nothing"),
        (("build", "--domain", "x", "--amazon-reviews", "r.gz", "--role", "odd"), "'odd'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, run, monkeypatch, arguments, line):
    monkeypatch.setenv("CALREC_WORKSPACE", str(tmp_path / "w"))
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: expected")
    assert line in err
    assert err.count("\n") == 1
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_the_command_loads_neither_jax_nor_the_search_engine():
    code = "import sys, catalog.cli; print([m for m in ('jax', 'whoosh', 'scipy', 'gradio')"
    found = subprocess.run(
        [sys.executable, "-c", f"{code} if m in sys.modules])"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "[]"


def test_search_shows_items_and_counts(shop, run):
    status, out, err = run("search", "guitr", "--workspace", shop, "--domain", "music")
    assert (status, err) == (0, "")
    first, *lines = out.splitlines()
    assert first.startswith("3 items (no item has “guitr”")
    assert "i1  Acoustic Guitar Strings | Music, Strings | Fender | $5.99  (2 sold)" in lines
    assert "brands: Fender (2), Korg (1)" in lines
    _, out, _ = run(
        "search", "--workspace", shop, "--domain", "music", "--bought-by", "b", "--limit", 1
    )
    assert out.splitlines()[0] == "2 items"
    status, out, err = run("search", "x", "--workspace", shop, "--domain", "music", "--sort", "z")
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_the_number_of_items_shown_leaves_the_counts_whole(shop, run):
    command = ("search", "--workspace", shop, "--domain", "music", "--limit")
    counts = [run(*command, limit)[1].splitlines()[-4:] for limit in (0, 1, 10**30)]
    assert counts[0] == counts[1] == counts[2]
    assert "brands: Fender (2), Korg (2)" in counts[0]


@pytest.mark.parametrize("option", ["--brand", "--bought-by", "--category"])
def test_bytes_that_are_no_text_are_one_line_and_status_2(shop, run, option):
    status, out, err = run("search", "--workspace", shop, "--domain", "music", option, "\udcff")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert f"as {option[2:].replace('-', '_')}, found '\\udcff': give" in err


@pytest.mark.slow
def test_foreign_text_on_a_terminal_of_another_encoding(tmp_path, tables):
    titles = ["\x1b[31mred\u202e", "ספר é"]
    rows = [(f"i{n}", title, None, "\x9b", None) for n, title in enumerate(titles)]
    build(tmp_path, "music", tables(items=rows, events=[]))
    shown = subprocess.run(
        [sys.executable, "-m", "catalog.cli", "search", "--workspace", tmp_path, "--domain",
         "music", "--sort", "title"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
    )  # fmt: skip
    assert (shown.returncode, shown.stderr) == (0, b"")
    first, *lines = shown.stdout.decode("latin-1").split("\n")
    assert first == "2 items"
    assert r"\x1b[31mred\u202e | - | \x9b | -" in lines[0]
    assert r"\u05e1\u05e4\u05e8 é" in lines[1]
