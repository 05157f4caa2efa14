"""Evaluations of dense retrieval: the model's digest in the run, its vectors beside the shop."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.generation.model import GenerativeModel
from catalog.store import Catalogue
from train.evaluation import fingerprints
from train.evaluation.settings import Evaluate, check


def settings(tmp_path, **given):
    return Evaluate(domain="shop", recommender="dense", out=tmp_path, **given)


def test_it_needs_a_checkpoint_of_the_model(tmp_path):
    with pytest.raises(CalrecError, match=r"dense needs a checkpoint, .* a name such as sample"):
        check(settings(tmp_path))
    check(settings(tmp_path, checkpoint="sample"))


@pytest.mark.slow
def test_ranks_are_those_of_the_products(
    run_evaluate, tiny_workspace, rubbish_checkpoint, tmp_path
):
    arguments = ("--domain", "shop", "--recommender", "dense", "--checkpoint", rubbish_checkpoint)
    assert run_evaluate(*arguments, "--out", tmp_path / "one") == 0
    stored = sorted((tiny_workspace / "embeddings").glob("shop-*.npz"))
    assert len(stored) == 1
    run = EvaluationRun.load(tmp_path / "one")
    checkpoint = fingerprints.calrec_checkpoint(str(rubbish_checkpoint))
    assert run.checkpoint.digest == checkpoint.digest
    assert not run.generative
    assert not run.has_texts
    assert run.recommender_name == "Dense"

    embedder = GenerativeModel.from_checkpoint(rubbish_checkpoint).embedder()
    rows = pq.read_table(tmp_path / "one" / "cases.parquet").to_pylist()
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        vectors = embedder.items(catalogue.items)
        np.testing.assert_allclose(np.load(stored[0])["vectors"], vectors, atol=1e-6)
        for row in rows:
            case = catalogue.case(row["user_id"])
            user = embedder.histories([case.history])[0]
            cosines = vectors @ user / np.linalg.norm(vectors, axis=1) / np.linalg.norm(user)
            target = cosines[catalogue.index[case.target.item_id]]
            assert row["optimistic_rank"] <= 1 + (cosines > target - 1e-5).sum()
            assert row["pessimistic_rank"] >= (cosines > target + 1e-5).sum() + 1

    # The second use reads the vectors that the first one stored.
    written = stored[0].stat()
    run_evaluate(*arguments, "--out", tmp_path / "two", "--bought", "last")
    assert sorted((tiny_workspace / "embeddings").glob("shop-*.npz")) == stored
    assert stored[0].stat() == written
    assert json.loads((tmp_path / "two" / "meta.json").read_text())["bought"] == "last"
