"""Scores of generated texts: quantiles and plot, against numbers worked by hand."""

import numpy as np
import pytest
from laid_out import FOUR, QUICK, cells, tables

from calrec.errors import CalrecError
from calrec.evaluation.text_scores import text_scores
from calrec.report import figures
from calrec.report.comparison import Comparison

SCORES = np.array([-1.0, -2.0, -4.0, -8.0, -16.0])
TEXTS = {
    "user_id": [FOUR[0]] * 5,
    "text": ["a", "b", "a", "c", "d"],
    "score": SCORES,
    "kept": [True, True, False, False, True],
    "names_target": [False, True, False, True, False],
}
OLDER = {name: TEXTS[name] for name in ("user_id", "text", "score", "kept")}


def test_quantiles_of_each_kind_of_text(run):
    one = run("c", "calrec", users=FOUR, texts=TEXTS)
    table = tables(one, run("l", "lir", users=FOUR))["scores"]
    (row,) = table.rows
    assert row[:2] == ("shop", "test")
    (found,) = cells(table, "shop")
    kinds = {
        "All texts": SCORES,
        "Distinct, the best of each user": SCORES[[0, 1, 4]],
        "The item really bought": SCORES[[1, 3]],
    }
    for kind, values in kinds.items():
        assert found[f"{kind}: Texts"].optimistic == len(values)
        assert found[f"{kind}: Median"].optimistic == np.median(values)
        assert found[f"{kind}: 5 %"].optimistic == pytest.approx(np.quantile(values, 0.05))
        assert found[f"{kind}: 95 %"].optimistic == pytest.approx(np.quantile(values, 0.95))


def test_earlier_runs_do_not_tell_which_texts_name_the_target(run):
    table = tables(run("c", "calrec", users=FOUR, texts=OLDER))["scores"]
    (found,) = cells(table, "shop")
    assert found["The item really bought: Median"] is None
    assert any("--samples-from" in note for note in table.notes)


def test_texts_that_are_ranked_twice_stand_once(run):
    same = {"checkpoint": {"digest": "1", "samples": "texts", "seen": []}}
    runs = [
        run(name, "calrec", users=FOUR, texts=TEXTS, meta=same, ranking={"retrieval": name})
        for name in ("bm25", "hierarchical")
    ]
    assert len(tables(*runs)["scores"].rows) == 1


def test_runs_without_scores_have_no_table(run):
    assert "scores" not in tables(run("c", "calrec", users=FOUR), run("l", "lir", users=FOUR))
    words = run("w", "calrec", users=FOUR, texts=OLDER | {"score": ["much"] * 5})
    with pytest.raises(CalrecError, match="columns of other types"):
        text_scores(words)


def test_the_plot_has_a_line_of_shares_for_each_kind(run):
    runs = [run("l", "lir", users=FOUR), run("c", "calrec", users=FOUR, texts=TEXTS)]
    one = Comparison.of(runs, QUICK)
    figure = figures.score_distribution(one, [None, text_scores(runs[1])])
    assert [line.line.dash for line in figure.data] == ["solid", "dash", "dot"]
    assert {line.line.color for line in figure.data} == {figures.GENERATIVE}
    written, _, naming = figure.data
    assert sum(written.y) == pytest.approx(4 / 5)  # the least probable one lies beyond the edge
    assert sum(naming.y) == pytest.approx(1.0)
