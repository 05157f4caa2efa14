"""What a run must outlive: damaged states, numbers that are none, signals, a second trainer."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from commands import run

from calrec.model.backbone import stacked
from train.run.states import States, best_weights

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("unbroken") / "data"
    line = ("prepare", "--workspace", tiny_workspace, "--domains", "shop", "--out", out)
    assert run(*line, "--vocab-size", "300") == 0
    return out


def options(data, out, **more):
    given = {"steps": 6, "validate-every": 2, "batch-size": 1, "row-tokens": 64} | more
    line = ["pretrain", "--data", data, "--out", out, "--preset", "tiny"]
    return [*line, *(part for name, value in given.items() for part in (f"--{name}", value))]


@pytest.fixture(scope="module")
def finished(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished") / "run"
    assert run(*options(data, out)) == 0
    return out


def traces(out):
    """What xprof reads, and that none is empty."""
    return [path for path in out.rglob("*.xplane.pb") if path.stat().st_size > 1000]


@pytest.mark.slow
def test_the_two_newest_and_the_best_are_kept(finished):
    log = [json.loads(line) for line in (finished / "log.jsonl").read_text().splitlines()]
    losses = {x["step"]: x["validation_nig"] for x in log if "validation_nig" in x}
    assert set(losses) == {0, 2, 4, 6}
    with States(finished) as states:
        best = min(losses, key=losses.get)
        assert set(states.steps()) == {4, 6} | {best}
        assert states.best() == best


@pytest.mark.slow
def test_its_curves_can_be_drawn(finished):
    from train.curves.runs import load

    (made,) = load([finished])
    assert list(made.points("total")) == [2, 4, 6]
    for quantity in ("validation_nig", "validation_tt", "test_nig", "test_tt"):
        assert list(made.points(quantity)) == [0, 2, 4, 6]
    assert {"gradient_norm", "learning_rate", "tokens_per_second", "productive"} <= set(
        made.log[-1].values
    )
    with States(finished) as states:
        assert made.kept.step == states.best()


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "no digests"])
def test_a_damaged_newest_state_falls_back_to_the_one_before(
    finished, data, tmp_path, damage, capsys
):
    import shutil

    out = shutil.copytree(finished, tmp_path / "run")
    (file,) = [
        path
        for path in (out / "checkpoints/6/weights").rglob("*")
        if path.is_file() and path.stat().st_size > 10_000
    ][:1]
    content = bytearray(file.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "gone":
        file.unlink()
    else:
        (out / "checkpoints/6.json").unlink()
    capsys.readouterr()
    assert run(*options(data, out)) == 0
    said = re.sub(r"\s+", " ", capsys.readouterr().err)
    assert "the state of step 6 is damaged" in said
    assert "going on from the one before" in said
    # The step made anew is the step that was lost, to the last bit.
    again, whole = (jax.tree.leaves(weights_of(folder, 6)) for folder in (out, finished))
    for a, b in zip(again, whole, strict=True):
        np.testing.assert_array_equal(a, b)


def weights_of(folder, step):
    from train.run.description import Run

    with States(folder) as states:
        return states.weights(step, stacked.outline(Run.load(folder).decoder))


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_before_it_is_saved(data, tmp_path, capsys):
    out = tmp_path / "run"
    line = options(data, out, **{"learning-rate": "1e30", "warmup": 0, "validate-every": 1})
    assert run(*line, "--profile", "1:50") == 2
    assert traces(out)
    (last,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
    assert re.search(
        r"expected losses and gradients that are numbers, found others in step \d", last
    )
    assert "the best saved state is of step 0" in last
    assert "row " in last
    for leaf in jax.tree.leaves(best_weights(out).embed_tokens[...]):
        assert np.isfinite(leaf).all()


def endless(data, out):
    line = options(data, out, **{"steps": 100_000, "validate-every": 100_000})
    return [*line, "--profile", "12:100000"]


def has_begun(out, ended):
    """Waits for some lines in the log of a run; whether they came before it ended."""
    log, patience = out / "log.jsonl", time.monotonic() + 120
    while not log.is_file() or log.read_text().count("\n") < 3:
        if ended() or time.monotonic() > patience:
            return False
        time.sleep(0.1)
    return True


def assert_saved(out, said):
    (step,) = re.findall(r"stopped; the same command goes on from step (\d+)", said)
    assert f"a trace of the steps 12 to {step} is in" in re.sub(r"\s+", " ", said)
    assert traces(out)
    with States(out) as states:
        assert states.steps()[-1] == int(step) > 0


@pytest.mark.slow
def test_sigterm_saves_first(data, tmp_path):
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-m", "train.cli", *map(str, endless(data, out))],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert has_begun(out, lambda: process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143
    assert_saved(out, said)


@pytest.mark.slow
def test_ctrl_c_saves_first(data, tmp_path, monkeypatch, capsys):
    """In this process, which Ctrl-C would end by `os._exit`."""
    out, ended = tmp_path / "run", threading.Event()
    monkeypatch.setattr("os._exit", sys.exit)

    def press():
        if has_begun(out, ended.is_set):
            os.kill(os.getpid(), signal.SIGINT)

    presses = threading.Thread(target=press)
    presses.start()
    try:
        assert run(*endless(data, out)) == 130
    finally:
        ended.set()
        presses.join()
    assert_saved(out, capsys.readouterr().err)


@pytest.mark.slow
def test_one_trainer_a_folder(finished, data, capsys):
    from calrec.records.locks import locked

    with locked(finished / "lock", create=True) as ours:
        assert ours
        assert run(*options(data, finished)) == 2
    assert "to be trained by one process, found another" in capsys.readouterr().err


@pytest.mark.slow
def test_a_disk_without_room_for_a_state_is_one_line(data, tmp_path, monkeypatch, capsys):
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20 + 1000))
    assert run(*options(data, tmp_path / "run")) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error:")]
    assert "free space for a state of the run" in line


@pytest.mark.slow
def test_an_address_elsewhere_is_refused(data, capsys):
    assert run(*options(data, "gs://bucket/run")) == 2
    line = capsys.readouterr().err
    assert "expected a folder of this machine for --out, found gs://bucket/run" in line
    assert not Path("gs:").exists()


def test_a_run_goes_on_elsewhere_but_not_with_another_batch(data):
    from calrec.model.backbone.config import DecoderConfig
    from train import presets
    from train.data.prepared import Prepared
    from train.run.description import Run

    settings = presets.load("tiny").settings("pretrain")
    made = Run.of("pretrain", Prepared.load(data), settings, presets.load("tiny").decoder(300), [])
    assert isinstance(made.decoder, DecoderConfig)
    elsewhere = dataclasses.replace(settings, microbatch=2, remat="full")
    other = dataclasses.replace(settings, batch_size=5)
    again, differs = (
        Run.of("pretrain", Prepared.load(data), s, presets.load("tiny").decoder(300), [])
        for s in (elsewhere, other)
    )
    assert made._computed() == again._computed()
    assert made._computed() != differs._computed()


def test_the_log_is_written_for_tensorboard_too(tmp_path):
    from train.run.log import Log, read_log

    log = Log(tmp_path, 0, tensorboard=True)
    log.write(1, {"nig": 2.5})
    log.close()
    assert [line["nig"] for line in read_log(tmp_path / "log.jsonl")] == [2.5]
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"nig" in events.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (range(1, 7), "a trace of the steps 3 to 5 is in"),
        (range(1, 5), "a trace of the steps 3 to 4 is in"),  # the run ends inside
        (range(4, 7), "a trace of the steps 4 to 5 is in"),  # it was resumed inside
        (range(6, 8), "no trace: none of the steps 3 to 5 was made"),
    ],
)
def test_a_trace_is_whole_wherever_the_run_begins_and_ends(tmp_path, made, said):
    from train.run.trace import Trace

    lines = []
    with Trace(tmp_path / "profile", (3, 5), lines.append) as trace:
        for step in made:
            trace.before(step)
            trace.after(step, jax.numpy.arange(step).sum())
    (line,) = lines
    assert line.startswith(said)
    assert bool(traces(tmp_path)) == line.startswith("a trace")


def test_a_narrow_terminal_shows_step_and_losses_before_the_rest():
    import io

    from rich.console import Console

    from train.loop import _bar, _said

    losses = {"total": 2.6, "nig": 2.5, "tt": 2.0, "ut": 2.3}
    line = losses | {"gradient_norm": 1.5, "tokens_per_second": 12345.6, "share_of_peak": 0.41}
    assert _said(line).endswith("ut 2.300  gradient 1.50  12,346 tokens/s  41% of peak")
    file = io.StringIO()
    with _bar(Console(width=80, file=file, force_terminal=True, color_system=None)) as bar:
        bar.add_task("stage1", total=150_000, completed=1200, said=_said(line))
    assert re.search(r"stage1 .*1200/150000 .*total 2\.600  nig 2\.500", file.getvalue())
