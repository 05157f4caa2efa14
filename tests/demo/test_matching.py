import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from demo.html.record.matching import ROWS, heat_maps, stretched


def by_id(application):
    return {item.item_id: item for item in application.shop("lamps").catalogue.items}


def test_best_items_by_kept_texts_with_exact_values(recommendation, application):
    figure = heat_maps(recommendation, by_id(application))
    rows = recommendation.ranking.order()[:ROWS]
    steps = (
        recommendation.ranking.raw,
        recommendation.ranking.scaled,
        recommendation.ranking.modulated,
    )
    assert len(figure.data) == len(steps)
    for trace, values, drawn in zip(
        figure.data, steps, (np.asarray, stretched, stretched), strict=True
    ):
        np.testing.assert_allclose(trace.z, drawn(values[rows]))
        assert np.shape(trace.z) == (ROWS, len(recommendation.ranking.columns))
        for line, row in zip(trace.text, rows, strict=True):
            shown = [float(value) for value in line]
            np.testing.assert_allclose(shown, values[row], atol=0.006)


def test_all_three_maps_have_the_same_rows_columns_and_hover(recommendation, application):
    figure = heat_maps(recommendation, by_id(application))
    first, *others = figure.data
    assert {trace.yaxis for trace in figure.data} == {"y"}
    assert len({trace.xaxis for trace in figure.data}) == 3
    for other in others:
        assert other.customdata == first.customdata
    # Plotly's own checks, which drawing leaves out, find nothing wrong with it.
    go.Figure(figure.to_plotly_json())


def test_the_colours_span_this_picture_and_part_near_full_matches(recommendation, application):
    trace = heat_maps(recommendation, by_id(application)).data[2]
    assert (trace.zmin, trace.zmax) == (np.min(trace.z), np.max(trace.z))
    near = stretched(np.array([0.9990, 0.9996]))
    assert np.ptp(near) > 0.1 * (trace.zmax - trace.zmin)


def test_stretched_is_monotone_and_finite_up_to_and_beyond_one():
    values = stretched(np.array([0.0, 0.5, 0.9, 0.99, 0.9999, 1.0, 1.2]))
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values[:-1]) > 0)
    np.testing.assert_allclose(values[[2, 3]], [1, 2])


def test_a_frame_marks_the_winning_text_of_each_row(recommendation, application):
    figure = heat_maps(recommendation, by_id(application))
    found = [(round((s.x0 + s.x1) / 2), round((s.y0 + s.y1) / 2)) for s in figure.layout.shapes]
    rows = recommendation.ranking.order()[:ROWS]
    assert found == [
        (int(recommendation.ranking.modulated[row].argmax()), y) for y, row in enumerate(rows)
    ]


def test_the_true_item_gets_a_row_of_its_own_if_it_is_not_among_the_best(
    recommendation, application
):
    last = application.shop("lamps").catalogue.items[int(recommendation.ranking.order()[-1])]
    figure = heat_maps(recommendation, by_id(application), last)
    labels = figure.layout.yaxis.ticktext
    assert len(labels) == ROWS + 1
    assert labels[-1].startswith("<b>▸ ")
    assert sum("▸" in label for label in labels) == 1


def test_titles_and_texts_cannot_bring_tags_of_their_own(recommendation, application):
    hostile = application.shop("lamps").catalogue.items[0]
    drawn = json.dumps(
        heat_maps(recommendation, by_id(application), hostile).to_plotly_json(), default=list
    )
    tags = set(re.findall(r"<(/?\w+)", drawn))
    assert tags <= {"b", "/b", "br", "extra", "/extra"}
    assert "&lt;script&gt;" in drawn


def test_nothing_to_draw_without_a_kept_text(recommendation, application):
    n = recommendation.ranking.corpus_size
    ranking = replace(
        recommendation.ranking,
        columns=(),
        column_scores=(),
        raw=np.zeros((n, 0)),
        scaled=np.zeros((n, 0)),
        modulated=np.zeros((n, 0)),
        scores=np.zeros(n),
    )
    empty = replace(recommendation, ranking=ranking)
    assert heat_maps(empty, by_id(application)) is None


def test_a_picture_of_equal_values_still_has_a_scale(recommendation, application):
    equal = recommendation.ranking.modulated * 0
    flat = replace(recommendation, ranking=replace(recommendation.ranking, modulated=equal))
    trace = heat_maps(flat, by_id(application)).data[2]
    assert trace.zmax > trace.zmin
