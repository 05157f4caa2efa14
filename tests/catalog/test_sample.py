"""The sample shop: the same from the same seed, and every promised feature counted."""

import hashlib
import json
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from calrec.records import Item
from calrec.text import item_text, parse
from catalog.sample import DEPARTMENTS, led_by, make_shop

# The shipped checkpoint was trained on exactly this content.
DIGEST = "ae94882a966f12816e77089fd5c9d2e7232f6e23833f3fc2ceccc25bf2687122"


def digest(shop: dict[str, tuple[pa.Table, pa.Table]]) -> str:
    content = {domain: [table.to_pydict() for table in pair] for domain, pair in shop.items()}
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@pytest.fixture(scope="module")
def shop():
    return make_shop(0)


@pytest.fixture(scope="module", params=list(DEPARTMENTS))
def department(request, shop):
    """Items by id, and each user's raw events in order."""
    items, interactions = shop[request.param]
    histories: dict[str, list[dict]] = {}
    for event in interactions.to_pylist():
        histories.setdefault(event["user_id"], []).append(event)
    return {row["item_id"]: Item(**row) for row in items.to_pylist()}, histories


def is_repeat(a: dict, b: dict) -> bool:
    return all(a[key] == b[key] for key in ("item_id", "timestamp", "rating"))


def cleaned(events: list[dict]) -> list[dict]:
    return events[:1] + [b for a, b in pairwise(events) if not is_repeat(a, b)]


def sequences(histories: dict[str, list[dict]]) -> list[list[str]]:
    return [[event["item_id"] for event in cleaned(events)] for events in histories.values()]


def ndcg(scores: np.ndarray, target: int) -> float:
    rank = int((scores >= scores[target] - 1e-9).sum())
    return 1 / np.log2(1 + rank) if rank <= 10 else 0.0


@pytest.mark.slow
def test_a_seed_fixes_every_byte(shop):
    assert digest(shop) == digest(make_shop(0)) == DIGEST


@pytest.mark.slow
def test_another_seed_makes_another_shop(shop):
    other = make_shop(1)
    for domain, (items, interactions) in shop.items():
        assert not items.equals(other[domain][0])
        assert not interactions.equals(other[domain][1])


def test_two_table_form(shop):
    assert list(shop) == list(DEPARTMENTS)
    for items, interactions in shop.values():
        assert items.schema.names == ["item_id", "title", "category", "brand", "price"]
        assert set(items.schema.types) == {pa.string()}
        assert {field.name: field.type for field in interactions.schema} == {
            "user_id": pa.string(),
            "item_id": pa.string(),
            "timestamp": pa.int64(),
            "position": pa.int32(),
            "rating": pa.float64(),
        }


@pytest.mark.slow
def test_what_led_to_each_purchase_stands_beside_the_same_shop(shop):
    items, led = led_by("sample-kitchen")
    assert items.equals(shop["sample-kitchen"][0])
    histories: dict[str, list[dict]] = {}
    for event in shop["sample-kitchen"][1].to_pylist():
        histories.setdefault(event["user_id"], []).append(event)
    assert {user: list(one.items) for user, one in led.items()} == dict(
        zip(histories, sequences(histories), strict=True)
    )
    led_on = [(one, place) for one in led.values() for place in range(len(one.items))]
    causes = [(one.threads[place], one.led_by[place], one, place) for one, place in led_on]
    known = [(thread, one.threads[by]) for thread, by, one, _ in causes if by is not None]
    assert all(by is None or by < place for _, by, _, place in causes)
    assert all(one.led_by[0] is None for one in led.values())
    # Mostly the one before it in its thread, which need not be the last purchase.
    assert 0.6 < len(known) / len(led_on) < 0.9
    assert np.mean([own == before for own, before in known]) > 0.95
    gaps = [place - by for _, by, _, place in causes if by is not None]
    assert 0.3 < np.mean([gap > 1 for gap in gaps]) < 0.8


def test_size(shop):
    assert 1_400 <= sum(items.num_rows for items, _ in shop.values()) <= 1_600
    assert 55_000 <= sum(events.num_rows for _, events in shop.values()) <= 63_000


def test_histories(department):
    items, histories = department
    assert len(histories) == 2_000
    lengths = [len(sequence) for sequence in sequences(histories)]
    assert min(lengths) == 5
    assert max(lengths) == 20
    assert 9 < np.mean(lengths) < 10.5
    for events in histories.values():
        assert [event["position"] for event in events] == list(range(len(events)))
        times = [event["timestamp"] for event in events]
        assert times == sorted(times)
        assert times[0] >= 1_609_459_200  # 2021-01-01
        assert times[-1] < 1_767_225_600  # 2026-01-01
        assert all(event["item_id"] in items for event in events)
        assert all(event["rating"] in (1, 2, 3, 4, 5) for event in events)
        # One order holds a thing once: what comes back at once is a repeated record.
        assert all(
            is_repeat(a, b)
            for a, b in pairwise(events)
            if a["item_id"] == b["item_id"] and a["timestamp"] == b["timestamp"]
        )


def test_item_texts(department):
    items, _ = department
    for item in items.values():
        assert 5 <= len(item.title.split()) <= 12
        assert item.category is None or 2 <= len(item.category.split(", ")) <= 4
        assert item.price is None or re.fullmatch(r"\$\d{1,4}\.\d\d", item.price)
        values = " / ".join(value for value in item.values() if value)
        # No slot left open, no gap where a word fell out, no label inside a value.
        assert re.search(r"[][{}|]| ,|,,|  |(Title|Category|Brand|Price): ", values) is None
        # The text leads back to the item: no value looks like a label.
        assert parse(item_text(item)).values() == item.values()
    assert 16 <= np.mean([len(item_text(item).split()) for item in items.values()]) <= 24
    assert 15 <= len({item.brand for item in items.values()} - {None}) <= 24


def test_some_titles_are_not_ascii(shop):
    titles = [title for items, _ in shop.values() for title in items["title"].to_pylist()]
    assert 3 <= sum(not title.isascii() for title in titles) <= 20


def test_missing_attributes(shop):
    items = pa.concat_tables([items for items, _ in shop.values()])
    missing = {name: items[name].null_count / items.num_rows for name in items.schema.names}
    assert missing["item_id"] == missing["title"] == 0
    assert 0.015 < missing["brand"] < 0.05
    assert 0.03 < missing["price"] < 0.08
    assert 0.002 < missing["category"] < 0.02


def test_titles_are_unique_but_for_pairs_of_equal_text(department):
    items, histories = department
    titles = Counter(item.title for item in items.values())
    texts = Counter(item_text(item) for item in items.values())
    assert sorted(titles.values())[-6:] == [1, 2, 2, 2, 2, 2]
    assert Counter(texts.values()) == Counter(titles.values())
    bought = Counter(item for sequence in sequences(histories) for item in sequence)
    assert all(bought[id_] > 5 for id_, item in items.items() if titles[item.title] == 2)


def test_exact_repeats(department):
    _, histories = department
    raw = sum(len(events) for events in histories.values())
    repeats = raw - sum(len(cleaned(events)) for events in histories.values())
    assert 0.02 < repeats / raw < 0.04


def test_repurchases_are_seldom_at_once(department):
    _, histories = department
    again = [sequence[-1] in sequence[:-1] for sequence in sequences(histories)]
    at_once = [sequence[-1] == sequence[-2] for sequence in sequences(histories)]
    assert 0.03 < np.mean(again) < 0.15
    assert np.mean(at_once) < 0.01


def test_cold_items_are_last_purchases_or_unsold(department):
    items, histories = department
    trained = {item for sequence in sequences(histories) for item in sequence[:-2]}
    last = Counter(sequence[-1] for sequence in sequences(histories))
    cold = set(items) - trained
    assert 0.01 < len(cold) / len(items) < 0.03
    assert any(last[item] for item in cold)
    assert any(not last[item] for item in cold)


def test_a_cartridge_fits_the_printer(shop):
    items, interactions = shop["sample-studio"]
    by_id = {row["item_id"]: row["title"] for row in items.to_pylist()}
    owned: dict[str, set[str]] = {}
    fits = []
    for event in interactions.to_pylist():
        title = by_id[event["item_id"]]
        model = re.search(r"\w+ X\d+", title)
        if model is not None and "Printer" in title:
            owned.setdefault(event["user_id"], set()).add(model[0])
        elif model is not None and event["user_id"] in owned:
            fits.append(model[0] in owned[event["user_id"]])
    assert len(fits) > 300
    assert np.mean(fits) > 0.95


def test_reaching_further_back_pays(department):
    """The last item tells something, the ones before it as much again."""
    items, histories = department
    index = {item: position for position, item in enumerate(items)}
    size = len(items)
    bought = [[index[item] for item in sequence] for sequence in sequences(histories)]
    lags = np.zeros((4, size, size))
    popularity = np.zeros(size)
    for sequence in bought:
        np.add.at(popularity, sequence[:-2], 1)
        for lag in range(4):
            for a, b in zip(sequence[:-1], sequence[lag + 1 : -1], strict=False):
                lags[lag, a, b] += 1
    tie_break = popularity / (popularity.max() + 1)
    shares = lags / np.maximum(lags.sum(axis=2, keepdims=True), 1)

    markov = [ndcg(lags[0, s[-2]] + 0.5 * tie_break, s[-1]) for s in bought]
    four_back = [
        ndcg(
            sum(0.8**k * shares[k, s[-2 - k]] for k in range(min(4, len(s) - 1)))
            + 1e-4 * tie_break,
            s[-1],
        )
        for s in bought
    ]
    assert 0.15 < np.mean(markov) < 0.25
    assert np.mean(four_back) > 1.3 * np.mean(markov)
