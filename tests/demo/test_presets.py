"""The telling cases: each is of its kind by the runs themselves, and those shipped still are."""

import json

import pytest

from calrec.evaluation.runs import EvaluationRun
from demo.inspect import presets
from demo.inspect.presets import KINDS, SHIPPED


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """CALRec and LIR over six users, of which each but the last is of one kind or two."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from calrec.evaluation.metrics import summarise

    folder = tmp_path_factory.mktemp("presets")
    users = 6
    ranks = {  # optimistic and pessimistic
        "calrec": [(1, 1), (50, 50), (2, 9), (3, 3), (1, 1), (400, 400)],
        "lir": [(90, 90), (2, 2), (300, 300), (30, 30), (200, 200), (300, 300)],
    }
    for name, pairs in ranks.items():
        optimistic, pessimistic = np.array(pairs).T
        cases = {
            "user_id": [f"u{i}" for i in range(users)],
            "target_item_id": [f"i{i}" for i in range(users)],
            "history_length": np.full(users, 5),
            "target_in_history": [False, False, False, False, True, False],
            "target_is_last": [False] * users,
            "target_cold": [False, False, False, True, False, False],
            "target_popularity": np.full(users, 3),
            "target_category": ["c"] * users,
            "optimistic_rank": optimistic,
            "pessimistic_rank": pessimistic,
            "tie_width": pessimistic - optimistic,
        }
        if name == "calrec":
            cases |= {
                "samples": np.full(users, 32),
                "format_errors": np.array([0, 0, 0, 0, 0, 1]),
                "exact_matches": np.full(users, 32),
                "title_matches": np.full(users, 32),
                "distinct_texts": np.array([2, 9, 9, 9, 3, 9]),
                "seed": np.arange(users) + 70,
            }
        (folder / name).mkdir()
        pq.write_table(pa.table(cases), folder / name / "cases.parquet")
        data = {"fingerprint": "f", "items": 500, "users": users, "events": 40}
        meta = {
            "format": "calrec-evaluation",
            "version": 3,
            "recommender": name,
            "domain": "d",
            "split": "test",
            "users": users,
            "cases": users,
            "seed": 0,
            "bought": "ranked",
            "count": "training",
            "settings": {},
            "data": data,
        }
        (folder / name / "meta.json").write_text(json.dumps(meta))
        figures = {"users": users, "metrics": summarise(optimistic, pessimistic)}
        (folder / name / "metrics.json").write_text(json.dumps(figures))
    return [EvaluationRun.load(folder / name) for name in ranks]


def test_each_kind_is_found_where_it_is_and_with_its_seed(runs):
    found = presets.found(*runs, lambda user, item: user == "u0")
    assert found == {
        "error": ("u5", 75),
        "tie": ("u2", 72),
        "cold": ("u3", 73),
        "lir": ("u1", 71),
        "sure": ("u0", 70),
        "repurchase": ("u4", 74),
    }


def test_the_last_shelf_matters_for_an_accessory(runs):
    always = presets.found(*runs, lambda user, item: True)
    assert "accessory" not in always  # all who qualify stand for another kind already
    assert set(always) <= set(KINDS)


def test_the_shipped_cases_are_known_kinds_of_distinct_users():
    for users in json.loads(SHIPPED.read_text()).values():
        assert set(users) <= set(KINDS)
        assert len({user for user, _ in users.values()}) == len(users) >= 7


def test_a_shop_that_nobody_evaluated_has_none(application):
    assert presets.presets(application.shop("lamps"), application.evaluations) == ()
