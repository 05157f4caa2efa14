"""The training of the SASRec baseline, and its command as a person runs it."""

import dataclasses
import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
from commands import run
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.ranking.rules import Rules
from calrec.recommenders.register import entry
from calrec.recommenders.sasrec.description import describe
from calrec.recommenders.sasrec.recommender import SASRec
from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining
from calrec.records.ranks import ranks_of
from catalog.sequences import Sequences
from catalog.store import Catalogue
from train import sasrec
from train.evaluation.fingerprints import trained_checkpoint

SMALL = SASRecSettings(hidden_size=16, layers=1, heads=1, max_length=8, dropout=0.1)
# The command with the same: what `fit` has compiled is then not compiled again.
OPTIONS = (
    *("--hidden-size", 16, "--layers", 1, "--heads", 1, "--max-length", 8, "--dropout", 0.1),
    *("--batch-rows", 8, "--learning-rate", 1e-2),
)


def circles(last=0):
    """Forty users who buy 9 of 12 items round and round; `last` moves their test items."""
    histories = [(np.arange(9) + u) % 12 for u in range(40)]
    for history in histories:
        history[-1] = (history[-1] + last) % 12
    return Sequences(
        user_ids=tuple(f"u{u:02}" for u in range(40)),
        offsets=np.arange(41) * 9,
        items=np.concatenate(histories).astype(np.int32),
        role="evaluation",
    )


def fit(sequences, **training):
    settings = SASRecTraining(
        **{"batch_rows": 8, "epochs": 30, "patience": 30, "learning_rate": 1e-2} | training
    )
    parts = [sequences.training(u) for u in range(40)]
    ids = [str(i) for i in range(12)]
    return sasrec.fit(sequences, parts, ids, SMALL, settings, Console(quiet=True))


@pytest.fixture(scope="module")
def fitted():
    return fit(circles())


def same(one, other):
    history = [np.array([3, 1, 4])]
    return np.array_equal(one.scores(history), other.scores(history))


@given(
    lengths=st.lists(st.integers(2, 12), min_size=1, max_size=12),
    width=st.integers(1, 9),
    multiple=st.integers(1, 4),
)
def test_packing_keeps_every_pair_of_neighbours(lengths, width, multiple):
    numbers = iter(range(1000))
    histories = [np.array([next(numbers) for _ in range(n)]) for n in lengths]
    packed = sasrec.pack(histories, width, multiple)
    assert packed.items.shape[1] == width
    assert len(packed.items) % multiple == 0
    real = packed.position >= 0
    np.testing.assert_array_equal(real, packed.targets >= 0)
    last = [history[-width - 1 :] for history in histories]
    for found, expected in (
        (packed.items, [h[:-1] for h in last]),
        (packed.targets, [h[1:] for h in last]),
        (packed.position, [np.arange(len(h) - 1) for h in last]),
    ):
        np.testing.assert_array_equal(found[real], np.concatenate(expected))
    # A history stays in one row.
    starts = packed.position == 0
    assert starts.sum() == len(histories)
    assert starts[:, 0][real.any(axis=1)].all()


def test_an_epoch_is_a_pure_function_of_seed_and_number():
    parts = [np.arange(5) + 10 * u for u in range(30)]

    def users(seed, epoch):
        found = list(sasrec.batches(parts, 8, 4, seed, epoch))
        assert {batch.items.shape for batch in found} == {(4, 8)}
        rows = [batch.items[batch.position == 0] // 10 for batch in found]
        return np.concatenate(rows).tolist()

    assert users(1, 2) == users(1, 2)
    assert sorted(users(1, 2)) == list(range(30))
    assert users(1, 2) != users(1, 3) != users(2, 3)


@pytest.mark.slow
def test_the_loss_is_the_cross_entropy_over_all_items_and_padding_never_counts():
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (2, 3, 7))
    targets = np.array([[4, -1, 0], [6, 2, -1]])
    nll = [
        np.log(np.exp(row).sum()) - row[target]
        for row, target in zip(logits.reshape(-1, 7), targets.ravel(), strict=True)
        if target >= 0
    ]
    found = sasrec.next_item_loss(logits.astype(np.float32), targets)
    assert float(found) == pytest.approx(np.mean(nll), rel=1e-5)
    logits[targets < 0] = 1e6
    again = sasrec.next_item_loss(logits.astype(np.float32), targets)
    assert float(again) == float(found)


@pytest.mark.slow
def test_it_learns_what_follows_what(fitted):
    recommender, log = fitted
    sequences = circles()
    assert log[-1]["loss"] < 0.3 < 2 < log[0]["loss"]
    assert max(line["validation_ndcg@10"] for line in log) == 1
    assert sasrec.validate(recommender, sequences)["recall@1"]["pessimistic"] == 1
    scores = recommender.scores([sequences.history(u, "test") for u in range(40)])
    targets = np.array([sequences.target(u, "test") for u in range(40)])
    assert (ranks_of(scores, targets)[1] == 1).mean() > 0.9


@pytest.mark.slow
def test_the_seed_determines_the_weights_and_test_items_do_not(fitted):
    two = fit(circles(), epochs=2)[0]
    assert same(two, fit(circles(last=5), epochs=2)[0])
    assert not same(two, fit(circles(), epochs=2, seed=1)[0])


@pytest.mark.slow
def test_it_stops_without_progress_and_keeps_the_best_epoch(monkeypatch):
    values = iter([0.1, 0.3, 0.3, 0.2, 0.9])
    kept = []

    def figures(recommender, sequences, bought):
        kept.append(recommender)
        return {"ndcg@10": {"pessimistic": next(values)}, "recall@10": {"pessimistic": 0.5}}

    monkeypatch.setattr(sasrec, "validate", figures)
    recommender, log = fit(circles(), patience=2)
    assert [line["epoch"] for line in log] == [1, 2, 3, 4]
    assert [same(recommender, epoch) for epoch in kept] == [False, True, False, False]


@pytest.mark.slow
def test_validation_ranks_items_of_the_history_as_it_is_told(fitted):
    sequences, places = circles(), np.arange(40)
    recommender = fitted[0]
    histories = [sequences.history(u, "validation") for u in places]
    found = {"ranked": [], "last": []}
    for u, history, row in zip(places, histories, recommender.scores(histories), strict=True):
        target = sequences.target(u, "validation")
        others = np.setdiff1d(np.arange(12), history)
        found["ranked"].append((row >= row[target] - 1e-9).sum())
        # No target of theirs was bought before.
        found["last"].append((row[others] >= row[target] - 1e-9).sum())
    for bought, ranks in found.items():
        figures = sasrec.validate(recommender, sequences, bought)
        assert figures["mrr"]["pessimistic"] == pytest.approx(np.mean(1 / np.array(ranks)))


@pytest.mark.slow
def test_the_early_stop_goes_by_the_rule(monkeypatch):
    asked = []

    def figures(recommender, sequences, bought):
        asked.append(bought)
        return {name: {"pessimistic": 0.5} for name in ("ndcg@10", "recall@10")}

    monkeypatch.setattr(sasrec, "validate", figures)
    fit(circles(), epochs=2, bought="last")
    assert asked == ["last", "last"]


@pytest.mark.slow
def test_a_training_that_diverged_is_one_line(fitted):
    class Diverged(SASRec):
        def scores(self, histories):
            return np.full((len(histories), 12), np.nan)

    recommender = fitted[0]
    diverged = Diverged(recommender.item_ids, recommender.model, SMALL)
    with pytest.raises(CalrecError, match="lower --learning-rate"):
        sasrec.validate(diverged, circles())


@pytest.fixture(scope="module")
def trained(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("sasrec") / "shop"
    options = ("--workspace", tiny_workspace, "--domain", "shop", *OPTIONS, "--epochs", 3)
    assert run("sasrec", *options, "--out", out) == 0
    return out


@pytest.mark.slow
def test_the_command_writes_a_folder_that_recommends(trained, tiny_workspace):
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        recommender = SASRec.load(trained, catalogue.item_ids)
        assert len(recommender.recommend(catalogue.items[:2]).ranking.order()) == 12
        content = describe(trained)
        assert content["validation"] == sasrec.validate(recommender, catalogue.sequences())
        assert content["data"] == catalogue.info.fingerprint
    assert content["domain"] == "shop"
    assert content["role"] == "evaluation"
    assert content["training"]["epochs"] == 3
    assert content["training"]["bought"] == "ranked"
    assert content["settings"]["hidden_size"] == 16
    best = max(line["validation_ndcg@10"] for line in content["log"])
    assert content["validation"]["ndcg@10"]["pessimistic"] == pytest.approx(best, abs=1e-6)
    assert sorted(path.name for path in trained.parent.iterdir()) == ["shop"]


@pytest.mark.slow
@pytest.mark.parametrize("bought", ["ranked", "last"])
def test_an_evaluation_ranks_as_the_recommender_does(
    trained, tiny_workspace, run_evaluate, tmp_path, capsys, bought
):
    out = tmp_path / "out"
    line = ("--domain", "shop", "--recommender", "sasrec", "--out", out, "--bought", bought)
    assert run_evaluate(*line, "--checkpoint", trained) == 0
    assert "warning" not in capsys.readouterr().out
    rows = pq.read_table(out / "cases.parquet").to_pylist()
    meta = json.loads((out / "meta.json").read_text())
    assert meta["checkpoint"]["digest"] == describe(trained)["digest"]
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        recommender = SASRec.load(trained, catalogue.item_ids)
        for row in rows:
            case = catalogue.case(row["user_id"])
            record = Rules(bought=bought).applied(recommender.recommend(case.history))
            ranks = record.ranking.ranks(case.target.item_id)
            assert (row["optimistic_rank"], row["pessimistic_rank"]) == ranks
    # A folder of another recommender is one line.
    assert run_evaluate(*line, "--checkpoint", out) == 2
    assert "expected a SASRec in" in capsys.readouterr().err


@pytest.mark.slow
def test_evaluating_on_what_chose_the_epoch_is_said(trained, run_evaluate, tmp_path, capsys):
    line = ("--domain", "shop", "--recommender", "sasrec", "--split", "validation")
    assert run_evaluate(*line, "--checkpoint", trained, "--out", tmp_path / "out") == 0
    (said,) = (x for x in capsys.readouterr().out.splitlines() if x.startswith("warning:"))
    assert said.startswith("warning: sasrec: selected on the very purchases")
    assert EvaluationRun.load(tmp_path / "out").leaks


@pytest.mark.slow
def test_one_trained_on_other_data_is_refused(trained, tiny_workspace):
    # It may have been trained on what is held out now.
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        info = catalogue.info
    assert trained_checkpoint(entry("sasrec"), trained, info).data == {"shop": info.fingerprint}
    with pytest.raises(CalrecError, match="found one trained on other data"):
        trained_checkpoint(
            entry("sasrec"), trained, dataclasses.replace(info, fingerprint="0" * 64)
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--domain", "others"), "its role is training"),
        (("--domain", "nowhere"), "found 'nowhere'"),
        (("--domain", "shop", "--dropout", 1), "below 1, found 1.0; change --dropout"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(
    tiny_workspace, tmp_path, capsys, arguments, message
):
    assert run("sasrec", "--workspace", tiny_workspace, *arguments, "--out", tmp_path / "x") == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert [line for line in lines if line.startswith("error: ")] == [lines[-1]]
    assert message in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_something_else_is_not_replaced(tiny_workspace, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("x")
    options = ("--workspace", tiny_workspace, "--domain", "shop")
    assert run("sasrec", *options, "--out", tmp_path) == 2
    assert "found something else" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "x"


@pytest.mark.slow
def test_ctrl_c_leaves_an_earlier_folder_as_it_was(trained, tiny_workspace, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sasrec, "validate", stop)
    monkeypatch.setattr("os._exit", sys.exit)
    before = json.loads((trained / "sasrec.json").read_text())
    options = ("--workspace", tiny_workspace, "--domain", "shop", *OPTIONS)
    assert run("sasrec", *options, "--out", trained) == 130
    assert capsys.readouterr().err.strip().endswith("stopped")
    assert json.loads((trained / "sasrec.json").read_text()) == before
    assert sorted(path.name for path in trained.parent.iterdir()) == ["shop"]
