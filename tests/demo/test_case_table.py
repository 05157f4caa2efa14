"""Cases filtered, sorted and counted, against plain Python over the same cases."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_runs import write_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from synthetic_runs import drawn_ranks, user_ids

from calrec.errors import CalrecError
from calrec.evaluation import metrics
from calrec.evaluation.runs import EvaluationRun
from calrec.records import Item
from calrec.text.words import fold
from demo.inspect import case_filters as offered
from demo.inspect import url
from demo.inspect.case_filters import NO_CATEGORY, SORTS, CaseFilters
from demo.inspect.case_table import PAGE, CaseTable

ITEMS = {
    f"item-{k}": Item(
        item_id=f"item-{k}", title=f"Thing {k} STRASSE" if k % 2 else None, brand=f"Maker {k % 5}"
    )
    for k in range(90)  # of 97: some targets are no longer in the catalogue
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    users = user_ids(300)
    further = [[1 + 7 * k % 300, 1 + 11 * k % 300] for k in range(300)]
    columns = {
        "top_match_level": [k % 6 % 5 for k in range(300)],
        "further_optimistic_ranks": further,
        "further_pessimistic_ranks": further,
    }
    write_run(folder / "a", "calrec", users=users, columns=columns)
    # The same users and more, in another order.
    write_run(folder / "b", "lir", users=[*user_ids(60, 300), *reversed(users)], seed=1)
    return EvaluationRun.load(folder / "a"), EvaluationRun.load(folder / "b")


@pytest.fixture(scope="module")
def table(runs):
    return CaseTable(*runs, ITEMS)


def plain(runs):
    """The joined cases as dictionaries, from the files alone."""
    a, b = (pq.read_table(run.folder / "cases.parquet").to_pylist() for run in runs)
    texts = pq.read_table(runs[0].folder / "samples.parquet").to_pylist()
    of = {row["user_id"]: row for row in b}
    said = {row["user_id"]: row["text"] for row in texts}
    return [
        {**row, "b": of[row["user_id"]]["optimistic_rank"], "said": said[row["user_id"]]}
        for row in a
    ]


def wanted(row, f):
    def within(value, name):
        low, _, high = name.rstrip("+").partition("-")
        return int(low) <= value <= (10**9 if name.endswith("+") else int(high or low))

    a, b, item = row["optimistic_rank"], row["b"], ITEMS.get(row["target_item_id"])
    facts = [row["user_id"], row["target_item_id"], row["said"]]
    facts += [item.title or "", item.brand] if item else []
    repeat = {
        "last": row["target_is_last"],
        "earlier": row["target_in_history"] and not row["target_is_last"],
        "new": not row["target_in_history"],
    }
    return all(
        (
            not f.win or {"a": a < b, "b": b < a, "equal": a == b}[f.win],
            not f.a or within(a, f.a),
            not f.b or within(b, f.b),
            not f.length or within(row["history_length"], f.length),
            not f.category or (row["target_category"] or NO_CATEGORY) == f.category,
            not f.cold or row["target_cold"] == (f.cold == "yes"),
            not f.repeat or repeat[f.repeat],
            not f.tie or within(row["tie_width"], f.tie),
            not f.level or row["top_match_level"] == int(f.level),
            all(any(w.casefold() in fact.casefold() for fact in facts) for w in f.text.split()),
        )
    )


def values(*names):
    return st.sampled_from(["", *names])


FILTERS = st.builds(
    CaseFilters,
    win=values("a", "b", "equal"),
    a=values(*offered.RANKS),
    b=values(*offered.RANKS),
    length=values(*offered.LENGTHS),
    category=values("Kitchen", "Garden", NO_CATEGORY, "Nowhere"),
    cold=values("yes", "no"),
    repeat=values("last", "earlier", "new"),
    tie=values(*offered.TIES),
    level=values("0", "1", "4"),
    text=values(
        "straße", "STRASSE", "thing", "USER-0000", "maker 3", "of user-00017", "%", "' OR 1=1"
    ),
)


@pytest.mark.slow
@settings(max_examples=120, suppress_health_check=list(HealthCheck))
@given(filters=FILTERS)
def test_filters_let_through_what_plain_python_does(runs, table, filters):
    expected = [row["user_id"] for row in plain(runs) if wanted(row, filters)]
    assert table.select(filters).users() == expected


@settings(max_examples=60)
@given(filters=FILTERS)
def test_filters_come_back_from_an_address(filters):
    assert CaseFilters.read(url.read(url.write(filters.write()))) == filters


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(["win", "a", "text", "level", "label"]), st.text()))
def test_any_address_is_read(values):
    filters = CaseFilters.of(values)
    condition, _ = filters.where()
    # As many other words give the same condition: nothing of an address stands in it.
    words = " ".join("w" for _ in fold(filters.text).split())
    assert condition == replace(filters, text=words).where()[0]
    assert filters.win in ("", "a", "b", "equal")
    assert not filters.a or offered.band(filters.a)
    assert filters.level in ("", *(value for _, value in offered.LEVELS))


def test_agreement_and_metrics_are_those_of_the_ranks(runs, table):
    def band(rank):
        return sum(rank >= low for low in (1, 2, 11, 101)) - 1

    filters = CaseFilters(length="3-5", a="1", b="2-10")
    counts = np.zeros((4, 4), dtype=int)
    for row in plain(runs):
        if wanted(row, CaseFilters(length="3-5")):
            counts[band(row["optimistic_rank"]), band(row["b"])] += 1
    assert (table.agreement(filters) == counts).all()
    assert len(table.select(filters)) == counts[0, 1]

    selection = table.select(CaseFilters(length="3-5"))
    users = set(selection.users())
    ranks = [r for r in plain(runs) if r["user_id"] in users]
    hits = np.array([r["b"] for r in ranks])
    expected = (1 / np.log2(1 + hits) * (hits <= 10)).mean()
    assert selection.figures[1]["ndcg@10"]["optimistic"] == pytest.approx(expected)
    low = np.array([r["pessimistic_rank"] for r in ranks])
    assert selection.figures[0]["recall@10"]["pessimistic"] == pytest.approx((low <= 10).mean())
    assert table.select(CaseFilters(category="Nowhere")).figures is None
    assert selection.comparison().users == len(selection)


def test_orders(runs, table):
    def ranks(row):
        return [row["optimistic_rank"], *row["further_optimistic_ranks"]]

    rows = {row["user_id"]: row for row in plain(runs)}
    keys = {
        "ahead": lambda r: -r["b"] / r["optimistic_rank"],
        "behind": lambda r: -r["optimistic_rank"] / r["b"],
        "best": lambda r: r["optimistic_rank"],
        "worst": lambda r: -r["optimistic_rank"],
        "long": lambda r: -r["history_length"],
        "short": lambda r: r["history_length"],
        "ties": lambda r: -r["tie_width"],
        "spread": lambda r: -max(ranks(r)) / min(ranks(r)),
        "": lambda r: 0,
    }
    assert keys.keys() == SORTS.keys()
    for sort, key in keys.items():
        found = table.select(CaseFilters(), sort).users()
        assert found == sorted(rows, key=lambda user: key(rows[user])), sort
    assert table.select(CaseFilters(), "; DROP TABLE cases").users() == list(rows)


def test_pages_follow_each_other(table):
    selection = table.select(CaseFilters(), "worst")
    pages = [selection.page(offset) for offset in range(0, len(selection), PAGE)]
    users = [row["user_id"] for page in pages for row in page]
    assert users == selection.users()
    assert [selection.position(user) for user in users[:3]] == [0, 1, 2]
    assert selection.position("nobody") is None


def test_among_is_a_filter_too(table):
    users = table.select(CaseFilters()).users()
    chosen = frozenset([users[4], users[2], "nobody", "'; --", "\ud800"])
    assert table.select(CaseFilters(), among=chosen).users() == [users[2], users[4]]
    assert len(table.select(CaseFilters(), among=frozenset())) == 0
    assert len(table.select(CaseFilters(), among=None)) == len(users)


def test_runs_without_a_user_in_common_are_one_line(tmp_path):
    write_run(tmp_path / "a", users=user_ids(5))
    write_run(tmp_path / "b", users=user_ids(5, 5))
    one, two = (EvaluationRun.load(tmp_path / name) for name in "ab")
    with pytest.raises(CalrecError, match="users in common"):
        CaseTable(one, two, {})
    assert len(CaseTable(one, one, {}).select(CaseFilters())) == 5


def test_damaged_texts_are_one_line(tmp_path):
    write_run(tmp_path / "a", "calrec", count=5)
    (tmp_path / "a" / "samples.parquet").write_bytes(b"PAR1 no more")
    one = EvaluationRun.load(tmp_path / "a")
    with pytest.raises(CalrecError, match=r"expected a/samples.parquet as it was written, .*again"):
        CaseTable(one, one, {}).select(CaseFilters(text="word"))


@pytest.mark.slow
def test_fifty_thousand_users_are_filtered_within_a_tenth_of_a_second(tmp_path):
    """Games of 2018 has as many; seconds of this process, as other work may run beside."""
    count = 50_000
    optimistic, pessimistic = drawn_ranks(count, median=300, items=17_000)
    ranks = {"optimistic": optimistic, "pessimistic": pessimistic, "data": {"items": 17_000}}
    write_run(tmp_path / "a", "calrec", count=count, **ranks)
    other = dict(
        zip(("optimistic", "pessimistic"), drawn_ranks(count, 1, 900, 17_000), strict=True)
    )
    write_run(tmp_path / "b", "lir", count=count, **ranks | other)
    texts = pa.table(
        {
            "user_id": [user for user in user_ids(count) for _ in range(4)],
            "text": [f"Title: game {k % 977} of {'many words ' * 6}" for k in range(4 * count)],
            "kept": [True] * (4 * count),
        }
    )
    pq.write_table(texts, tmp_path / "a" / "samples.parquet")
    big = CaseTable(*(EvaluationRun.load(tmp_path / name) for name in "ab"), ITEMS)
    assert len(big.select(CaseFilters(text="first-search-reads-the-texts"))) == 0

    def seconds(**chosen):
        start = time.process_time()
        selection = big.select(CaseFilters(**chosen), "ahead")
        selection.page(PAGE)
        assert selection.figures is not None
        big.agreement(CaseFilters(**chosen))
        return time.process_time() - start

    assert min(seconds(win="a", length=name) for name in offered.LENGTHS) < 0.1
    assert min(seconds(a="11-100", text=f"game {k}") for k in (3, 30, 300)) < 0.1
    assert metrics.summarise(optimistic, pessimistic) == big.select(CaseFilters()).figures[0]
