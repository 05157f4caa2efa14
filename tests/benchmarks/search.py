"""How long a search with its first page, and the counts of the facets, take.

    python tests/benchmarks/search.py --items 100000

makes a catalogue of words as frequent as in real titles (the most frequent one is in most items),
builds it, and asks queries of each kind: what a page needs in all, from the text typed to the
items with their words marked. The same queries go to Whoosh's own searcher, for its ten best items
alone. Milliseconds, on one process; the goals are 50 ms for a page and 100 ms for the facets, at
the 95th percentile.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow as pa

from catalog.build import build
from catalog.index import FIELDS
from catalog.index.segments import open_index
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue, Filters
from catalog.workspace import index_folder

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from whoosh.qparser import MultifieldParser

SYLLABLES = (
    *("ka", "to", "mi", "ra", "len", "dor", "sti", "wo"),
    *("pa", "gri", "nu", "bel", "cho", "fa", "ze", "qui"),
)
Ask = Callable[[str], object]


def make(items: int, seed: int = 0) -> TwoTables:
    """A catalogue with brands, prices and categories of two levels, and five users for each ten."""
    rng = np.random.default_rng(seed)
    made = {"".join(rng.choice(SYLLABLES, rng.integers(2, 5))) for _ in range(80_000)}
    words = rng.permutation(sorted(made))
    weights = 1 / np.arange(1, len(words) + 1) ** 1.05
    lengths = rng.integers(6, 20, items)
    drawn = iter(rng.choice(words, lengths.sum(), p=weights / weights.sum()).tolist())
    top, below = rng.integers(0, 20, items), rng.integers(0, 25, items)
    brands = words[(rng.pareto(1, items) * 20).astype(int) % 5000].tolist()
    ids = [f"B{i:08}" for i in range(items)]
    bought = (items * rng.random((items // 2 + 1, 10)) ** 2).astype(int)
    events = [(f"u{u}", ids[i], k) for u, row in enumerate(bought) for k, i in enumerate(row)]
    users, of_items, positions = zip(*events, strict=True)
    return TwoTables(
        items=pa.table(
            {
                "item_id": ids,
                "title": [" ".join(next(drawn) for _ in range(n)) for n in lengths],
                "category": [f"{words[t]} > {words[b]}" for t, b in zip(top, below, strict=True)],
                "brand": brands,
                "price": [f"${price:.2f}" for price in rng.lognormal(3, 1, items)],
            }
        ),
        interactions=pa.table(
            {"user_id": users, "item_id": of_items, "timestamp": positions, "position": positions}
        ),
    )


def queries_of(catalogue: Catalogue, number: int, seed: int = 1) -> dict[str, list[str]]:
    """Kind -> queries, drawn from the items themselves, so that they find something."""
    rng = random.Random(seed)
    corpus = catalogue.corpus()
    order = np.argsort(-np.diff(corpus.impacts.indptr), kind="stable")
    frequent = [list(corpus.vocabulary)[i] for i in order[:40]]

    def some(words: int) -> list[str]:
        title = rng.choice(catalogue.items).title.split()
        start = rng.randrange(len(title))
        return title[start : start + words]

    def each(make_one: Callable[[], str]) -> list[str]:
        return [make_one() for _ in range(number)]

    def slip(word: str) -> str:
        at = rng.randrange(len(word))
        return word[:at] + rng.choice("aeiou") + word[at + 1 :]

    return {
        "one word": each(lambda: some(1)[0]),
        "two to four words": each(lambda: " ".join(some(rng.randint(2, 4)))),
        "frequent words": each(lambda: " ".join(rng.sample(frequent, rng.randint(1, 4)))),
        "beginning of a word": each(lambda: some(1)[0][: rng.randint(1, 4)]),
        "a field": each(
            lambda: f"brand:{rng.choice(catalogue.items).brand} {rng.choice(frequent)}"
        ),
        "OR and NOT": each(lambda: f"{some(1)[0]} OR {some(1)[0]} NOT {rng.choice(frequent)}"),
        "one slip": each(lambda: " ".join([slip(some(1)[0]), *some(1)])),
        "phrase": each(lambda: f'"{" ".join(some(2))}"'),
    }


def whoosh_searcher(workspace: Path, catalogue: Catalogue) -> Ask:
    """Whoosh's own parser and searcher on the same index."""
    info = catalogue.info
    index = open_index(index_folder(workspace, info.domain, info.fingerprint))
    parser = MultifieldParser(list(FIELDS), index.schema)
    searcher = index.searcher()

    def ask(query: str) -> object:
        open_ended = query if query.endswith('"') else f"{query}*"
        return searcher.search(parser.parse(open_ended), limit=10)

    return ask


def milliseconds(ask: Ask, queries: Sequence[str]) -> np.ndarray:
    """Of each query."""
    took = []
    for query in queries:
        start = time.perf_counter()
        ask(query)
        took.append(1000 * (time.perf_counter() - start))
    return np.array(took)


def line(name: str, took: np.ndarray, beside: np.ndarray | None = None) -> None:
    """Prints a row of the table."""
    middle, high = np.quantile(took, [0.5, 0.95])
    shown = f"{name:<34}{middle:>8.1f}{high:>8.1f}"
    if beside is not None:
        other = np.quantile(beside, [0.5, 0.95])
        shown += f"{other[0]:>10.1f}{other[1]:>8.1f}{beside.mean() / took.mean():>8.1f}"
    print(shown, flush=True)


def measure(catalogue: Catalogue, whoosh: Ask, number: int) -> None:
    """Prints the table."""
    queries = queries_of(catalogue, number)
    mixed = [query for some in zip(*queries.values(), strict=True) for query in some]
    ready = time.perf_counter()
    catalogue.page(query="a")
    catalogue.page(query=f'"{" ".join(queries["frequent words"][0].split()[:1] * 2)}"')
    catalogue.facets()
    print(f"the first search of each sort, {time.perf_counter() - ready:.1f} s, is left out\n")
    print(f"{'':<34}{'p50':>8}{'p95':>8}{'Whoosh':>10}{'p95':>8}{'ratio':>8}")

    def found(query: str, **how: object) -> object:
        return catalogue.page(query=query, **how)

    pages = []
    for name, some in queries.items():
        pages.append(milliseconds(found, some))
        # Its index keeps no places of words, and it corrects nothing by itself.
        alike = name not in ("phrase", "one slip")
        line(name, pages[-1], milliseconds(whoosh, some[: number // 4 + 1]) if alike else None)
    line("search and first page, all", np.concatenate(pages))

    top = catalogue.facets()
    ways = {f"sorted by {sort}": {"sort": sort} for sort in ("title", "price", "popularity")} | {
        "within a category": {"filters": Filters(category=top.categories[0].value)},
        "of a brand and price band": {
            "filters": Filters(brand=top.brands[0].value, price=top.prices[0].value)
        },
        "bought by a user": {"filters": Filters(bought_by="u7")},
    }
    for name, how in ways.items():
        line(name, milliseconds(partial(found, **how), mixed[:number]))
    line("no query", milliseconds(lambda query: catalogue.page(), mixed[:number]))

    print()
    filters = [how["filters"] for how in ways.values() if "filters" in how]
    turn = cycle(filters)
    line("facets, no query", milliseconds(lambda query: catalogue.facets(), mixed[:number]))
    line("facets of a query", milliseconds(lambda query: catalogue.facets(query=query), mixed))
    line(
        "facets of a query, filtered",
        milliseconds(lambda query: catalogue.facets(query=query, filters=next(turn)), mixed),
    )


def main() -> None:
    """Makes, builds and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=60, help="of each kind")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder)
        info = build(workspace, "made", make(options.items))
        with Catalogue.open(workspace, "made") as catalogue:
            print(f"{info.items:,} items, {info.events:,} purchases")
            measure(catalogue, whoosh_searcher(workspace, catalogue), options.queries)


if __name__ == "__main__":
    main()
