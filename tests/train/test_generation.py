import pytest

from train.evaluation.generation import generation_figures


def row(user_id, text, level, *, kept=True, error=False):
    return {
        "user_id": user_id,
        "text": text,
        "match_level": level,
        "kept": kept,
        "format_error": error,
    }


def test_shares_are_over_all_texts_and_over_the_kept_ones():
    rows = [
        row("u1", "a", 4),
        row("u1", " a ", 4, kept=False),
        row("u1", "b", 3),
        row("u1", "c", 0, kept=False, error=True),
        row("u2", "a", 1),
    ]
    assert generation_figures(rows, users=2) == {
        "samples": 5,
        "format_error_rate": pytest.approx(1 / 5),
        "match_rate": {
            "all": {"4": 2 / 5, "3": 3 / 5, "2": 3 / 5, "1": 4 / 5},
            "kept": {"4": 1 / 3, "3": 2 / 3, "2": 2 / 3, "1": 1.0},
        },
        "distinct_texts_mean": 2.0,
    }


def test_no_text_kept_gives_shares_of_0():
    figures = generation_figures([row("u", "a", 0, kept=False)], users=1)
    assert figures["match_rate"]["kept"] == {"4": 0.0, "3": 0.0, "2": 0.0, "1": 0.0}
