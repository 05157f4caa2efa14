import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.inspect.session import Session, added, cleared, moved, removed


def test_items_are_added_at_the_end_and_may_repeat():
    session = Session(domain="d")
    for item_id in ("a", "b", "a"):
        session = added(session, item_id)
    assert session.history == ("a", "b", "a")


def test_move_changes_two_neighbours():
    session = Session(domain="d", history=("a", "b", "c"))
    assert moved(session, 1, "b", -1).history == ("b", "a", "c")
    assert moved(session, 1, "b", 1).history == ("a", "c", "b")


def test_move_stops_at_both_ends():
    session = Session(domain="d", history=("a", "b"))
    assert moved(session, 0, "a", -1) == session
    assert moved(session, 1, "b", 1) == session


def test_remove_takes_only_that_purchase_of_a_repeated_item():
    session = Session(domain="d", history=("a", "b", "a"))
    assert removed(session, 0, "a").history == ("b", "a")
    assert removed(session, 2, "a").history == ("a", "b")


def test_a_click_on_an_old_picture_of_the_list_changes_nothing():
    session = Session(domain="d", history=("a", "b"))
    assert removed(session, 0, "b") == session
    assert removed(session, 7, "b") == session
    assert moved(session, 1, "a", -1) == session


def test_an_edit_is_marked_only_where_a_shopper_was_loaded():
    assert not added(Session(domain="d"), "a").edited
    loaded = Session(domain="d", history=("a",), target="t", user_id="u")
    assert added(loaded, "b").edited
    assert added(loaded, "b").target == "t"


def test_clear_forgets_the_shopper_and_the_target():
    loaded = Session(domain="d", history=("a",), target="t", user_id="u", edited=True)
    assert cleared(loaded) == Session(domain="d")


@pytest.mark.slow
@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=6),
    st.integers(-1, 7),
    st.sampled_from("abc"),
    st.sampled_from([-1, 1]),
)
def test_a_move_keeps_the_purchases(history, position, item_id, step):
    session = Session(domain="d", history=tuple(history))
    assert sorted(moved(session, position, item_id, step).history) == sorted(history)
