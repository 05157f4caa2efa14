"""`calrec-catalog build --orders`: what it prints, and which options go with it."""

import json

import pytest

HEADER = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID")


@pytest.fixture
def orders(lines):
    rows = [(f"{n}", f"A{n % 3}", "Tea", 2, f"2010-01-{n + 1:02}", 3, "c1") for n in range(6)]
    rows.append(("C9", "A2", "Tea", -2, "2010-02-01", 3, "c1"))
    rows += [("10", "A0", "Tea", 1, "2010-02-01", 3, None)] * 2
    return lines(HEADER, rows)


@pytest.mark.slow
def test_the_counts_are_printed_and_in_the_report(orders, tmp_path, run):
    where = ("--workspace", tmp_path / "w", "--domain", "shop")
    status, out, err = run("build", *where, "--orders", orders)
    assert (status, err) == (0, "")
    assert out.splitlines() == [
        "shop: 3 items, 1 users, 5 purchases (evaluation); 0 exact repeats removed "
        "(compared: item_id, timestamp), 0 items without metadata",
        "BM25 splits words as the paper does: by Unicode's rule 0 of 3 titles have other words"
        " than by the paper's (0.00 %, at most 1 % for the paper's)",
        "orders of UCI Online Retail: 9 lines, of them 5 purchases "
        "(5 of several units, each one purchase)",
        "no purchases: 2 without a customer (guests); 1 returns, which took back 1 purchases",
    ]
    status, out, _ = run("report", *where)
    report = json.loads(out)
    assert report["form"] == "orders (UCI Online Retail)"
    assert report["columns"].startswith("order_id=Invoice, user_id=Customer ID, item_id=StockCode")
    assert report["timestamp"] == "ISO dates"
    counts = {name: report[name] for name in report if name.startswith("order_")}
    assert counts == {
        "order_lines": 9,
        "order_purchases": 5,
        "order_lines_twice": 0,
        "order_lines_guest": 2,
        "order_lines_part": 0,
        "order_lines_cancelled": 0,
        "order_lines_refunded": 0,
        "order_lines_return": 1,
        "order_lines_bad": 0,
        "order_purchases_taken_back": 1,
        "order_purchases_of_several_units": 5,
        "order_purchases_told_by_title": 0,
        "order_returns_of_a_part": 0,
        "order_returns_without_a_purchase": 0,
    }


@pytest.mark.slow
def test_several_files_and_other_names(lines, tmp_path, run):
    header = ("who", "what", "when", "state")
    files = [
        lines(header, [("u", f"i{n}", f"2020-01-0{n}", "gone" if n == 3 else "paid")], f"{n}.csv")
        for n in (1, 2, 3, 4)
    ]
    command = ["build", "--workspace", tmp_path / "w", "--domain", "shop", "--orders", *files]
    names = ("user_id=who", "item_id=what", "timestamp=when", "status=state")
    command += [word for name in names for word in ("--column", name)]
    status, out, _ = run(*command)
    assert status == 0
    assert "4 purchases" in out
    assert "their state is not known: gone (1); --cancelled-state STATE" in out
    status, out, _ = run(*command, "--cancelled-state", "Gone")
    assert status == 0
    assert "3 purchases" in out
    assert "not known" not in out


@pytest.mark.slow
def test_states_are_printed_on_one_line(lines, tmp_path, run):
    header = ("user_id", "item_id", "timestamp", "status")
    path = lines(header, [("u", "i", "2020-01-01", "\x1b[31mred")])
    status, out, _ = run("build", "--workspace", tmp_path, "--domain", "x", "--orders", path)
    assert status == 0
    assert "\x1b" not in out
    assert r"\x1b[31mred (1)" in out


@pytest.mark.slow
def test_sheets_that_are_left_out_are_printed(workbook, tmp_path, run):
    rows = [("1", "A", "Tea", 1, "2010-01-01", 3, "c1")]
    path = workbook({"2010": [HEADER, *rows], "Sums": [("month", "sum", "of"), ("May", 3, 1)]})
    status, out, _ = run("build", "--workspace", tmp_path, "--domain", "x", "--orders", path)
    assert status == 0
    assert out.endswith(f"no order lines of these columns: {path} (sheet Sums)\n")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("--items", "i.csv"), "found --orders --items"),
        (("--items", "i.csv", "--interactions", "e.csv"), "found --orders --items --interactions"),
        (("--amazon-reviews", "r.gz"), "found --orders --amazon-reviews"),
        (("--amazon-meta", "m.gz"), "found --orders --amazon-meta"),
    ],
)
def test_orders_stand_alone(orders, tmp_path, run, words, found):
    command = ("build", "--workspace", tmp_path / "w", "--domain", "x", "--orders", orders)
    status, out, err = run(*command, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: expected --orders, or --items with --interactions")
    assert found in err
    assert not (tmp_path / "w").exists()


def test_a_state_without_orders_is_refused(tmp_path, run):
    words = ("--items", "i.csv", "--interactions", "e.csv", "--cancelled-state", "gone")
    status, _, err = run("build", "--workspace", tmp_path / "w", "--domain", "x", *words)
    assert (status, err.count("\n")) == (2, 1)
    assert "found --cancelled-state --items --interactions" in err
