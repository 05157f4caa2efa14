"""What the shipped checkpoint promises, on some test users of the sample shop."""

import json
import shutil

import numpy as np
import pytest
from commands import evaluate, run

from calrec.model import checkpoint
from calrec.records import digests
from catalog.build import build_sample
from train import model_card

USERS = 24


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("shop")
    return workspace, build_sample(workspace)


@pytest.fixture(scope="module")
def figures(shop):
    """metrics.json of each recommender over the same users of each department."""
    workspace, domains = shop
    found = {}
    for recommender in ("lir", "markov", "calrec"):
        for info in domains:
            out = workspace / "evaluations" / f"{info.domain}-{recommender}"
            line = ["--workspace", workspace, "--domain", info.domain]
            line += ["--recommender", recommender, "--users", USERS]
            line += ["--checkpoint", "sample"] if recommender == "calrec" else []
            found.setdefault(recommender, []).append(evaluate(out, *line))
    return found


def mean_ndcg(evaluations):
    return np.mean([e["metrics"]["ndcg@10"]["pessimistic"] for e in evaluations])


@pytest.mark.slow
def test_it_beats_what_looks_at_the_last_item_only(figures):
    calrec, lir, markov = (mean_ndcg(figures[r]) for r in ("calrec", "lir", "markov"))
    assert calrec >= 2 * lir
    assert calrec >= markov
    # A shop in which the last item tells all would be a cheat.
    assert markov < 0.3


@pytest.mark.slow
def test_its_texts_parse_and_name_items(figures):
    for evaluation in figures["calrec"]:
        generation = evaluation["generation"]
        assert generation["samples"] == 32 * USERS
        assert generation["format_error_rate"] <= 0.05
        assert generation["match_rate"]["all"]["4"] >= 0.8


@pytest.mark.slow
def test_it_was_trained_on_this_very_shop(shop):
    described = checkpoint.describe(checkpoint.resolve("sample"))
    assert described.data == {info.domain: info.fingerprint for info in shop[1]}


@pytest.mark.slow
def test_users_side_by_side_change_no_file(shop, tmp_path):
    workspace, _ = shop
    line = ["--workspace", workspace, "--domain", "sample-studio", "--users", 10]
    line += ["--recommender", "calrec", "--checkpoint", "sample"]
    for width in (1, 8):
        evaluate(tmp_path / str(width), *line, "--width", width)
    for name in ("cases", "top", "samples"):
        one, eight = (tmp_path / width / f"{name}.parquet" for width in ("1", "8"))
        assert one.read_bytes() == eight.read_bytes(), name


@pytest.mark.slow
def test_figures_are_recorded_once_a_name_and_of_this_model_alone(shop, tmp_path, capsys, figures):
    workspace, domains = shop
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint.resolve("sample"), copy)
    runs = workspace / "evaluations"
    kept = [runs / f"{domains[0].domain}-{name}" for name in ("lir", "calrec")]
    assert run("figures", "--checkpoint", copy, "--evaluations", *kept) == 0
    described = checkpoint.describe(copy)
    name = f"{domains[0].domain} test calrec"
    assert described.figures[name]["metrics"] == figures["calrec"][0]["metrics"]
    assert described.figures[name]["users"] == USERS
    card = copy / model_card.FILE
    assert card.read_text("utf-8") == model_card.text(described)
    capsys.readouterr()

    assert run("figures", "--checkpoint", copy, "--evaluations", *kept, kept[1]) == 2
    assert "expected one evaluation a name" in capsys.readouterr().err
    other = tmp_path / "other"
    shutil.copytree(kept[1], other)
    meta = json.loads((other / "meta.json").read_text())
    meta["checkpoint"]["digest"] = "0" * 64
    meta["digest"] = digests.of_record(meta)
    (other / "meta.json").write_text(json.dumps(meta))
    assert run("figures", "--checkpoint", copy, "--evaluations", other) == 2
    assert "another checkpoint" in capsys.readouterr().err
    assert checkpoint.describe(copy).figures == described.figures

    card.write_text("mine")
    assert run("figures", "--checkpoint", copy, "--evaluations", kept[0]) == 0
    assert card.read_text() == "mine"
