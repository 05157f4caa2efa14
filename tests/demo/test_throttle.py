"""How often a login may be tried."""

from __future__ import annotations

import pytest

from demo.server import access
from demo.server.access import Throttle


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def log():
    return []


@pytest.fixture
def tries(clock, log):
    return Throttle(["ann", "bo"], clock, log.append)


def wrong(tries: Throttle, address: str, name: str) -> int:
    """Seconds to wait, or 0 for a try that was let in and was wrong."""
    wait = tries.wait(address, name)
    if not wait:
        tries.ended(address, name, right=False)
    return wait


def test_five_at_once_and_then_one_a_minute(tries, clock):
    assert [wrong(tries, "192.0.2.1", "ann") for _ in range(6)] == [0, 0, 0, 0, 0, 60]
    clock.now += 59
    assert wrong(tries, "192.0.2.1", "ann") == 1
    clock.now += 1
    assert [wrong(tries, "192.0.2.1", "ann") for _ in range(2)] == [0, 60]


def test_others_go_on(tries):
    for _ in range(9):
        wrong(tries, "192.0.2.1", "ann")
    assert wrong(tries, "192.0.2.1", "bo") == 0
    assert wrong(tries, "192.0.2.2", "ann") == 0


def test_one_address_for_all_names(tries):
    names = ["ann", "bo", "eve", "mallory"]
    let_in = sum(wrong(tries, "192.0.2.1", names[i % 4]) == 0 for i in range(100))
    assert let_in <= access.ADDRESS.at_once


def test_one_name_from_all_addresses(tries):
    let_in = sum(wrong(tries, f"198.51.100.{i}", "ann") == 0 for i in range(200))
    assert let_in == access.PERSON.at_once


def test_a_home_has_one_network_of_ipv6(tries):
    assert [wrong(tries, f"2001:db8::{i:x}", "ann") > 0 for i in range(6)] == [False] * 5 + [True]
    assert wrong(tries, "2001:db8:0:1::1", "ann") == 0


def test_the_right_password_costs_nothing(tries):
    for _ in range(50):
        assert tries.wait("192.0.2.1", "ann") == 0
        tries.ended("192.0.2.1", "ann", right=True)


def test_tries_that_wait_for_their_answer_count(tries):
    assert [tries.wait("192.0.2.1", "ann") > 0 for _ in range(6)] == [False] * 5 + [True]


def test_the_log_tells_each_try_and_no_word_of_a_stranger(tries, log):
    for name in ("ann", "my-secret-password"):
        for _ in range(9):
            wrong(tries, "192.0.2.1", name)
    tries.wait("192.0.2.9", "bo")
    tries.ended("192.0.2.9", "bo", right=True)
    assert len([line for line in log if "wrong password for 'ann' from 192.0.2.1" in line]) == 5
    assert len([line for line in log if "refused" in line]) == 2
    assert "'bo' from 192.0.2.9" in log[-1]
    assert "secret" not in " ".join(log)


def test_the_table_is_bounded(tries, monkeypatch):
    monkeypatch.setattr(access, "LARGEST_TABLE", 50)
    for i in range(200):
        wrong(tries, f"10.0.{i}.1", "eve")
    assert len(tries._until) <= 50
    assert len(tries._told) <= 50
