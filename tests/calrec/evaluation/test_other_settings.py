"""Runs of the same stored texts by other ranking settings, against numbers worked by hand."""

import numpy as np
import pytest
from laid_out import FOUR, cells, tables
from scipy import stats

TEXTS = {"checkpoint": {"digest": "digest-1", "samples": "texts-1", "seen": []}}
KEY = "ranking"


def again(run, name, optimistic, *, k1=1.5, b=0.75, meta=TEXTS, **ranking):
    """A run of the stored texts, ranked by these settings."""
    written = run(f"{name}-plain", "calrec", ranking=ranking, users=FOUR).settings
    settings = {**written, "bm25": {"k1": k1, "b": b}}
    return run(
        name, "calrec", users=FOUR, optimistic=optimistic, meta=meta | {"settings": settings}
    )


def test_lines_are_compared_with_the_papers_setting(run):
    found = tables(
        again(run, "mean", [4, 4, 4, 4], pooling="mean"),
        again(run, "k1", [1, 2, 4, 2], k1=1.2),
        again(run, "same", [1, 1, 2, 4]),
        again(run, "off", [2, 2, 2, 2], pooling="mean", modulation=False, epsilon=0.1),
        again(run, "small", [1, 1, 2, 4], epsilon=2e-5),
        run("l", "lir", users=FOUR, optimistic=[1, 2, 3, 4]),
    )
    table = found[KEY]
    assert [row[1] for row in table.rows] == [
        "as in the paper",
        "mean pooling",
        "mean pooling, no modulation",
        "epsilon 2e-05",
        "k1 1.2",
    ]
    (first,) = cells(table, "shop", "as in the paper")
    assert first["MRR: Value"].optimistic == pytest.approx((1 + 1 + 0.5 + 0.25) / 4)
    assert first["MRR: Difference"] is first["MRR: p"] is None
    (k1,) = cells(table, "shop", "k1 1.2")
    differences = np.array([0, -0.5, -0.25, 0.25])
    assert k1["MRR: Difference"].optimistic == pytest.approx(differences.mean())
    assert k1["MRR: p"].optimistic == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    # Everywhere else the first line stands for all of them.
    assert [column.title for column in found["table2"].columns[2:4]] == ["LIR", "CALRec"]
    assert {row[1] for row in found["paired"].rows} == {"LIR"}
    (ndcg,) = cells(found["table2"], "shop", "MRR")
    assert ndcg["Recommenders: CALRec"].optimistic == first["MRR: Value"].optimistic
    assert not any("another run has the place" in note for note in found["table2"].notes)


def test_texts_of_two_models_are_two_comparisons(run):
    other = {"checkpoint": {"digest": "digest-2", "samples": "texts-2", "seen": []}}
    table = tables(
        again(run, "a", [1, 1, 2, 4]),
        again(run, "a-min", [1, 1, 2, 4], pooling="min"),
        again(run, "b", [1, 1, 2, 4], meta=other),
        again(run, "b-min", [1, 1, 2, 4], pooling="min", meta=other),
    )[KEY]
    assert [row[0].partition(", ")[0] for row in table.rows] == ["shop"] * 4
    assert len({row[0] for row in table.rows}) == 2


def test_without_the_papers_setting_the_nearest_one_comes_first(run):
    found = tables(
        again(run, "a", [1, 1, 2, 4], pooling="min", n_pred=3),
        again(run, "b", [1, 1, 2, 4], n_pred=3),
        again(run, "c", [1, 1, 2, 4], n_pred=3, modulation=False),
    )
    assert [row[1] for row in found[KEY].rows] == [
        "3 texts",
        "min pooling, 3 texts",
        "no modulation, 3 texts",
    ]


def test_without_such_runs_there_is_no_table(run):
    no_texts = {"checkpoint": {"digest": "digest-1", "seen": []}}
    runs = [
        again(run, "a", [1, 1, 2, 4], meta=no_texts),
        again(run, "b", [1, 1, 2, 4], meta=no_texts, pooling="min"),
    ]
    found = tables(*runs)
    assert KEY not in found
    assert {row[1] for row in found["paired"].rows} == {"CALRec [b]"}
    assert KEY not in tables(again(run, "c", [1, 1, 2, 4]))
