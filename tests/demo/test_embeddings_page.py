"""The Embeddings page with an embedder that can be reckoned by hand; both pages in a browser."""

from __future__ import annotations

import copy
import os
import shutil
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[1] / "calrec" / "evaluation"))

from scripted_embedding import Embedding
from synthetic_runs import write_run

from calrec.errors import CalrecError
from demo.html.embeddings import plots, words
from demo.inspect import session as sessions
from demo.inspect import towers, url
from demo.inspect.application import Application
from demo.inspect.item_map import Special, drawn_items
from demo.inspect.session import Session
from demo.inspect.towers import Models, Towers, Visitor
from demo.inspect.url import read
from demo.pages.embeddings import handlers
from demo.pages.embeddings.address import USERS, EmbeddingsAddress, checked, from_query
from demo.pages.embeddings.handlers import EmbeddingsHandlers

HERE = Path(__file__).parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def model() -> Embedding:
    return Embedding()


@pytest.fixture
def app(workspace, model, tmp_path):
    app = Application(workspace, "scripted", load_model=lambda _: model)
    return app


@pytest.fixture
def page(app, model):
    return EmbeddingsHandlers(app, Models(app, load=lambda _: model))


@pytest.fixture
def shopper(app):
    return sessions.of_shopper(app.shop("lamps"), "user-1")


def last(steps):
    *_, end = steps
    return end


def drawn(page, visitor, query=""):
    return last(page.show_map(page.show(visitor, read(query))["map_of"]))


# Choosing


def test_the_address_brings_back_the_same_view(page, shopper):
    chosen = page.choose(shopper, "neighbours", "", 50, 7)
    assert read(chosen["address"]) == {"method": ["neighbours"], "users": ["50"], "seed": ["7"]}
    again = page.show(shopper, read(chosen["address"]))
    assert again == chosen
    assert page.show(shopper, {})["address"] == ""


@settings(max_examples=80)
@given(*[st.none() | st.text(max_size=6) | st.floats() | st.integers() | st.lists(st.text())] * 4)
def test_whatever_a_browser_sends_becomes_a_view(method, name, users, seed):
    wanted = {"method": method, "checkpoint": name, "users": users, "seed": seed}
    choice = checked(wanted, ["other"])
    assert choice.method in ("pca", "neighbours")
    assert choice.checkpoint in ("", "other")
    assert choice.users in USERS
    assert 0 <= choice.seed < 2**31
    assert checked(from_query(url.read(choice.query())), ["other"]) == choice


def test_a_checkpoint_is_found_by_its_name_alone():
    assert checked({"checkpoint": "../../etc"}, ["a"]) == EmbeddingsAddress()
    assert checked({"checkpoint": "a"}, ["a"]).checkpoint == "a"


# The map


def test_items_shopper_target_and_history_lie_where_their_vectors_say(page, app, shopper):
    end = drawn(page, shopper)
    assert end["status"] == ""
    figure = end["plot"]["value"]
    catalogue = app.shop("lamps").catalogue
    vectors = np.stack([Embedding.vector(item) for item in catalogue.items])
    x = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    _, _, directions = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    dots, special = figure.data[:-3], figure.data[-3:]
    assert sum(len(trace.x) for trace in dots) == len(catalogue.items)
    history, target, user = special
    assert len(history.x) == len(set(shopper.history))
    goal = x[catalogue.index[shopper.target]] - x.mean(axis=0)
    assert abs(target.x[0]) == pytest.approx(abs(goal @ directions[0]), abs=1e-3)
    bought = np.stack([vectors[catalogue.index[i]] for i in shopper.history]).mean(axis=0)
    at = bought / np.linalg.norm(bought) - x.mean(axis=0)
    assert abs(user.x[0]) == pytest.approx(abs(at @ directions[0]), abs=1e-3)
    assert abs(user.y[0]) == pytest.approx(abs(at @ directions[1]), abs=1e-3)


def test_the_nearest_items_are_those_of_the_highest_cosines(page, app, shopper):
    catalogue = app.shop("lamps").catalogue
    vectors = np.stack([Embedding.vector(item) for item in catalogue.items])
    bought = np.stack([vectors[catalogue.index[i]] for i in shopper.history]).mean(axis=0)
    cosines = vectors @ bought / np.linalg.norm(vectors, axis=1) / np.linalg.norm(bought)
    best = [catalogue.items[i].item_id for i in np.argsort(-cosines)[: words.NEAREST]]
    listed = drawn(page, shopper)["nearest"]
    places = [listed.index(f'data-id="{item_id}"') for item_id in best]
    assert places == sorted(places)
    rank = 1 + (cosines > cosines[catalogue.index[shopper.target]]).sum()
    assert f"rank <b>{rank}</b> of 60" in listed


def test_without_a_history_the_items_are_drawn_and_the_rest_is_explained(page, model):
    end = drawn(page, Session(domain="lamps"))
    assert len(end["plot"]["value"].data) >= 1
    assert "No history yet" in end["nearest"]
    assert model.calls == ["items 60"]


def test_vectors_are_computed_once_and_progress_is_shown(page, model, shopper, monkeypatch):
    monkeypatch.setattr(handlers, "EVERY", 0.0)
    steps = list(page.show_map(page.show(shopper, {})["map_of"]))
    assert any("30 of 60" in step["status"] for step in steps)
    assert steps[-1]["plot"]["visible"]
    again = list(page.show_map(page.show(shopper, read("method=neighbours"))["map_of"]))
    assert not any("of 60" in step["status"] for step in again)
    assert model.calls.count("items 60") == 1


def test_a_large_shop_asks_first(page, model, monkeypatch):
    monkeypatch.setattr(handlers, "ASK", 59)
    visitor = Session(domain="lamps")
    (asked,) = page.show_map(page.show(visitor, {})["map_of"])
    assert "60 items of this shop have no vectors" in asked["status"]
    assert asked["go"]["visible"]
    assert model.calls == []
    chosen = page.go(visitor, "pca", "", 100, 0)
    assert chosen["map_of"] != page.show(visitor, {})["map_of"]
    assert last(page.show_map(chosen["map_of"]))["plot"]["visible"]
    # From then on they are known.
    assert last(page.show_map(page.show(visitor, {})["map_of"]))["plot"]["visible"]


def test_closing_the_drawing_ends_the_computation(page, model, monkeypatch):
    monkeypatch.setattr(handlers, "EVERY", 0.0)
    reached = []
    whole = Embedding.items

    def slow(self, items, *, tick=None):
        for place, _ in enumerate(items):
            reached.append(place)
            tick(1)
            threading.Event().wait(0.02)
        return whole(self, items)

    monkeypatch.setattr(Embedding, "items", slow)
    steps = page.show_map(page.show(Session(domain="lamps"), {})["map_of"])
    next(steps)
    next(steps)
    steps.close()
    assert 0 < len(reached) < 60


def test_a_model_that_cannot_be_loaded_is_one_line(workspace):
    def fail(_):
        raise CalrecError("expected weights, found none; export again")

    app = Application(workspace, "scripted", load_model=fail)
    page = EmbeddingsHandlers(app, Models(app))
    controls = page.show(Session(domain="lamps"), {})
    assert "expected weights" in last(page.show_map(controls["map_of"]))["status"]
    assert "expected weights" in last(page.show_cosines(controls["cosines_of"]))["cosines_status"]


def test_a_model_that_breaks_is_one_line_and_the_log_has_the_rest(workspace, caplog):
    def fail(_):
        raise RuntimeError("a shape of <3>")

    app = Application(workspace, "scripted", load_model=fail)
    page = EmbeddingsHandlers(app, Models(app))
    controls = page.show(Session(domain="lamps"), {})
    said = (
        last(page.show_map(controls["map_of"]))["status"],
        last(page.show_cosines(controls["cosines_of"]))["cosines_status"],
    )
    for line in said:
        assert "failure in the model (RuntimeError)" in line
        assert "a shape of" not in line
    assert caplog.text.count("RuntimeError: a shape of <3>") == 2


def test_a_shop_rebuilt_meanwhile_is_drawn_as_it_was_when_the_map_was_begun(
    page, app, shopper, monkeypatch
):
    before = app.shop("lamps")
    expected = drawn(page, shopper)
    for change in ({"_items": before.catalogue.items[1:]}, {"domain": "other"}):
        catalogue = copy.copy(before.catalogue)
        for name, value in change.items():
            setattr(catalogue, name, value)
        now = replace(before, catalogue=catalogue)
        app.item_vectors._held.clear()
        shutil.rmtree(app.workspace / "embeddings", ignore_errors=True)
        steps = page.show_map(page.show(shopper, {})["map_of"])
        next(steps)
        with monkeypatch.context() as rebuilt:
            rebuilt.setattr(app, "shop", lambda domain, now=now: now)
            end = last(steps)
        assert end["nearest"] == expected["nearest"]
        assert end["plot"]["value"] == expected["plot"]["value"]


def test_closing_the_cosines_ends_the_computation(page, model, shopper, monkeypatch):
    monkeypatch.setattr("demo.inspect.towers.CHUNK", 1)
    steps = page.show_cosines(page.show(shopper, {})["cosines_of"])
    while "1 of 4" not in next(steps)["cosines_status"]:
        pass
    steps.close()
    assert model.calls.count("users 1") == 1
    halted = handlers.stopped_cosines()
    assert (halted["again"]["visible"], halted["cosines_stop"]["visible"]) == (True, False)


def test_titles_are_text_in_figure_and_list(page, app):
    hostile = tuple(item.item_id for item in app.shop("lamps").catalogue.items[:4])
    end = drawn(page, Session(domain="lamps", history=hostile, target=hostile[0]))
    assert "<script>" not in end["nearest"]
    texts = [text for trace in end["plot"]["value"].data for text in trace.hovertext]
    assert any("&lt;script&gt;" in text for text in texts)
    assert not any("<script" in text or "<img" in text for text in texts)


def test_a_sample_is_drawn_of_many_items_and_what_is_marked_is_in_it():
    some = drawn_items(17_000, 3, [16_999, 0], limit=100)
    assert np.array_equal(some, drawn_items(17_000, 3, [16_999, 0], limit=100))
    assert 100 <= len(some) <= 102
    assert {0, 16_999} <= set(some.tolist())
    assert not np.array_equal(some, drawn_items(17_000, 4, [16_999, 0], limit=100))
    assert drawn_items(50, 3, [], limit=100).tolist() == list(range(50))


def test_the_most_frequent_categories_have_colours_and_the_rest_one():
    names = [f"c{k}" for k in range(12) for _ in range(20 - k)] + [None]
    colours = plots.category_colours(names)
    assert list(colours) == [f"c{k}" for k in range(8)] + [plots.ELSE]
    assert len(set(colours.values())) == 9
    assert plots.ELSE not in plots.category_colours(["a", "b"])
    everything = plots.map_legend(colours, Special(history=[1], target=2, user=np.zeros(2)))
    assert len(everything) == 12


# Cosines


def test_cosines_are_those_of_the_test_users(page, app, shopper):
    end = last(page.show_cosines(page.show(shopper, {})["cosines_of"]))
    catalogue = app.shop("lamps").catalogue
    users = [catalogue.case(f"user-{k}") for k in range(4)]

    def unit(vector):
        return vector / np.linalg.norm(vector)

    own, others = [], []
    targets = {case.target.item_id: case.target for case in users}
    for case in users:
        mean = np.stack([Embedding.vector(item) for item in case.history]).mean(axis=0)
        for item_id, target in targets.items():
            value = unit(mean) @ unit(Embedding.vector(target))
            (own if item_id == case.target.item_id else others).append(value)
    assert f"<b>{np.mean(own):.4f}</b> beside <b>{np.mean(others):.4f}</b>" in end["words"]
    case = catalogue.case("user-1")
    mean = np.stack([Embedding.vector(item) for item in case.history]).mean(axis=0)
    mine = unit(mean) @ unit(Embedding.vector(case.target))
    assert f"This shopper: <b>{mine:.4f}</b>" in end["words"]
    assert end["other_before"]["visible"] is False
    shares = [sum(trace.y) for trace in end["before"]["value"].data]
    assert shares == pytest.approx([1, 1], abs=1e-3)


def test_users_are_drawn_by_seed_and_kept(page, model, shopper, app):
    models = Models(app, load=lambda _: model)
    towers = last(models.stream(app.shop("lamps"), "", 2, 0))
    assert models.known(app.shop("lamps"), "", 2, 0) is towers
    assert models.known(app.shop("lamps"), "", 2, 1) is None
    assert len(towers.target) == 2
    own = {tuple(last(models.stream(app.shop("lamps"), "", 2, seed)).v_u[0]) for seed in range(8)}
    assert len(own) > 1


def test_progress_is_of_the_users_that_the_shop_has(page, app, model, shopper):
    *steps, _ = Models(app, load=lambda _: model).stream(app.shop("lamps"), "", 100, 0)
    assert steps == [(0, 4), (4, 4)]
    said = [
        step["cosines_status"] for step in page.show_cosines(page.show(shopper, {})["cosines_of"])
    ]
    assert any("4 of 4" in status for status in said)
    assert not any("of 100" in status for status in said)


@pytest.mark.slow
def test_another_checkpoint_stands_beside(workspace, tmp_path, model, shopper):

    from calrec.model.checkpoint import resolve

    place = tmp_path / "workspace"
    shutil.copytree(workspace, place)
    shutil.copytree(resolve("sample"), place / "checkpoints" / "mine")
    loaded = []

    def load(folder):
        loaded.append(folder.name)
        return model

    app = Application(place, "scripted", load_model=lambda _: model)
    page = EmbeddingsHandlers(app, Models(app, load=load))
    controls = page.show(shopper, read("checkpoint=mine"))
    assert controls["checkpoint"]["choices"] == [("None", ""), ("mine", "mine")]
    end = last(page.show_cosines(controls["cosines_of"]))
    assert ">mine</h3>" in end["other_words"]
    assert "weight 0.125" in end["other_words"]
    assert "not recorded" in end["words"]
    assert end["other_after"]["visible"]
    assert (
        end["before"]["value"].layout.xaxis.range == end["other_before"]["value"].layout.xaxis.range
    )
    last(page.show_cosines(controls["cosines_of"]))
    assert loaded == ["mine"]
    with pytest.raises(CalrecError, match="gone"):
        Models(app).folder("gone")


def test_a_shop_without_two_targets_says_so(page, app, monkeypatch):
    monkeypatch.setattr(towers, "_cases", lambda *_: [([0], 1), ([2], 1)])
    end = last(page.show_cosines(page.show(Session(domain="lamps"), {})["cosines_of"]))
    assert "two different purchases" in end["cosines_status"]
    assert end["before"]["visible"] is False


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        ([], "not recorded"),
        ([{"stage": "pretrain"}], "without contrastive losses: it was not fine-tuned"),
        ([{"stage": "stage1", "settings": {"objective": {"alpha": 0, "beta": 0.0}}}], "without"),
        (
            [{"stage": "stage2", "settings": {"objective": {"alpha": 0.1, "beta": -0.2}}}],
            "UT with weight -0.2 holds",
        ),
        (
            [{"stage": "stage2", "settings": {"objective": {"alpha": 0.1, "beta": 0.2}}}],
            "UT with weight 0.2 the history",
        ),
        ([{"stage": "stage1", "settings": {}}], "not recorded"),
        ("x", "without contrastive losses: it was not fine-tuned"),
    ],
)
def test_the_losses_are_named_as_the_record_has_them(stages, expected):
    record = SimpleNamespace(training={"stages": stages})
    assert expected in words.contrast_words(record)


def test_the_sentence_follows_the_sign_and_the_ranks():
    v_t = np.eye(3, dtype="f")
    toward = Towers(v_u=np.eye(3), v_tu=-np.eye(3), v_t=v_t, target=np.arange(3))
    said = words.towers_html("m", toward, (None, None), "")
    assert "nearer to its own item than to other" in said
    assert "further from its own item than from other" in said
    assert "no other of the 3 items is nearer" in said
    assert "among the nearest 3 of 3" in said
    assert "This shopper" not in said
    assert words.visitor_marks(Visitor(v_u=np.ones(3))) == (None, None)


# The visitor's history


def test_items_are_added_and_the_map_says_when_it_is_old(page, app, shopper):
    controls = page.show(shopper, {})
    assert page.follow(shopper, controls["map_of"])["stale"] == ""
    assert page.follow(shopper, None)["stale"] == ""
    item = app.shop("lamps").catalogue.items[7]
    update = page.add(shopper, item.item_id)
    changed, said = update["session"], update["toast"]
    assert changed.history == (*shopper.history, item.item_id)
    assert "cr-done" in said
    assert 'data-act="again"' in page.follow(changed, controls["map_of"])["stale"]
    assert page.follow(Session(domain="tools"), controls["map_of"])["stale"] == ""
    for bad in (None, "nothing", "<script>"):
        update = page.add(shopper, bad)
        assert update.keys() == {"toast"}
        assert "cr-error" in update["toast"]
        assert "<script>" not in update["toast"]


def test_a_random_shopper_has_a_history_and_a_target(page):
    update = page.random_shopper(Session(domain="lamps"))
    visitor = update["session"]
    assert update["toast"] == ""
    assert visitor.target
    assert visitor.history


def test_an_estimate_in_words():
    assert words.estimate(500, 2_000_000) == "less than a minute"
    assert words.estimate(60_000, 2_000_000) == "about 3 minutes"
    assert words.estimate(100_000, 600_000_000) == "about 27 hours"


# In a browser


@pytest.fixture(scope="module")
def address(workspace, tmp_path_factory):
    """Both pages over one session, with the scripted embedder, in a process of their own."""
    runs = tmp_path_factory.mktemp("runs")
    write_run(runs / "calrec", "calrec", domain="lamps", seed=1)
    write_run(runs / "lir", "lir", domain="lamps", seed=2, label="<img src=x onerror=hacked=1>")
    port, root = free_port(), HERE.parents[1]
    process = subprocess.Popen(
        [sys.executable, HERE / "scripted_embedding.py", workspace, runs, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout.readline() == "ready\n"
    yield f"http://127.0.0.1:{port}"
    process.communicate(timeout=60)


@pytest.fixture
def visit(open_page, address):
    """Opens the pages as another visitor; nothing may leave the machine or fail."""
    errors, requests = [], []

    def listen(tab):
        tab.set_default_timeout(60_000)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda request: requests.append(request.url))

    def opened(width: int, theme: str):
        tab = open_page(f"{address}/?__theme={theme}", ".cr-league", width, listen)
        tab.wait_for_selector("#metrics-distribution .scatterlayer .trace path")
        return tab

    yield opened
    assert errors == []
    assert [u for u in requests if not u.startswith((address, "data:", "blob:"))] == []


@pytest.mark.browser
def test_both_pages_are_drawn_and_answer(visit):
    tab = visit(1440, "light")
    tab.wait_for_selector("#metrics-scatter .heatmaplayer image, #metrics-scatter .hm")
    tab.wait_for_selector("#metrics-curve-4 .scatterlayer .trace path")
    assert "2,164,416" in tab.inner_text("#metrics-card")
    assert "<img src=x" in tab.inner_text("#metrics-overview")
    assert "view=cases" in tab.get_attribute("#metrics-overview .cr-league a >> nth=0", "href")
    tab.click("#metrics-dimension input")
    tab.click("[role=option]:has-text('category')")
    tab.wait_for_selector("#metrics-slices-caption >> text=by category")
    with tab.expect_download() as download:
        tab.click("#metrics-download a")
    assert download.value.suggested_filename == "model-card-sample.md"

    tab.click("[role=tab]:has-text('Embeddings')")
    tab.wait_for_selector("#embeddings-map .scatterlayer .point")
    points = tab.locator("#embeddings-map .scatterlayer .point")
    assert points.count() == 60
    tab.click("#embeddings-random")
    tab.wait_for_selector("#embeddings-served >> text=This shopper")
    tab.wait_for_selector("#embeddings-served-after .scatterlayer .trace path")
    before = points.count()
    new = tab.locator("#embeddings-nearest .cr-line:not(:has(.cr-badge)) [data-act=add]")
    new.first.click()
    tab.wait_for_selector("#toast .cr-done")
    tab.wait_for_function(
        "n => document.querySelectorAll('#embeddings-map .scatterlayer .point').length > n",
        arg=before,
    )
    assert tab.evaluate("window.hacked") is None


@pytest.mark.browser
def test_nothing_sticks_out_of_a_narrow_screen(visit):
    tab = visit(390, "dark")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    tab.click("[role=tab]:has-text('Embeddings')")
    tab.wait_for_selector("#embeddings-served .cr-says")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
