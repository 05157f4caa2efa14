"""The paper's figures: spot checks, its own sums, and, where it lies here, the printed text."""

import re
from pathlib import Path

import numpy as np
import pytest

from calrec.evaluation.metrics import METRICS
from calrec.report import paper

DATASETS = ("Scientific", "Instruments", "Arts", "Office", "Games", "Pet")


def test_spot_checks():
    assert paper.TABLE_1["Games"][:2] == (50940, 0.047)
    assert paper.TABLE_2["Scientific", "ndcg@10"]["CALRec"] == (0.0788, 0.0740)
    assert paper.TABLE_2["Games", "mrr"]["FDSA"] == (0.0483, 0.0483)
    assert paper.TABLE_2["Pet", "recall@1"]["RecFormer"] == (0.0377, 0.0130)
    assert paper.TABLE_3["Games", "no-contrastive"]["recall@10"] == (0.0987, 0.0985)
    assert paper.TABLE_4["recall@1"].p == (0.0027, 0.0004)
    assert paper.TABLE_6["Instruments", "gpt4rec"]["recall@10"] == (0.0584, 0.0583)
    assert paper.TABLE_7["Scientific"].kept["recall@10"] == 0.1381
    assert paper.TABLE_8["Games"].format_errors == pytest.approx(0.0005)
    assert paper.TABLE_8["Scientific"].hierarchical["mrr"] == (0.0693, 0.0632)


def test_the_ratios_of_table_1_are_those_of_its_counts():
    assert tuple(paper.TABLE_1) == DATASETS
    for users, _, items, purchases, *ratios, _, _, _ in paper.TABLE_1.values():
        expected = (purchases / users, purchases / items, purchases / (users * items))
        assert ratios == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize("metric", METRICS)
def test_the_averages_and_improvements_are_those_of_the_rows(metric):
    for method, average in paper.TABLE_2["Average", metric].items():
        rows = [paper.TABLE_2[dataset, metric][method] for dataset in DATASETS]
        np.testing.assert_allclose(np.mean(rows, axis=0), average, atol=1.5e-4)
    for dataset in DATASETS:
        row = dict(paper.TABLE_2[dataset, metric])
        ours = row.pop("CALRec")[0]
        best = max(value for value, _ in row.values())
        assert ours / best - 1 == pytest.approx(paper.IMPROVEMENT[dataset, metric], abs=0.006)


def test_the_tables_agree_where_they_overlap():
    for dataset in ("Scientific", "Instruments", "Games"):
        for metric in METRICS:
            full = paper.TABLE_3[dataset, "full"][metric]
            assert full == paper.TABLE_2[dataset, metric]["CALRec"]
    for dataset, row in paper.TABLE_7.items():
        for metric in METRICS:
            assert row.removed[metric] == paper.TABLE_2[dataset, metric]["LIR"][0]
    for dataset in ("Scientific", "Instruments"):
        assert paper.TABLE_6[dataset, "calrec"] == paper.TABLE_3[dataset, "pretrained"]
    for metric in METRICS:
        assert paper.TABLE_4[metric].with_losses == paper.TABLE_2["Average", metric]["CALRec"]


def test_every_figure_is_printed_in_the_paper():
    path = Path(__file__).parents[4] / "shared" / "papers" / "calrec-recsys24.txt"
    if not path.is_file():
        pytest.skip("needs the paper's text in ../shared/papers, which is not here")
    printed = set(re.findall(r"\d+\.\d+", path.read_text(encoding="utf-8")))
    text = Path(paper.__file__).read_text(encoding="utf-8")
    figures = set(re.findall(r"\d+\.\d+", text.partition('_TABLE_1 = """')[2].partition("def ")[0]))
    assert len(figures) > 450
    assert figures <= printed


def test_the_remarks_say_what_differs():
    assert "89 %" in paper.DOMAINS["scientific_2018"].remark
    assert "no price" in paper.DOMAINS["scientific_2018"].remark
    assert "99 %" in paper.DOMAINS["games_2018"].remark
    assert "brand" in paper.DOMAINS["games_2018"].remark
    for domain in paper.DOMAINS.values():
        assert "not the paper's own file" in domain.remark
        assert domain.dataset in DATASETS
