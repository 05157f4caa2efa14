"""Folders of runs: read, checked, and refused with one line."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from synthetic_runs import DATA, user_ids, write_run

from calrec.errors import CalrecError
from calrec.evaluation.leaks import UNKNOWN
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.run_folder.schema import TEXTS_SINCE
from calrec.evaluation.runs import EvaluationRun, user_words
from calrec.evaluation.statistics import Bootstrap
from calrec.ranking.rules import Rules
from calrec.report import report

SAW = {
    "stage": "stage1",
    "domain": "shop",
    "fingerprint": DATA["fingerprint"],
    "role": "evaluation",
}


def refused(folder, *words):
    with pytest.raises(CalrecError) as error:
        _ = EvaluationRun.load(folder).cases
    assert "\n" not in str(error.value)
    for word in ("expected", *words):
        assert word in str(error.value)


def test_a_run_is_read(tmp_path):
    folder = write_run(
        tmp_path / "a", "calrec", count=40, available=90, seed=5, label="big", split="validation"
    )
    run = EvaluationRun.load(folder)
    assert (run.recommender, run.label, run.domain, run.split) == (
        "calrec",
        "big",
        "shop",
        "validation",
    )
    assert (run.users, run.all_users, run.seed, run.generative) == (40, 90, 5, True)
    assert run.subset == "40 of 90 users, seed 5"
    assert len(run.cases) == 40
    assert run.cases.user_ids.to_pylist() == user_ids(40)
    assert run.cases.generated["samples"].sum() == 40 * 32
    np.testing.assert_array_equal(run.cases.tie_width, run.cases.pessimistic - run.cases.optimistic)
    for (metric, side), values in run.cases.values.items():
        ranks = getattr(run.cases, side)
        np.testing.assert_array_equal(values, METRICS[metric](ranks))
        assert values.mean() == pytest.approx(run.figures["metrics"][metric][side])
    for metric in METRICS:
        assert (
            run.cases.values[metric, "optimistic"] >= run.cases.values[metric, "pessimistic"]
        ).all()


def test_tables_are_read_for_some_users(tmp_path):
    run = EvaluationRun.load(write_run(tmp_path / "a", "calrec", count=9))
    some = run.samples(users=["user-00003", "user-00005"], columns=["user_id", "text"])
    assert some["text"].to_pylist() == ["Title: of user-00003", "Title: of user-00005"]
    assert len(run.samples()) == 9
    with pytest.raises(CalrecError, match=r"expected top\.parquet .* found none"):
        run.top()
    with pytest.raises(CalrecError, match=r"expected timings\.parquet"):
        run.timings()


def test_cases_are_taken(tmp_path):
    cases = EvaluationRun.load(write_run(tmp_path / "a", "calrec", count=9)).cases
    some = cases.take(np.array([4, 1]))
    assert some.user_ids.to_pylist() == ["user-00004", "user-00001"]
    assert some.optimistic.tolist() == [cases.optimistic[4], cases.optimistic[1]]
    assert some.target_category == (cases.target_category[4], cases.target_category[1])
    assert len(some.generated["samples"]) == 2


def test_what_is_no_run(tmp_path):
    refused(tmp_path / "nowhere", "found none", "calrec-evaluate wrote")
    refused(tmp_path, "found no meta.json")
    (tmp_path / "meta.json").write_text('{"format": "calrec-report"}')
    refused(tmp_path, "'calrec-report'")
    (tmp_path / "meta.json").write_text("{")
    refused(tmp_path, "found no JSON")
    (tmp_path / "meta.json").write_text("[]")
    refused(tmp_path, "found no object")


@pytest.mark.parametrize(
    ("version", "remedy"), [(1, "evaluate again"), (4, "use the release"), ("x", "use the release")]
)
def test_another_version(tmp_path, version, remedy):
    folder = write_run(tmp_path / "a", meta={"version": version})
    refused(folder, "version 3", f"found version {version!r}", remedy)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("users", "many"),
        ("users", True),
        ("domain", None),
        ("settings", []),
        ("bought", None),
        ("bought", "first"),
        ("bought", ["last"]),
        ("count", 3),
        ("checkpoint", {"seen": "x"}),
        ("data", {}),
        ("data", DATA | {"repeats_kept": "x"}),
        ("data", DATA | {"repeats_removed": True}),
        ("data", DATA | {"compared": "item"}),
        ("label", 3),
        ("label", "\ud800"),
        ("code", ["x"]),
        ("code", {"digest": 3}),
        ("code", {"version": []}),
        ("checkpoint", "foo"),
        ("checkpoint", {"name": 3}),
        ("checkpoint", {"digest": ["x"]}),
        ("checkpoint", {"data": "x"}),
        ("seconds", [1]),
        ("device", 3),
        ("samples_seed", "x"),
    ],
)
def test_a_damaged_meta(tmp_path, name, value):
    folder = write_run(tmp_path / "a", meta={name: value})
    refused(folder, "meta.json", "evaluate again")


def test_what_meta_may_lack(tmp_path):
    nothing = dict.fromkeys(("label", "code", "checkpoint", "seconds", "device", "samples_seed"))
    data = {"data": DATA | dict.fromkeys(("repeats_kept", "repeats_removed", "compared"))}
    run = EvaluationRun.load(write_run(tmp_path / "a", "calrec", meta=nothing | data))
    assert report.content([run], Bootstrap(resamples=20)).tables
    assert run.code_digest is None
    assert len(run.leaks) == 1  # what its model was trained on is not known


@pytest.mark.parametrize(
    ("seen", "known"),
    [
        ([], ()),
        ([SAW | {"domain": "other", "fingerprint": "x"}], ()),
        ([SAW], ()),
        ([SAW | {"fingerprint": "x"}], ("trained on another state of shop",)),
        ([SAW | {"role": "training"}], ("trained on the very purchases",)),
        ([SAW | {"role": "guest"}], ("what it was trained and selected on is not known",)),
        (None, ("what it was trained and selected on is not known",)),
        (["x"], ("what it was trained and selected on is not known",)),
    ],
)
def test_what_a_model_may_know(tmp_path, seen, known):
    folder = write_run(tmp_path / "a", "calrec", meta={"checkpoint": {"seen": seen}})
    found = EvaluationRun.load(folder).leaks
    assert [line[: len(start)] for line, start in zip(found, known, strict=True)] == list(known)


def test_recommenders_without_a_model_know_nothing(tmp_path):
    nothing = {"checkpoint": None}
    assert EvaluationRun.load(write_run(tmp_path / "a", "item-knn", meta=nothing)).leaks == ()
    assert EvaluationRun.load(write_run(tmp_path / "b", "sasrec", meta=nothing)).leaks == (UNKNOWN,)


def test_rules(tmp_path):
    folder = write_run(tmp_path / "a", meta={"bought": "last", "count": "all"})
    assert EvaluationRun.load(folder).rules == Rules(bought="last", count="all")


def test_of_an_earlier_version_only_the_texts_serve(tmp_path):
    old = {"version": TEXTS_SINCE, "bought": None, "count": None}
    folder = write_run(tmp_path / "a", "calrec", meta=old)
    refused(folder, "does not say by which rules it ranks, evaluate again", "--samples-from")
    assert EvaluationRun.load(folder, oldest=TEXTS_SINCE).recommender == "calrec"


@pytest.mark.parametrize(("users", "words"), [(1, "1 user"), (2, "2 users"), (2000, "2,000 users")])
def test_user_words(users, words):
    assert user_words(users) == words


@pytest.mark.parametrize(
    "figures",
    [
        {},
        {"users": 5, "metrics": {"mrr": {}}},
        {"users": None, "metrics": {}},
        {"users": 200, "metrics": {m: {"optimistic": "1", "pessimistic": "1"} for m in METRICS}},
    ],
)
def test_damaged_figures(tmp_path, figures):
    folder = write_run(tmp_path / "a")
    (folder / "metrics.json").write_text(json.dumps(figures))
    refused(folder, "metrics.json", "evaluate again")


def test_figures_that_the_ranks_do_not_give(tmp_path):
    folder = write_run(tmp_path / "a", optimistic=[1, 2], users=user_ids(2))
    content = json.loads((folder / "metrics.json").read_text())
    content["metrics"]["mrr"]["pessimistic"] = 0.7
    (folder / "metrics.json").write_text(json.dumps(content))
    refused(folder, "mrr pessimistic 0.750000", "found 0.700000")


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"target_cold": None}, "no column target_cold"),
        ({"target_popularity": ["many", "few"]}, "target_popularity of type string"),
        ({"history_length": [1, None]}, "history_length with holes"),
        ({"user_id": ["a", "a"]}, "a user twice"),
        ({"optimistic_rank": [0, 2]}, "a rank below 1"),
        ({"pessimistic_rank": [1, 1]}, "a pessimistic"),
        ({"tie_width": [5, 0]}, "tie_width"),
        ({"further_optimistic_ranks": [[1], [2]]}, "no column further_pessimistic_ranks"),
        (
            {"further_optimistic_ranks": [[1], [2, 3]], "further_pessimistic_ranks": [[1], [2]]},
            "further_optimistic_ranks of different lengths",
        ),
        (
            {"further_optimistic_ranks": [[3], [2]], "further_pessimistic_ranks": [[1], [2]]},
            "ranks of further seeds that contradict each other",
        ),
    ],
)
def test_damaged_cases(tmp_path, columns, found):
    columns = {name: v and pa.array(v) for name, v in columns.items()}
    folder = write_run(tmp_path / "a", optimistic=[1, 2], users=user_ids(2), columns=columns)
    refused(folder, "cases.parquet", found, "evaluate again")


def test_cases_that_are_short_missing_or_no_parquet(tmp_path):
    folder = write_run(tmp_path / "a", count=5)
    path = folder / "cases.parquet"
    pq.write_table(pq.read_table(path).slice(0, 4), path)
    refused(folder, "expected 5 users", "found 4")
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    refused(folder, "found no case")
    path.write_bytes(b"PAR1")
    refused(folder, "cases.parquet", "evaluate again")
    path.unlink()
    refused(folder, "expected cases.parquet", "found none")


def test_a_rank_beyond_the_catalogue(tmp_path):
    folder = write_run(tmp_path / "a", optimistic=[1, 501], users=user_ids(2))
    refused(folder, "expected ranks up to 500", "found 501")
