"""Prepared data and training runs that were damaged, and disks that are full."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from commands import run
from damaging import damages, whole_again
from rich.console import Console

from calrec.errors import CalrecError
from calrec.records.files import require_room
from train import presets
from train.data.prepared import Prepared
from train.run.states import States
from train.stages import Stage, from_scratch

ROWS = ("item_tokens", "item_offsets", "items", "offsets", "validation", "test")


@pytest.fixture(scope="module")
def prepared(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "data"
    line = ("prepare", "--workspace", tiny_workspace, "--domains", "shop", "--out", out)
    assert run(*line, "--vocab-size", "300") == 0
    return out


def content(folder):
    try:
        data = Prepared.load(folder)
        rows = [getattr(data.domains[0], name).tolist() for name in ROWS]
        return rows, data.text, data.tokenizer().encode(["steel lamp"])
    except CalrecError as error:
        return str(error)


@pytest.mark.parametrize(
    "name", ["meta.json", "shop.npz", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json"]
)
def test_no_damage_to_prepared_data_goes_unnoticed(prepared, name):
    whole = content(prepared)
    assert not isinstance(whole, str)
    with whole_again(prepared / name) as file:
        for damaged in damages(file, 15):
            (prepared / name).write_bytes(damaged)
            line = content(prepared)
            if name == "meta.json" and not isinstance(line, str):
                assert json.loads(damaged) == json.loads(file)  # white space
                continue
            assert isinstance(line, str), damaged
            assert "\n" not in line
        (prepared / name).unlink()
        assert isinstance(content(prepared), str)
    assert content(prepared) == whole


def test_data_prepared_by_an_older_release_are_refused_with_what_to_do(prepared, tmp_path):
    folder = tmp_path / "older"
    shutil.copytree(prepared, folder)
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"format": 1}))
    assert "expected calrec-prepared 2, found calrec-prepared 1; prepare it" in content(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("format", "damage"), [("calrec", np.nan), ("hugging-face", np.inf)])
def test_weights_that_are_no_numbers_are_not_exported(
    prepared, tmp_path, monkeypatch, capsys, format, damage
):
    """As eight flipped bits once gave them: with fresh digests around them."""
    saved = States.save

    def spoil(states, step, state, metrics):
        saved(
            states,
            step,
            dataclasses.replace(state, weights=_spoilt(state.weights, damage)),
            metrics,
        )

    monkeypatch.setattr(States, "save", spoil)
    preset = presets.load("tiny")
    settings = dataclasses.replace(preset.pretrain, steps=1, batch_size=2, row_tokens=64)
    stage = Stage(
        name="pretrain",
        data=prepared,
        settings=settings,
        out=tmp_path / "run",
        console=Console(stderr=True, quiet=True),
    )
    from_scratch(stage, preset)
    capsys.readouterr()
    out = tmp_path / "out"
    assert run("export", "--run", tmp_path / "run", "--out", out, "--format", format) == 2
    line = capsys.readouterr().err
    assert "expected weights that are numbers, found others in the checkpoint of step" in line
    assert line.count("\n") == 1
    assert not out.exists()


def _spoilt(weights, damage):
    leaves, form = jax.tree.flatten(weights)
    leaves[0] = jnp.asarray(leaves[0]).at[(0,) * leaves[0].ndim].set(damage)
    return jax.tree.unflatten(form, leaves)


def test_a_checkpoint_needs_room(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=10_000_000))
    require_room(tmp_path, 8_000_000, what="checkpoint")
    with pytest.raises(CalrecError, match=r"expected 13\.0 MB of free space .* found 10\.0 MB"):
        require_room(tmp_path, 12_000_000, what="checkpoint")


# On a disk of its own: fills it, but for so many kilobytes, and prepares.
_FULL = """
import os, sys
from pathlib import Path
disk, workspace = map(Path, sys.argv[1:3])
from train.cli import main
for kilobytes in map(int, sys.argv[3:]):
    ballast = os.open(disk / "ballast", os.O_CREAT | os.O_WRONLY)
    try:
        while True: os.write(ballast, b"x" * 4096)
    except OSError: pass
    os.ftruncate(ballast, max(0, os.fstat(ballast).st_size - kilobytes * 1024))
    os.close(ballast)
    sys.argv = ["calrec-train", "prepare", "--workspace", str(workspace), "--domains", "shop",
                "--vocab-size", "300", "--out", str(disk / "data")]
    try:
        main()
    except SystemExit as stop:
        assert stop.code == 2
    (disk / "ballast").unlink()
    print(sorted(path.name for path in disk.iterdir()))
"""


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_nothing(tiny_workspace, tmp_path):
    mount = ["unshare", "--mount", "--map-root-user", "sh", "-c"]
    probe = f"mount -t tmpfs -o size=1m none {tmp_path}"
    if not shutil.which("unshare") or subprocess.run([*mount, probe], check=False).returncode:
        pytest.skip("needs to mount a small disk, which is not allowed here")
    free = ["0", "4", "8", "600"]
    ran = subprocess.run(
        [*mount, f'mount -t tmpfs -o size=1m none {tmp_path} && exec "$@"', "sh",
         sys.executable, "-c", _FULL, str(tmp_path), str(tiny_workspace), *free],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert ran.stdout.splitlines() == ["[]"] * 3 + ["['data']"], ran.stderr
    for line in ran.stderr.splitlines()[:3]:
        assert line.startswith("error: expected to write the prepared data")
        assert "No space left on device" in line
