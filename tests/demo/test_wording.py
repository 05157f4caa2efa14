import math

import pytest

from demo.html.wording import count, probability, rank_range, rank_sentence


def test_counts():
    assert count(1, "item") == "1 item"
    assert count(1500, "item") == "1,500 items"


def test_a_rank_without_tie():
    assert rank_range(3, 3) == "3"
    assert rank_sentence(3, 3, 1500) == "Rank 3 of 1,500. No other item has the same score."


def test_a_tie_is_explained_in_words():
    sentence = rank_sentence(3, 5, 1500)
    assert sentence.startswith("Rank 3 to 5 of 1,500: three items have the same score")
    assert "optimistic, 3" in sentence
    assert "pessimistic, 5" in sentence


def test_wide_ties_are_counted_in_digits():
    assert "1,200 items have the same score" in rank_sentence(301, 1500, 1500)


@pytest.mark.parametrize("score", [0.0, -0.5, -6.0, -15.0, -60.0, -800.0, 3.0])
def test_any_score_has_a_probability_in_words(score):
    assert "chance" in probability(score)


def test_probability_of_a_likely_text():
    assert probability(math.log(0.25)) == "a chance of 25.0%"
    assert probability(math.log(1 / 5000)) == "a chance of 1 in 5,000"
