"""What a record shows: texts folded together, tokens, rankings with arrows, words and ties."""

import html
import math
import re
from collections import Counter
from dataclasses import asdict, replace

import numpy as np
import pytest

from calrec.ranking.algorithm import fold
from calrec.records import Alternative, Attributes, Sample
from calrec.records.ranks import ranks_of
from calrec.text import TextSettings, item_text, query_words
from demo.html.record import decided, prompt, ranking, texts, tokens
from demo.html.wording import rank_range


def sample(**changes) -> Sample:
    plain = Sample(
        text="t",
        token_ids=(1,),
        log_probs=(-3.0,),
        tempered_log_probs=(-2.0,),
        score=-3.0,
        order=0,
        finished=True,
        attributes=Attributes(title="t"),
    )
    return replace(plain, **changes)


@pytest.mark.parametrize(
    ("changes", "level", "badge"),
    [
        ({}, 4, "exact item"),
        ({}, 2, "title, category"),
        ({}, 0, "no exact item"),
        ({"attributes": None}, 0, "format error"),
    ],
)
def test_match_badges(changes, level, badge):
    assert texts._match(sample(**changes), level)[0] == badge


@pytest.mark.parametrize(
    ("changes", "badge"), [({"finished": False, "attributes": None}, "writing"), ({}, "finished")]
)
def test_a_streaming_text_says_whether_it_is_finished(changes, badge):
    assert f">{badge}<" in texts.streaming([sample(**changes)])


def test_a_text_being_written_shows_its_attributes_as_far_as_they_go():
    view = texts.streaming(
        [sample(attributes=None, finished=False, text="Title: Lamp. Category: Home, Li")]
    )
    assert ">Lamp<" in view
    assert ">Home, Li<" in view


def test_a_bar_is_the_texts_probability_on_an_axis_from_0():
    scores = (-1.32, -1.34, -40.0)
    view = texts.streaming([sample(score=score, order=k) for k, score in enumerate(scores)])
    bars = [float(width) for width in re.findall(r"width:([\d.]+)%", view)]
    # e^-1.32 is 26.7 %, and the axis ends at 30 %.
    assert bars == pytest.approx([100 * math.exp(score) / 0.3 for score in scores], abs=0.06)
    assert re.findall(r"cr-nats\">([^<]+)<", view) == ["27%", "26%", "under 1 in a billion"]


def test_a_text_drawn_seldom_above_one_drawn_often_is_explained():
    def drawn(score, tempered, times):
        one = sample(score=score, log_probs=(score,), tempered_log_probs=(math.log(tempered),))
        return texts.Folded(one, times)

    found = [drawn(-1.32, 0.2, 4), drawn(-1.34, 0.5, 16)]
    said = texts.order_words(found, {"sampling": {"temperature": 0.5}})
    assert "one with 27%, drawn 4 times, stands above one with 26%, drawn 16 times" in said
    assert "at temperature 0.5 about 4 and 10 of 20 were to be expected" in said
    assert texts.order_words(found[::-1], {}) == ""


@pytest.mark.parametrize(
    ("here", "above", "said"),
    [
        ((1, 0.26, 1.0), (0, 0.27, 1.0), "Text probability: 26% against 27%"),
        ((1, 0.26, 1.0), (0, 0.27, 0.4), "Text probability: 26% against 27%"),
        ((0, 0.27, 0.4), (0, 0.27, 0.9), "Match 0.40 against 0.90"),
        ((1, 0.26, 0.4), (0, 0.27, 0.9), "Match 0.40 against 0.90"),
        ((1, 0.01, 0.99999), (0, 0.9, 1.0), "Text probability: 1.0% against 90%"),
    ],
)
def test_the_smaller_of_two_factors_is_what_decided(here, above, said):
    """Weights as the paper's epsilon of 1/5000 makes them."""
    one, other = (
        decided.Factors(column=column, chance=p, weight=p ** (1 / 5000), match=match, raw=1, best=1)
        for column, p, match in (here, above)
    )
    assert decided._behind(one, other).short == said


def shown(recommendation, application, opened=None):
    items = application.shop("lamps").catalogue.items
    return texts.view(recommendation, items, application.shop("lamps").attributes(), opened)


def test_kept_texts_stand_first_and_are_numbered_as_the_columns(recommendation, application):
    kept = shown(recommendation, application).split("<details")[0]
    assert re.findall(r"cr-accent\">(\d+)<", kept) == [
        str(k + 1) for k in range(len(recommendation.ranking.columns))
    ]
    tips = re.findall(r'class="cr-item" title="([^"]*)"', kept)
    assert (
        tuple(html.unescape(tip).split("\n")[0] for tip in tips) == recommendation.ranking.columns
    )


def test_equal_texts_are_one_row_that_says_how_many(recommendation, application):
    view = shown(recommendation, application)
    times = Counter(fold(one.text) for one in recommendation.samples)
    assert view.count('data-act="text"') == len(times)
    folded = sorted(int(n) for n in re.findall(r">× (\d+)<", view))
    assert folded == sorted(n for n in times.values() if n > 1)
    assert folded  # the script draws from few items


def test_a_row_names_the_item_that_its_text_matches(recommendation, application):
    view = shown(recommendation, application)
    by_text = {item_text(item): item for item in application.shop("lamps").catalogue.items}
    exact = [by_text[one.text] for one in recommendation.samples if one.text in by_text]
    assert exact
    for item in exact:
        assert f'cr-matched">item {item.item_id}<' in view


def test_only_the_opened_text_shows_its_tokens(recommendation, application):
    assert "cr-token" not in shown(recommendation, application)
    best = min(recommendation.samples, key=lambda s: (-s.score, s.order))
    view = shown(recommendation, application, best.order)
    assert view.count('aria-expanded="true"') == 1
    assert view.count('class="cr-token"') == len(best.token_ids)


def test_a_token_is_the_stronger_coloured_the_less_probable():
    log_probs = (-0.0, -1.0, -2.0, -50.0)
    view = tokens.strip(
        sample(token_texts=tuple("abcd"), token_ids=(1, 2, 3, 4), log_probs=log_probs)
    )
    colours = [float(c) for c in re.findall(r"--surprise:([\d.]+)", view)]
    assert colours == sorted(colours)
    assert (colours[0], colours[-1]) == (0, 1)


def test_alternatives_name_the_drawn_token_even_if_it_was_none_of_the_best():
    best = tuple(Alternative(token_id=k, text=f"w{k}", log_prob=-1.0 - k) for k in (5, 6))
    view = tokens.strip(
        sample(token_texts=(" rare",), token_ids=(9,), log_probs=(-7.5,), alternatives=(best,))
    )
    panel = view.split("cr-alternatives")[1]
    assert re.findall(r"<code[^>]*>([^<]*)<", panel) == ["w5", "w6", "·rare"]
    assert panel.count(">drawn<") == 1
    assert "drawn" in panel.split("·rare")[1]


def test_a_record_without_tokens_says_so():
    assert "not kept" in tokens.strip(sample())


def test_the_prompt_says_what_was_cut():
    assert "2 oldest items did not fit" in prompt.view("a b", 2, 2)
    assert "the whole history fits" in prompt.view("a b", 2, 0)
    assert "follows when the model is loaded" in prompt.view("a b", None, 0)


@pytest.fixture
def others(recommendation, application):
    known = application.shop("lamps").recommenders().values()
    return [one.recommend(recommendation.history) for one in known]


def test_arrows_are_the_difference_of_the_ranks(recommendation, others, application):
    items = {item.item_id: item for item in application.shop("lamps").catalogue.items}
    view = ranking.rankings_view(recommendation, others, items, None)
    own, *_ = re.findall(r"<tbody>(.*?)</tbody>", view, re.S)
    rows = re.findall(r"<tr>(.*?)</tr>", own, re.S)
    assert len(rows) == ranking.TOP
    for row, index in zip(rows, recommendation.ranking.order(), strict=False):
        told = re.findall(r'<td class="cr-value">([\d,]+) (?:\s*<span class="cr-(\w+)")?', row)
        cells = told[-len(others) :]
        here = ranks_of(recommendation.ranking.scores, index)[0]
        for (there, way), other in zip(cells, others, strict=True):
            expected = ranks_of(other.ranking.scores, index)[0]
            assert int(there.replace(",", "")) == expected
            ways = "up" if here < expected else "down" if here > expected else "same"
            assert way == (ways if expected <= ranking.TOP else "")
        number = rank_range(*ranks_of(recommendation.ranking.scores, index))
        assert f'cr-number">{number}<' in row


def test_the_words_of_an_item_add_up_to_its_bm25(recommendation, application):
    catalogue = application.shop("lamps").catalogue
    items = {item.item_id: item for item in catalogue.items}
    view = ranking.rankings_view(recommendation, [], items, None, [catalogue.corpus()])
    sums = re.findall(r"(\d+) words?, BM25 ([\d.]+)", view)
    best = [int(row) for row in recommendation.ranking.order()[: ranking.TOP]]
    assert len(sums) == len(best)
    for (number, total), row in zip(sums, best, strict=True):
        column = recommendation.ranking.winner(row)
        assert float(total) == pytest.approx(recommendation.ranking.raw[row, column], abs=0.006)
        query = set(query_words(recommendation.ranking.columns[column]))
        assert int(number) <= len(query)


def test_a_score_is_shown_as_the_product_that_it_is(recommendation, application):
    catalogue = application.shop("lamps").catalogue
    items = {item.item_id: item for item in catalogue.items}
    view = ranking.rankings_view(recommendation, [], items, None, [catalogue.corpus()])
    products = re.findall(r"([\d.]+) = weight ([\d.]+) of text (\d+) .*?× match ([\d.]+)<", view)
    assert len(products) == ranking.TOP
    scores = recommendation.ranking.column_scores
    for score, weight, text, match in products:
        assert float(score) == pytest.approx(float(weight) * float(match), abs=6e-5)
        assert float(weight) == pytest.approx(math.exp(scores[int(text) - 1] / 5000), abs=6e-6)


def test_items_of_the_history_are_marked_in_every_ranking(recommendation, others, application):
    items = {item.item_id: item for item in application.shop("lamps").catalogue.items}
    view = ranking.rankings_view(recommendation, others, items, None)
    bought = {item.item_id for item in recommendation.history}
    for record, table in zip([recommendation, *others], view.split("<tbody>")[1:], strict=True):
        best = [record.ranking.item_ids[row] for row in record.ranking.order()[: ranking.TOP]]
        marked = [
            "bought before</span>" in row for row in table.split("</tbody>")[0].split("<tr")[1:]
        ]
        assert marked == [item_id in bought for item_id in best]


def test_the_words_of_an_item_are_cut_as_the_checkpoint_cuts_them(recommendation, application):
    short = TextSettings(title_words=1, category_words=1)
    settings = {**recommendation.generation.settings, "text": asdict(short)}
    generation = replace(recommendation.generation, settings=settings)
    record = replace(recommendation, generation=generation)
    catalogue = application.shop("lamps").catalogue
    items = {item.item_id: item for item in catalogue.items}
    view = ranking.rankings_view(record, [], items, None, [catalogue.corpus()], top=1)
    (best,) = record.ranking.order()[:1].tolist()
    query = query_words(record.ranking.columns[record.ranking.winner(best)], short)
    assert query != query_words(record.ranking.columns[record.ranking.winner(best)])
    (total,) = re.findall(r"words?, BM25 ([\d.]+)", view)
    assert float(total) == pytest.approx(catalogue.corpus().scores([query])[best, 0], abs=0.006)


def test_the_true_item_is_marked_once_in_each_ranking_wherever_it_stands(
    recommendation, others, application
):
    catalogue = application.shop("lamps").catalogue
    items = {item.item_id: item for item in catalogue.items}
    for target in (catalogue.items[int(recommendation.ranking.order()[0])], catalogue.items[-1]):
        view = ranking.rankings_view(recommendation, others, items, target)
        assert view.count("really bought") == 1 + len(others)


def test_a_tie_is_shown_as_a_range(recommendation, others, application):
    target = application.shop("lamps").catalogue.items[30]
    tied = replace(others[0], ranking=replace(others[0].ranking, scores=np.zeros(60)))
    view = ranking.ranks_view([recommendation, tied], target)
    assert "1 to 60" in view
    assert "60 items have the same score" in view


def test_without_target_the_ranks_say_how_to_get_one(recommendation):
    assert "Load a shopper" in ranking.ranks_view([recommendation], None)
