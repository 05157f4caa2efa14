"""What the tables say beside their numbers: what differs, what is missing, what was left out."""

import math
from types import SimpleNamespace

import pytest
from laid_out import FOUR, QUICK, cells, tables
from synthetic_runs import (
    DATA,
    NO_CONTRAST,
    STAGE_1,
    user_ids,
)

from calrec.errors import CalrecError
from calrec.report import report
from calrec.report.comparison import Comparison
from calrec.report.variants import flat_settings, unlike


def test_one_user_has_no_interval_and_the_table_says_so(run):
    alone = {"users": FOUR[:1], "optimistic": [2]}
    found = tables(run("c", "calrec", **alone), run("l", "lir", **alone))
    (ndcg,) = cells(found["table2"], "shop", "NDCG@10")
    assert math.isnan(ndcg["Recommenders: LIR"].optimistic_interval.low)
    (paired,) = cells(found["paired"], "shop", "LIR", "MRR")
    assert math.isnan(paired["Difference"].pessimistic_interval.high)
    for key in ("table2", "paired", "slices-1", "ties"):
        assert sum("at least two users" in note for note in found[key].notes) == 1, key
    assert not any("at least two users" in note for note in found["runs"].notes)
    many = tables(run("d", "calrec", seed=1), run("m", "lir", seed=2))
    assert not any("at least two users" in note for note in many["table2"].notes)


def test_every_table_says_by_which_rules_its_runs_rank(run):
    last = {"bought": "last", "count": "all"}
    found = tables(run("c", "calrec", meta=last), run("l", "lir", meta=last))
    for table in found.values():
        told = [note for note in table.notes if "(bought last)" in note and "(count all)" in note]
        assert len(told) == bool(table.rows), table.key
    (lir,) = cells(found["runs"], "LIR")
    assert (lir["Bought"], lir["Count"]) == ("last", "all")
    settings = {row[:2] for row in found["settings"].rows}
    assert {("bought", "last"), ("count", "all")} <= settings


def test_what_fills_a_table_is_a_run_that_stands_beside_the_others(run):
    calrec, last = {"recommender": "calrec"}, {"bought": "last", "count": "all"}
    alone = tables(run("k", "item-knn", meta=last))["table2"]
    command = "calrec-evaluate --domain shop --bought last --count all --recommender calrec"
    assert command in alone.missing
    held_out = tables(run("c", **calrec, meta={"split": "validation"}))["table2"]
    assert "--domain shop --split validation --recommender lir" in held_out.missing
    assert "--domain shop --recommender lir" in tables(run("d", **calrec))["table2"].missing


@pytest.mark.slow
@pytest.mark.parametrize("other", [{"bought": "last"}, {"count": "all"}])
def test_runs_of_other_rules_stand_in_rows_of_their_own_and_are_never_tested_together(run, other):
    ours, theirs = run("c", "calrec", seed=1), run("k", "item-knn", seed=2)
    apart = run("l", "item-knn", seed=3, meta=other)
    found = tables(ours, theirs, apart)
    (name,) = other.values()
    by = {"last": "bought last, count training", "all": "bought ranked, count all"}[name]
    (plain,) = cells(found["table2"], "shop, bought ranked, count training", "MRR")
    (ruled,) = cells(found["table2"], f"shop, {by}", "MRR")
    assert plain["Recommenders: CALRec"] is not None
    assert plain["Recommenders: Item KNN"] is not None
    assert ruled["Recommenders: CALRec"] is None
    assert ruled["Recommenders: Item KNN"] is not None
    assert {row[1] for row in found["paired"].rows} == {"Item KNN"}
    assert len(found["paired"].rows) == 4  # its four metrics, against the one of equal rules
    for group in ("shop, bought ranked, count training", f"shop, {by}"):
        assert any(note.startswith(f"{group}: ") for note in found["table2"].notes)
    with pytest.raises(CalrecError, match=r"rank by the same rules, found bought ranked.*same --b"):
        Comparison.of([ours, apart], QUICK)


@pytest.mark.slow
def test_runs_of_other_code_say_so(run):
    def by(digest):
        return {"meta": {"code": {"version": "1", "digest": digest}}}

    runs = [
        run("l", "lir", **by("a" * 64)),
        run("c", "calrec", **by("b" * 64)),
        run("n", "calrec", training=NO_CONTRAST, **by("c" * 64)),
        run("s", "calrec", training=STAGE_1, meta={"code": None}),
        run("h", "calrec", ranking={"retrieval": "hierarchical"}, **by("d" * 64)),
        run("g", "calrec", template="gpt4rec", **by("e" * 64)),
    ]
    found = tables(*runs)
    for key, words in {
        "table2": "LIR: aaaaaaaa; CALRec: bbbbbbbb",
        "paired": "LIR: aaaaaaaa; CALRec: bbbbbbbb; CALRec, w/o contrastive: cccccccc; CALRec, one"
        " model for all shops: not recorded",
        "table3": "CALRec: bbbbbbbb; CALRec, one model for all shops: not recorded; CALRec, w/o"
        " contrastive:",
        "table4": "CALRec: bbbbbbbb; CALRec, w/o contrastive: cccccccc",
        "table6": "bbbbbbbb; CALRec, GPT4Rec's template: eeeeeeee",
        "table8": "bbbbbbbb; CALRec, hierarchical: dddddddd",
    }.items():
        (note,) = (note for note in found[key].notes if "same code" in note)
        assert words in note, key
    # Only what is compared: another domain may have other code.
    apart = tables(run("x", "lir", **by("a")), run("y", "lir", domain="other", **by("b")))
    assert not any("same code" in note for table in apart.values() for note in table.notes)


@pytest.mark.slow
def test_a_model_that_may_know_what_it_is_asked_for_is_marked_and_said(run):
    def trained(fingerprint, role="evaluation"):
        stages = [{"stage": "stage2", "alpha": 0.1, "beta": 0.0}]
        seen = {"stage": "stage2", "domain": "shop", "fingerprint": fingerprint, "role": role}
        return {"meta": {"checkpoint": {"seen": [seen], "training": stages}}}

    found = tables(run("c", "calrec", **trained("old")), run("l", "lir"))
    for key in ("runs", "table2", "paired", "table3", "slices-1", "ties"):
        (note,) = (note for note in found[key].notes if "w/o stage I † on shop, test: " in note)
        assert "trained on another state of shop than it is evaluated on" in note
    (row,) = cells(found["runs"], "CALRec, w/o stage I †")
    assert row["Split"] == "test"
    whole = tables(run("w", "calrec", **trained(DATA["fingerprint"], "training")))
    assert any("trained on the very purchases" in note for note in whole["runs"].notes)
    fresh = tables(run("d", "calrec", **trained(DATA["fingerprint"])))
    assert not any("†" in note for table in fresh.values() for note in table.notes)
    # Of a column that is not the same everywhere, the one that is marked marks it.
    mixed = tables(run("m", "calrec"), run("n", "calrec", split="validation", **trained("old")))
    assert "CALRec †" in [column.title for column in mixed["table2"].columns]
    unknown = tables(run("u", "calrec", meta={"checkpoint": {"name": "x"}}))
    assert any("† on shop, test: what it was" in note for note in unknown["runs"].notes)


def test_hints_name_the_domain_of_the_generative_runs(run):
    found = tables(run("l", "lir", domain="first"), run("c", "calrec", domain="second"))
    for key in ("table3", "table4", "table6", "paired"):
        assert "--domain second " in found[key].missing, key
    assert "--recommender lir" in found["paired"].missing
    other = tables(
        run("k", "lir", domain="first"), run("g", "calrec", domain="second", template="gpt4rec")
    )
    assert "--domain second " in other["table8"].missing


@pytest.mark.slow
def test_runs_that_find_their_place_taken_are_named(run):
    runs = [
        run("first", "calrec"),
        run("second", "calrec"),
        run("third", "calrec", training=NO_CONTRAST),
        run("match", "calrec", ranking={"retrieval": "hierarchical"}),
        run("again", "calrec", ranking={"retrieval": "hierarchical"}),
    ]
    found = tables(*runs)
    for key, named in (("table3", "[second]"), ("table4", "[second]"), ("table8", "[again]")):
        (note,) = (note for note in found[key].notes if "not shown" in note)
        assert named in note
        assert "[first]" not in note


def test_a_column_that_is_not_the_same_everywhere_says_so(run):
    table = tables(run("a", "calrec"), run("b", "calrec", domain="other", training=STAGE_1))[
        "table2"
    ]
    (note,) = (note for note in table.notes if "not the same everywhere" in note)
    assert "CALRec on shop; CALRec, one model for all shops on other" in note


def test_table_4_says_where_nothing_differs(run):
    same = {"users": FOUR, "optimistic": [1, 2, 3, 4]}
    table = tables(run("a", "calrec", **same), run("b", "calrec", training=NO_CONTRAST, **same))
    (row,) = cells(table["table4"], "shop", "MRR")
    assert math.isnan(row["Ours: p-value"].optimistic)
    assert row["Ours: Improv."].optimistic == 0


def test_runs_on_different_users_are_compared_on_those_in_common(run):
    ids = user_ids(6)
    whole = run("l", "lir", users=ids, optimistic=[1, 2, 3, 4, 5, 6])
    some = run("c", "calrec", users=ids[2:4], optimistic=[1, 1], available=6, seed=0)
    found = tables(whole, some)
    (row,) = cells(found["table2"], "shop", "MRR")
    assert row["Recommenders: LIR"].optimistic == pytest.approx((1 / 3 + 1 / 4) / 2)
    (note,) = (note for note in found["table2"].notes if "in common" in note)
    assert "2 users in common (LIR: 6 users; CALRec: 2 of 6 users, seed 0)" in note
    # The overview has each run over its own users.
    (lir,) = cells(found["runs"], "LIR")
    assert lir["Users"].optimistic == 6


def test_settings_are_listed_with_the_runs_that_have_them(run):
    table = tables(run("a", "calrec"), run("b", "calrec", ranking={"n_pred": 5}), run("l"))
    rows = {(row[0], row[1]): row[2] for row in table["settings"].rows}
    assert rows["ranking.n_pred", "5"] == "CALRec [b] on shop"
    assert rows["ranking.pooling", "max"] == "every run that has it"


def test_settings_say_what_a_run_was_made_from(run):
    made = {"code": {"digest": "abcdef0123456789"}, "device": "cpu", "samples_seed": 7}
    table = tables(
        run("a", "calrec", model="0123456789abcdef", meta=made), run("l", meta={"code": None})
    )["settings"]
    rows = {(row[0], row[1]): row[2] for row in table.rows}
    assert rows["code.digest", "abcdef01"] == "CALRec on shop"
    assert rows["code.digest", "not recorded"] == "LIR on shop"
    assert rows["code.version", "not recorded"]
    for found in (("checkpoint.digest", "01234567"), ("device", "cpu"), ("samples_seed", "7")):
        assert rows[found] == "every run that has it"
    plain = {row[0] for row in tables(run("p"))["settings"].rows}
    assert not plain & {"device", "samples_seed", "checkpoint.digest"}


def test_no_run_and_no_such_metric(run):
    with pytest.raises(CalrecError, match="expected at least one evaluation"):
        report.content([], QUICK)
    with pytest.raises(CalrecError, match="expected a metric of"):
        report.content([run("a")], QUICK, "auc")


def test_a_run_of_before_there_was_a_rule_of_words_went_by_the_papers():
    old, new, other = (
        SimpleNamespace(settings={"bm25": {"k1": 1.5, **words}})
        for words in ({}, {"words": "paper"}, {"words": "unicode"})
    )
    assert flat_settings(old) == flat_settings(new)
    assert unlike(old, new, apart=()) == []
    assert unlike(old, other, apart=()) == ["bm25.words unicode, not paper"]
    assert "bm25.words" not in flat_settings(SimpleNamespace(settings={"ranking": {"n_pred": 3}}))
