"""A stage of several processes, which Ray starts and watches."""

import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from commands import run
from test_mesh import free_port

from calrec.errors import CalrecError
from calrec.model.backbone import stacked
from train.launchers.settings import Launching
from train.run.description import Run
from train.run.states import States

ROOT = Path(__file__).resolve().parents[2]
STEPS, EACH = 12, 3


@pytest.fixture(scope="module")
def data(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("launched") / "data"
    line = ("prepare", "--workspace", tiny_workspace, "--domains", "shop", "--out", out)
    assert run(*line, "--vocab-size", "300") == 0
    return out


@pytest.fixture(scope="module")
def pretrained(data):
    out = data.parent / "pretrain"
    line = ("pretrain", "--data", data, "--out", out, "--preset", "tiny", "--batch-size", 1)
    assert run(*line, "--steps", 2, "--row-tokens", 64) == 0
    return out


def stage1(data, pretrained, out, **more):
    # Few users and long rows: every batch has the same shape, and is compiled once.
    given = {"steps": STEPS, "validate-every": EACH, "batch-size": 2, "row-tokens": 512} | more
    line = ["stage1", "--data", data, "--from-run", pretrained, "--out", out, "--preset", "tiny"]
    line += [part for name, value in given.items() for part in (f"--{name}", value)]
    return [str(part) for part in line]


def start(line, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "train.command", *line],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"} | environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def logged(out):
    path = out / "log.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def weights(out):
    with States(out) as states:
        assert states.steps()[-1] == STEPS
        return jax.tree.leaves(states.weights(STEPS, stacked.outline(Run.load(out).decoder)))


@pytest.fixture(scope="module")
def unbroken(data, pretrained):
    """Two processes without a launcher."""
    out = data.parent / "unbroken"
    meeting = {"CALREC_COORDINATOR": f"localhost:{free_port()}", "CALREC_PROCESSES": "2"}
    line = stage1(data, pretrained, out)
    two = [start(line, **meeting, CALREC_PROCESS=str(number)) for number in range(2)]
    said = [one.communicate(timeout=300)[1] for one in two]
    assert [one.returncode for one in two] == [0, 0], said
    assert "on 2 devices" in said[0]
    assert said[1] == ""  # the first one speaks for all
    return out


@pytest.fixture(scope="module")
def cluster():
    """How to reach a Ray cluster of this machine, in a process of its own: address and token."""
    pytest.importorskip("ray", reason="needs Ray (pip install 'calrec[ray]')")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    ray = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"} | token,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert ray.stdout is not None
    yield ray.stdout.readline().strip(), token
    ray.communicate("\n", timeout=60)


CLUSTER = """
import ray
ours = ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
print(ours.address_info["gcs_address"], flush=True)
input()
"""


def process_of(out, number):
    """The id of a worker's process, once it trains."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line, variables = ((path / name).read_bytes() for name in ("cmdline", "environ"))
        except OSError:  # another one's, or at its end
            continue
        ours = b"train.launchers.process" in line and str(out).encode() in line
        if ours and f"CALREC_PROCESS={number}".encode() in variables.split(b"\0"):
            return int(path.name)
    raise AssertionError("no such worker")


def wait_for(step, out):
    patience = time.monotonic() + 300
    while not any(line["step"] >= step for line in logged(out)):
        assert time.monotonic() < patience
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds processes in /proc")
def test_a_run_whose_worker_is_killed_ends_with_the_weights_of_an_unbroken_one(
    data, pretrained, unbroken, cluster
):
    out = data.parent / "launched"
    address, token = cluster
    launched = ("--launcher", "ray", "--workers", "2", "--address", address)
    command = start([*stage1(data, pretrained, out), *launched], **token)
    wait_for(EACH, out)
    os.kill(process_of(out, 1), signal.SIGKILL)
    said = command.communicate(timeout=300)[1]
    assert command.returncode == 0, said
    assert "worker 2 of 2" in said
    assert "was ended by SIGKILL; all start again from the last state (restart 1 of 3)" in said
    assert "on 2 devices" in said
    for one, other in zip(weights(out), weights(unbroken), strict=True):
        np.testing.assert_array_equal(one, other)
    losses = [
        [(line["step"], line.get("validation_nig")) for line in logged(folder)]
        for folder in (out, unbroken)
    ]
    assert losses[0] == losses[1]
    # The same command has nothing left to do; another one is refused in one line, and once.
    other = start([*stage1(data, pretrained, out, seed=1), *launched], **token)
    said = other.communicate(timeout=300)[1]
    assert other.returncode == 2
    assert said.count("holds a run with other settings or data") == 1
    assert "restart" not in said


@pytest.mark.slow
def test_a_launcher_that_is_told_to_stop_has_its_workers_save(data, pretrained, cluster):
    out = data.parent / "stopped"
    address, token = cluster
    launched = ("--launcher", "ray", "--workers", "2", "--address", address)
    more = {"steps": 100_000, "validate-every": 100_000}
    command = start([*stage1(data, pretrained, out, **more), *launched], **token)
    wait_for(10, out)
    command.send_signal(signal.SIGTERM)
    try:
        said = command.communicate(timeout=120)[1]
    finally:
        command.kill()  # and with it what it started, where it has not ended
    assert command.returncode == 143, said
    (step,) = re.findall(r"stopped; the same command goes on from step (\d+)", said)
    with States(out) as states:
        assert states.steps()[-1] == int(step) > 0


def test_a_launcher_without_workers_is_one_line():
    with pytest.raises(CalrecError, match="workers at least 1, found 0; give another --workers"):
        Launching(workers=0)
