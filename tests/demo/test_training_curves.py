"""The training log as curves: against a log written by hand, and the shipped one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.model.checkpoint import resolve
from calrec.report.training_log import TITLES
from demo.inspect.training_curves import POINTS, figure, read, stage_title

ENTRIES = [
    {"stage": "pretrain", "step": 10, "seconds": 1, "total": 5.0},
    {"stage": "pretrain", "step": 20, "seconds": 2, "total": 4.0, "validation_nig": 4.5},
    {"stage": "stage1", "step": 10, "seconds": 3, "total": 3.0, "nig": 2.0, "tt": 1.5, "ut": 2.5},
    {"stage": "stage1", "step": 30, "seconds": 4, "total": 2.0, "nig": 1.0, "tt": 1.0, "ut": 2.0},
]


def written(folder, lines):
    folder.mkdir(exist_ok=True)
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    (folder / "training_log.jsonl").write_text(text, encoding="utf-8")
    return folder


def parts(log, quantity):
    (curve,) = (curve for curve in log.curves if curve.quantity == quantity)
    return [(part.stage, part.steps, part.values) for part in curve.parts]


def test_each_quantity_is_a_curve_and_stages_lie_end_to_end(tmp_path):
    log = read(written(tmp_path / "model", ENTRIES))
    assert log.stages == ("pretrain", "stage1")
    assert [curve.quantity for curve in log.curves] == [
        "total",
        "nig",
        "validation_nig",
        "tt",
        "ut",
    ]
    assert parts(log, "total") == [
        ("pretrain", (10, 20), (5.0, 4.0)),
        ("stage1", (30, 50), (3.0, 2.0)),
    ]
    assert parts(log, "validation_nig") == [("pretrain", (20,), (4.5,))]
    assert parts(log, "tt") == [("stage1", (30, 50), (1.5, 1.0))]
    assert log.damaged == 0


def test_lines_that_are_no_entries_are_counted_and_the_rest_is_shown(tmp_path):
    bad = ["{", "[1]", '{"stage": 3, "step": 1}', '{"stage": "s", "step": "x"}', "[" * 100_000]
    nan = '{"stage": "pretrain", "step": 30, "total": NaN, "note": "<b>", "flag": true}'
    log = read(written(tmp_path / "model", [*ENTRIES, "", *bad, nan]))
    assert log.damaged == len(bad)
    assert parts(log, "total")[0][1:] == ((10, 20), (5.0, 4.0))
    assert {curve.quantity for curve in log.curves} == {
        "total",
        "nig",
        "validation_nig",
        "tt",
        "ut",
    }


def test_a_step_that_was_run_again_counts_as_it_ended(tmp_path):
    again = [*ENTRIES[:2], {"stage": "pretrain", "step": 10, "total": 9.0}]
    assert parts(read(written(tmp_path / "m", again)), "total") == [
        ("pretrain", (10, 20), (9.0, 4.0))
    ]


@pytest.mark.parametrize("lines", [None, [], ["", "{}"]])
def test_a_checkpoint_without_a_log_says_so(tmp_path, lines):
    folder = tmp_path / "mine"
    folder.mkdir()
    if lines is not None:
        written(folder, lines)
    with pytest.raises(CalrecError, match="mine"):
        read(folder)


@pytest.mark.slow
@settings(max_examples=30)
@given(st.integers(1, 5 * POINTS))
def test_long_logs_are_thinned_and_keep_their_end(tmp_path_factory, count):
    entries = [{"stage": "s", "step": k, "total": float(k)} for k in range(1, count + 1)]
    ((_, steps, values),) = parts(read(written(tmp_path_factory.mktemp("log"), entries)), "total")
    assert len(steps) <= POINTS
    assert len(steps) >= min(count, POINTS // 2)
    assert steps[-1] == count
    assert list(values) == [float(step) for step in steps]
    assert list(steps) == sorted(set(steps))


def test_the_shipped_log_gives_all_that_a_training_writes():
    log = read(resolve("sample"))
    assert log.damaged == 0
    # Only a chip's peak is unknown on a CPU.
    assert {one.quantity for one in log.curves} == TITLES.keys() - {"share_of_peak"}
    assert all(curve.title != curve.quantity for curve in log.curves)


def test_a_figure_draws_each_stage_in_its_colour_and_escapes_names(tmp_path):
    hostile = [{"stage": "<script>x</script>", "step": 1, "total": 1.0}]
    log = read(written(tmp_path / "m", [*ENTRIES, *hostile]))
    drawn = figure(log.curves[0], log.colours())
    lines = [trace for trace in drawn.data if "lines" in trace.mode]
    assert [trace.line.color for trace in lines] == list(log.colours().values())
    assert len(set(log.colours().values())) == 3
    assert "<script>" not in drawn.to_json()
    assert stage_title("stage2") in ("Stage II, one shop",)
