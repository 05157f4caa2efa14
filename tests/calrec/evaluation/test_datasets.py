"""Table 1 beside the paper's, against numbers worked by hand."""

import pytest
from laid_out import FOUR, cells, tables

DATA = {
    "users": 100,
    "items": 500,
    "events": 900,
    "repeats_removed": 100,
    "bought_again_at_once": 3,
    "bought_again_later": 40,
    "words_per_item": 20.0,
    "vocabulary": 2500,
}
HERE = {"users": FOUR, "domain": "scientific_2018"}


def test_table_1_beside_the_paper(run):
    found = tables(
        run("l", "lir", data=DATA, **HERE),
        run("k", "item-knn", **HERE),  # of an earlier release
        run("s", "lir", users=FOUR),
    )
    table = found["table1"]
    assert [row[0] for row in table.rows] == ["scientific_2018", "Scientific, the paper's", "shop"]
    (ours,) = cells(table, "scientific_2018")
    expected = {
        "Users": 100,
        "Duplicates": 0.1,
        "Items": 500,
        "Purchases": 900,
        "Items/User": 9,
        "Purchases/Item": 1.8,
        "Density": 0.018,
        "Words/Item": 20,
        "Word Vocab Size": 2500,
        "Avg. Word Freq": 4,
    }
    assert {name: ours[name].optimistic for name in expected} == pytest.approx(expected)
    (printed,) = cells(table, "Scientific, the paper's")
    assert printed["Purchases"].optimistic == 66644
    assert printed["Duplicates"].optimistic == pytest.approx(0.055)
    assert sum("89 %" in note for note in table.notes) == 1
    (repeats,) = cells(found["repeats"], "scientific_2018")
    kinds = {
        "Exact repeats: Removed": 100,
        "Exact repeats: Left in": 0,
        "The same item again: At the same time": 3,
        "The same item again: At another time": 40,
    }
    assert {name: repeats[name].optimistic for name in kinds} == kinds
    assert repeats["Exact repeats: Compared"] == "item, timestamp"


def test_what_earlier_releases_do_not_tell(run):
    unknown = dict.fromkeys(("repeats_removed", "repeats_kept", "compared"))
    found = tables(run("l", "lir", users=FOUR, data=unknown))
    (row,) = found["table1"].rows
    assert row[2] is None
    assert row[8:] == (None,) * 3
    assert found["repeats"].rows == (("shop", *(None,) * 5),)
    for key in ("table1", "repeats"):
        assert any(note.startswith("–: not recorded") for note in found[key].notes)


def test_two_states_of_one_domain_are_told_apart(run):
    new = {"fingerprint": "other", "events": 1000}
    table = tables(run("l", "lir", **HERE), run("m", "lir", data=new, **HERE))["table1"]
    assert [row[0] for row in table.rows] == [
        "scientific_2018, data aa11bb22",
        "scientific_2018, data other",
        "Scientific, the paper's",
    ]
