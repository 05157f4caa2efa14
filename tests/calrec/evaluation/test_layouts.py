"""Tables against numbers worked by hand."""

import math
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from laid_out import FOUR, QUICK, cells, pair, tables
from scipy import stats
from synthetic_runs import (
    BOTH_STAGES,
    NO_CONTRAST,
    PRETRAINED,
    STAGE_1,
    STAGE_2,
    user_ids,
    write_run,
)

from calrec.evaluation.metrics import METRICS
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap, paired_differences
from calrec.report import report
from calrec.report.comparison import SIDES
from calrec.report.tables import Value

NDCG_2 = 1 / math.log2(3)


def test_table_2(run):
    table = tables(
        run("c", "calrec", users=FOUR, optimistic=[1, 1, 2, 50], pessimistic=[1, 2, 2, 60]),
        run("l", "lir", users=FOUR, optimistic=[1, 3, 20, 50], pessimistic=[3, 3, 20, 50]),
        run("m", "markov", users=FOUR, optimistic=[2, 2, 20, 50]),
    )["table2"]
    assert [c.title for c in table.columns] == [
        "Dataset",
        "Metric",
        "LIR",
        "Markov",
        "CALRec",
        "Improvement",
    ]
    (ndcg,) = cells(table, "shop", "NDCG@10")
    assert pair(ndcg["Recommenders: CALRec"]) == pytest.approx(
        ((2 + NDCG_2) / 4, (1 + 2 * NDCG_2) / 4)
    )
    assert pair(ndcg["Recommenders: LIR"]) == pytest.approx((1.5 / 4, 1.0 / 4))
    assert ndcg["Recommenders: CALRec"].best_optimistic
    assert ndcg["Recommenders: CALRec"].best_pessimistic
    assert not ndcg["Recommenders: LIR"].best_optimistic
    improvement = (2 + NDCG_2) / 1.5 - 1
    assert ndcg["Recommenders: Improvement"].optimistic == pytest.approx(improvement)
    (recall,) = cells(table, "shop", "Recall@1")
    assert pair(recall["Recommenders: LIR"]) == (0.25, 0.0)
    assert recall["Recommenders: Improvement"].optimistic == pytest.approx(1.0)
    (mrr,) = cells(table, "shop", "MRR")
    assert pair(mrr["Recommenders: Markov"]) == pytest.approx(((0.5 + 0.5 + 0.05 + 0.02) / 4,) * 2)
    assert not table.missing
    assert any("all 4 users" in note for note in table.notes)
    assert any("none of its figures stand beside" in note for note in table.notes)


def test_the_hybrid_stands_beside_calrec_and_in_its_place_without_it(run):
    ranks = {"users": FOUR, "optimistic": [1, 1, 2, 50], "pessimistic": [1, 1, 2, 50]}
    worse = {"users": FOUR, "optimistic": [1, 3, 20, 50], "pessimistic": [1, 3, 20, 50]}
    runs = run("c", "calrec", **worse), run("h", "hybrid", **ranks), run("l", "lir", **worse)
    found = tables(*runs)
    assert [c.title for c in found["table2"].columns][2:5] == ["LIR", "Hybrid", "CALRec"]
    (row,) = cells(found["table2"], "shop", "Recall@1")
    assert row["Recommenders: Improvement"].optimistic == pytest.approx(-0.5)
    alone = tables(*runs[1:])
    (row,) = cells(alone["table2"], "shop", "Recall@1")
    assert row["Recommenders: Improvement"].optimistic == pytest.approx(1.0)
    for key, said in (("table2", "Hybrid's optimistic value"), ("paired", "Hybrid's minus the")):
        assert any(said in note for note in alone[key].notes)


def test_table_2_beside_the_paper(run):
    table = tables(
        run("c", "calrec", domain="scientific_2018"),
        run("l", "lir", domain="scientific_2018"),
        run("k", "lir", domain="shop"),
    )["table2"]
    paper = "The paper's figures, on other data"
    (row,) = cells(table, "scientific_2018", "Recall@1")
    assert pair(row[f"{paper}: RecFormer"]) == (0.0298, 0.0168)
    assert row[f"{paper}: Improvement"].optimistic == pytest.approx(0.431)
    (other,) = cells(table, "shop", "Recall@1")
    assert other[f"{paper}: RecFormer"] is None
    assert other["Recommenders: CALRec"] is None
    assert sum("89 %" in note for note in table.notes) == 1
    assert "--domain shop --recommender calrec" in table.missing


def test_table_2_without_a_partner_says_the_command(run):
    assert "--recommender lir" in tables(run("c", "calrec"))["table2"].missing
    assert "--recommender calrec" in tables(run("l", "lir"))["table2"].missing


def test_paired_differences(run):
    first = run("c", "calrec", users=FOUR, optimistic=[1, 1, 2, 4])
    second = run("l", "lir", users=[*FOUR, *user_ids(3, 10)], optimistic=[1, 2, 4, 2, 9, 9, 9])
    table = tables(first, second)["paired"]
    (row,) = cells(table, "shop", "LIR", "MRR")
    differences = np.array([0, 0.5, 0.25, -0.25])
    assert row["Difference"].optimistic == pytest.approx(differences.mean())
    assert row["p"].optimistic == pytest.approx(stats.ttest_1samp(differences, 0).pvalue)
    assert row["Users"].optimistic == 4
    assert row["Difference"].optimistic_interval is not None
    assert "--recommender calrec" in tables(second)["paired"].missing


def test_table_3(run):
    domain = {"domain": "games_2018", "users": FOUR}
    table = tables(
        run("full", "calrec", optimistic=[1, 1, 2, 4], **domain),
        run("a", "calrec", optimistic=[1, 2, 2, 4], training=STAGE_2, **domain),
        run("b", "calrec", optimistic=[4, 4, 4, 4], training=STAGE_1, label="early", **domain),
        run("h", "calrec", ranking={"retrieval": "hierarchical"}, **domain),
    )["table3"]
    names = [row[0] for row in table.rows]
    assert names == [
        "CALRec",
        "w/o Multi-Category Joint Fine-Tuning (A)",
        "w/o Category-Specific Fine-Tuning (B) (early)",
        "w/o Contrastive Alignment",
        "Pretrained only (w/o Fine-Tuning)",
    ]
    full, no_stage1, no_stage2, none, raw = (cells(table, name)[0] for name in names)
    assert full["games_2018: MRR"].optimistic == pytest.approx((1 + 1 + 0.5 + 0.25) / 4)
    assert full["games_2018: MRR"].best_optimistic
    assert no_stage1["games_2018: Recall@1"].optimistic == 0.25
    assert no_stage2["games_2018: MRR"].optimistic == 0.25
    assert none["games_2018: MRR"] is None
    assert pair(none["Games, the paper's: MRR"]) == (0.0507, 0.0495)
    assert pair(raw["Games, the paper's: Recall@1"]) == (0.0031, 0.0024)
    assert "--alpha 0 --beta 0" in table.missing
    assert "no stage but pretrain" in table.missing
    assert "stage I alone" not in table.missing
    assert any("alpha 0.125" in note for note in table.notes)


@pytest.mark.slow
def test_table_4_pools_users_over_domains(run):
    ranks = {
        ("one", "with"): [1, 1, 2, 4],
        ("one", "without"): [1, 2, 2, 4],
        ("two", "with"): [1, 2],
        ("two", "without"): [2, 4],
    }
    runs = [
        run(
            f"{domain}-{which}",
            "calrec",
            domain=domain,
            users=user_ids(len(found)),
            optimistic=found,
            training=NO_CONTRAST
            if which == "without"
            else (*NO_CONTRAST[:1], *STAGE_1[1:], STAGE_2[1]),
        )
        for (domain, which), found in ranks.items()
    ]
    table = tables(*runs)["table4"]
    (row,) = cells(table, "All 2 domains", "MRR")
    with_losses = ((1 + 1 + 0.5 + 0.25) / 4 + (1 + 0.5) / 2) / 2
    without = ((1 + 0.5 + 0.5 + 0.25) / 4 + (0.5 + 0.25) / 2) / 2
    assert row["Ours: w/ Contr."].optimistic == pytest.approx(with_losses)
    assert row["Ours: w/o Contr."].optimistic == pytest.approx(without)
    assert row["Ours: Improv."].optimistic == pytest.approx(with_losses / without - 1)
    differences = [0, 0.5, 0, 0, 0.5, 0.25]
    assert row["Ours: Difference"].optimistic == pytest.approx(np.mean(differences))
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert row["Ours: p-value"].optimistic == pytest.approx(expected)
    assert len(table.rows) == 12
    assert not table.missing
    assert any("the 6 pooled users" in note for note in table.notes)
    assert "--alpha 0 --beta 0" in tables(runs[0])["table4"].missing


def test_table_4_never_pools_a_domain_twice(run):
    plain = {"users": FOUR, "optimistic": [1, 2, 3, 4]}
    other = {"users": FOUR, "optimistic": [2, 2, 3, 4], "training": NO_CONTRAST}
    runs = [
        run(f"{split}-{name}", "calrec", split=split, **settings)
        for split in ("test", "validation")
        for name, settings in (("with", plain), ("without", other))
    ]
    table = tables(*runs)["table4"]
    assert {row[0] for row in table.rows} == {"shop", "shop, validation"}


@pytest.mark.slow
def test_table_4_pools_one_split(run):
    runs = [
        run(f"{domain}-{variant}", "calrec", domain=domain, split=split, users=FOUR, **other)
        for domain, split in (("one", "test"), ("two", "validation"), ("three", "test"))
        for variant, other in (
            ("with", {"optimistic": [1, 2, 3, 4]}),
            ("without", {"optimistic": [2, 2, 3, 4], "training": NO_CONTRAST}),
        )
    ]
    table = tables(*runs)["table4"]
    assert {row[0] for row in table.rows} == {"All 2 domains", "one", "two, validation", "three"}
    assert any("All 2 domains (one; three)" in note for note in table.notes)
    # Of two splits nothing is pooled.
    assert {row[0] for row in tables(*runs[:4])["table4"].rows} == {"one", "two, validation"}


def test_a_domain_has_the_same_interval_in_table_4_and_paired(run):
    found = tables(run("a", "calrec", seed=1), run("b", "calrec", training=NO_CONTRAST, seed=2))
    (four,) = cells(found["table4"], "shop", "MRR")
    (paired,) = cells(found["paired"], "shop", "CALRec, w/o contrastive", "MRR")
    assert four["Ours: Difference"] == paired["Difference"]


@pytest.mark.slow
def test_table_4_pooled_sides_share_their_resamples(run):
    runs = [
        run(f"{domain}{k}", "calrec", domain=domain, seed=k, training=training)
        for domain in ("one", "two")
        for k, training in enumerate((BOTH_STAGES, NO_CONTRAST))
    ]
    (row,) = cells(tables(*runs)["table4"], "All 2 domains", "Recall@1")
    sides = [("recall@1", side) for side in SIDES]
    with_losses, without = (
        np.concatenate([np.stack([one.cases.values[s] for s in sides], 1) for one in runs[k::2]])
        for k in (0, 1)
    )
    both = paired_differences(with_losses, without, QUICK)
    value = row["Ours: Difference"]
    drawn = (value.optimistic_interval, value.pessimistic_interval)
    assert drawn == tuple(one.interval for one in both)
    # One draw of pairs is not two draws of either side.
    alone = paired_differences(with_losses[:, :1], without[:, :1], QUICK)[0].interval
    assert alone != drawn[0]


def test_table_6(run):
    domain = {"domain": "scientific_2018", "users": FOUR, "training": PRETRAINED}
    ours = run("c", "calrec", optimistic=[1, 1, 2, 4], **domain)
    theirs = run("g", "calrec", optimistic=[2, 2, 2, 4], template="gpt4rec", **domain)
    table = tables(ours, theirs)["table6"]
    (row,) = cells(table, "scientific_2018", "Pretrained only (w/o Fine-Tuning)", "MRR")
    assert row["Ours: Change"].optimistic == pytest.approx(1.75 / 2.75 - 1)
    assert row["Ours: Difference"].optimistic == pytest.approx(-0.25)
    paper = "The paper's, nothing trained"
    assert pair(row[f"{paper}: GPT4Rec's template"]) == (0.0217, 0.0189)
    assert row[f"{paper}: Change"].optimistic == pytest.approx(0.0217 / 0.0267 - 1)
    assert "--template gpt4rec" in tables(ours)["table6"].missing


def test_table_7_pairs_the_same_data_with_and_without_repeats(run):
    data = {"fingerprint": "kept", "repeats_kept": 30, "events": 2030}
    kept = run("k", "lir", domain="shop-repeats", users=FOUR, optimistic=[1, 1, 2, 4], data=data)
    plain = {"users": FOUR, "optimistic": [1, 2, 4, 4]}
    removed = run("r", "lir", data={"repeats_removed": 30}, **plain)
    others = [
        run("x", "lir", data={"fingerprint": "x", "repeats_removed": 29}, **plain),
        run("y", "lir", data={"fingerprint": "y", "repeats_removed": 30, "items": 9}, **plain),
        run("z", "lir", data={"fingerprint": "z", "repeats_removed": 30, "events": 9}, **plain),
        run("v", "lir", split="validation", data={"repeats_removed": 30}, **plain),
    ]
    found = tables(*others, kept, removed)
    (row,) = cells(found["table7"], "shop")
    assert row["w/o dedup: MRR"].optimistic == pytest.approx(2.75 / 4)
    assert row["w/ dedup: MRR"].optimistic == pytest.approx(2 / 4)
    assert row["w/ dedup: MRR"].change == pytest.approx(2 / 2.75 - 1)
    assert any("30 of 2,030 purchases (1.5 %)" in note for note in found["table7"].notes)
    # The data with repeats serve that table only.
    assert not cells(found["table2"], "shop-repeats")
    assert "--keep-repeats" in tables(removed)["table7"].missing


def test_table_7_beside_the_paper(run):
    data = {"fingerprint": "kept", "repeats_kept": 30, "events": 2030}
    table = tables(
        run("k", "lir", domain="games-with", data=data),
        run("r", "lir", domain="games_2018", data={"repeats_removed": 30}),
    )["table7"]
    (row,) = cells(table, "games_2018")
    assert row["The paper's, w/ dedup: Recall@1"].change == pytest.approx(-0.95, abs=0.005)
    assert row["The paper's, w/o dedup: MRR"].pessimistic is None


def test_table_8(run):
    domain = {"domain": "scientific_2018", "users": FOUR}
    bm25 = run("c", "calrec", optimistic=[1, 1, 2, 4], generated=(1, 24, 30), **domain)
    ranks = {"optimistic": [1, 2, 2, 4], "pessimistic": [2, 2, 4, 4]}
    ranking = {"retrieval": "hierarchical"}
    match = run("h", "calrec", ranking=ranking, generated=(1, 24, 30), **ranks, **domain)
    table = tables(match, bm25)["table8"]
    (row,) = cells(table, "scientific_2018")
    ours = "Hierarchical match and change against BM25"
    assert row["Generated texts: errors, matches: Format error"].optimistic == 1 / 32
    assert row["Generated texts: errors, matches: All four attributes"].optimistic == 0.75
    assert row["Generated texts: errors, matches: Title only"].optimistic == 30 / 32
    assert pair(row[f"{ours}: MRR"]) == pytest.approx((2.25 / 4, 1.5 / 4))
    assert row[f"{ours}: MRR"].change == pytest.approx((2.25 + 1.5) / (2 * 2.75) - 1)
    paper = row["The paper's hierarchical match: Recall@10"]
    assert paper.change == pytest.approx(-0.059, abs=0.001)
    assert not table.missing
    assert any("last rank on both sides" in note for note in table.notes)
    alone = tables(bm25)["table8"]
    assert not any("tie at score 0" in note for note in alone.notes)
    assert f"--samples-from {bm25.folder} --retrieval hierarchical" in alone.missing
    assert cells(alone, "scientific_2018")[0][f"{ours}: MRR"] is None
    assert "--recommender calrec" in tables(run("l"))["table8"].missing


def test_the_papers_changes_of_table_8_come_out(run):
    """Table 8 prints them; ours follow from Tables 2 and 8."""
    printed = {"NDCG@10": -0.021, "Recall@1": -0.068, "Recall@10": -0.013, "MRR": -0.084}
    (row,) = cells(tables(run("c", "calrec", domain="games_2018"))["table8"], "games_2018")
    for metric, change in printed.items():
        ours = row[f"The paper's hierarchical match: {metric}"].change
        assert ours == pytest.approx(change, abs=0.0006)


def test_slices_and_ties(run):
    first, second = run("l", "lir", seed=1), run("c", "calrec", seed=2)
    found = tables(first, second)
    table = found["slices-1"]
    for dimension in {row[0] for row in table.rows}:
        rows = cells(table, dimension)
        assert sum(row["Users"].optimistic for row in rows) == 200
        for name, one in (("LIR", first), ("CALRec", second)):
            mean = sum(r["Share"].optimistic * r[f"NDCG@10: {name}"].pessimistic for r in rows)
            assert mean == pytest.approx(one.figures["metrics"]["ndcg@10"]["pessimistic"])
    for name in ("LIR", "CALRec"):
        rows = cells(found["ties"], "shop", name)
        assert sum(row["Users"].optimistic for row in rows) == 200


@pytest.mark.slow
@given(st.integers(0, 10**6), st.integers(1, 300), st.sampled_from(sorted(METRICS)))
@settings(max_examples=12)
def test_every_value_is_at_least_as_good_optimistically(seed, count, metric):
    """So are both bounds of its interval: they come of one draw."""
    with TemporaryDirectory() as folder:
        runs = [
            EvaluationRun.load(write_run(Path(folder) / name, *kind, count=count, seed=seed + k))
            for k, (name, *kind) in enumerate((("l", "lir"), ("c", "calrec"), ("m", "markov")))
        ]
        made = report.content(runs, Bootstrap(resamples=30, seed=seed), metric).tables
    checked = 0
    for table in made:
        for row in table.rows:
            for cell in row:
                if not isinstance(cell, Value) or cell.unit != "metric" or cell.pessimistic is None:
                    continue
                assert cell.optimistic >= cell.pessimistic
                optimistic, pessimistic = cell.optimistic_interval, cell.pessimistic_interval
                if optimistic and not math.isnan(optimistic.low):
                    checked += 1
                    assert optimistic.low >= pessimistic.low - 1e-12
                    assert optimistic.high >= pessimistic.high - 1e-12
    assert checked or count < 3
