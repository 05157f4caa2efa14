import json

import pytest

from catalog.build import build
from catalog.ingest.two_tables import TwoTables

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
    ("scientific_2018", "markov"): {
        "ndcg@10": (None, 0.0592),
        "recall@1": (None, 0.0371),
        "recall@10": (None, 0.0875),
    },
    ("scientific_2018", "popular"): {
        "ndcg@10": (None, 0.0171),
        "recall@1": (None, 0.0077),
        "recall@10": (None, 0.0309),
    },
    # Over whole histories; over their training parts alone it is 0.0737 / 0.0502 / 0.1038.
    ("scientific_2018", "item-knn"): {
        "ndcg@10": (0.0769, 0.0763),
        "recall@1": (0.0514, 0.0507),
        "recall@10": (0.1105, 0.1098),
    },
    ("games_2018", "popular"): {
        "ndcg@10": (None, 0.0041),
        "recall@1": (None, 0.0020),
        "recall@10": (None, 0.0072),
    },
    ("games_2018", "item-knn"): {
        "ndcg@10": (0.0496, 0.0495),
        "recall@1": (0.0248, 0.0247),
        "recall@10": (0.0838, 0.0836),
    },
    ("games_2018", "markov"): {
        "ndcg@10": (None, 0.0562),
        "recall@1": (None, 0.0323),
        "recall@10": (None, 0.0869),
    },
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


@pytest.mark.slow
@pytest.mark.parametrize(("domain", "recommender"), REAL)
def test_figures_on_real_data(real, run_evaluate, tmp_path, domain, recommender):
    out = tmp_path / "out"
    arguments = ("--domain", domain, "--recommender", recommender, "--out", out)
    assert run_evaluate(*arguments, "--workspace", real) == 0
    figures = json.loads((out / "metrics.json").read_text())
    for name, (optimistic, pessimistic) in REAL[domain, recommender].items():
        if optimistic is not None:
            assert round(figures["metrics"][name]["optimistic"], 4) == optimistic
        assert round(figures["metrics"][name]["pessimistic"], 4) == pessimistic
