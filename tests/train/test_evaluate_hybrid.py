"""`calrec-evaluate --recommender hybrid`: what it writes, and what does not go together."""

import json

import pyarrow.parquet as pq
import pytest

from calrec.evaluation.runs import EvaluationRun


@pytest.fixture
def evaluate(run_evaluate, rubbish_checkpoint, tmp_path):
    def evaluate(name, *some, recommender="hybrid"):
        common = ("--domain", "shop", "--recommender", recommender, "--out", tmp_path / name)
        again = "--samples-from" in some
        checkpoint = () if again else ("--checkpoint", rubbish_checkpoint)
        return run_evaluate(*common, *checkpoint, *some)

    return evaluate


def settings_of(folder):
    return json.loads((folder / "meta.json").read_text())["settings"]


@pytest.mark.slow
def test_a_run_names_its_weights_and_keeps_the_texts(evaluate, run_evaluate, tmp_path, capsys):
    assert evaluate("chosen") == 0
    assert "trie-beam: exact for 100.0% of the users; probability" in capsys.readouterr().out
    run = EvaluationRun.load(tmp_path / "chosen")
    assert run.recommender_name == "Hybrid"
    assert run.generative
    assert run.leaks  # the checkpoint does not record its training, as with calrec
    settings = settings_of(tmp_path / "chosen")
    assert settings["decoder"] == "trie-beam"
    assert settings["hybrid"]["chosen"]["users"] > 0
    assert settings["hybrid"]["blend"]["chosen"]["users"] > 0

    # What was chosen and is given ranks the same.
    own, blend = settings["hybrid"], settings["hybrid"]["blend"]
    weights = ("--weights", *(blend[name] for name in "abcn"))
    assert evaluate("given", "--model-weight", own["weight"], *weights) == 0
    given = settings_of(tmp_path / "given")["hybrid"]
    assert given["chosen"] is given["blend"]["chosen"] is None
    found, again = (pq.read_table(tmp_path / n / "cases.parquet") for n in ("chosen", "given"))
    assert found == again

    # Without the model it is the blend, and without a ranking of its own calrec's texts are left.
    assert evaluate("without", "--model-weight", 0, *weights) == 0
    out = tmp_path / "blend"
    assert run_evaluate("--domain", "shop", "--recommender", "blend", "--out", out, *weights) == 0
    ranks = ["optimistic_rank", "pessimistic_rank"]
    without, alone = (pq.read_table(tmp_path / n / "cases.parquet") for n in ("without", "blend"))
    assert without.select(ranks) == alone.select(ranks)
    assert evaluate("texts", "--samples-from", tmp_path / "chosen", recommender="calrec") == 0
    assert "hybrid" not in settings_of(tmp_path / "texts")


@pytest.mark.parametrize(
    ("recommender", "some", "message"),
    [
        ("hybrid", ("--decoder", "sample"), "found sample and bm25; leave --decoder"),
        ("hybrid", ("--retrieval", "bm25"), "found trie-beam and bm25; leave --decoder"),
        ("hybrid", ("--temperature", 0.7), "--temperature has no effect"),
        ("hybrid", ("--samples-from", "there"), "--samples-from is for --recommender calrec"),
        ("hybrid", ("--model-weight", -1), "weight of the model a number from 0 up, found -1"),
        ("calrec", ("--model-weight", 1), "--model-weight is for --recommender hybrid"),
        ("calrec", ("--weights", 0, 1, 1, 1), "--weights is for --recommender blend"),
    ],
)
def test_what_does_not_go_together_is_one_line(evaluate, capsys, recommender, some, message):
    weights = () if "--weights" in some or recommender == "calrec" else ("--weights", 0, 1, 1, 1)
    assert evaluate("out", *some, *weights, recommender=recommender) == 2
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert "\n" not in shown
