"""Cold items: what is left of their purchases, against a plain computation over the histories."""

from collections import Counter
from itertools import groupby

import in_memory
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.build import build
from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES
from catalog.ingest.sources.two_tables import TwoTables
from catalog.sequences import Sequences, clean_events, cold

EVENT = st.tuples(st.sampled_from("uvwx"), st.sampled_from("abcdef"), st.integers(0, 12))


def _histories(events: list[tuple[str, str, int]]) -> dict[str, list[str]]:
    """Items of each user, oldest first; at equal times the order of the list."""
    ordered = sorted(events, key=lambda event: (event[0], event[2]))
    grouped = groupby(ordered, key=lambda event: event[0])
    return {user: [item for _, item, _ in bought] for user, bought in grouped}


def _brute_force(events: list[tuple[str, str, int]], items: int) -> tuple[set[str], dict]:
    """The cold items, and what is left of each history."""
    first = {item: min(t for _, i, t in events if i == item) for _, item, _ in events}
    latest = sorted(first, key=lambda item: (first[item], item), reverse=True)[:items]
    left = {}
    for user, bought in _histories(events).items():
        warm = [item for item in bought if item not in latest]
        if warm:
            left[user] = warm + [bought[-1]] * (bought[-1] in latest)
    return set(latest), left


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(EVENT, min_size=3, max_size=25), st.sampled_from([0.1, 0.2, 0.5, 0.9]))
def test_cold_items_are_test_targets_alone_and_the_counts_add_up(events, share):
    with in_memory.connection() as connection:
        connection.execute(RAW_TABLES)
        connection.executemany(
            "INSERT INTO raw_events VALUES (NULL, NULL, NULL, ?, ?, ?, NULL, NULL, NULL, NULL)",
            events,
        )
        clean_events(connection, keep_repeats=True)
        bought = len({item for _, item, _ in events})
        if not round(share * bought):
            with pytest.raises(CatalogueError, match=r"at least one of .* give a larger one"):
                cold.hold_out(connection, share)
            return
        report = cold.hold_out(connection, share)
        rows = connection.execute(
            "SELECT user_id, position, item_id FROM kept_events ORDER BY user_id, position"
        ).fetchall()
    expected_cold, expected = _brute_force(events, report["items"])
    found = {user: list(group) for user, group in groupby(rows, key=lambda row: row[0])}
    assert {user: [row[2] for row in own] for user, own in found.items()} == expected
    assert all([row[1] for row in own] == list(range(len(own))) for own in found.values())

    assert report["items"] == len(expected_cold) == round(share * bought)
    assert report["purchases_dropped"] + len(rows) == len(events)
    assert report["users_dropped"] + len(found) == len({user for user, _, _ in events})
    assert report["test_targets"] == sum(row[2] in expected_cold for row in rows)

    _assert_read_by_nobody(expected, expected_cold, report["test_targets"])


def _assert_read_by_nobody(
    histories: dict[str, list[str]], cold_items: set[str], targets: int
) -> None:
    names = sorted({item for history in histories.values() for item in history})
    sequences = Sequences(
        user_ids=tuple(histories),
        offsets=np.cumsum([0, *map(len, histories.values())]),
        items=np.array([names.index(i) for h in histories.values() for i in h], np.int32),
        role="evaluation",
    )
    cold_indices = {names.index(item) for item in cold_items & set(names)}
    parts = [
        *sequences.counted("test", "all"),
        *sequences.counted("test", "training"),
        *(sequences.history(u, "test") for u in sequences.cases("test")),
        *(sequences.history(u, "validation") for u in sequences.cases("validation")),
        [sequences.target(u, "validation") for u in sequences.cases("validation")],
    ]
    assert not cold_indices & {int(item) for part in parts for item in part}
    asked = Counter(sequences.target(u, "test") for u in sequences.cases("test"))
    assert sum(asked[item] for item in cold_indices) == targets


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_out_of_range_is_refused(tmp_path, tables, share):
    with pytest.raises(CatalogueError, match=r"from 0 to below 1, found .*: give such as 0.1"):
        build(tmp_path, "music", tables(), cold_items=share)


@pytest.mark.parametrize("role", ["training", "selection"])
def test_a_role_without_test_targets_of_its_own_has_no_cold_items(tmp_path, tables, role):
    with pytest.raises(CatalogueError, match=f"expected the role evaluation .* found {role}"):
        build(tmp_path, "music", tables(), role=role, cold_items=0.1)


def test_without_times_nothing_was_sold_first():
    events = pa.table({"user_id": ["u", "u"], "item_id": ["a", "b"], "position": [0, 1]})
    source = TwoTables(items=pa.table({"item_id": ["a", "b"]}), interactions=events)
    with pytest.raises(CatalogueError, match=r"expected times .* found positions alone"):
        in_memory.shop_of(source, cold_items=0.5)


def test_the_items_stay_in_the_catalogue_with_their_texts(tables):
    plain, held = in_memory.shop_of(tables()), in_memory.shop_of(tables(), cold_items=0.2)
    # Of a's i1 i1 i2 i3, b's i4 i1 and c's i9 the last item sold first is i3.
    assert held.report["cold_items"] == {
        "share": 0.2,
        "items": 1,
        "first_sold_from": "1970-01-01",
        "purchases_dropped": 0,
        "test_targets": 1,
        "users_dropped": 0,
    }
    assert held.items == plain.items
    assert plain.report == {k: v for k, v in held.report.items() if k != "cold_items"}
