"""Evaluations that are killed, and go on."""

import fcntl
import hashlib
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damaging import damages

from calrec.errors import CalrecError
from train.evaluation import partial, run
from train.evaluation.partial import unfinished
from train.evaluation.results import ranked_table

TABLES = ("cases.parquet", "top.parquet")


def results(*cases):
    n = len(cases)
    return ranked_table(
        cases=np.array(cases),
        ranks=np.ones((n, 2), dtype=np.int64),
        target_scores=np.zeros(n),
        top_items=np.zeros((n, 3), dtype=np.int64),
        top_scores=np.zeros((n, 3)),
    )


@pytest.fixture
def saving_at_once(monkeypatch):
    monkeypatch.setattr(partial, "SAVE_EVERY", 0)


def test_results_come_back_after_a_stop(tmp_path, saving_at_once):
    out = tmp_path / "out"
    with unfinished(out, {"seed": 0}) as first:
        first.add(results(3, 1))
        first.add(results(2))
        assert first.kept == 3
    assert [path.name for path in tmp_path.iterdir()] == ["out.partial"]
    with unfinished(out, {"seed": 0}) as second:
        assert second.finished["case"].to_pylist() == [3, 1, 2]
        second.add(results(0))
        assert second.results()["case"].to_pylist() == [3, 1, 2, 0]
        second.remove()
    assert list(tmp_path.iterdir()) == []


def test_a_short_run_keeps_nothing(tmp_path):
    with unfinished(tmp_path / "out", {}) as short:
        short.add(results(0))
        assert len(short.results()) == 1
        assert short.kept == 0
    assert list(tmp_path.iterdir()) == []


def test_another_run_does_not_take_them_up(tmp_path, saving_at_once):
    with unfinished(tmp_path / "out", {"seed": 0, "users": None}) as first:
        first.add(results(0))
    before = sorted(path.name for path in (tmp_path / "out.partial").iterdir())
    with (
        pytest.raises(CalrecError, match="another seed, split; finish that one"),
        unfinished(tmp_path / "out", {"seed": 1, "users": None, "split": "test"}),
    ):
        pass
    assert sorted(path.name for path in (tmp_path / "out.partial").iterdir()) == before


def test_two_processes_do_not_write_the_same_run(tmp_path, saving_at_once):
    with unfinished(tmp_path / "out", {}) as first:
        first.add(results(0))
        with (
            pytest.raises(CalrecError, match="another process writing it"),
            unfinished(tmp_path / "out", {}),
        ):
            pass


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_part_is_evaluated_again(tmp_path, saving_at_once, seed):
    with unfinished(tmp_path / "out", {}) as first:
        first.add(results(0))
        first.add(results(1, 2))
    (part,) = (tmp_path / "out.partial").glob("part-00001-*.parquet")
    for damaged in damages(part.read_bytes(), 3, seed):
        part.write_bytes(damaged)
        with unfinished(tmp_path / "out", {}) as again:
            assert again.finished["case"].to_pylist() == [0]
        assert not part.exists()
    with unfinished(tmp_path / "out", {}) as second:
        assert second.finished["case"].to_pylist() == [0]
        second.add(results(1))
    with unfinished(tmp_path / "out", {}) as third:
        assert third.finished["case"].to_pylist() == [0, 1]


def test_a_full_disk_ends_in_one_line_and_keeps_what_was_written(
    tmp_path, saving_at_once, monkeypatch
):
    def full(table, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with unfinished(tmp_path / "out", {}) as first:
        first.add(results(0))
        with monkeypatch.context() as patch:
            patch.setattr(partial.pq, "write_table", full)
            with pytest.raises(CalrecError, match=r"part-00001\.new, found No space left"):
                first.add(results(1))
    with unfinished(tmp_path / "out", {}) as second:
        assert second.finished["case"].to_pylist() == [0]


@pytest.mark.slow
@pytest.mark.parametrize("stop", [KeyboardInterrupt, RuntimeError])
def test_the_same_command_goes_on_and_gives_the_same_files(
    run_evaluate, tmp_path, monkeypatch, capsys, stop
):
    # Ctrl-C writes what is not written yet; what else ends a run cannot.
    monkeypatch.setattr(partial, "SAVE_EVERY", 1000 if stop is KeyboardInterrupt else 0)

    def arguments(name):
        return ("--domain", "shop", "--recommender", "markov", "--out", tmp_path / name)

    assert run_evaluate(*arguments("whole")) == 0
    whole = run.ready
    done = []

    class Stopping:
        def __init__(self, work):
            self._work, self.settings = work, work.settings

        def results(self, cases, places):
            done.append(len(places))
            for table in self._work.results(cases, places):
                yield table.slice(0, 5)
                if len(done) == 1:
                    raise stop
                yield table.slice(5)

        device = "cpu"

    monkeypatch.setattr(run, "ready", lambda *given: Stopping(whole(*given)))
    if stop is KeyboardInterrupt:
        assert run_evaluate(*arguments("out")) == 130
        assert "5 finished users are kept in" in capsys.readouterr().err
    else:
        with pytest.raises(stop):
            run_evaluate(*arguments("out"))
    assert not (tmp_path / "out").exists()
    assert run_evaluate(*arguments("out")) == 0
    assert done == [12, 7]
    assert "5 of 12 users were finished before" in capsys.readouterr().err
    for name in TABLES:
        ours, expected = (tmp_path / folder / name for folder in ("out", "whole"))
        assert ours.read_bytes() == expected.read_bytes()
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["resumed_cases"] == 5
    assert not (tmp_path / "out.partial").exists()


@pytest.mark.slow
def test_kill_9_loses_no_finished_user(run_evaluate, tiny_workspace, rubbish_checkpoint, tmp_path):
    code = (
        "from train.evaluation import partial; partial.SAVE_EVERY = 0;"
        "from train.evaluate import main; main()"
    )
    arguments = ["--workspace", tiny_workspace, "--domain", "shop", "--recommender", "calrec"]
    arguments += ["--checkpoint", rubbish_checkpoint, "--width", "1"]
    out, kept = tmp_path / "out", tmp_path / "out.partial"
    line = [str(part) for part in [sys.executable, "-c", code, *arguments, "--out", out]]

    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(kept.glob("part-*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = sum(pq.read_metadata(part).num_rows for part in kept.glob("part-*.parquet"))
    assert finished >= 1
    again = subprocess.run(line, check=True, capture_output=True, text=True)
    meta = json.loads((out / "meta.json").read_text())
    assert meta["resumed_cases"] == finished
    assert f"{finished} of 12 users were finished before" in again.stderr
    assert run_evaluate(*arguments, "--out", tmp_path / "whole") == 0
    for name in (*TABLES, "samples.parquet"):
        assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize(("run", "found"), [({"seed": 1}, "another seed"), ({}, "another process")])
def test_results_that_came_meanwhile_are_not_mixed_in(tmp_path, saving_at_once, run, found):
    ours = {"seed": 0} if run else {}
    with unfinished(tmp_path / "out", ours) as first:
        with unfinished(tmp_path / "out", run) as second:  # neither has saved yet
            second.add(results(0))
        with pytest.raises(CalrecError, match=found):
            first.add(results(0))


def test_what_a_finished_run_left_is_cleared_and_nothing_else(
    run_evaluate, tmp_path, saving_at_once, monkeypatch
):
    arguments = ("--domain", "shop", "--recommender", "lir", "--out", tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(partial.Partial, "remove", lambda self: None)  # killed right before
        assert run_evaluate(*arguments) == 0
    assert (tmp_path / "out.partial").exists()
    assert run_evaluate(*arguments) == 0
    assert not (tmp_path / "out.partial").exists()
    with unfinished(tmp_path / "out", {"seed": 7}) as other:
        other.add(results(0))
    assert run_evaluate(*arguments) == 0
    assert (tmp_path / "out.partial").exists()


def test_a_foreign_table_is_refused(tmp_path, saving_at_once):
    with unfinished(tmp_path / "out", {}) as first:
        first.add(results(0))
    folder = tmp_path / "out.partial"
    (folder / "part-x.parquet").write_text("not one of ours")
    pq.write_table(pa.table({"case": [1]}), folder / "other.parquet")
    digest = hashlib.sha256((folder / "other.parquet").read_bytes()).hexdigest()[:16]
    (folder / "other.parquet").rename(folder / f"part-00001-{digest}.parquet")
    with (
        pytest.raises(CalrecError, match="found another table; delete it"),
        unfinished(tmp_path / "out", {}),
    ):
        pass


def test_the_lock_is_released(tmp_path, saving_at_once):
    with unfinished(tmp_path / "out", {}) as first:
        first.add(results(0))
    with (tmp_path / "out.partial" / "run.json").open() as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
