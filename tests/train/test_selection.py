"""What chooses the best state is what an evaluation would say of it."""

import dataclasses
import json

import numpy as np
import pytest
from rich.console import Console

from calrec.errors import CalrecError
from calrec.model.checkpoint import save
from train import presets
from train.data.prepared import Prepared
from train.prepare import prepare
from train.run.states import best_weights
from train.selection import ModelSelection
from train.settings import StageSettings
from train.stages import Stage, from_scratch

SETTINGS = StageSettings(steps=1, batch_size=4, learning_rate=1e-3)


@pytest.fixture(scope="module")
def data(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("selection") / "data"
    prepare(tiny_workspace, ("shop",), out, vocab_size=350)
    return Prepared.load(out)


@pytest.mark.slow
def test_it_is_the_pessimistic_ndcg_of_an_evaluation(
    tiny_workspace, data, run_evaluate, tmp_path, monkeypatch
):
    preset = presets.load("tiny")
    settings = dataclasses.replace(
        preset.settings("pretrain"),
        steps=150,
        learning_rate=1e-2,
        row_tokens=64,
        validate_every=150,
    )
    run = tmp_path / "run"
    stage = Stage(
        name="pretrain",
        data=data.folder,
        settings=settings,
        out=run,
        console=Console(quiet=True),
    )
    from_scratch(stage, preset)
    model = best_weights(run)
    selection = ModelSelection.of(tiny_workspace, data, SETTINGS)
    found = selection.ndcg(model)
    save(tmp_path / "model", model, data.tokenizer(), selection._writer(model).description)
    line = ("--domain", "shop", "--recommender", "calrec", "--checkpoint", tmp_path / "model")
    more = ("--split", "validation", "--seed", 0, "--out", tmp_path / "out")
    assert run_evaluate(*line, *more) == 0
    metrics = json.loads((tmp_path / "out/metrics.json").read_text())["metrics"]
    assert 0 < found < 1
    assert found == pytest.approx(metrics["ndcg@10"]["pessimistic"], abs=1e-9)
    assert of_processes(2, selection, model, monkeypatch) == pytest.approx(found, abs=1e-9)


def of_processes(count, selection, model, monkeypatch):
    """What so many processes find together, each having drawn for its share of the users."""
    parts = []

    def gathered(ranks):
        parts.append(ranks)
        return np.stack(parts) if len(parts) == count else np.ones((1, len(ranks)), int)

    monkeypatch.setattr("train.selection.multihost_utils.process_allgather", gathered)
    monkeypatch.setattr("train.selection.jax.process_count", lambda: count)
    for process in range(count):
        monkeypatch.setattr("train.selection.jax.process_index", lambda process=process: process)
        found = selection.ndcg(model)
    assert all(0 < np.count_nonzero(part) <= -(-len(part) // count) for part in parts)
    return found


def test_another_state_of_the_domain_is_one_line(tiny_workspace, data):
    meta = json.loads(json.dumps(data.meta))
    meta["domains"]["shop"]["fingerprint"] = "other"
    with pytest.raises(CalrecError, match=r"the domain shop in .* as it was prepared"):
        ModelSelection.of(tiny_workspace, dataclasses.replace(data, meta=meta), SETTINGS)
