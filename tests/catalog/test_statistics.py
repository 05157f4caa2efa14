import json

import duckdb
import pytest

from catalog.build import build
from catalog.statistics import statistics
from catalog.store import Catalogue
from catalog.workspace import FILE


def test_columns_of_a_shop_counted_by_hand(music):
    columns = statistics(music)
    assert (columns.users, columns.items, columns.purchases) == (3, 8, 7)
    assert columns.duplicates_percent == pytest.approx(100 * 2 / 9)
    assert columns.items_per_user == pytest.approx(7 / 3)
    assert columns.purchases_per_item == pytest.approx(7 / 8)
    assert columns.density == pytest.approx(7 / 24)
    # i1 7, i2 6, i3 6, i4 4, i5 4, i6 0, i7 3 + 2 + 1 + 1, i9 0.
    assert columns.words_per_item == pytest.approx(34 / 8)
    # acoustic guitar strings music, fender $5.99 electric guitars $1,299.00 tuner tuners korg
    # $19.99 drum sticks drums wi-fi amp <b>loud</b> amps $99
    assert columns.vocabulary == 21
    assert columns.word_frequency == pytest.approx(34 / 21)


@pytest.mark.slow
def test_repeats_that_were_kept_are_purchases_and_still_duplicates(tmp_path, tables):
    build(tmp_path, "kept", tables(), keep_repeats=True)
    with Catalogue.open(tmp_path, "kept") as catalogue:
        columns = statistics(catalogue)
    assert columns.purchases == 9
    assert columns.items_per_user == 3
    assert columns.duplicates_percent == pytest.approx(100 * 2 / 9)


@pytest.mark.slow
def test_the_report_of_an_earlier_build_counts_no_kept_repeats(tmp_path, tables):
    report = dict(build(tmp_path, "music", tables()).report)
    del report["repeats_kept"]
    with duckdb.connect(str(tmp_path / FILE)) as connection:
        connection.execute("UPDATE domains SET report = ?", [json.dumps(report)])
    with Catalogue.open(tmp_path, "music") as catalogue:
        assert statistics(catalogue).duplicates_percent == pytest.approx(100 * 2 / 9)


@pytest.mark.slow
def test_words_cut_from_the_text_do_not_count(tmp_path, tables):
    build(tmp_path, "x", tables([("i", "w " * 40, "c " * 40, None, None)], []))
    with Catalogue.open(tmp_path, "x") as catalogue:
        columns = statistics(catalogue)
    assert columns.words_per_item == 25 + 15
    assert columns.vocabulary == 2
    assert columns.items_per_user == columns.density == columns.duplicates_percent == 0
