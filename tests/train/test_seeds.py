"""`calrec-evaluate --seeds`: the ranks by further seeds, kept over a stop; and who refuses it."""

import json

import pyarrow.parquet as pq
import pytest

from calrec.evaluation.runs import EvaluationRun
from train.evaluation import run

SIDES = ("optimistic", "pessimistic")


@pytest.mark.slow
def test_further_seeds_rank_as_runs_of_their_own(
    run_evaluate, rubbish_checkpoint, tmp_path, monkeypatch, capsys
):
    def evaluate(name, *some):
        common = ("--domain", "shop", "--recommender", "calrec", "--out", tmp_path / name)
        return run_evaluate(*common, "--checkpoint", rubbish_checkpoint, *some)

    def table(name, of="cases"):
        return pq.read_table(tmp_path / name / f"{of}.parquet")

    for seed in (4, 5, 6):
        assert evaluate(f"seed-{seed}", "--seed", seed) == 0
    assert not any(name.startswith("further") for name in table("seed-4").column_names)

    finished = []
    whole = run.Partial.add

    def add(partial, results):
        whole(partial, results)
        finished.append(len(results))
        partial.save()
        if sum(finished) == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(run.Partial, "add", add)
        assert evaluate("seeds", "--seed", 4, "--seeds", 3) == 130
    capsys.readouterr()
    assert evaluate("seeds", "--seed", 4, "--seeds", 3, "--width", 2) == 0
    assert json.loads((tmp_path / "seeds" / "meta.json").read_text())["resumed_cases"] == 7
    assert "over 3 seeds, 4 to 6" in capsys.readouterr().out

    cases = table("seeds")
    further = [name for name in cases.column_names if name.startswith("further")]
    assert cases.drop_columns(further).equals(table("seed-4"))
    texts = ("user_id", "order", "text", "kept", "column")
    assert table("seeds", "samples").select(texts).equals(table("seed-4", "samples").select(texts))

    ranks = EvaluationRun.load(tmp_path / "seeds").cases.by_seed
    alone = [EvaluationRun.load(tmp_path / f"seed-{seed}") for seed in (4, 5, 6)]
    for side in SIDES:
        columns = getattr(ranks, side).T.tolist()
        assert columns == [getattr(one.cases, side).tolist() for one in alone]
    assert (ranks.optimistic.min(axis=1) < ranks.optimistic.max(axis=1)).any()
    figures = json.loads((tmp_path / "seeds" / "metrics.json").read_text())["by_seed"]
    assert figures["seeds"] == [4, 5, 6]
    for metric, sides in figures["metrics"].items():
        for side, found in sides.items():
            values = [one.figures["metrics"][metric][side] for one in alone]
            mean = sum(values) / 3
            variance = sum((value - mean) ** 2 for value in values) / 2
            assert found == pytest.approx({"mean": mean, "sd": variance**0.5}, abs=1e-12)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (("--recommender", "lir"), "lir draws nothing"),
        (
            ("--recommender", "calrec", "--checkpoint", "x", "--decoder", "trie-beam"),
            "the decoder trie-beam draws nothing",
        ),
        (("--recommender", "hybrid", "--checkpoint", "x"), "the decoder trie-beam draws nothing"),
        (("--recommender", "calrec", "--samples-from", "x"), "texts that one seed drew"),
    ],
)
def test_who_draws_nothing_takes_one_seed(run_evaluate, tmp_path, given, why, capsys):
    out = ("--domain", "shop", "--out", tmp_path / "out")
    assert run_evaluate(*out, *given, "--seeds", 4) == 2
    said = capsys.readouterr().err
    assert why in said
    assert "found 4" in said
    assert said.strip().count("\n") == 0
