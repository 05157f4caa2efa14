"""Rows of queries that always have one."""

import pytest

from catalog.database import connect, one_row


def test_the_first_row_of_a_query():
    with connect() as connection:
        assert one_row(connection.execute("SELECT count(*), 'a' FROM range(3)")) == (3, "a")


def test_a_query_without_a_row_is_said():
    with connect() as connection, pytest.raises(LookupError, match="found none"):
        one_row(connection.execute("SELECT 1 WHERE false"))
