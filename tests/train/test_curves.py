"""`calrec-train report`: curves of logs written by hand, the page, and the picture."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import struct

import numpy as np
import pytest
from commands import run as command
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.model.backbone.config import DecoderConfig
from calrec.model.checkpoint import resolve
from calrec.records import codec
from calrec.report.training_log import Entry, kept, seconds
from train.curves import figures, picture
from train.curves.page import page
from train.curves.runs import load
from train.curves.table import table
from train.run.description import Run

DECODER = DecoderConfig(
    vocab_size=300,
    hidden_size=16,
    intermediate_size=16,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=8,
)
LINES = [
    {"step": 0, "seconds": 2, "validation_nig": 3.0, "validation_tt": 2.1}
    | {"test_nig": 3.1, "test_tt": 2.2, "validation_ndcg@10": 0.01},
    {"step": 10, "seconds": 5, "nig": 2.5, "tt": 2.0, "ut": 2.3, "total": 2.6}
    | {"gradient_norm": 1.5, "learning_rate": 1e-4, "tokens_per_second": 900, "productive": 0.5},
    {"step": 20, "seconds": 9, "nig": 2.0, "tt": 1.5, "ut": 2.2, "total": 2.1}
    | {"gradient_norm": 1.2, "learning_rate": 1e-4, "tokens_per_second": 950, "productive": 0.7}
    | {"validation_nig": 2.2, "validation_tt": 1.7, "test_nig": 2.4, "test_tt": 1.9}
    | {"validation_ndcg@10": 0.05},
    {"step": 30, "seconds": 3, "nig": 1.8, "validation_nig": 2.1, "validation_ndcg@10": 0.04},
]


def write(folder, lines=LINES, *, stage="stage2", alpha=0.125, beta=-0.025):
    folder.mkdir(parents=True)
    objective = {"alpha": alpha, "beta": beta, "tau": 0.5}
    settings = {"steps": 30, "batch_size": 8, "objective": objective}
    made = Run(stage=stage, settings=settings, decoder=DECODER, text={}, data={}, parents=[])
    (folder / "run.json").write_text(codec.to_text(codec.encode(made)))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text + '{"step": 40, "ni')  # a kill cut the last one
    return folder


@pytest.fixture
def folders(tmp_path):
    old = [{n: v for n, v in line.items() if "test" not in n and "@" not in n} for line in LINES]
    return [
        write(tmp_path / "with"),
        write(tmp_path / "without", alpha=0, beta=0),
        write(tmp_path / "<script>hacked()" / "old", old),
        write(tmp_path / "pre", [{"step": 10, "total": 4.0}], stage="pretrain"),
    ]


def curves(figure):
    return [
        (trace.line.dash, list(trace.x), list(trace.y))
        for trace in figure.data
        if "lines" in trace.mode
    ]


def test_each_split_is_a_curve_of_its_own_stroke(folders):
    (run,) = load(folders[:1])
    assert curves(figures.losses([run], "nig")) == [
        ("dot", [10, 20, 30], [2.5, 2.0, 1.8]),
        ("solid", [0, 20, 30], [3.0, 2.2, 2.1]),
        ("dash", [0, 20], [3.1, 2.4]),
    ]
    assert curves(figures.losses([run], "tt")) == [
        ("dot", [10, 20], [2.0, 1.5]),
        ("solid", [0, 20], [2.1, 1.7]),
        ("dash", [0, 20], [2.2, 1.9]),
    ]
    assert curves(figures.selection([run])) == [("solid", [0, 20, 30], [0.01, 0.05, 0.04])]


def test_the_kept_step_is_ringed_in_its_run_s_colour(folders):
    for figure, value in ((figures.losses, 2.2), (figures.selection, 0.05)):
        runs = load(folders[:2])
        drawn = figure(runs, "nig") if figure is figures.losses else figure(runs)
        rings = [trace for trace in drawn.data if trace.marker.symbol == "circle-open"]
        assert [(*ring.x, *ring.y) for ring in rings] == [(20, value)] * 2
        assert [ring.marker.color for ring in rings] == [figures.colour(0), figures.colour(1)]
    assert figures.colour(0) != figures.colour(1)


def test_the_best_ndcg_is_kept_else_the_smallest_loss_and_of_equals_the_later():
    def entry(step, **values):
        return Entry(stage="s", step=step, values=values)

    ranked = [entry(1, **{"validation_ndcg@10": n, "validation_nig": 9 - n}) for n in (3, 5, 4)]
    ranked = [dataclasses.replace(one, step=k) for k, one in enumerate([*ranked, ranked[1]])]
    assert kept(ranked).step == 3
    losses = [entry(k, validation_nig=loss) for k, loss in enumerate((2, 1, 1, 3))]
    assert kept([*losses, entry(9, nig=0)]).step == 2
    assert kept([entry(1, nig=1)]) is None
    clock = [entry(k, seconds=at) for k, at in enumerate((2, 7, 1, 4))]  # resumed once
    assert seconds(clock) == 7 + 4


def test_what_a_log_lacks_is_one_line_and_test_curves_are_for_looking(folders):
    runs = load(folders)
    text = page(runs, table(runs))
    lines = re.findall(r'<p class="missing">(.*?)</p>', text)
    assert lines[:2] == [
        "The log of old (with contrast) holds no NIG on test users and no TT on test users.",
        "The log of pre (pre-training) holds no NIG on training, validation, test users and no TT"
        " on training, validation, test users.",
    ]
    assert "old (with contrast) was chosen by its validation loss" in lines[2]
    assert "The curves of test users are for looking." in text
    assert "without (without contrast)" in text


def test_names_are_no_markup(tmp_path):
    (run,) = load([write(tmp_path / "<script>hacked()<")])
    assert "<script>hacked" not in page([run], table([run]))
    assert "<script>hacked" not in figures.losses([run], "nig").to_json()


def test_a_row_a_run(folders):
    rows = table(load(folders)).rows
    assert [row[0] for row in rows] == ["with", "without", "old", "pre"]
    assert rows[0][2:8] == ("30", rows[0][3], rows[0][4], "0.125", "-0.025", "0.5")
    assert (rows[0][3].optimistic, rows[0][4].optimistic) == (20, 8)
    assert rows[3][2] == "10 of 30"
    assert rows[3][3:8] == (None,) * 5


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=5000))
def test_long_curves_are_means_and_end_where_the_run_did(values):
    steps, means = figures.thinned(dict(enumerate(values)))
    assert len(steps) <= figures.POINTS
    assert steps[-1] == len(values) - 1
    parts = np.split(np.array(values), np.array(steps[:-1]) + 1)
    np.testing.assert_allclose(means, [part.mean() for part in parts], atol=1e-6)


def test_an_exported_checkpoint_shows_its_stages():
    runs = load([resolve("sample")])
    assert [run.name for run in runs][:2] == ["sample/pretrain", "sample/stage1"]
    assert all(run.points("total") for run in runs)


def test_the_command_writes_whole_and_again_without_a_chromium(
    folders, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(picture, "BROWSERS", ("no-such-browser",))
    out = tmp_path / "out"
    for _ in range(2):
        assert command("report", *folders[:2], "--out", out) == 0
    assert {path.name for path in out.iterdir()} == {"report.html", "report.json"}
    said = capsys.readouterr().out
    assert "a picture needs a Chromium (no-such-browser), found none" in said
    assert "without" in said
    (out / "mine.txt").touch()
    assert command("report", *folders[:2], "--out", out) == 2
    assert "expected a new folder or an earlier report" in capsys.readouterr().err
    assert (out / "mine.txt").exists()


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        (["a", "a"], "expected each run once"),
        (["none"], "expected a training run in"),
        (["empty"], "expected logged steps in"),
        ([], "expected the folders of training runs"),
    ],
)
def test_what_cannot_be_drawn_is_one_line(tmp_path, folders, said):
    write(tmp_path / "a")
    (write(tmp_path / "empty") / "log.jsonl").write_text("")
    with pytest.raises(CalrecError, match=said):
        load([tmp_path / name for name in folders])


@pytest.mark.skipif(shutil.which("false") is None, reason="needs the command false")
def test_a_browser_that_fails_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(picture, "BROWSERS", ("false",))
    said = picture.photograph("<body>", 320, 200, tmp_path / "it.png")
    assert said.startswith("no picture: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_the_page_opens_offline_on_wide_and_narrow_screens(
    folders, tmp_path, browser, width, scheme
):
    runs = load(folders)
    (tmp_path / "report.html").write_text(page(runs, table(runs)), encoding="utf-8")
    tab = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints, asked = [], []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto((tmp_path / "report.html").as_uri())
    tab.wait_for_selector("#figure2-tt .scatterlayer path.js-line")
    assert complaints == []
    assert asked == [(tmp_path / "report.html").as_uri()]
    assert tab.evaluate("document.documentElement.scrollWidth") == width
    tab.close()


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(not any(map(shutil.which, picture.BROWSERS)), reason="needs a Chromium")
def test_a_picture_is_drawn_where_chromium_is(tmp_path):
    blue = '<body style="margin:0;background:#0000ff">'
    assert picture.photograph(blue, 320, 200, tmp_path / "it.png") == ""
    content = (tmp_path / "it.png").read_bytes()
    assert struct.unpack(">II", content[16:24]) == (640, 400)
