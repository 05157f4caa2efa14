import math
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from itertools import groupby

import in_memory
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog.errors import CatalogueError
from catalog.ingest import RAW_TABLES
from catalog.sequences import Sequences, clean_events

SECOND = 1_000_000
EVENT = st.tuples(
    st.sampled_from([None, None, None, "user_id is missing"]),
    st.sampled_from(["u", "v"]),
    st.sampled_from(["x", "y"]),
    st.sampled_from([-1, 0, 1, SECOND - 1, SECOND, SECOND + 1, 10**17 + 999_999]),
    st.sampled_from([0, 1, 2, None]),
    st.sampled_from([1.0, 5.0, None]),
    st.sampled_from([7, 2**64 - 1, None]),
)


def _brute_force(
    events: list[tuple], keep_repeats: bool
) -> tuple[list[tuple], int, int, list, list]:
    """Kept (user, item, seconds, rating) in order; how many read, repeats, at one time, again."""
    good = [event[1:] for event in events if event[0] is None]
    # An unknown position comes last among equal times.
    key = lambda e: (e[1][0], e[1][2], e[1][3] is None, e[1][3] or 0, e[0])  # noqa: E731
    ordered = [event for _, event in sorted(enumerate(good), key=key)]
    kept, repeats, at_once = [], 0, (defaultdict(list), defaultdict(list))
    again = [0, 0]  # at the same time, at another
    for _, history in groupby(ordered, key=lambda event: event[0]):
        before = None
        for user, item, time, position, rating, review in history:
            is_repeat = (item, time, rating, review) == before
            repeats += is_repeat
            if keep_repeats or not is_repeat:
                kept.append((user, item, math.floor(Fraction(time, SECOND)), rating))
                at_once[0][user, time].append(item)
                at_once[1][user, time, position].append(item)
            if before and item == before[0] and not is_repeat:
                again[time != before[1]] += 1
            before = (item, time, rating, review)
    ties = [sum(len(items) for items in one.values() if len(set(items)) > 1) for one in at_once]
    return kept, len(good), repeats, ties, again


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(EVENT, max_size=25), st.booleans())
def test_repeats_and_order_are_those_of_brute_force(events, keep_repeats):
    kept, read, repeats, ties, again = _brute_force(events, keep_repeats)
    with in_memory.connection() as connection:
        connection.execute(RAW_TABLES)
        if events:
            connection.executemany(
                "INSERT INTO raw_events VALUES (NULL, ?, NULL, ?, ?, ?, ?, ?, ?, NULL)", events
            )
        if events and not read:
            with pytest.raises(CatalogueError, match=r"most often .* user_id is missing: check"):
                clean_events(connection)
            return
        report = clean_events(connection, keep_repeats=keep_repeats)
        found = connection.execute(
            "SELECT user_id, item_id, timestamp, rating FROM kept_events ORDER BY user_id, position"
        ).fetchall()
        positions = connection.execute(
            "SELECT list(position ORDER BY position) = range(count(*)) FROM kept_events"
            " GROUP BY user_id"
        ).fetchall()
    assert found == kept
    assert all(consecutive for (consecutive,) in positions)
    removed, left_in = (0, repeats) if keep_repeats else (repeats, 0)
    days = [str(date(1970, 1, 1) + timedelta(row[2] // 86_400)) for row in kept]
    assert report == {
        "events_read": read,
        "repeats_removed": removed,
        "repeats_kept": left_in,
        "bought_again_at_once": again[0],
        "bought_again_later": again[1],
        "purchases_at_equal_times": ties[0],
        "purchases_in_file_order": ties[1],
        "purchases_from": min(days, default=None),
        "purchases_to": max(days, default=None),
    }


def _sequences(histories: list[list[int]], role: str) -> Sequences:
    return Sequences(
        user_ids=tuple(f"u{u:03}" for u in range(len(histories))),
        offsets=np.cumsum([0, *map(len, histories)]),
        items=np.array([i for history in histories for i in history], np.int32),
        role=role,
    )


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=6), min_size=1, max_size=5))
def test_evaluation_holds_out_the_last_two(histories):
    sequences = _sequences(histories, "evaluation")
    for split, back in (("test", 1), ("validation", 2)):
        expected = [u for u, history in enumerate(histories) if len(history) - back >= 1]
        assert sequences.cases(split).tolist() == expected
        for u in expected:
            assert sequences.history(u, split).tolist() == histories[u][:-back]
            assert sequences.target(u, split) == histories[u][-back]
            assert sequences.target_event(u, split) == sequences.offsets[u + 1] - back
    for u, history in enumerate(histories):
        assert sequences.training(u).tolist() == history[:-2]


def test_selection_holds_out_the_last_and_training_nothing():
    histories = [[1, 2, 3], [4], [5, 6]]
    selection = _sequences(histories, "selection")
    assert [selection.training(u).tolist() for u in range(3)] == [[1, 2], [], [5]]
    for split in ("validation", "test"):
        assert selection.cases(split).tolist() == [0, 2]
        assert selection.history(0, split).tolist() == [1, 2]
        assert selection.target(2, split) == 6
    training = _sequences(histories, "training")
    assert [training.training(u).tolist() for u in range(3)] == histories
    assert training.cases("test").size == training.cases("validation").size == 0


def test_validation_targets_never_stand_in_the_training_part():
    sequences = _sequences([[1, 2, 3, 4]], "evaluation")
    assert sequences.target(0, "validation") not in sequences.training(0)
    np.testing.assert_array_equal(sequences.history(0, "validation"), sequences.training(0))


def test_an_unknown_split_and_a_user_without_a_case_are_named():
    sequences = _sequences([[1]], "evaluation")
    with pytest.raises(CatalogueError, match="expected a split of test, validation, found 'dev'"):
        sequences.cases("dev")
    with pytest.raises(CatalogueError, match=r"u000 .* found 1 purchases"):
        sequences.target(0, "test")


@pytest.mark.parametrize("role", ["evaluation", "selection", "training"])
def test_events_in_training_are_those_of_the_training_parts(role):
    sequences = _sequences([list(range(n)) for n in (0, 1, 2, 3, 5)], role)
    parts = [sequences.training(u) for u in range(5)]
    assert sequences.items[sequences.in_training()].tolist() == np.concatenate(parts).tolist()


@pytest.mark.parametrize("role", ["evaluation", "selection", "training"])
@pytest.mark.parametrize("split", ["test", "validation"])
def test_what_is_counted_lies_before_every_target(role, split):
    lengths = [0, 1, 2, 3, 5]
    sequences = _sequences([list(range(n)) for n in lengths], role)
    # What each role leaves of n purchases: training parts, and all before the targets.
    trained = {"evaluation": 2, "selection": 1, "training": 0}[role]
    before = 1 if (role, split) == ("evaluation", "test") else trained
    expected = {"training": trained, "all": before}
    for count, left_out in expected.items():
        found = [part.tolist() for part in sequences.counted(split, count)]
        assert found == [list(range(n - left_out)) for n in lengths if n > left_out], count


def test_an_unknown_split_has_nothing_to_count():
    with pytest.raises(CatalogueError, match="expected a split"):
        _sequences([[1, 2, 3]], "evaluation").counted("training", "training")
