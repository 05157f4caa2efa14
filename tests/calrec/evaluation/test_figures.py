"""Plots say what the ranks say, stay light, and draw foreign text as text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_runs import drawn_ranks, write_run

from calrec.evaluation import slices
from calrec.evaluation.foreign import plain
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import figures
from calrec.report.comparison import Comparison

SCRIPT = "<script>window.hacked = 1</script>"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    first, second = drawn_ranks(3000, seed=1, items=9000), drawn_ranks(3000, seed=2, items=9000)
    runs = [
        write_run(
            folder / name,
            recommender,
            count=3000,
            optimistic=ranks[0],
            pessimistic=ranks[1],
            label=SCRIPT,
            data={"items": 9000},
            categories=(SCRIPT, 'Say "hi" & go', None),
        )
        for name, recommender, ranks in (("l", "lir", first), ("c", "calrec", second))
    ]
    return Comparison.of([EvaluationRun.load(run) for run in runs], Bootstrap(resamples=50))


@given(st.integers(1, 10**6))
def test_the_scatters_cells_hold_every_rank_once(largest):
    edges = figures.rank_edges(largest)
    assert edges[0] == 1
    assert edges[-1] == largest + 1
    assert (np.diff(edges) >= 1).all()
    assert len(edges) <= figures.CELLS + 1


@pytest.mark.slow
def test_the_scatter_counts_every_user(one):
    figure = figures.rank_scatter(one, 0, 1)
    heat = figure.data[0]
    assert heat.customdata.sum() == 3000
    assert heat.customdata.size <= figures.CELLS**2
    x, y = one.cases[0].optimistic, one.cases[1].optimistic
    edges = figures.rank_edges(int(max(x.max(), y.max())))
    low, high = edges[3], edges[4]
    inside = (x >= low) & (x < high) & (y == 1)
    assert heat.customdata[0, 3] == inside.sum()
    words = figures.better_words(one, 0, 1)
    assert f"better for {(y < x).sum():,} users" in words


def test_each_rank_stands_inside_its_cell(one):
    heat = figures.rank_scatter(one, 0, 1).data[0]
    edges = figures.rank_edges(
        int(max(one.cases[0].optimistic.max(), one.cases[1].optimistic.max()))
    )
    assert (heat.x[:-1] < edges[:-1]).all()
    assert (edges[1:] - 1 < heat.x[1:]).all()


def test_the_scatter_is_square_with_rank_1_at_the_top_left(one):
    layout = figures.rank_scatter(one, 0, 1).layout
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.range[0] < layout.xaxis.range[1]
    assert tuple(layout.yaxis.range) == tuple(layout.xaxis.range)[::-1]


def test_the_distribution_is_recall_at_every_k(one):
    figure = figures.rank_distribution(one)
    assert len(figure.data) == 4
    for line, (cases, side) in zip(
        figure.data,
        [(cases, side) for cases in one.cases for side in ("optimistic", "pessimistic")],
        strict=True,
    ):
        for k, share in zip(line.x, line.y, strict=True):
            assert share == pytest.approx((getattr(cases, side) <= k).mean())
        assert line.y[-1] == 1
        assert len(line.x) <= 160


def test_slices_show_means_and_intervals(one):
    figure = figures.metric_by_slice(one, slices.by_history_length, "ndcg@10", "NDCG@10")
    rings, marks = figure.data[0], figure.data[1]
    found = slices.slice_figures(
        one.cases[0], slices.by_history_length(one.cases[0]), "ndcg@10", one.bootstrap
    )
    assert list(marks.x) == [one.value.optimistic for one in found]
    assert list(rings.x) == [one.value.pessimistic for one in found]
    assert (rings.x <= marks.x).all()
    high = marks.x + marks.error_x.array
    assert high == pytest.approx([one.value.optimistic_interval.high for one in found])


def test_a_band_of_one_user_has_no_bar(tmp_path):
    folder = write_run(tmp_path / "a", count=2, optimistic=[1, 2], columns={"target_cold": [0, 1]})
    alone = Comparison.of([EvaluationRun.load(folder)], Bootstrap(resamples=20))
    figure = figures.metric_by_slice(alone, slices.by_target_seen, "mrr", "MRR")
    marks = figure.data[1]
    assert np.isnan(marks.error_x.array).all()
    assert list(figure.layout.yaxis.ticktext) == ["seen<br>1 user", "cold<br>1 user"]
    assert marks.hovertext[0] == "<b>seen</b>, 1 user<br>LIR: 1.0000 / 1.0000"


def test_long_names_take_no_room_from_the_plots(one):
    """The page has the legend: `figures.legend`."""
    for figure in (
        figures.rank_distribution(one),
        figures.metric_by_slice(one, slices.by_target_seen, "mrr", "MRR"),
    ):
        assert figure.layout.showlegend is False
        assert {trace.name for trace in figure.data if trace.name} <= {
            figures._text(name) for name, _ in figures.legend(one)
        }
    names, given = zip(*figures.legend(one), strict=True)
    assert (names, given) == (one.names, figures.colours(one))
    scatter = figures.rank_scatter(one, 0, 1).layout
    assert len(scatter.xaxis.title.text) < 60


def test_direction_of_foreign_text_stays_out_of_plots(tmp_path):
    folder = write_run(tmp_path / "a", label="\u202eabc\u2067", categories=("\u200fשלום",))
    alone = Comparison.of([EvaluationRun.load(folder)], Bootstrap(resamples=20))
    drawn = figures.metric_by_slice(alone, slices.by_category, "mrr", "MRR")
    assert "LIR (abc)" in drawn.data[0].hovertext[0]
    for text in (*drawn.data[0].hovertext, *drawn.layout.yaxis.ticktext):
        assert plain(text) == text


def test_calrec_has_its_own_colour(one):
    assert figures.colours(one)[1] == figures.GENERATIVE
    assert figures.GENERATIVE not in figures.colours(one)[:1]


@pytest.mark.slow
def test_foreign_text_is_never_markup(one):
    drawn = [figures.rank_scatter(one, 0, 1), figures.rank_distribution(one)]
    drawn += [figures.metric_by_slice(one, d, "mrr", "MRR") for d in slices.OF_THE_CASE]
    for figure in drawn:
        assert "<script" not in figure.to_json()
        page = figure.to_html(full_html=False, include_plotlyjs=False)
        assert "window.hacked" not in page or "<script>window" not in page
