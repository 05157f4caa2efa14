"""Parts of plots, tables and items lead to the cases that they count."""

import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_runs import write_run
from synthetic_runs import user_ids

from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.slices import OF_THE_CASE, by_tie_width
from calrec.evaluation.statistics import Bootstrap
from calrec.report.comparison import Comparison
from calrec.report.figures import metric_by_slice, rank_distribution, rank_scatter
from calrec.report.layouts.shortcuts import kinds
from calrec.report.layouts.slices import slices_table
from calrec.report.rendering import html_table
from demo.inspect import url
from demo.inspect.case_filters import CaseFilters
from demo.inspect.case_table import CaseTable
from demo.inspect.first_items import KeptCounts
from demo.inspect.item_cases import item_cases
from demo.inspect.links import to_cases, to_item
from demo.inspect.run_links import (
    RunLinks,
    bands_of,
    filters_of,
    kinds_of,
    leading_bands,
    leading_cells,
    leading_curves,
    slice_rows,
)
from demo.pages.cases.address import CasesAddress
from demo.pages.catalogue.address import CatalogueAddress

COUNT = 120
HOSTILE = "a&b=c#?/ %+\u2028é"


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder, users = tmp_path_factory.mktemp("linked"), user_ids(COUNT)
    draw = np.random.default_rng(0)
    columns = {
        "target_item_id": [f"i{k}" for k in draw.integers(0, 9, COUNT)],
        "target_age_days": draw.choice([-1, 0, 6, 7, 100, 900], COUNT),
        "target_follows_last": draw.random(COUNT) < 0.3,
        "target_like_last": draw.random(COUNT) < 0.3,
    }
    for seed, (name, recommender) in enumerate((("lir", "lir"), ("ours", "calrec"))):
        write_run(folder / name, recommender, users=users, seed=seed, columns=columns)
        # Of nine items or none, three times right.
        best = [[f"i{k}", "other"] if k < 9 else [] for k in draw.integers(0, 12, COUNT)]
        for case in np.flatnonzero(np.array(columns["target_item_id"]) == "i3")[:3]:
            best[case] = ["i3"]
        kept = pa.table({"user_id": users, "item_ids": best})
        pq.write_table(kept, folder / name / "top.parquet")
    return [EvaluationRun.load(folder / name) for name in ("lir", "ours")]


@pytest.fixture(scope="module")
def one(runs):
    return Comparison.of(runs, Bootstrap(resamples=20))


@pytest.fixture(scope="module")
def tables(runs):
    """By the folder names of A and B."""
    pairs = [(a, b) for a in runs for b in runs if a is not b]
    return {(a.folder.name, b.folder.name): CaseTable(a, b, {}) for a, b in pairs}


def users_at(address, tables):
    view = CasesAddress.of(address)
    return set(tables[view.run, view.against].select(view.filters).users())


def test_each_band_leads_to_its_cases(one, tables):
    for dimension in (*OF_THE_CASE, by_tie_width):
        slices = dimension(one.cases[1])
        for band, name in enumerate(slices.bands):
            filters = filters_of(slices.dimension, name)
            if filters is None:
                assert name == "(other)"
                continue
            expected = set(one.cases[1].user_ids.take(pa.array(slices.places(band))).to_pylist())
            address = RunLinks.of(one).part(filters)
            assert CasesAddress.of(address).run == "ours"
            assert users_at(address, tables) == expected, (slices.dimension, name)


def test_each_kind_of_shortcut_leads_to_its_cases(one, tables):
    counts = [kind.users for kind in kinds(one)]
    found = [len(users_at(RunLinks.of(one).part(band), tables)) for band in kinds_of(kinds(one))]
    assert found == counts
    assert min(counts) > 0


def test_points_of_plots_lead_to_what_they_count(one, tables):
    cells = leading_cells(rank_scatter(one, 1, 0), one).data[0]
    counts = rank_scatter(one, 1, 0).data[0].customdata
    led = [[users_at(to, tables) if to else () for to in row] for row in cells.customdata]
    assert [[len(users) for users in row] for row in led] == counts.tolist()

    curves = leading_curves(rank_distribution(one), one)
    for run in range(2):
        solid = curves.data[2 * run]
        for y, to in list(zip(solid.y, solid.customdata, strict=True))[::20]:
            assert len(users_at(to, tables)) == pytest.approx(y * COUNT)

    dimension = OF_THE_CASE[0]
    drawn = metric_by_slice(one, dimension, "mrr", "MRR")
    marks = leading_bands(drawn, one, bands_of(one, dimension))
    runs = [[CasesAddress.of(to).run for to in trace.customdata] for trace in marks.data]
    assert [set(each) for each in runs] == [{"lir"}, {"lir"}, {"ours"}, {"ours"}]
    assert drawn.data[0].customdata is None  # it is kept for others


def test_rows_of_the_table_of_slices_are_links(one, tables):
    table = slices_table("Shop", one, "mrr", "slices")
    links = slice_rows(table, RunLinks.of(one))
    for row, address in links.items():
        assert len(users_at(address, tables)) == table.rows[row][2].optimistic
    html = html_table(table, links)
    assert html.count("<a href=") == len(links) > 15
    assert "&amp;run=ours" in html


def test_an_item_leads_to_the_cases_where_it_was_first_or_bought(runs, tables):
    rows = item_cases(KeptCounts(), "shop", {run.folder.name: run for run in runs}, "i3")
    for run, row in zip(runs, rows, strict=True):
        first = dict(pq.read_table(run.folder / "top.parquet").to_pandas().to_numpy().tolist())
        cases = pq.read_table(run.folder / "cases.parquet").to_pylist()
        target = {case["user_id"]: case["target_item_id"] for case in cases}
        put = {user for user, best in first.items() if len(best) and best[0] == "i3"}
        right = {user for user in put if target[user] == "i3"}
        bought = {user for user in target if target[user] == "i3"}
        assert right
        for linked, users in ((row.right, right), (row.wrong, put - right), (row.bought, bought)):
            against = next(b for a, b in tables if a == run.folder.name)
            address = f"{linked.address}&against={against}"
            assert (linked.cases, users_at(address, tables)) == (len(users), users)


def test_addresses_are_read_back_whatever_stands_in_them():
    assert CatalogueAddress.of(to_item("shop", HOSTILE)).open == HOSTILE
    whole = to_cases("shop", HOSTILE, first=HOSTILE, hit="wrong", length="3-4", age="never")
    view = CasesAddress.of(whole)
    asked = CaseFilters(first=HOSTILE, hit="wrong", length="3-4", age="never")
    assert (view.run, view.filters) == (HOSTILE, asked)
    assert url.one(url.read(whole), "shop") == "shop"
    for bad in ("4-3", "-1", "x", "1-", "9" * 12, "٣", "1-2-3"):
        names = {name: bad for name in ("a", "b", "length", "tie", "sold", "age")}
        assert CaseFilters.of(names) == CaseFilters()
    assert {f.name for f in dataclasses.fields(CaseFilters)} >= {"bought", "first", "hit"}
