"""Several devices and several processes compute what one does."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from calrec.errors import CalrecError
from train import launch
from train.settings import MeshSettings
from train.step.mesh import make_mesh, split_axis

HERE = Path(__file__).parent


def start(script, *arguments, **environment):
    paths = [str(HERE), str(HERE.parent), str(HERE.parents[1])]
    env = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "JAX_PLATFORMS": "cpu"} | environment
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.slow
def test_eight_devices_equal_one():
    ran = start("meshes.py", XLA_FLAGS="--xla_force_host_platform_device_count=8")
    said = ran.communicate()[0]
    assert ran.returncode == 0, said
    lines = [line for line in said.splitlines() if line[:1].isdigit()]
    assert [line.split()[3:] for line in lines] == [["True"] * 3] * 3, said
    assert "adapters True" in said


@pytest.mark.slow
def test_two_processes_equal_one_and_their_state_is_read_by_one(tmp_path):
    meeting = {
        "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
        "CALREC_COORDINATOR": f"localhost:{free_port()}",
        "CALREC_PROCESSES": "2",
    }
    two = [start("processes.py", tmp_path, CALREC_PROCESS=str(n), **meeting) for n in range(2)]
    for said in [one.communicate(timeout=300)[0] for one in two]:
        assert "loss True" in said, said
        assert "gradient True step 1" in said, said
    four = "--xla_force_host_platform_device_count=4"
    said = start("processes.py", tmp_path, XLA_FLAGS=four).communicate(timeout=300)[0]
    assert "gradient True step 1" in said, said


@pytest.mark.slow
def test_an_error_of_the_first_process_is_everybodys_and_one_alone_ends_at_once():
    meeting = {"CALREC_COORDINATOR": f"localhost:{free_port()}", "CALREC_PROCESSES": "2"}
    first, second = (start("failing.py", CALREC_PROCESS=str(n), **meeting) for n in range(2))
    said = second.communicate(timeout=300)[0]
    assert second.returncode == 2, said
    assert first.poll() is None  # jax would have waited for it
    first.kill()
    assert "all: process 0\ntold: by 0\n" in said
    assert said.endswith("error: alone\n")
    assert "all: process 0\ntold: by 0\n" in first.communicate()[0]


@pytest.mark.parametrize(
    "given", [{"CALREC_PROCESSES": "2"}, {"CALREC_COORDINATOR": "x:1", "CALREC_PROCESSES": "two"}]
)
def test_processes_that_are_told_in_part_are_one_line(monkeypatch, given):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(CalrecError, match="set all three for each process"):
        launch.join()


def test_the_axis_that_is_split_is_the_longest_that_divides():
    assert split_axis((30, 8, 12), 4, stacked=True) == 2
    assert split_axis((32, 8, 6), 4, stacked=True) == 1
    assert split_axis((32, 8, 6), 4, stacked=False) == 0
    assert split_axis((5, 7), 4, stacked=False) is None


def test_fsdp_must_divide_the_devices():
    import jax

    with pytest.raises(CalrecError, match="to divide the 1 devices of a slice, found 2"):
        make_mesh(jax.devices()[:1], MeshSettings(fsdp=2))


def free_port():
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


@pytest.mark.parametrize(
    ("given", "several"),
    [
        ({}, False),
        ({"SLURM_JOB_ID": "7", "SLURM_STEP_NUM_TASKS": "1"}, False),
        ({"SLURM_STEP_NUM_TASKS": "4"}, True),
        ({"TPU_WORKER_HOSTNAMES": "localhost"}, False),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, True),
    ],
)
def test_a_job_of_one_task_is_alone(monkeypatch, given, several):
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    asked = []
    monkeypatch.setattr("jax.distributed.initialize", lambda: asked.append(True))
    launch.join()
    assert bool(asked) == several
