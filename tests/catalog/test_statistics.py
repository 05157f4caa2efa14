import pytest

from catalog.build import build
from catalog.statistics import statistics
from catalog.store import Catalogue


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


def test_words_cut_from_the_text_do_not_count(tmp_path, tables):
    build(tmp_path, "x", tables([("i", "w " * 40, "c " * 40, None, None)], []))
    with Catalogue.open(tmp_path, "x") as catalogue:
        columns = statistics(catalogue)
    assert columns.words_per_item == 25 + 15
    assert columns.vocabulary == 2
    assert columns.items_per_user == columns.density == columns.duplicates_percent == 0
