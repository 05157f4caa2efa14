import json

import pytest

from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables

# Figures that independent implementations gave on the same files, to four decimals.
REAL = {
    ("scientific_2018", "lir"): {
        "ndcg@10": (0.0573, 0.0458),
        "recall@1": (0.0123, 0.0021),
        "recall@10": (0.1055, 0.0919),
        "mrr": (0.0463, 0.0362),
    },
    ("games_2018", "lir"): {
        "ndcg@10": (0.0269, 0.0232),
        "recall@1": (0.0019, 0.0004),
        "recall@10": (0.0555, 0.0500),
        "mrr": (0.0221, 0.0186),
    },
    # Of these only the pessimistic side is known.
    ("scientific_2018", "popular"): {
        "ndcg@10": (None, 0.0171),
        "recall@1": (None, 0.0077),
        "recall@10": (None, 0.0309),
    },
    ("scientific_2018", "item-knn"): {
        "ndcg@10": (None, 0.0737),
        "recall@1": (None, 0.0502),
        "recall@10": (None, 0.1038),
    },
    ("games_2018", "popular"): {
        "ndcg@10": (None, 0.0041),
        "recall@1": (None, 0.0020),
        "recall@10": (None, 0.0072),
    },
    # Over whole histories.
    ("scientific_2018", "item-knn", "--count", "all"): {
        "ndcg@10": (0.0769, 0.0763),
        "recall@1": (0.0514, 0.0507),
        "recall@10": (0.1105, 0.1098),
    },
    # Published, of the heuristic's rules by words.
    ("scientific_2018", "tgh", "--count", "all"): {
        "ndcg@10": (None, 0.0783),
        "recall@10": (None, 0.1189),
    },
    ("games_2018", "item-knn", "--count", "all"): {
        "ndcg@10": (0.0496, 0.0495),
        "recall@1": (0.0248, 0.0247),
        "recall@10": (0.0838, 0.0836),
    },
}

# Pessimistic NDCG@10 of item-kNN on scientific_2018, all 8,442 test users, by an independent
# implementation whose ties are exactly equal scores. Ours also ties sums that differ in their last
# digit alone, which costs 0.000003 of the last figure: 0.089348 to its 0.089351.
RULES = {
    ("ranked", "training"): 0.0737,
    ("ranked", "all"): 0.0763,
    ("last", "training"): 0.0811,
    ("last", "all"): 0.0894,
}


# Pessimistic NDCG@10 and Recall@10 of a blend on scientific_2018 with weights found independently,
# all 8,442 test users: what the chosen weights must reach.
REACHED = {
    ("ranked", "training"): (0.0820, 0.1230),
    ("ranked", "all"): (0.0808, 0.1266),
    ("last", "training"): (0.0971, 0.1360),
    ("last", "all"): (0.1011, 0.1413),
}


@pytest.fixture(scope="module")
def real(shared_data, tmp_path_factory):
    path = tmp_path_factory.mktemp("real")
    for domain in ("scientific_2018", "games_2018"):
        tables = {
            name: shared_data / domain / f"{name}.parquet" for name in ("items", "interactions")
        }
        build(path, domain, TwoTables(**tables))
    return path


@pytest.fixture
def metrics(real, run_evaluate, tmp_path):
    def run(domain, recommender, *more):
        out = tmp_path / "out"
        line = ("--workspace", real, "--domain", domain, "--recommender", recommender, *more)
        assert run_evaluate(*line, "--out", out) == 0
        return json.loads((out / "metrics.json").read_text())["metrics"]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("case", REAL)
def test_figures_on_real_data(metrics, case):
    found = metrics(*case)
    for name, (optimistic, pessimistic) in REAL[case].items():
        if optimistic is not None:
            assert round(found[name]["optimistic"], 4) == optimistic
        assert round(found[name]["pessimistic"], 4) == pessimistic


@pytest.mark.slow
@pytest.mark.parametrize(("bought", "count"), RULES)
def test_item_knn_by_each_rule_on_real_data(metrics, bought, count):
    found = metrics("scientific_2018", "item-knn", "--bought", bought, "--count", count)
    expected = RULES[bought, count]
    assert found["ndcg@10"]["pessimistic"] == pytest.approx(expected, abs=5.5e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("bought", "count"), REACHED)
def test_the_blend_by_each_rule_on_real_data(metrics, bought, count):
    found = metrics("scientific_2018", "blend", "--bought", bought, "--count", count)
    for name, least in zip(("ndcg@10", "recall@10"), REACHED[bought, count], strict=True):
        assert round(found[name]["pessimistic"], 4) >= least
