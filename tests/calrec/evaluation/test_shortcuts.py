"""Kinds of targets, and who finds them, against numbers worked by hand."""

from laid_out import FOUR, cells, pair, tables

COLUMNS = {
    "target_in_history": [True, False, False, False],
    "target_is_last": [False] * 4,
    "target_follows_last": [True, True, False, False],
    "target_like_last": [False, True, True, False],
}
OLDER = {name: COLUMNS[name] for name in ("target_in_history", "target_is_last")}
KEY, FOUND = "shortcuts-1", "Recall@10 of these: "


def test_who_solves_what(run):
    table = tables(
        run("l", "lir", users=FOUR, optimistic=[1, 2, 30, 1], columns=COLUMNS),
        run("k", "item-knn", users=FOUR, optimistic=[1, 40, 40, 10], columns=COLUMNS),
    )[KEY]
    assert table.title.startswith("Can this shop be solved by a shortcut?")
    found = {
        row[0]: (row[1].optimistic, row[2].optimistic, row[3].optimistic, row[4].optimistic)
        for row in table.rows
    }
    assert found == {
        "bought before by the person": (1, 0.25, 1.0, 1.0),
        "followed the last item": (2, 0.5, 1.0, 0.5),
        "among the ten texts nearest to the last item's": (2, 0.5, 0.5, 0.0),
        "any of these": (3, 0.75, 2 / 3, 1 / 3),
        "none of these": (1, 0.25, 1.0, 1.0),
    }
    (followed,) = cells(table, "followed the last item")
    assert followed[f"{FOUND}LIR"].best_optimistic
    assert not followed[f"{FOUND}Item KNN"].best_optimistic
    assert not table.missing
    assert any("all 4 users" in note for note in table.notes)


def test_ties_count_on_one_side(run):
    one = run(
        "l", "lir", users=FOUR, optimistic=[1] * 4, pessimistic=[1, 11, 1, 1], columns=COLUMNS
    )
    (row,) = cells(tables(one)[KEY], "followed the last item")
    assert pair(row[f"{FOUND}LIR"]) == (1.0, 0.5)


def test_a_kind_without_targets_has_no_figure(run):
    nobody = COLUMNS | {"target_in_history": [False] * 4}
    (row,) = cells(tables(run("l", users=FOUR, columns=nobody))[KEY], "bought before by the person")
    assert row[f"{FOUND}LIR"] is None
    assert row["Users"].optimistic == 0


def test_one_run_that_knows_serves_for_all(run):
    older = run("l", "lir", users=FOUR, columns=OLDER)
    newer = run("k", "item-knn", users=FOUR, columns=COLUMNS)
    assert len(tables(older, newer)[KEY].rows) == 5
    table = tables(older)[KEY]
    assert not table.rows
    assert "--recommender lir --out DIR (these runs are of an earlier release)" in table.missing
