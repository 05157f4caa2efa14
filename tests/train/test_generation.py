import pyarrow as pa
import pytest

from train.evaluation.generation import generation_figures, sample_counts


def row(case, text, level, *, column=None, error=False):
    return {
        "case": case,
        "text": text,
        "match_level": level,
        "kept": column is not None,
        "column": column,
        "format_error": error,
    }


def table(*rows):
    column = pa.field("column", pa.int32())
    plain = pa.Table.from_pylist(list(rows))
    return plain.set_column(4, column, plain["column"].cast(pa.int32()))


ROWS = table(
    row(0, "a", 4, column=1),
    row(0, " a ", 4),
    row(0, "b", 3, column=0),
    row(0, "c", 0, error=True),
    row(2, "a", 1, column=0),
)


def test_shares_are_over_all_texts_and_over_the_kept_ones():
    assert generation_figures(ROWS, cases=2) == {
        "samples": 5,
        "format_error_rate": pytest.approx(1 / 5),
        "match_rate": {
            "all": {"4": 2 / 5, "3": 3 / 5, "2": 3 / 5, "1": 4 / 5},
            "kept": {"4": 1 / 3, "3": 2 / 3, "2": 2 / 3, "1": 1.0},
        },
        "distinct_texts_mean": 2.0,
    }


def test_no_text_kept_gives_shares_of_0():
    figures = generation_figures(table(row(0, "a", 0)), cases=1)
    assert figures["match_rate"]["kept"] == {"4": 0.0, "3": 0.0, "2": 0.0, "1": 0.0}


def test_counts_of_each_case_one_without_samples_among_them():
    found = sample_counts(ROWS, cases=3)
    assert {name: list(values) for name, values in found.items()} == {
        "samples": [4, 0, 1],
        "format_errors": [1, 0, 0],
        "exact_matches": [2, 0, 0],
        "title_matches": [3, 0, 1],
        "distinct_texts": [3, 0, 1],
        "top_match_level": [3, 0, 1],
    }
