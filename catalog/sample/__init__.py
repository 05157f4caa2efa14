"""The sample shop: three departments of invented items and buyers, made from a seed.

What a buyer buys next follows from projects, series, devices and habits that run side by side, so
it depends on what was bought two or three purchases ago as much as on the last purchase. What real
data lacks or spoils is in it on purpose: missing attributes, distinct items with equal text, exact
repeats, true repurchases, and items that no training history holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from catalog.sample import kitchen, outdoors, studio
from catalog.sample.buyers import Buyers
from catalog.sample.stock import stock

DEPARTMENTS: Mapping[str, str] = MappingProxyType(
    {
        "sample-kitchen": "Cooking, coffee and baking: machines, tools, ingredients, cookbooks",
        "sample-studio": "Office, art, music and photography: devices, supplies, courses",
        "sample-outdoors": "Garden, camping and cycling: gear, spare parts, seeds, trail guides",
    }
)


def invented(domains: Collection[str]) -> bool:
    """Whether these are departments of the sample shop and nothing else."""
    return bool(domains) and set(domains) <= DEPARTMENTS.keys()


_THREADS = {
    "sample-kitchen": kitchen.THREADS,
    "sample-studio": studio.THREADS,
    "sample-outdoors": outdoors.THREADS,
}
_USERS = 2_000

ITEMS = pa.schema(
    [(name, pa.string()) for name in ("item_id", "title", "category", "brand", "price")]
)
INTERACTIONS = pa.schema(
    [
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("timestamp", pa.int64()),
        ("position", pa.int32()),
        ("rating", pa.float64()),
    ]
)


def make_shop(seed: int = 0) -> dict[str, tuple[pa.Table, pa.Table]]:
    """The shop in the two-table form: domain to (items, interactions), from the seed alone.

    Items have `item_id`, `title`, `category`, `brand`, `price` (NULL where unknown), sorted by id.
    Interactions have `user_id`, `item_id`, `timestamp` (unix seconds), `position` (0-based within
    the user, exact repeats counted), `rating` (1 to 5), sorted by user and position.
    """
    return {domain: _department(domain, seed)[:2] for domain in DEPARTMENTS}


class Led(NamedTuple):
    """What a buyer bought, and what led to it; the parts have a place for each purchase.

    Attributes:
      items: ids, oldest first, without exact repeats.
      threads: name of the thread that sells each item.
      led_by: place of the purchase that led to each; see `catalog.sample.buyers.Purchase`.
    """

    items: tuple[str, ...]
    threads: tuple[str, ...]
    led_by: tuple[int | None, ...]


def led_by(domain: str, seed: int = 0) -> tuple[pa.Table, dict[str, Led]]:
    """What the generator knows and the shop does not say: why each user bought what.

    Returns:
      the items of a department as `make_shop` gives them, and what led to each user's purchases.

    Raises:
      ValueError: if there is no such department.
    """
    items, _, led = _department(domain, seed)
    return items, led


def _department(domain: str, seed: int) -> tuple[pa.Table, pa.Table, dict[str, Led]]:
    rng = np.random.default_rng([seed, list(DEPARTMENTS).index(domain)])
    threads = _THREADS[domain]
    made = stock(threads, rng)
    # Ids in random order, so that neighbours in a thread are not neighbours in the catalogue.
    order = np.argsort(rng.random(len(made.items)), kind="stable")
    name = domain.removeprefix("sample-")
    ids = [""] * len(made.items)
    for number, item in enumerate(order.tolist()):
        ids[item] = f"{name[0].upper()}{number:04d}"
    items = [
        dict(zip(ITEMS.names, (ids[item], *made.items[item]), strict=True))
        for item in order.tolist()
    ]
    buyers = Buyers(threads, made, rng)
    histories = {f"{name}-{user:04d}": buyers.history() for user in range(_USERS)}
    events = [
        {
            "user_id": user,
            "item_id": ids[event.item],
            "timestamp": event.timestamp,
            "position": position,
            "rating": event.rating,
        }
        for user, (recorded, _) in histories.items()
        for position, event in enumerate(recorded)
    ]
    sold_by = made.threads()
    led = {
        user: Led(
            items=tuple(ids[one.item] for one in purchases),
            threads=tuple(sold_by[one.item] for one in purchases),
            led_by=tuple(one.led_by for one in purchases),
        )
        for user, (_, purchases) in histories.items()
    }
    return (
        pa.Table.from_pylist(items, schema=ITEMS),
        pa.Table.from_pylist(events, schema=INTERACTIONS),
        led,
    )
