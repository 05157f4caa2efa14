"""The Metrics page: what it chooses, draws and keeps, on runs made up; and once in a browser."""

from __future__ import annotations

import base64
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "calrec" / "evaluation"))

from synthetic_runs import NO_CONTRAST, seal, user_ids, write_run

from calrec.evaluation.slices import OF_THE_CASE
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.session import Session
from demo.pages.metrics.address import (
    MOST,
    PairOf,
    ReportOf,
    SlicesOf,
    checked,
    default_runs,
    from_query,
)
from demo.pages.metrics.handlers import MetricsHandlers
from demo.pages.metrics.parts import CURVES
from demo.pages.metrics.saving import FIGURES, saved

HERE = Session(domain="lamps")
HOSTILE = "<img src=x onerror=window.hacked=1>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, workspace):
    """Evaluations of `lamps`: three recommenders, a variant, one with a hostile label."""
    place = tmp_path_factory.mktemp("evaluations")
    fingerprint = Application(workspace, "sample").domains["lamps"].fingerprint
    here = {"domain": "lamps", "data": {"fingerprint": fingerprint}}
    write_run(place / "calrec", "calrec", seed=1, **here)
    write_run(place / "plain", "calrec", seed=2, training=NO_CONTRAST, model="d2", **here)
    write_run(place / "lir", "lir", seed=3, **here)
    write_run(place / "popular", "popular", seed=4, label=HOSTILE, **here)
    write_run(place / "old", "lir", seed=5, domain="lamps", data={"fingerprint": "0" * 12})
    write_run(place / "apart", "markov", users=user_ids(50, 9000), seed=6, **here)
    write_run(place / "tools", "lir", seed=7, domain="tools")
    return place


@pytest.fixture(scope="module")
def app(workspace, folder):
    return Application(workspace, "sample", evaluations=[folder])


@pytest.fixture
def handlers(app):
    return MetricsHandlers(app)


def last_of(steps):
    *_, end = steps
    return end


def value(update):
    return update["value"]


def test_by_default_one_run_a_recommender_and_all_of_the_model(handlers):
    shown = handlers.show(HERE, {})
    assert set(value(shown["runs"])) == {"calrec", "plain", "lir", "popular", "apart"}
    assert value(shown["runs"])[0] == "calrec"
    assert (value(shown["first"]), value(shown["second"])) == ("calrec", "lir")
    assert [name for _, name in shown["first"]["choices"]] == sorted(
        ["apart", "calrec", "lir", "old", "plain", "popular"]
    )
    assert shown["address"] == ""
    assert shown["problems"] == ""


def test_the_address_brings_back_the_same_view(handlers):
    wanted = (["lir", "plain"], "mrr", "category", "plain", "popular", "sample")
    chosen = handlers.choose(HERE, *wanted)
    again = handlers.show(HERE, url.read(chosen["address"]))
    assert again == chosen
    assert again["report_of"] == ("lamps", ("lir", "plain"), "mrr")
    assert again["slices_of"][-1] == "category"
    assert again["pair_of"] == ("lamps", "plain", "popular")
    assert again["address"] == chosen["address"] != ""


@pytest.mark.slow
@settings(max_examples=60)
@given(
    st.lists(st.sampled_from(["calrec", "lir", "tools", "../x", ""]) | st.none() | st.integers()),
    *[st.none() | st.text(max_size=8) | st.sampled_from(["mrr", "lir"]) | st.lists(st.text())] * 5,
)
def test_whatever_a_browser_sends_becomes_a_view(
    app, runs, metric, dimension, first, second, model
):
    found = app.evaluations.of("lamps").runs
    shown = MetricsHandlers(app).choose(HERE, runs, metric, dimension, first, second, model)
    known = {name for name in runs if isinstance(name, str) and name in found}
    default = default_runs(found, app.domains["lamps"].fingerprint)
    assert set(value(shown["runs"])) == (known or set(default))
    assert value(shown["metric"]) == (metric if metric == "mrr" else "ndcg@10")
    assert value(shown["first"]) == (first if first == "lir" else "calrec")


def test_at_most_eight_runs_and_the_main_one_among_them(tmp_path, workspace):
    for k in range(7):
        write_run(tmp_path / f"c{k}", "calrec", seed=k, domain="lamps", label=str(k))
    for name in ("lir", "popular", "markov"):
        write_run(tmp_path / name, name, domain="lamps")
    app = Application(workspace, "sample", evaluations=[tmp_path])
    runs = app.evaluations.of("lamps").runs
    names = default_runs(runs, "")
    assert len(names) == MOST
    assert {"c0", "lir", "popular", "markov"} <= set(names)
    every = checked({"runs": list(runs)}, "lamps", runs, "", [])
    assert every.runs == tuple(runs)[:MOST]


@pytest.mark.slow
def test_by_default_only_runs_of_the_same_rules_stand_together(tmp_path, workspace):
    last = {"bought": "last"}
    for name in ("calrec", "lir"):
        write_run(tmp_path / name, name, domain="lamps")
        write_run(tmp_path / f"{name}-last", name, domain="lamps", meta=last)
    write_run(tmp_path / "markov-last", "markov", domain="lamps", meta=last)
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    shown = handlers.show(HERE, {})
    assert set(value(shown["runs"])) == {"calrec-last", "lir-last", "markov-last"}  # the most
    told = dict(reversed(choice) for choice in shown["runs"]["choices"])
    assert "bought last, count training" in told["lir-last"]
    assert "bought ranked, count training" in told["lir"]
    pair = handlers.show_pair(PairOf("lamps", "calrec", "lir-last"))["table"]
    assert "by the same rules" in pair
    assert "bought last, count training" in pair
    both = handlers.show_pair(PairOf("lamps", "calrec-last", "lir-last"))["table"]
    assert "(bought last)" in both
    report = last_of(handlers.show_report(ReportOf("lamps", ("calrec", "lir", "lir-last"), "mrr")))
    assert "lamps, bought last, count training" in report["overview"]


@pytest.mark.slow
def test_what_a_model_may_know_is_marked_and_said(tmp_path, workspace):
    seen = {"stage": "s", "domain": "lamps", "fingerprint": "0", "role": "training"}
    checkpoint = {"name": "x", "seen": [seen], "training": []}
    write_run(tmp_path / "calrec", "calrec", domain="lamps", meta={"checkpoint": checkpoint})
    write_run(tmp_path / "lir", "lir", domain="lamps")
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    report = last_of(handlers.show_report(ReportOf("lamps", ("calrec", "lir"), "mrr")))
    pair = handlers.show_pair(PairOf("lamps", "calrec", "lir"))["table"]
    for text in (report["overview"], report["details"], pair):
        assert "†" in text
        assert "trained on another state of lamps" in text


@pytest.mark.slow
def test_the_report_holds_the_papers_tables_and_escapes_names(handlers):
    shown = handlers.show(HERE, {})
    first, *_, end = handlers.show_report(shown["report_of"])
    assert "Comparing 5 runs" in first["status"]
    assert end["status"] == ""
    assert 'id="metrics-runs"' in end["overview"]
    assert 'id="metrics-table2"' in end["overview"]
    assert 'id="metrics-paired"' in end["details"]
    assert 'id="metrics-slices-1"' in end["details"]
    for key in ("table3", "table4", "ties", "settings"):
        assert f'id="metrics-{key}"' in end["more"]
    # What only says what is missing comes last.
    filled = ["<table>" in one for one in end["more"].split("<section")[1:]]
    assert filled == sorted(filled, reverse=True)
    assert len(set(filled)) == 2
    page = "".join(part for part in end.values() if isinstance(part, str))
    assert HOSTILE not in page
    assert "&lt;img src=x" in page
    assert str(handlers._found("lamps").runs["lir"].folder.parent) not in end["overview"]


@pytest.mark.slow
@pytest.mark.slow
def test_the_page_is_saved_with_its_tables_and_plots(handlers):
    one = saved(handlers, HERE, url.read("runs=calrec&runs=lir"), "view-1")
    assert "is best here" in one
    assert re.findall(r'<div id="([^"]+)" class="plotly-graph-div', one) == [
        f"view-1-{name}" for name in FIGURES
    ]


def test_figures_are_those_of_the_ranks(handlers, app):
    overview = last_of(handlers.show_report(ReportOf("lamps", ("lir",), "mrr")))["overview"]
    ranks = app.evaluations.of("lamps").runs["lir"].cases
    expected = (1 / ranks.optimistic).mean(), (1 / ranks.pessimistic).mean()
    assert f"{expected[0]:.4f}/{expected[1]:.4f}" in overview.replace("<b>", "").replace("</b>", "")


@pytest.mark.slow
def test_what_is_known_is_not_compared_again(handlers, monkeypatch):
    asked = ReportOf("lamps", ("calrec", "lir"), "ndcg@10")
    end = last_of(handlers.show_report(asked))
    calls = []
    monkeypatch.setattr("demo.inspect.reports.content", lambda *a: calls.append(a))
    steps = list(handlers.show_report(asked))
    assert calls == []
    assert len(steps) == 1
    assert steps[0]["overview"] == end["overview"]


@pytest.mark.slow
def test_a_run_made_again_under_its_name_is_compared_anew(tmp_path, workspace):
    def write(seed):
        return write_run(tmp_path / "lir", "lir", seed=seed, domain="lamps")

    write(1)
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    asked = ReportOf("lamps", ("lir",), "ndcg@10")
    before = last_of(handlers.show_report(asked))["overview"]
    shutil.rmtree(tmp_path / "lir")
    write(2)
    after = last_of(handlers.show_report(asked))["overview"]
    assert before != after


def test_two_runs_are_compared_on_their_common_users(handlers, app):
    drawn = handlers.show_pair(PairOf("lamps", "calrec", "lir"))
    runs = app.evaluations.of("lamps").runs
    one, two = (runs[name].cases.optimistic for name in ("calrec", "lir"))
    wins = [int((one < two).sum()), int((one == two).sum()), int((one > two).sum())]
    assert [int(n) for n in re.findall(r": <b>(\d+)</b>", drawn["table"])] == wins
    difference = (1 / one).mean() - (1 / two).mean()
    assert f"{difference:+.4f}" in drawn["table"]
    assert value(drawn["scatter"]).data[0].type == "heatmap"
    # The first run's ranks go up.
    x = value(drawn["scatter"]).layout.xaxis.title.text
    assert x == "rank by LIR"


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("lir", "lir"), "two different"),
        (("calrec", "old"), "same held-out purchases"),
        (("calrec", "apart"), "users in common"),
        (("calrec", "gone"), "two finished evaluations"),
        (("", ""), "two finished evaluations"),
    ],
)
def test_two_that_cannot_be_compared_are_told_apart_in_a_line(handlers, names, words):
    drawn = handlers.show_pair(PairOf("lamps", *names))
    assert words in drawn["table"]
    assert drawn["scatter"]["visible"] is False


@pytest.mark.slow
def test_every_dimension_is_drawn(handlers):
    names = set()
    for dimension in OF_THE_CASE:
        key = dimension.__name__.removeprefix("by_")
        drawn = handlers.show_slices(SlicesOf("lamps", ("calrec", "lir"), "mrr", key))
        assert value(drawn["slices"]).layout.xaxis.title.text == "MRR"
        names.add(drawn["slices_caption"])
    assert len(names) == len(OF_THE_CASE)


@pytest.mark.slow
def test_a_damaged_run_is_named_and_the_others_are_shown(tmp_path, workspace):
    write_run(tmp_path / "lir", "lir", domain="lamps")
    write_run(tmp_path / "bad", "popular", domain="lamps")
    (tmp_path / "bad" / "meta.json").write_text("{")
    worse = write_run(tmp_path / "worse", "markov", domain="lamps")
    (worse / "cases.parquet").write_bytes(b"nothing")
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    shown = handlers.show(HERE, {})
    assert "1 evaluation could not be read" in shown["problems"]
    assert "bad/meta.json" in shown["problems"]
    assert str(tmp_path) not in shown["problems"]
    end = last_of(handlers.show_report(ReportOf("lamps", ("lir", "worse"), "ndcg@10")))
    assert "worse" in end["status"]
    assert str(tmp_path) not in end["status"]
    assert str(tmp_path) not in handlers.show_pair(PairOf("lamps", "lir", "worse"))["table"]
    assert "cr-error" in end["status"]
    assert (
        'id="metrics-runs"'
        in last_of(handlers.show_report(ReportOf("lamps", ("lir",), "mrr")))["overview"]
    )


@pytest.mark.parametrize("name", ["cases.parquet", "metrics.json", "meta.json"])
def test_a_run_with_a_damaged_byte_is_named_at_once(tmp_path, workspace, name):
    for run in ("lir", "popular"):
        seal(write_run(tmp_path / run, run, domain="lamps"))
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    assert handlers.show(HERE, {})["problems"] == ""
    path = tmp_path / "popular" / name
    content = path.read_bytes()
    half = len(content) // 2
    path.write_bytes(content[:half] + bytes([content[half] ^ 4]) + content[half + 1 :])
    shown = handlers.show(HERE, {})
    assert "1 evaluation could not be read" in shown["problems"]
    assert f"popular/{name}" in shown["problems"]
    assert "evaluate again" in shown["problems"]
    assert value(shown["runs"]) == ["lir"]
    path.write_bytes(content)  # copied again
    assert handlers.show(HERE, {})["problems"] == ""


def test_a_shop_without_evaluations_says_what_to_run(tmp_path, workspace):
    handlers = MetricsHandlers(Application(workspace, "sample", evaluations=[tmp_path]))
    shown = handlers.show(HERE, url.read("runs=lir&first=lir"))
    assert value(shown["runs"]) == []
    said = last_of(handlers.show_report(shown["report_of"]))["status"]
    plain, folded = said.split("<details")
    assert "calrec-evaluate" not in plain
    assert "calrec-evaluate --workspace . --domain lamps" in folded
    assert "two finished evaluations" in handlers.show_pair(shown["pair_of"])["table"]
    assert handlers.show_slices(shown["slices_of"])["slices"]["visible"] is False


def test_curves_card_and_download_of_a_checkpoint(handlers):
    shown = handlers.show(HERE, {})
    model = handlers.show_model(shown["model_of"])
    plots = [model[name] for name in CURVES if model[name]["visible"]]
    assert len(plots) == len(CURVES)
    assert all(value(update).data for update in plots)
    # Losses and what chose the state; how fast it went is left to `calrec-train report`.
    titles = [model[f"{name}_title"] for name in CURVES]
    assert "NDCG@10 of drawn and ranked texts" in titles[-1]
    assert "Pre-training" in model["curves_lead"]
    assert "never seen in training" in model["card"]
    content = re.search(r"base64,([^\"]+)", model["download"])[1]
    assert base64.b64decode(content).decode().startswith("# Model card: sample\n")


def test_a_checkpoint_that_is_none_says_so(workspace):
    handlers = MetricsHandlers(Application(workspace, "scripted"))
    shown = handlers.show(HERE, url.read("checkpoint=sample"))
    model = handlers.show_model(shown["model_of"])
    assert "No checkpoint" in model["curves_lead"]
    assert model["card"] == ""


def test_a_checkpoint_of_the_workspace_is_offered_and_its_missing_log_is_said(
    tmp_path, workspace, folder
):
    from calrec.model.checkpoint import resolve

    place = tmp_path / "workspace"
    shutil.copytree(workspace, place)
    shutil.copytree(resolve("sample"), place / "checkpoints" / "mine")
    (place / "checkpoints" / "mine" / "training_log.jsonl").unlink()
    handlers = MetricsHandlers(Application(place, "sample", evaluations=[folder]))
    shown = handlers.show(HERE, url.read("checkpoint=mine"))
    assert shown["checkpoint"]["choices"] == ["sample", "mine"]
    model = handlers.show_model(shown["model_of"])
    assert "expected training_log.jsonl" in model["curves_lead"]
    assert "<b>mine</b>" in model["card"]
    assert not any(model[name]["visible"] for name in CURVES)


def test_queries_of_any_form_are_read():
    assert from_query({})["metric"] == ""
    assert from_query(url.read("runs=a&runs=b&first=" + "x" * 20_000))["runs"] == ["a", "b"]
    assert np.array_equal(from_query(url.read("runs=a"))["runs"], ["a"])
