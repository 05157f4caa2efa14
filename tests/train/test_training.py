"""The commands of `calrec-train` on a tiny shop, as a person runs them."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import run

from calrec.evaluation import leaks
from calrec.evaluation.runs import EvaluationRun
from calrec.model import checkpoint
from calrec.model.backbone.config import DecoderConfig
from calrec.model.objective_settings import ObjectiveSettings
from calrec.recommenders.calrec import CALRec
from calrec.records import codec
from calrec.text import TextSettings
from catalog.store import Catalogue
from train import model_card
from train.data.prepared import Prepared
from train.prepare import prepare
from train.run.description import Run
from train.run.log import read_log

ROOT = Path(__file__).resolve().parents[2]
STAGE1 = ("stage1", "--data", "x", "--from-run", "z", "--out", "y")
STAGE2 = ("stage2", *STAGE1[1:], "--domain", "shop")
CONFIG = DecoderConfig(
    vocab_size=300,
    hidden_size=8,
    intermediate_size=8,
    num_hidden_layers=1,
    num_attention_heads=1,
    num_key_value_heads=1,
    head_dim=8,
)


def tiny(data):
    return ("--data", data, "--preset", "tiny", "--validate-every", "4")


def pretraining(data):
    return ("pretrain", *tiny(data), "--steps", "8")


@pytest.fixture(scope="module")
def trained(tiny_workspace, tmp_path_factory):
    """Prepared data and the three stages of the tiny preset."""
    folder = tmp_path_factory.mktemp("trained")
    data = folder / "data"
    assert (
        run(
            *("prepare", "--workspace", tiny_workspace, "--domains", "shop", "others"),
            *("--out", data, "--vocab-size", "350"),
        )
        == 0
    )
    assert run(*pretraining(data), "--out", folder / "one") == 0
    more = (*tiny(data), "--steps", "4", "--batch-size", "4")
    assert run("stage1", *more, "--from-run", folder / "one", "--out", folder / "two") == 0
    # Stage 2 without contrastive alignment, as an ablation is trained.
    shop = (*more, "--domain", "shop", "--alpha", "0", "--beta", "0", "--tau", "0.25")
    assert run("stage2", *shop, "--from-run", folder / "two", "--out", folder / "three") == 0
    assert run("export", "--run", folder / "three", "--out", folder / "export") == 0
    return folder


@pytest.mark.slow
def test_the_stages_train_and_the_export_recommends(trained, tiny_workspace):
    log = [json.loads(x) for x in (trained / "export/training_log.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in log} == {"pretrain", "stage1", "stage2"}
    first = [line["validation_nig"] for line in log if "validation_nig" in line]
    assert first[-1] < first[0]
    assert np.isfinite([line["total"] for line in log if "total" in line]).all()

    described = checkpoint.describe(trained / "export")
    assert (trained / "export/README.md").read_text("utf-8") == model_card.text(described)
    catalogue = Catalogue.open(tiny_workspace, "shop")
    assert described.data == dict.fromkeys(("shop", "others"), catalogue.info.fingerprint)
    assert [s["stage"] for s in described.training["stages"]] == ["pretrain", "stage1", "stage2"]

    model = CALRec.from_checkpoint(trained / "export", catalogue.corpus(), catalogue.items)
    record = model.recommend(catalogue.items[:2], samples=3)
    assert len(record.samples) == 3
    assert record.ranking.scores.shape == (12,)


@pytest.mark.slow
def test_the_export_says_what_each_stage_had_of_each_domain(trained, tiny_workspace):
    description = checkpoint.describe(trained / "export")
    seen = leaks.of_training(description.training)
    found = [(one.stage, one.domain, one.role) for one in seen]
    both = [("shop", "evaluation"), ("others", "training")]
    stages = [(stage, *one) for stage in ("pretrain", "stage1") for one in both]
    assert sorted(found) == sorted([*stages, ("stage2", "shop", "evaluation")])
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        asked = {"domain": "shop", "fingerprint": catalogue.info.fingerprint, "role": "evaluation"}
    # `others` are the purchases of `shop` in the role training: its last ones were trained on.
    (line,) = leaks.leaks(seen, split="test", **asked)
    assert line.startswith("trained on the very purchases")
    assert "then called others, role training in pretrain, stage1" in line


@pytest.mark.slow
def test_an_evaluation_of_it_warns_in_one_line(trained, run_evaluate, tmp_path, capsys):
    line = ("--domain", "shop", "--recommender", "calrec", "--checkpoint", trained / "export")
    few = ("--users", 2, "--samples", 2)
    assert run_evaluate(*line, *few, "--split", "validation", "--out", tmp_path / "out") == 0
    said = [x for x in capsys.readouterr().out.splitlines() if x.startswith("warning:")]
    assert len(said) == 1
    assert "calrec: trained on the very purchases" in said[0]
    assert "; selected on the very purchases" in said[0]
    assert EvaluationRun.load(tmp_path / "out").leaks


@pytest.mark.slow
def test_the_objective_that_is_given_is_what_trains_and_what_the_export_says(trained):
    runs = [json.loads((trained / name / "run.json").read_text()) for name in ("two", "three")]
    aligned, ablated = (run["settings"]["objective"] for run in runs)
    assert aligned == dataclasses.asdict(ObjectiveSettings())
    assert ablated == {**aligned, "alpha": 0.0, "beta": 0.0, "tau": 0.25}
    stages = checkpoint.describe(trained / "export").training["stages"]
    assert [s["settings"]["objective"] for s in stages[1:]] == [aligned, ablated]

    last = [json.loads((trained / x / "log.jsonl").read_text().splitlines()[-1])
            for x in ("two", "three")]  # fmt: skip
    for line, objective in zip(last, (aligned, ablated), strict=True):
        alpha, beta = objective["alpha"], objective["beta"]
        total = (1 - alpha - beta) * line["nig"] + alpha * line["tt"] + beta * line["ut"]
        assert line["total"] == pytest.approx(total, abs=1e-4)


# Trains, and kills itself with no chance to clean up: at the sixth of eight steps.
_KILLED = """
import os, signal
from train import cli
from train.data.batches import PretrainingBatches
made = PretrainingBatches.batch
def batch(self, number):
    if number == 5: os.kill(os.getpid(), signal.SIGKILL)
    return made(self, number)
PretrainingBatches.batch = batch
cli.main()
"""


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(trained, tmp_path):
    """kill -9 behind the first checkpoint; the rest then equals the uninterrupted run."""
    out = tmp_path / "run"
    line = (*pretraining(trained / "data"), "--out", out)
    killed = subprocess.run([sys.executable, "-c", _KILLED, *map(str, line)], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    assert [line["step"] for line in read_log(out / "log.jsonl")] == [0, 4]

    assert run(*line) == 0
    last, whole = (read_log(folder / "log.jsonl")[-1] for folder in (out, trained / "one"))
    assert last["step"] == whole["step"] == 8
    assert last["validation_nig"] == whole["validation_nig"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pretrain", "--data", "nowhere", "--out", "x"), "found no meta.json"),
        (("export", "--run", "nowhere", "--out", "x"), "found no run.json"),
        (("prepare", "--domains", "nowhere", "--out", "x"), "nowhere"),
        (("prepare", "--domains", "shop", "--out", "x", "--template", "gpt5"),
         "expected a template of calrec, gpt4rec, found 'gpt5'; give another --template"),
        (("pretrain", "--data", "x", "--out", "y", "--steps", "0"), "at least 1"),
        ((*STAGE1, "--alpha", "nan"), "expected alpha from -1 to 1, found nan; give"),
        ((*STAGE1, "--beta", "-1.5"), "expected beta from -1 to 1, found -1.5; give"),
        ((*STAGE1, "--alpha", "0.9", "--beta", "0.2"), "below 1, "),
        ((*STAGE2, "--tau", "0"), "tau of at least 0.001, found 0.0; give"),
        ((*STAGE2, "--beta", "-2.5e-2"), "found no meta.json"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(tiny_workspace, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALREC_WORKSPACE", str(tiny_workspace))
    assert run(*arguments) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    assert message in lines[0]
    assert list(tmp_path.iterdir()) == []


def test_pretraining_has_no_contrast_to_weigh(capsys):
    assert run("pretrain", "--data", "x", "--out", "y", "--alpha", "0") == 2
    assert "--alpha" in capsys.readouterr().err


def test_data_of_another_template_name_it(tiny_workspace, tmp_path, capsys):
    data, earlier = tmp_path / "data", tmp_path / "earlier"
    options = ("--workspace", tiny_workspace, "--domains", "shop", "--vocab-size", "300")
    assert run("prepare", *options, "--template", "gpt4rec", "--out", data) == 0
    assert Prepared.load(data).text == TextSettings(template="gpt4rec")
    shutil.copytree(data / "tokenizer", earlier / "tokenizer")
    run_json = Run(
        stage="pretrain", settings={}, decoder=CONFIG, text=dataclasses.asdict(TextSettings()),
        data={}, parents=[],
    )  # fmt: skip
    (earlier / "run.json").write_text(codec.to_text(codec.encode(run_json)))
    capsys.readouterr()
    stage = ("stage1", "--data", data, "--from-run", earlier, "--out", tmp_path / "out")
    assert run(*stage, "--preset", "tiny") == 2
    error = capsys.readouterr().err
    assert error.endswith(f"with --tokenizer {earlier / 'tokenizer'} --template calrec\n")
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_refused_stage_leaves_nothing_behind(tiny_workspace, tmp_path, capsys):
    data, out = tmp_path / "data", tmp_path / "out"
    prepare(tiny_workspace, ("shop",), data, vocab_size=300)
    assert run("pretrain", "--data", data, "--out", out, "--batch-size", "10000") == 2
    assert "lower --batch-size" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]


def test_a_run_that_never_logged_is_one_line(tmp_path, capsys):
    run_json = Run(stage="pretrain", settings={}, decoder=CONFIG, text={}, data={}, parents=[])
    (tmp_path / "run.json").write_text(codec.to_text(codec.encode(run_json)))
    assert run("export", "--run", tmp_path, "--out", tmp_path / "out") == 2
    assert "expected a checkpoint, found none" in capsys.readouterr().err


@pytest.mark.slow
def test_other_settings_do_not_overwrite_a_run(trained, capsys):
    before = (trained / "one/run.json").read_text()
    options = ("--data", trained / "data", "--preset", "tiny", "--steps", "9")
    assert run("pretrain", *options, "--out", trained / "one") == 2
    assert "other settings" in capsys.readouterr().err
    assert (trained / "one/run.json").read_text() == before
