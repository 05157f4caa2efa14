"""The exact first ten items by beam search over the trie, beside 32 free samples with BM25.

    python tests/benchmarks/decoding_trie.py --items 1500 20000 100000

The shipped checkpoint `sample` recommends to users of the sample shop's three departments (1,500
items). Larger shops hold these items and made ones: the first half of a title of theirs and the
second half of one of real electronics, under the category, brand and price of the former. The last
row is the hardest there can be: a shop of electronics alone, of which the checkpoint knows nothing,
so that no item is much more probable than a thousand others. Each user is served once before it is
measured; figures are medians over the users.

"Of the first ten" is how many of the ten most probable items stand among the first ten of the
samples with BM25. "Exact" is the share of users whose first ten are these for certain.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from statistics import mean, median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tyro
from ranking import corpus_of
from rich.console import Console
from rich.table import Table

from calrec.model.compilation import keep_compiled
from calrec.recommenders.calrec import CALRec
from calrec.records import Item, Recommendation
from catalog.sample import make_shop

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "amazon"
ELECTRONICS = "electronics_2018_sampled"
TEN = 10


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What to measure.

    Attributes:
      items: sizes of the shops; up to 1,500 it is the sample shop.
      unknown: size of the shop that the checkpoint knows nothing of; 0 leaves it out.
      users: of each shop.
      data: folder of the real data; where it is absent, larger shops are left out.
    """

    items: tuple[int, ...] = (1_500, 20_000, 100_000)
    unknown: int = 20_000
    users: int = 8
    data: Path = DATA


@dataclass(frozen=True, kw_only=True, eq=False)
class Shop:
    """Items, and what some users bought before their last purchase."""

    items: Sequence[Item]
    histories: Sequence[Sequence[Item]]


def shop_of(items: Sequence[Item], events: pa.Table, users: int) -> Shop:
    """The users are drawn; those without two purchases of these items are left out."""
    known = {item.item_id: item for item in items}
    rows = events.select(["user_id", "item_id"]).to_pylist()
    bought = [
        [known[row["item_id"]] for row in of_user if row["item_id"] in known]
        for _, of_user in groupby(rows, key=lambda row: row["user_id"])
    ]
    bought = [history for history in bought if len(history) > 1]
    drawn = np.random.default_rng(0).permutation(len(bought))[:users]
    return Shop(items=items, histories=[bought[user][:-1] for user in drawn])


def larger_shop(users: int, count: int, titles: Sequence[str]) -> Shop:
    """The sample shop, and with it as many made items as it takes to come to the count."""
    made = make_shop().values()
    items = [Item(**row) for of_items, _ in made for row in of_items.to_pylist()]
    drawn = np.random.default_rng(0).integers(2**31, size=(max(0, count - len(items)), 2))
    for number, (one, other) in enumerate(drawn.tolist()):
        known, second = items[one % 1_487], titles[other % len(titles)].split()
        first = (known.title or "").split()
        words = first[: -(-len(first) // 2)] + second[len(second) // 2 :]
        items.append(replace(known, item_id=f"made-{number}", title=" ".join(words)))
    return shop_of(items, pa.concat_tables([events for _, events in made]), users)


def electronics(folder: Path, count: int, users: int) -> Shop:
    """Real titles as they are."""
    rows = pq.read_table(folder / "items.parquet").to_pylist()[:count]
    events = pq.read_table(folder / "interactions.parquet")
    return shop_of([Item(**row) for row in rows], events, users)


def served(
    recommend: Callable[[Sequence[Item]], Recommendation], shop: Shop
) -> tuple[float, list[Recommendation]]:
    """Seconds a user, and the recommendations."""
    seconds = []
    for history in shop.histories:
        recommend(history)
    records = []
    for history in shop.histories:
        start = time.perf_counter()
        records.append(recommend(history))
        seconds.append(time.perf_counter() - start)
    return median(seconds), records


def first_ten(record: Recommendation) -> set[str]:
    ranking = record.ranking
    return {ranking.item_ids[row] for row in ranking.order()[:TEN]}


def measured(shop: Shop) -> list[str]:
    """A row of the table."""
    calrec = CALRec.from_checkpoint("sample", corpus_of(shop.items), shop.items)
    start = time.perf_counter()
    trie = calrec.texts.trie
    built = time.perf_counter() - start
    by_samples, free = served(calrec.recommend, shop)
    beam = calrec.with_decoder("trie-beam")
    by_beam, exact = served(lambda history: beam.recommend(history, samples=TEN), shop)
    facts = [record.parts["decoding"] for record in exact]
    common = [len(first_ten(a) & first_ten(b)) for a, b in zip(free, exact, strict=True)]
    return [
        f"{len(shop.items):,}",
        f"{len(trie):,}",
        f"{built:.1f}",
        f"{by_samples:.3f}",
        f"{by_beam:.3f}",
        f"{by_beam / by_samples:.2f}",
        f"{mean(one['tokens_read'] for one in facts):,.0f}",
        f"{mean(one['exact'] for one in facts):.0%}",
        f"{mean(common):.1f}",
        f"{mean(one['outside'][0] for one in facts):.1%}",
    ]


def main(benchmark: Benchmark) -> None:
    """Prints the table."""
    keep_compiled()
    table = Table(title=f"seconds a user, {benchmark.users} users; load {os.getloadavg()[0]:.1f}")
    names = ("items", "nodes", "trie built, s", "32 samples", "first ten", "ratio", "tokens read")
    for name in (*names, "exact", "of the first ten", "outside, at least"):
        table.add_column(name, justify="right")
    folder, titles = benchmark.data / ELECTRONICS, []
    if folder.is_dir():
        column = pq.read_table(folder / "items.parquet")["title"].to_pylist()
        titles = [title for title in column if title]
    for count in benchmark.items:
        if count > 1_500 and not titles:
            print(f"left out, as {folder} is not here: {count:,} items")
            continue
        made = count if count > 1_500 else 0
        table.add_row(*measured(larger_shop(benchmark.users, made, titles)))
    if benchmark.unknown and titles:
        unknown = electronics(folder, benchmark.unknown, benchmark.users)
        table.add_row(*measured(unknown), style="dim")
    Console(width=120).print(table)


if __name__ == "__main__":
    main(tyro.cli(Benchmark, description=__doc__))
