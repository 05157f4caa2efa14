"""What a model has seen of what it is asked for, role by role."""

import dataclasses

import pytest

from calrec.evaluation import leaks
from calrec.evaluation.leaks import UNKNOWN, Seen
from calrec.text.words import ruled
from catalog.sequences import HELD_OUT


def seen(role, **other):
    return dataclasses.replace(
        Seen(stage="stage1", domain="shop", fingerprint="f", role=role), **other
    )


def asked(found, split="test", role="evaluation"):
    return leaks.leaks(found, domain="shop", split=split, fingerprint="f", role=role)


def test_the_roles_hold_out_what_the_catalogue_holds_out():
    assert dict(leaks.HELD_OUT) == HELD_OUT


def test_the_same_purchases_by_another_rule_of_words_and_under_another_name_are_known():
    for then, now in (("f", ruled("f", "unicode")), (ruled("f", "unicode"), "f")):
        of_training = [seen("training", fingerprint=then, domain="other")]
        (line,) = leaks.leaks(
            of_training, domain="shop", split="test", fingerprint=now, role="evaluation"
        )
        assert line.startswith("trained on the very purchases"), line


@pytest.mark.parametrize(
    ("then", "split", "now", "words"),
    [
        ("evaluation", "test", "evaluation", []),
        ("evaluation", "validation", "evaluation", ["selected"]),
        ("selection", "test", "selection", ["selected"]),
        ("selection", "validation", "selection", ["selected"]),
        # The same data, built again in another role.
        ("training", "test", "evaluation", ["trained"]),
        ("training", "validation", "evaluation", ["trained"]),
        ("selection", "test", "evaluation", ["selected"]),
        ("selection", "validation", "evaluation", ["trained"]),
        ("evaluation", "test", "selection", []),
        ("evaluation", "validation", "selection", []),
        ("training", "test", "selection", ["trained"]),
    ],
)
def test_each_role_against_each_split(then, split, now, words):
    found = asked([seen(then)], split, now)
    assert [line.split()[0] for line in found] == words
    for line in found:
        assert f"role {then} in stage1" in line
        assert "the very purchases" in line


@pytest.mark.parametrize("then", HELD_OUT)
def test_the_same_roles_agree_with_what_sequences_train_and_ask(then):
    """By the items themselves: nine numbered purchases of one user."""
    import numpy as np

    from catalog.sequences import Sequences

    def sequences(role):
        return Sequences(
            user_ids=("u",), offsets=np.array([0, 9]), items=np.arange(9, dtype=np.int32), role=role
        )

    trained = set(sequences(then).training(0).tolist())
    chosen = {sequences(then).target(0, "validation") for _ in sequences(then).cases("validation")}
    for now in ("evaluation", "selection"):
        for split in ("test", "validation"):
            target = sequences(now).target(0, split)
            words = [w for w, of in (("trained", trained), ("selected", chosen)) if target in of]
            found = [line.split()[0] for line in asked([seen(then)], split, now)]
            assert found == words, (now, split)


def test_another_state_under_the_same_name_is_said():
    (line,) = asked([seen("evaluation", fingerprint="g")])
    assert line.startswith("trained on another state of shop than it is evaluated on")


def test_the_same_data_under_another_name_are_the_same_data():
    (line,) = asked([seen("training", domain="market")])
    assert line.startswith("trained on the very purchases")
    assert "then called market, role training" in line
    assert asked([seen("training", domain="market", fingerprint="g")]) == ()


def test_all_stages_count_and_are_named_once():
    both = [seen("evaluation", stage="pretrain"), seen("evaluation"), seen("evaluation")]
    (line,) = asked(both, "validation")
    assert "role evaluation in pretrain, stage1)" in line
    lines = asked([*both, seen("training", stage="stage2")], "validation")
    assert [line.split()[0] for line in lines] == ["trained", "selected"]


def test_what_is_not_recorded_is_not_known():
    assert asked(None) == (UNKNOWN,)
    whole = {"stage": "stage1", "data": {"shop": {"fingerprint": "f", "role": "evaluation"}}}
    assert leaks.of_training({"stages": [whole]}) == (seen("evaluation"),)
    for training in (
        {},
        {"stages": []},
        {"stages": "none"},
        {"stages": 3},
        {"stages": [3]},
        {"stages": [whole, {"stage": "stage2"}]},
        {"stages": [{"stage": "stage1", "data": {"shop": "f"}}]},
        {"stages": [{"stage": "stage1", "data": {"shop": {"fingerprint": "f", "role": None}}}]},
        {"stages": [{"stage": "stage1", "data": {"shop": {"fingerprint": "f", "role": []}}}]},
    ):
        assert leaks.of_training(training) is None, training
    # A pretrained model comes without a domain of ours.
    assert leaks.of_training({"stages": [{"stage": "pretrained", "data": {}}]}) == ()


def test_json_and_back():
    both = (seen("evaluation"), seen("training", domain="x"))
    assert leaks.from_json(leaks.to_json(both)) == both
    assert leaks.to_json(None) is None
    assert leaks.from_json(None) is None
