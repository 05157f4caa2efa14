"""Samples of an earlier run, ranked again."""

import dataclasses
import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

from catalog.store import Catalogue
from train.evaluation.generating import case_seed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def earlier(tiny_workspace, rubbish_checkpoint, tmp_path_factory):
    from pathlib import Path

    from train.evaluation.command import Lines
    from train.evaluation.run import evaluate
    from train.evaluation.settings import Evaluate

    out = tmp_path_factory.mktemp("earlier") / "run"
    settings = Evaluate(
        domain="shop",
        recommender="calrec",
        out=out,
        workspace=tiny_workspace,
        checkpoint=str(rubbish_checkpoint),
    )
    evaluate(settings, Lines())
    return Path(out)


@pytest.fixture
def again(run_evaluate, earlier, tmp_path):
    def run(*arguments, samples=earlier, status=0):
        out = tmp_path / "again"
        line = ("--domain", "shop", "--recommender", "calrec", "--samples-from", samples)
        assert run_evaluate(*line, "--out", out, *arguments) == status
        return out

    return run


def tables(folder, *names):
    return [pq.read_table(folder / f"{name}.parquet").to_pylist() for name in names]


def test_the_same_settings_give_the_same_files(again, earlier):
    out = again()
    for name in ("cases", "top", "samples"):
        assert tables(out, name) == tables(earlier, name)
    ours, theirs = (json.loads((f / "meta.json").read_text()) for f in (out, earlier))
    assert ours["settings"] == theirs["settings"]
    assert ours["checkpoint"].items() >= theirs["checkpoint"].items()
    assert len(ours["checkpoint"]["samples"]) == 64


@pytest.mark.parametrize(("bought", "count"), [("ranked", "training"), ("last", "all")])
@pytest.mark.parametrize(
    ("arguments", "changed"),
    [
        (("--retrieval", "hierarchical"), {"retrieval": "hierarchical"}),
        (("--retrieval", "rerank", "--candidates", 4), {"retrieval": "rerank", "candidates": 4}),
        (("--n-pred", 1, "--modulation", "off"), {"n_pred": 1, "modulation": False}),
    ],
)
def test_other_settings_rank_as_the_model_itself_does(
    again, tiny_workspace, rubbish_checkpoint, arguments, changed, bought, count
):
    from calrec.ranking.rules import Rules
    from calrec.recommenders import register
    from calrec.recommenders.calrec import CALRec
    from calrec.recommenders.entry import Inputs
    from calrec.recommenders.ruled import Ruled
    from calrec.records.settings import RankingSettings

    rules = Rules(bought=bought, count=count)
    out = again(*arguments, "--bought", bought, "--count", count)
    rows, top = tables(out, "cases", "top")
    ranking = RankingSettings(**{"n_pred": 3, **changed})
    shown = json.loads((out / "meta.json").read_text())["settings"]
    assert shown["ranking"]["retrieval"] == ranking.retrieval
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        knn = register.build("item-knn", Inputs(shop=catalogue, rules=rules))
        calrec = CALRec.from_checkpoint(
            rubbish_checkpoint,
            catalogue.corpus(),
            catalogue.items,
            first_stage=Ruled(recommender=knn, rules=rules),
        )
        for row, best in zip(rows[:4], top, strict=False):
            case = catalogue.case(row["user_id"])
            seed = case_seed(0, case.user_id)
            alone = rules.applied(
                calrec.recommend(case.history, seed=seed, ranking=ranking)
            ).ranking
            ranks = (row["optimistic_rank"], row["pessimistic_rank"])
            assert alone.ranks(case.target.item_id) == ranks
            order = alone.order()
            np.testing.assert_allclose(best["scores"], alone.scores[order], rtol=1e-6)


def test_other_parameters_of_bm25_are_put_in(again, tiny_workspace):
    from train.evaluation.generating import _bm25
    from train.evaluation.settings import Generating

    shown = json.loads((again("--k1", 0.5, "--b", 0) / "meta.json").read_text())["settings"]
    assert (shown["bm25"]["k1"], shown["bm25"]["b"]) == (0.5, 0)
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        usual, other = catalogue.corpus(), _bm25(Generating(b=0.0), catalogue)
        assert other.settings == dataclasses.replace(usual.settings, b=0.0)
        assert abs(other.impacts - usual.impacts).sum() > 0
        assert _bm25(Generating(), catalogue) is usual


def test_users_that_were_not_drawn_are_refused(again, earlier, tmp_path, capsys):
    few = again("--users", 4)
    shutil.move(few, tmp_path / "few")
    again(samples=tmp_path / "few", status=2)
    assert "found none of 8 (such as" in capsys.readouterr().err


def test_the_samples_are_never_replaced_by_what_is_made_of_them(earlier, again, capsys):
    before = (earlier / "samples.parquet").read_bytes()
    again("--users", 4, "--out", earlier, status=2)
    assert "expected two folders" in capsys.readouterr().err
    assert (earlier / "samples.parquet").read_bytes() == before


def test_the_seed_of_the_samples_is_recorded(again):
    meta = json.loads((again("--seed", 7) / "meta.json").read_text())
    assert (meta["seed"], meta["samples_seed"]) == (7, 0)


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--candidates", 5), "--candidates"),
        (("--first-stage", "lir"), "--first-stage"),
        (("--retrieval", "hierarchical", "--pooling", "mean"), "--pooling"),
        (("--retrieval", "exact", "--k1", 1), "--k1"),
    ],
)
def test_options_without_effect_are_refused(again, capsys, arguments, option):
    again(*arguments, status=2)
    assert f"{option} has no effect with the retrieval" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut samples", "lir", "older", "other split", "other data"])
def test_a_run_that_does_not_serve_is_refused_in_one_line(
    again, earlier, run_evaluate, tmp_path, capsys, damage
):
    copy = tmp_path / "copy"
    shutil.copytree(earlier, copy)
    arguments = ()
    meta = json.loads((copy / "meta.json").read_text())
    if damage == "cut samples":
        (copy / "samples.parquet").write_bytes((copy / "samples.parquet").read_bytes()[:-100])
    elif damage == "lir":
        shutil.rmtree(copy)
        assert run_evaluate("--domain", "shop", "--recommender", "lir", "--out", copy) == 0
    elif damage == "older":
        (copy / "meta.json").write_text(json.dumps(meta | {"version": 1}))
    elif damage == "other data":
        data = meta["data"] | {"fingerprint": "0" * 64}
        (copy / "meta.json").write_text(json.dumps(meta | {"data": data}))
    else:
        arguments = ("--split", "validation")
    capsys.readouterr()
    again(*arguments, samples=copy, status=2)
    error = capsys.readouterr().err.strip()
    assert len([line for line in error.splitlines() if line.startswith("error:")]) == 1
    assert "expected" in error
    assert str(copy) in error
