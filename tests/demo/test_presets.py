"""The telling cases: each is of its kind by the runs' own figures, and says nothing else."""

import json
from dataclasses import replace

import pytest

from calrec.evaluation.runs import EvaluationRun
from demo.inspect import presets
from demo.inspect.presets import SHIPPED
from demo.inspect.telling import KINDS, Figures, balanced

USERS = 8
# Of each user: optimistic and pessimistic rank of both, equal texts, whether these name the target.
CASES = [
    ((1, 1), (90, 90), 30, True),
    ((50, 50), (2, 2), 5, False),
    ((2, 29), (300, 300), 5, False),
    ((3, 3), (30, 30), 5, True),
    ((1, 1), (200, 200), 9, True),
    ((400, 400), (301, 301), 5, False),
    ((300, 310), (302, 302), 28, False),
    ((200, 200), (303, 303), 2, False),
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """CALRec, with its texts, and LIR over users of whom each is of another kind."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from calrec.evaluation.metrics import summarise

    folder = tmp_path_factory.mktemp("presets")
    texts = [
        {
            "user_id": f"u{user}",
            "order": k,
            # What is not the same one differs, but for the third user on two texts in turn.
            "text": "same" if k < same else f"other {k if user not in (1, 2, 3, 5) else k % 5}",
            "format_error": user == 5 and k == 31,
            "kept": user != 5 or k != 31,
            "names_target": right and k < same,
        }
        for user, (_, _, same, right) in enumerate(CASES)
        for k in range(32)
    ]
    for name, side in (("calrec", 0), ("lir", 1)):
        optimistic, pessimistic = np.array([case[side] for case in CASES]).T
        cases = {
            "user_id": [f"u{i}" for i in range(USERS)],
            "target_item_id": [f"i{i}" for i in range(USERS)],
            "history_length": np.full(USERS, 5),
            "target_in_history": [i == 4 for i in range(USERS)],
            "target_is_last": [False] * USERS,
            "target_cold": [i == 3 for i in range(USERS)],
            "target_popularity": np.full(USERS, 3),
            "target_category": ["c"] * USERS,
            "optimistic_rank": optimistic,
            "pessimistic_rank": pessimistic,
            "tie_width": pessimistic - optimistic,
        }
        (folder / name).mkdir()
        if name == "calrec":
            cases |= {
                "samples": np.full(USERS, 32),
                "format_errors": np.array([0, 0, 0, 0, 0, 1, 0, 0]),
                "exact_matches": np.full(USERS, 32),
                "title_matches": np.full(USERS, 32),
                "distinct_texts": np.array([3, 6, 6, 6, 24, 6, 5, 31]),
                "seed": np.arange(USERS) + 70,
            }
            pq.write_table(pa.Table.from_pylist(texts), folder / name / "samples.parquet")
        pq.write_table(pa.table(cases), folder / name / "cases.parquet")
        data = {"fingerprint": "f", "items": 500, "users": USERS, "events": 40}
        meta = {
            "format": "calrec-evaluation",
            "version": 3,
            "recommender": name,
            "domain": "d",
            "split": "test",
            "users": USERS,
            "cases": USERS,
            "seed": 0,
            "bought": "ranked",
            "count": "training",
            "settings": {},
            "data": data,
        }
        (folder / name / "meta.json").write_text(json.dumps(meta))
        figures = {"users": USERS, "metrics": summarise(optimistic, pessimistic)}
        (folder / name / "metrics.json").write_text(json.dumps(figures))
    return [EvaluationRun.load(folder / name) for name in ("calrec", "lir")]


def looked_up(user: str, item: str) -> tuple[int, bool]:
    return (2 if user == "u4" else 0), user == "u0"


def test_each_kind_is_found_where_it_is_and_says_its_own_figures(runs):
    found = presets.found(*runs, looked_up)
    said = {kind: (one.user_id, one.seed, KINDS[kind].said(one)) for kind, one in found.items()}
    assert said == {
        "lir": ("u1", 71, "The last purchase's words put it at 2, the model at rank 50 of 500."),
        "wrong": (
            "u6",
            76,
            "28 of 32 texts are the same one, and it is another item's; rank 300 to 310 of 500.",
        ),
        "unsure": (
            "u7",
            77,
            "31 of 32 texts differ, and none names the right item; rank 200 of 500.",
        ),
        "error": (
            "u5",
            75,
            "1 of 32 texts lacks its labels. It is left out, as better texts were kept;"
            " rank 400 of 500.",
        ),
        "tie": ("u2", 72, "28 items have the same score, so it is rank 2 to 29 of 500."),
        "repurchase": ("u4", 74, "It was purchase 2 of 5 already; rank 1 of 500."),
        "sure": ("u0", 70, "30 of 32 texts are the same one, and it is right: rank 1 of 500."),
        "cold": ("u3", 73, "In no history that the model learnt from; rank 3 of 500."),
    }


def test_what_does_not_hold_is_not_shown(runs):
    found = presets.found(*runs, looked_up)
    for kind, changed in (
        ("sure", {"same": 18}),
        ("sure", {"right": False}),
        ("unsure", {"distinct": 22}),
        ("unsure", {"rank": 9}),
        ("error", {"faulty": 0}),
        ("tie", {"worst": 9}),
    ):
        assert not KINDS[kind].holds(replace(found[kind], **changed)), (kind, changed)


def test_half_of_those_shown_are_failures(runs):
    found = presets.found(*runs, looked_up)
    for kinds in (found, {k: found[k] for k in ("lir", "sure", "cold", "repurchase")}):
        shown = [not one.found for one in balanced(kinds).values()]
        assert shown
        assert 2 * sum(shown) >= len(shown)


def test_the_shipped_cases_hold_and_are_of_distinct_users():
    for known in json.loads(SHIPPED.read_text()).values():
        cases = {kind: Figures(**figures) for kind, figures in known["cases"].items()}
        assert [kind for kind, one in cases.items() if not KINDS[kind].holds(one)] == []
        assert len({one.user_id for one in cases.values()}) == len(cases)
        assert len(balanced(cases)) >= 4


def test_a_shop_that_nobody_evaluated_has_none(application):
    assert presets.presets(application.shop("lamps"), application.evaluations, "m") == ()
