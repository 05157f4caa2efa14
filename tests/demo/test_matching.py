"""The score matrix as it is shown: one linear colour scale, titles told apart, words compared."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest

from calrec.text import TextSettings, document_words, query_words
from demo.html.record.compared import compared, pieces
from demo.html.record.matching import ROWS, Step, matrix, share
from demo.html.record.titles import told_apart


@pytest.fixture
def shop(application):
    return application.shop("lamps")


@pytest.fixture
def view(recommendation, shop):
    return matrix(recommendation, shop.by_id, None, shop.catalogue.corpus())


def cells(view: str) -> list[list[str]]:
    """The opening tags and contents of the cells' buttons, by row."""
    body = view.split("<tbody>")[1]
    return [re.findall(r"<td.*?</button>", row, re.S) for row in body.split("<tr")[1:]]


def shown(view: str, step: int) -> np.ndarray:
    """The exact values of the cells at a step, as hovering shows them."""
    tips = [[re.search(r'title="([^"]*)"', cell)[1] for cell in row] for row in cells(view)]
    return np.array(
        [[float(tip.split("&#10;")[1 + step].split(": ")[1]) for tip in r] for r in tips]
    )


def test_best_items_by_kept_texts_with_exact_values(recommendation, view):
    ranking = recommendation.ranking
    rows = ranking.order()[:ROWS]
    for step, values in enumerate((ranking.raw, ranking.scaled, ranking.modulated), start=1):
        np.testing.assert_allclose(shown(view, step), values[rows], atol=6e-7)


def test_the_colour_is_linear_from_0_to_its_legend(recommendation, view):
    ranking = recommendation.ranking
    rows = ranking.order()[:ROWS]
    for step, values in enumerate((ranking.raw, ranking.scaled, ranking.modulated), start=1):
        found = [float(s) for s in re.findall(rf"--s{step}:([\d.]+)", view)]
        top = values[rows].max() if step == 1 else 1
        np.testing.assert_allclose(found, (values[rows] / top).ravel(), atol=6e-4)
    half = Step(name="", means="", low=0, high=4)
    assert [share(value, half) for value in (-1, 0, 1, 2, 4, 5)] == [0, 0, 0.25, 0.5, 1, 1]


def test_a_frame_marks_the_winning_text_of_each_row(recommendation, view):
    ranking = recommendation.ranking
    framed = [[k for k, cell in enumerate(row) if "cr-winner" in cell] for row in cells(view)]
    assert framed == [[int(ranking.modulated[row].argmax())] for row in ranking.order()[:ROWS]]


def test_the_true_item_gets_a_row_of_its_own_if_it_is_not_among_the_best(recommendation, shop):
    last = shop.catalogue.items[int(recommendation.ranking.order()[-1])]
    rows = cells(matrix(recommendation, shop.by_id, last))
    marked = matrix(recommendation, shop.by_id, last).split('class="cr-hit"')
    assert len(rows) == ROWS + 1
    assert len(marked) == 2
    assert html.escape(last.title) in marked[1]


def test_nothing_to_draw_without_a_kept_text(recommendation, shop):
    ranking = recommendation.ranking
    none = np.zeros((ranking.corpus_size, 0))
    empty = replace(ranking, columns=(), column_scores=(), raw=none, scaled=none, modulated=none)
    assert matrix(replace(recommendation, ranking=empty), shop.by_id) == ""


def test_a_picture_of_equal_values_still_has_a_scale(recommendation, shop):
    flat = replace(recommendation.ranking, raw=recommendation.ranking.raw * 0)
    view = matrix(replace(recommendation, ranking=flat), shop.by_id)
    assert set(re.findall(r"--s1:([\d.]+)", view)) == {"0.000"}


def test_the_parts_of_a_cells_words_add_up_to_its_bm25(recommendation, shop):
    ranking, corpus, text = recommendation.ranking, shop.catalogue.corpus(), TextSettings()
    for row in (int(ranking.order()[0]), 30):
        for column, written in enumerate(ranking.columns):
            item = shop.catalogue.items[row]
            found = compared(item, row, written, text, corpus)
            parts = [piece.part for piece in found.text if piece.part is not None]
            assert sum(parts) == pytest.approx(ranking.raw[row, column])
            marked = {w for p in found.item if p.shared for w in re.findall(r"\w+", p.text.lower())}
            assert marked == {*document_words(item)} & {*query_words(written)}
            assert len(marked) == found.words


def test_overlapping_pairs_of_a_script_without_spaces_are_one_piece():
    found = pieces("a茶道具b", {"茶道": 1.0, "道具": 2.0}, "unicode")
    assert [piece.text for piece in found] == ["a", "茶道具", "b"]
    assert found[1].part == 3.0


def test_titles_are_cut_where_they_agree():
    titles = [
        "Acorn & Reed Stainless Steel Mixing Bowl with Lid and Grip Handle, 2 litre",
        "Acorn & Reed Stainless Steel Mixing Bowl with Lid and Grip Handle, 5 litre",
        "Acorn & Reed Stainless Steel Mixing Bowl",
        "Spoon",
    ]
    cut = told_apart(titles, 30)
    assert [title.split()[-2:] for title in cut[:2]] == [["2", "…"], ["5", "…"]]
    assert all(len(title) <= 30 for title in cut)
    assert len(set(cut)) == 4
    assert cut[3] == "Spoon"
    assert told_apart(["b a", "a b"], 1) == ["b a", "a b"]
