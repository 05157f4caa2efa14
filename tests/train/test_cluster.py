"""Users spread over a Ray cluster of two workers, against this process."""

import builtins
import dataclasses
import json
import subprocess
import sys

import pytest

from calrec.errors import CalrecError
from train.evaluation.cluster import Worker, check_worker
from train.evaluation.settings import Evaluate


@pytest.mark.slow
def test_two_workers_give_the_same_files(
    run_evaluate, tiny_workspace, rubbish_checkpoint, tmp_path
):
    pytest.importorskip("ray", reason="needs Ray (pip install 'calrec[ray]')")
    line = ["--workspace", tiny_workspace, "--domain", "shop", "--recommender", "calrec"]
    # One user at a time: so small a model's sums are rounded otherwise in another number of rows.
    line += ["--checkpoint", rubbish_checkpoint, "--width", 1]
    assert run_evaluate(*line, "--out", tmp_path / "local") == 0
    # In a process of its own: Ray leaves threads and handlers in the one that starts it.
    command = [sys.executable, "-c", "from train.evaluate import main; main()", *line]
    command += ["--out", tmp_path / "ray", "--engine", "ray", "--workers", 2]
    subprocess.run([str(part) for part in command], check=True, capture_output=True, timeout=240)
    for file in ("cases", "top", "samples"):
        local, ray = (tmp_path / name / f"{file}.parquet" for name in ("local", "ray"))
        assert local.read_bytes() == ray.read_bytes(), file
    assert json.loads((tmp_path / "ray" / "meta.json").read_text())["engine"] == "ray"


@pytest.mark.parametrize(("domain", "checkpoint"), [("shop", "/nowhere"), ("nowhere", "sample")])
def test_a_worker_says_in_one_line_what_it_cannot_load(
    tiny_workspace, tmp_path, domain, checkpoint
):
    settings = Evaluate(
        domain=domain,
        recommender="calrec",
        out=tmp_path,
        workspace=tiny_workspace,
        checkpoint=checkpoint,
    )
    described = Worker(settings).described()
    with pytest.raises(CalrecError, match="nowhere") as caught:
        check_worker(described, domain, "")
    assert "\n" not in str(caught.value)


def test_a_worker_with_other_data_or_code_is_refused(tiny_workspace, tmp_path):
    settings = Evaluate(domain="shop", recommender="lir", out=tmp_path, workspace=tiny_workspace)
    described = Worker(settings).described()
    check_worker(described, "shop", described.fingerprint)
    with pytest.raises(CalrecError, match="found another state of it"):
        check_worker(described, "shop", "0" * 64)
    with pytest.raises(CalrecError, match="found other code"):
        check_worker(dataclasses.replace(described, code="0"), "shop", described.fingerprint)


@pytest.mark.slow
def test_an_address_where_nobody_listens_is_one_line_at_once(run_evaluate, tmp_path, capsys):
    pytest.importorskip("ray", reason="needs Ray (pip install 'calrec[ray]')")
    line = ("--domain", "shop", "--recommender", "lir", "--engine", "ray")
    assert run_evaluate(*line, "--address", "127.0.0.1:1", "--out", tmp_path / "out") == 2
    assert "expected a Ray cluster at 127.0.0.1:1, found none" in capsys.readouterr().err


def test_without_ray_the_remedy_is_said(run_evaluate, tmp_path, capsys, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name == "ray":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    line = ("--domain", "shop", "--recommender", "lir", "--engine", "ray")
    assert run_evaluate(*line, "--out", tmp_path / "out") == 2
    assert "pip install 'calrec[ray]'" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
