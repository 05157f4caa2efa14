import dataclasses
import json
import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rank_bm25 import BM25Okapi

from calrec.evaluation.run_folder import writing
from calrec.text import document_words
from catalog.database import connect
from catalog.store import Catalogue
from train.evaluation import run
from train.evaluation.generating import case_seed
from train.evaluation.settings import Evaluate, Generating

MEANS = ("categories", "brands", "novelty", "bought")
FILES = {"meta.json", "metrics.json", "cases.parquet", "top.parquet"}


def evaluated(folder):
    meta, figures = (json.loads((folder / f"{n}.json").read_text()) for n in ("meta", "metrics"))
    return {**meta, **figures}, pq.read_table(folder / "cases.parquet").to_pylist()


def bm25_scores(catalogue, cases):
    okapi = BM25Okapi([document_words(item) for item in catalogue.items])
    return [okapi.get_scores(document_words(case.history[-1])) for case in cases]


def counted(catalogue, held_out):
    """Of each user the items that may be counted."""
    sequences = catalogue.sequences()
    return [sequences.whole(u).tolist()[:-held_out] for u in range(len(sequences.user_ids))]


def popularity(catalogue, held_out):
    counts = Counter(item for part in counted(catalogue, held_out) for item in part)
    return np.array([counts[i] for i in range(12)], float)


def popularity_scores(catalogue, cases, held_out):
    return [popularity(catalogue, held_out) for _ in cases]


def neighbour_scores(catalogue, cases, held_out):
    """Cosine of the sets of buyers, by sets."""
    parts = counted(catalogue, held_out)
    buyers = [{u for u, part in enumerate(parts) if i in part} for i in range(12)]

    def cosine(i, j):
        both = len(buyers[i] & buyers[j])
        return 0.0 if i == j or not both else both / math.sqrt(len(buyers[i]) * len(buyers[j]))

    cosines = np.array([[cosine(i, j) for j in range(12)] for i in range(12)])

    def scores(history):
        near = sum(
            0.8**back * cosines[catalogue.index[item.item_id]]
            for back, item in enumerate(history[:-6:-1])
        )
        # Far below any similarity, far above a tie.
        return np.where(near > 0, near, 1e-5 * popularity(catalogue, held_out))

    return [scores(case.history) for case in cases]


def transition_scores(catalogue, cases, held_out):
    """Transitions, ties by purchases."""
    counts = Counter(pair for part in counted(catalogue, held_out) for pair in pairwise(part))
    share = popularity(catalogue, held_out) / 1000
    return [
        np.array(
            [counts[catalogue.index[case.history[-1].item_id], i] + share[i] for i in range(12)]
        )
        for case in cases
    ]


def cosines(documents):
    """Of the documents' words, weighed by how often they stand there and in how few documents."""
    df = Counter(word for words in documents for word in set(words))
    weights = [
        {w: (1 + math.log(n)) * (1 + math.log(13 / (1 + df[w]))) for w, n in Counter(words).items()}
        for words in documents
    ]

    def length(one):
        return math.sqrt(sum(value**2 for value in one.values()))

    def cosine(one, other):
        both = sum(one.get(word, 0) * value for word, value in other.items())
        return both / (length(one) * length(other))

    return [[cosine(one, other) for other in weights] for one in weights]


def by_rule(scores, case, catalogue, bought):
    """Each item's score as (whether it was not bought before, where that counts; the score)."""
    before = {item.item_id for item in case.history} if bought == "last" else set()
    return [(i not in before, s) for i, s in zip(catalogue.item_ids, scores, strict=True)]


def target_ages(workspace, split):
    """Days from an item's first sale before the last two purchases to the target's, by user."""
    with connect(workspace / "catalog.duckdb", read_only=True) as connection:
        rows = connection.execute(
            "SELECT user_id, users.events - position, item_index, timestamp FROM events"
            " JOIN users USING (domain, user_index) WHERE domain = 'shop'"
        ).fetchall()
    back = 1 if split == "test" else 2
    ages = {}
    for user, place, target, time in rows:
        sales = [when for _, other, item, when in rows if other > 2 and item == target]
        if place == back:
            ages[user] = max(0, time - min(sales)) // 86_400 if sales else -1
    return ages


def first_ten(item_ids, case, items, trained):
    """What a first ten holds, by sets."""
    before = {item.item_id for item in case.history}
    bits = [-math.log2(max(trained[i], 1) / sum(trained.values())) for i in item_ids]
    return {
        "top_categories": len({items[i].category for i in item_ids} - {None}),
        "top_brands": len({items[i].brand for i in item_ids} - {None}),
        "top_novelty": pytest.approx(sum(bits) / 10),
        "top_bought": sum(i in before for i in item_ids) / 10,
    }


@pytest.mark.parametrize("bought", ["ranked", "last"])
@pytest.mark.parametrize(
    ("split", "count"), [("test", "training"), ("test", "all"), ("validation", "training")]
)
@pytest.mark.parametrize("recommender", ["lir", "popular", "markov", "item-knn"])
def test_ranks_and_metrics_equal_brute_force(
    run_evaluate, tiny_workspace, tmp_path, recommender, split, count, bought
):
    out = tmp_path / "out"
    arguments = ("--domain", "shop", "--recommender", recommender, "--out", out, "--split", split)
    assert run_evaluate(*arguments, "--bought", bought, "--count", count) == 0
    figures, rows = evaluated(out)
    assert (figures["bought"], figures["count"]) == (bought, count)
    held_out = 1 if count == "all" else 2

    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        lengths = {f"u{u:02}": 1 + u % 9 for u in range(14)}
        lengths["u13"] += 1
        needed = 2 if split == "test" else 3
        users = sorted(user for user, length in lengths.items() if length >= needed)
        cases = [catalogue.case(user_id, split) for user_id in users]
        scores = {
            "lir": lambda: bm25_scores(catalogue, cases),
            "popular": lambda: popularity_scores(catalogue, cases, held_out),
            "markov": lambda: transition_scores(catalogue, cases, held_out),
            "item-knn": lambda: neighbour_scores(catalogue, cases, held_out),
        }[recommender]()
        ruled = [by_rule(*pair, catalogue, bought) for pair in zip(scores, cases, strict=True)]
        # What lies before the targets: at the test split that is training and validation parts.
        before = popularity(catalogue, 1 if split == "test" else 2)
        targets = [catalogue.index[case.target.item_id] for case in cases]
        trained = popularity(catalogue, 2)
        item_ids = catalogue.item_ids
        items = {item.item_id: item for item in catalogue.items}
        ages = target_ages(tiny_workspace, split)
        followers = {pair for part in counted(catalogue, 2) for pair in pairwise(part)}
        like = cosines([document_words(item) for item in catalogue.items])
    sold = dict(zip(item_ids, trained, strict=True))

    def is_near(last, target):
        """Among the ten nearest of the eleven others, ties against it."""
        nearer = sum(like[last][i] >= like[last][target] - 1e-9 for i in range(12) if i != last)
        return target != last and like[last][target] > 1e-9 and nearer <= 10

    top = pq.read_table(out / "top.parquet").to_pylist()
    assert [row["user_id"] for row in rows] == users
    for row, best, case, score, target in zip(rows, top, cases, ruled, targets, strict=True):
        new, own = score[target]
        above = [1 for kind, x in score if kind > new or (kind == new and x > own + 1e-9)]
        level = [1 for kind, x in score if kind == new and abs(x - own) <= 1e-9]
        assert row == {
            "user_id": case.user_id,
            "target_item_id": case.target.item_id,
            "optimistic_rank": 1 + len(above),
            "pessimistic_rank": len(above) + len(level),
            "tie_width": len(level) - 1,
            "history_length": len(case.history),
            "target_in_history": case.target in case.history,
            "target_is_last": case.target == case.history[-1],
            "target_cold": int(before[target]) == 0,
            "target_follows_last": (catalogue.index[case.history[-1].item_id], target) in followers,
            "target_like_last": is_near(catalogue.index[case.history[-1].item_id], target),
            "target_popularity": trained[target],
            "target_category": case.target.category,
            "target_age_days": ages[case.user_id],
            **first_ten(best["item_ids"][:10], case, items, sold),
        }
        # All twelve items, best first; which of equal ones comes first is not the oracle's to say.
        places = [item_ids.index(item_id) for item_id in best["item_ids"]]
        assert sorted(places) == list(range(12))
        shown = np.array([score[place] for place in places])
        np.testing.assert_allclose(shown, sorted(score, reverse=True), atol=1e-9)
        if recommender in ("lir", "popular") and bought == "ranked":
            np.testing.assert_allclose(best["scores"], shown[:, 1], atol=1e-9)
            assert best["target_score"] == pytest.approx(own, abs=1e-9)
    assert figures["users"] == len(users)
    means = {name: np.mean([row[f"top_{name}"] for row in rows]) for name in MEANS}
    shown = {item_id for best in top for item_id in best["item_ids"][:10]}
    assert figures["first_ten"]["coverage"] == len(shown) / 12
    assert {name: figures["first_ten"][name] for name in MEANS} == pytest.approx(means)
    for side in ("optimistic", "pessimistic"):
        ranks = [row[f"{side}_rank"] for row in rows]
        expected = {
            "ndcg@10": sum(1 / math.log2(1 + r) for r in ranks if r <= 10),
            "recall@1": sum(r == 1 for r in ranks),
            "recall@10": sum(r <= 10 for r in ranks),
            "mrr": sum(1 / r for r in ranks),
        }
        assert {name: value[side] for name, value in figures["metrics"].items()} == {
            name: pytest.approx(total / len(users)) for name, total in expected.items()
        }


def test_the_domain_has_ties_cold_and_repeated_targets(run_evaluate, tmp_path):
    run_evaluate("--domain", "shop", "--recommender", "lir", "--out", tmp_path / "out")
    _, rows = evaluated(tmp_path / "out")
    for name in ("tie_width", "target_cold", "target_in_history"):
        assert 0 < sum(bool(row[name]) for row in rows) < len(rows), name


def test_prints_a_table_and_names_every_setting(run_evaluate, tmp_path, capsys):
    assert run_evaluate("--domain", "shop", "--recommender", "lir", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr()
    figures, rows = evaluated(tmp_path / "out")
    assert "lir on shop, test, 12 users" in printed.out
    assert "bought ranked, count training" in printed.out
    assert f"{figures['metrics']['mrr']['pessimistic']:.4f}" in printed.out
    assert figures["settings"]["bm25"] == {
        "formula": "okapi",
        "k1": 1.5,
        "b": 0.75,
        "epsilon": 0.25,
        "words": "paper",
    }
    assert figures["settings"]["text"]["brand_words"] == 15
    assert (figures["domain"], figures["split"], figures["seed"]) == ("shop", "test", 0)
    assert (figures["users"], figures["cases"]) == (12, 12)
    assert len(figures["code"]["digest"]) == len(figures["data"]["fingerprint"]) == 64
    assert figures["seconds"]["total"] >= figures["seconds"]["rank"] > 0
    assert len(rows) == 12


@pytest.mark.slow
def test_the_seed_chooses_the_same_users_for_every_recommender(run_evaluate, tmp_path):
    def users(recommender, seed):
        out = tmp_path / f"{recommender}-{seed}"
        some = ("--users", 5, "--seed", seed)
        assert (
            run_evaluate("--domain", "shop", "--recommender", recommender, "--out", out, *some) == 0
        )
        return [row["user_id"] for row in evaluated(out)[1]]

    chosen = users("lir", 0)
    assert len(set(chosen)) == 5
    assert chosen == sorted(chosen) == users("markov", 0)
    assert chosen != users("lir", 1)


def test_more_users_than_there_are_means_all(run_evaluate, tmp_path):
    some = ("--users", 1000)
    assert (
        run_evaluate("--domain", "shop", "--recommender", "lir", "--out", tmp_path / "out", *some)
        == 0
    )
    assert evaluated(tmp_path / "out")[0]["users"] == 12


def test_a_users_seed_depends_on_the_seed_and_the_user_alone():
    assert case_seed(0, "u1") == 4_211_460_722
    assert len({case_seed(seed, user) for seed in range(3) for user in ("u1", "u2")}) == 6


CALREC = ("--domain", "shop", "--recommender", "calrec", "--checkpoint", "sample")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--domain", "nowhere"), "nowhere"),
        (("--domain", "others"), "found none (its role is 'training')"),
        (("--domain", "shop", "--users", 0), "--users must be at least 1, found 0"),
        (("--domain", "shop", "--users", -3), "--users must be at least 1, found -3"),
        (("--domain", "shop", "--seed", -1), "--seed must be at least 0, found -1"),
        (("--domain", "shop", "--checkpoint", "sample"), "reads no checkpoint"),
        (("--domain", "shop", "--weights", "1", "1", "1", "3"), "--weights is for --recommender b"),
        (("--domain", "shop", "--retrieval", "rerank"), "--retrieval is for --recommender calrec"),
        (("--domain", "shop", "--workers", 2), "are for --engine ray"),
        (
            ("--domain", "shop", "--split", "validation", "--count", "all"),
            "expected --count training for the validation split",
        ),
        (("--domain", "shop", "--recommender", "sasrec"), "needs a checkpoint"),
        ((*CALREC, "--temperature", 0), "--temperature must be a number above 0"),
        ((*CALREC, "--samples", 0), "--samples must be at least 1"),
        ((*CALREC, "--n-pred", 0), "n_pred must be at least 1, found 0"),
        ((*CALREC, "--epsilon", -1), "epsilon must be a number from 0 up"),
        ((*CALREC, "--k1", -1), "--k1 must be a number of at least 0, found -1"),
        ((*CALREC, "--b", 2), "--b must be from 0 to 1, found 2"),
        ((*CALREC, "--samples-from", "/nowhere"), "found --checkpoint sample beside it"),
        ((*CALREC[:4], "--samples-from", "/nowhere"), "found none at /nowhere"),
        (("--domain", "shop", "--recommender", "calrec"), "needs a checkpoint"),
        (
            ("--domain", "shop", "--recommender", "calrec", "--checkpoint", "/nowhere"),
            "/nowhere",
        ),
    ],
)
def test_bad_settings_end_in_one_line_and_leave_nothing(
    run_evaluate, tmp_path, capsys, arguments, expected
):
    given = arguments if "--recommender" in arguments else (*arguments, "--recommender", "lir")
    assert run_evaluate(*given, "--out", tmp_path / "out") == 2
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    assert len(error) == 1
    assert expected in error[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_earlier_evaluation_is_replaced_only_where_asked_for(run_evaluate, tmp_path, capsys):
    out = tmp_path / "out"
    line = ("--domain", "shop", "--out", out, "--recommender")
    assert run_evaluate(*line, "lir") == 0
    before = (out / "meta.json").read_bytes()
    assert run_evaluate(*line, "markov") == 2
    assert "give --replace" in capsys.readouterr().err
    assert (out / "meta.json").read_bytes() == before
    assert run_evaluate(*line, "markov", "--replace") == 0
    assert evaluated(out)[0]["recommender"] == "markov"
    assert {path.name for path in out.iterdir()} == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("kind", ["file", "folder", "other meta.json", "evaluation and more"])
def test_anything_else_in_the_way_is_refused_and_left_alone(run_evaluate, tmp_path, capsys, kind):
    out = tmp_path / "out"
    arguments = ("--domain", "shop", "--recommender", "lir", "--out", out)
    if kind == "file":
        out.write_text("mine")
    else:
        out.mkdir()
    if kind == "folder":
        (out / "mine.txt").write_text("mine")
    if kind == "other meta.json":
        (out / "meta.json").write_text('{"format": "mine"}')
    if kind == "evaluation and more":
        assert run_evaluate(*arguments) == 0
        (out / "mine.txt").write_text("mine")
    before = sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    capsys.readouterr()

    assert run_evaluate(*arguments) == 2
    assert "found something else in" in capsys.readouterr().err
    after = sorted((path, path.read_bytes()) for path in tmp_path.rglob("*") if path.is_file())
    assert after == before


def test_a_failure_on_the_way_keeps_the_earlier_evaluation(run_evaluate, tmp_path, monkeypatch):
    out = tmp_path / "out"
    arguments = ("--domain", "shop", "--recommender", "lir", "--out", out)
    assert run_evaluate(*arguments) == 0
    before = (out / "metrics.json").read_bytes()

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "write_json", interrupt)
    assert run_evaluate(*arguments, "--split", "validation", "--replace") == 130
    assert (out / "metrics.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_the_same_command_finds_its_evaluation_finished(
    run_evaluate, tmp_path, monkeypatch, capsys
):
    out = tmp_path / "out"
    arguments = ("--domain", "shop", "--recommender", "lir", "--out", out)
    assert run_evaluate(*arguments) == 0
    before = (out / "meta.json").read_bytes()
    monkeypatch.setattr(run, "ready", None)  # nothing is ranked again
    assert run_evaluate(*arguments, "--label", "another", "--width", 3) == 0
    assert "nothing was evaluated again" in capsys.readouterr().err
    assert (out / "meta.json").read_bytes() == before


@pytest.mark.parametrize(
    "change",
    [
        {"domain": "others"},
        {"recommender": "markov"},
        {"split": "validation"},
        {"users": 5},
        {"seed": 1},
        {"bought": "last"},
        {"count": "all"},
        {"calrec": Generating(temperature=0.7)},
        {"calrec": Generating(n_pred=3)},
        {"calrec": Generating(template="gpt4rec")},
    ],
)
def test_what_figures_depend_on_makes_another_run(change):
    settings = Evaluate(domain="shop", recommender="lir", out=Path("out"))
    made_from = {"data": {}, "checkpoint": {"name": "a", "digest": "0"}, "code": {}}
    same = dataclasses.replace(
        settings, out=Path("other"), label="x", engine="ray", workers=2, replace=True
    )
    renamed = made_from | {"checkpoint": {"name": "b", "digest": "0"}}
    retrained = made_from | {"checkpoint": {"name": "a", "digest": "1"}}
    first = run.identity(settings, made_from)
    assert run.identity(same, renamed) == first
    assert run.identity(settings, retrained) != first
    assert run.identity(dataclasses.replace(settings, **change), made_from) != first


def test_weights_that_are_given_are_not_chosen(run_evaluate, tmp_path, capsys):
    line = ("--domain", "shop", "--recommender", "blend", "--out", tmp_path / "out", "--weights")
    assert run_evaluate(*line, "0", "10", "3", "1") == 0
    settings = evaluated(tmp_path / "out")[0]["settings"]
    assert [settings[name] for name in ("a", "b", "c", "n", "chosen")] == [0, 10, 3, 1, None]
    assert (
        run_evaluate(*line[:-3], "--out", tmp_path / "other", "--weights", "0", "1", "1", "0") == 2
    )
    assert "n must be at least 1, found 0; choose another" in capsys.readouterr().err
