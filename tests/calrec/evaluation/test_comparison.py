"""Unlike things never in one figure: groups, common users, names, what training is told apart."""

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from synthetic_runs import (
    BOTH_STAGES,
    NO_CONTRAST,
    PRETRAINED,
    STAGE_1,
    STAGE_2,
    user_ids,
)

from calrec.errors import CalrecError
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.statistics import Bootstrap, resampled_means
from calrec.report import variants
from calrec.report.comparison import SIDES, Comparison, groups
from calrec.report.spec import paper_of

QUICK = Bootstrap(resamples=50)


def test_groups_by_domain_split_and_data(run):
    runs = [
        run("a", "lir"),
        run("b", "calrec"),
        run("c", "lir", split="validation"),
        run("d", "lir", domain="other"),
        run("e", "lir", data={"fingerprint": "dd44ee55ff66"}),
    ]
    found = groups(runs)
    assert [[r.folder.name for r in group.runs] for group in found] == [
        ["a", "b"],
        ["c"],
        ["d"],
        ["e"],
    ]
    assert [group.title for group in found] == [
        "shop, data aa11bb22",
        "shop, validation",
        "other",
        "shop, data dd44ee55",
    ]


def test_only_the_test_split_of_the_papers_domains_has_the_paper_beside(run):
    first, second = groups(
        [run("a", domain="games_2018"), run("b", domain="games_2018", split="validation")]
    )
    assert paper_of(first).dataset == "Games"
    assert paper_of(second) is None


def test_figures_stand_on_the_common_users(run):
    ids = user_ids(60)
    ranks = np.arange(1, 61)
    few = [3, 8, 40]
    whole = run("lir", "lir", users=ids, optimistic=ranks, pessimistic=ranks + 1)
    part = run(
        "calrec",
        "calrec",
        users=[ids[k] for k in few],
        optimistic=[1, 2, 30],
        available=60,
        seed=4,
    )
    one = Comparison.of([whole, part], QUICK)
    assert one.users == 3
    assert one.note == ("the 3 users in common (LIR: 60 users; CALRec: 3 of 60 users, seed 4)")
    for metric, function in METRICS.items():
        assert one.mean(0, metric, "optimistic") == pytest.approx(function(ranks[few]).mean())
        assert one.mean(0, metric, "pessimistic") == pytest.approx(function(ranks[few] + 1).mean())
        assert one.mean(1, metric, "optimistic") == pytest.approx(
            function(np.array([1, 2, 30])).mean()
        )
        for place in (0, 1):
            value = one.value(place, metric)
            assert value.optimistic >= value.pessimistic
            assert value.optimistic_interval.low <= value.optimistic_interval.high


def test_users_in_another_order_are_matched(run):
    ids = user_ids(5)
    first = run("a", "lir", users=ids, optimistic=[1, 2, 3, 4, 5])
    second = run("b", "markov", users=ids[::-1], optimistic=[5, 4, 3, 2, 1])
    one = Comparison.of([first, second], QUICK)
    np.testing.assert_array_equal(one.cases[0].optimistic, one.cases[1].optimistic)
    assert one.note == "all 5 users"
    difference = one.difference(0, 1, "mrr", "optimistic")
    assert difference.mean == 0
    assert np.isnan(difference.test.p)


def test_runs_without_a_common_user_are_left_out_and_named(run):
    first = run("a", "lir", users=user_ids(5), available=10)
    second = run("b", "markov", users=user_ids(5, start=5), available=10)
    third = run("c", "calrec", users=user_ids(5, start=3), available=20)
    one = Comparison.of([first, second], QUICK)
    assert one.runs == (first,)
    assert "left out, without a user in common: Markov" in one.note
    # The anchor stays, whatever stands before it.
    other = Comparison.of([first, second, third], QUICK, third)
    assert other.runs == (first, third)
    assert other.users == 2


def test_the_same_data_with_other_purchases_is_an_error(run):
    first = run("a", users=user_ids(3))
    second = run("b", users=user_ids(3), columns={"target_item_id": pa.array(["x", "y", "z"])})
    with pytest.raises(CalrecError, match=r"expected the same purchases in .* evaluate both again"):
        Comparison.of([first, second], QUICK)


def test_differences_share_the_resamples_and_the_test_is_scipys(run):
    first, second = run("a", "calrec", seed=1), run("b", "lir", seed=2)
    one = Comparison.of([first, second], QUICK)
    for metric in METRICS:
        for side in SIDES:
            a, b = (cases.values[metric, side] for cases in one.cases)
            found = one.difference(0, 1, metric, side)
            assert found.mean == pytest.approx(a.mean() - b.mean())
            assert found.test.p == stats.ttest_rel(a, b).pvalue
            drawn = resampled_means((a - b)[:, None], QUICK)[:, 0]
            low, high = np.quantile(drawn, (0.025, 0.975))
            assert (found.interval.low, found.interval.high) == pytest.approx((low, high))


def test_main_runs_are_the_papers_calrec_and_it_comes_last(run):
    runs = [
        run("h", "calrec", ranking={"retrieval": "hierarchical"}),
        run("t", "calrec", template="gpt4rec"),
        run("a", "calrec", training=STAGE_2),
        run("full", "calrec"),
        run("beam", "calrec", decoder="trie-beam"),
        run("lir", "lir"),
    ]
    (group,) = groups(runs)
    assert [r.folder.name for r in group.main_runs()] == ["lir", "beam", "full"]


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        (BOTH_STAGES, "full"),
        (STAGE_2, "no-stage1"),
        (STAGE_1, "no-stage2"),
        (NO_CONTRAST, "no-contrastive"),
        (NO_CONTRAST[:2], "no-stage2-no-contrastive"),
        (NO_CONTRAST[2:], "no-stage1-no-contrastive"),
        (PRETRAINED, "pretrained"),
        ((("pretrained", None, None),), "pretrained"),
        ((BOTH_STAGES[1], NO_CONTRAST[2]), "mixed"),
        ((("stage1", 0.125, 0.0), ("stage2", 0.125, 0.0)), "full"),  # the paper's Games
        ((("stage2", None, None),), "unknown"),
        ((), "unknown"),
    ],
)
def test_variants(run, training, expected):
    assert variants.variant(run("a", "calrec", training=training)) == expected


@pytest.mark.parametrize("checkpoint", [None, {}, {"training": 3}, {"training": [{}]}])
def test_training_that_is_not_recorded(run, checkpoint):
    one = run("a", "calrec", meta={"checkpoint": checkpoint})
    assert variants.variant(one) == "unknown"
    assert isinstance(variants.training_words(one), str)


def test_names_are_distinct(run):
    runs = [
        run("x", "calrec"),
        run("y", "calrec"),
        run("z", "calrec", label="big"),
        run("h", "calrec", training=STAGE_1, ranking={"retrieval": "hierarchical"}),
        run("n", "item-knn"),
        run("o", "item-knn", domain="other"),
        run("s", "something-new"),
    ]
    assert variants.names(runs) == (
        "CALRec [x]",
        "CALRec [y]",
        "CALRec (big)",
        "CALRec, one model for all shops, hierarchical",
        "Item KNN",
        "Item KNN",
        "something-new",
    )


def test_settings_that_differ_are_named(run):
    first, second = run("a", "calrec"), run("b", "calrec", ranking={"n_pred": 5})
    assert variants.unlike(first, second, apart=()) == ["ranking.n_pred 5, not 10"]
    assert variants.unlike(first, second, apart=("ranking.n_pred",)) == []
