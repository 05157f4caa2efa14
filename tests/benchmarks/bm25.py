"""How fast every item is scored by BM25, beside rank_bm25, bm25s and Whoosh's own searcher.

    python tests/benchmarks/bm25.py --documents 5000 20000 100000

makes items whose words are as common as those of real shops, or takes them from the `items.parquet`
files under `--data`, writes an index, and scores every item against queries that are items' words.
Rounds go through all tools in turn, so that another load on the machine meets them alike; figures
are medians of the rounds. What a tool returns is discarded. Needs the extra `benchmarks`; a tool
that is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from calrec.records import Item
from calrec.text import document_words
from catalog.bm25 import BM25Settings, Corpus
from catalog.index import FIELDS, Index, write_index

TOOLS = ("rank_bm25", "bm25s", "numba")
BATCHES = (10, 32)  # as many as texts kept of a prompt (paper, Algorithm 1), and as are sampled
SAME = 1e-9  # scores that differ by less are a tie, as in the evaluation

Query = list[str]
Scorer = Callable[[Sequence[Query]], object]


def generated(count: int, seed: int = 0) -> list[Item]:
    """Items of 8 to 25 words; a rank-r word is as common as 1 / (r + 10)^1.05 (Zipf, Mandelbrot).

    With it a query of one item's words meets half as many postings as there are items for 16 words;
    Amazon's titles, categories and brands meet 0.4 for 12.5.
    """
    rng = np.random.default_rng(seed)
    share = 1 / (np.arange(60_000) + 10) ** 1.05
    lengths = rng.integers(8, 26, count)
    drawn = rng.choice(len(share), lengths.sum(), p=share / share.sum())
    texts = np.split(drawn, np.cumsum(lengths)[:-1])
    return [
        Item(item_id=f"i{number}", title=" ".join(f"w{word}" for word in text))
        for number, text in enumerate(texts)
    ]


def read(folder: Path, count: int, seed: int = 0) -> list[Item]:
    """At most that many items of the `items.parquet` files under the folder, in random order."""
    columns = ["item_id", *FIELDS]
    rows = [
        tuple(row[name] for name in columns)
        for path in sorted(folder.rglob("items.parquet"))
        for row in pq.read_table(path, columns=columns).to_pylist()
    ]
    order = np.random.default_rng(seed).permutation(len(rows))[:count]
    return [Item(**dict(zip(columns, rows[place], strict=True))) for place in order]


def one_by_one(score: Callable[[Query], object]) -> Scorer:
    """Scores each query alone and keeps nothing."""

    def run(queries: Sequence[Query]) -> None:
        for query in queries:
            score(query)

    return run


def in_batches(size: int, score: Callable[[Sequence[Query]], object]) -> Scorer:
    """Scores so many queries at a time and keeps nothing."""

    def run(queries: Sequence[Query]) -> None:
        for start in range(0, len(queries), size):
            score(queries[start : start + size])

    return run


def our_scorers(corpus: Corpus) -> dict[str, Scorer]:
    """The library under test."""
    alone = one_by_one(lambda query: corpus.scores([query]))
    return {"ours, one by one": alone} | {
        f"ours, batches of {size}": in_batches(size, corpus.scores) for size in BATCHES
    }


def bm25s_scorers(documents: Sequence[Query], numba: bool) -> dict[str, Scorer]:
    """bm25s with each of its backends; numba compiled as its documentation says."""
    import bm25s

    made = BM25Settings()
    found = {}
    for backend in ("numpy", "numba") if numba else ("numpy",):
        for dtype in ("float32", "float64"):
            tool = bm25s.BM25(k1=made.k1, b=made.b, method="robertson", dtype=dtype)
            tool.index(documents, show_progress=False)
            name = f"bm25s {backend} {dtype}"
            if backend == "numba":
                tool.compile(activate_numba=True)
            found[f"{name}, one by one"] = one_by_one(tool.get_scores)
            if backend == "numpy":
                continue
            for size in BATCHES:
                found[f"{name}, batches of {size}"] = in_batches(
                    size, lambda queries, tool=tool: np.stack(list(map(tool.get_scores, queries)))
                )
    return found


def whoosh_scorer(searcher) -> Scorer:
    """Whoosh's own BM25F over all fields, every matching item."""
    from whoosh.query import Or, Term

    return one_by_one(
        lambda query: searcher.search(
            Or([Term(field, word) for word in dict.fromkeys(query) for field in FIELDS]), limit=None
        )
    )


def ranks(scores: np.ndarray) -> np.ndarray:
    """For each item how many others score higher, ties aside."""
    return len(scores) - np.searchsorted(np.sort(scores), scores + SAME, side="right")


def medians(
    scorers: dict[str, Scorer], queries: dict[str, Sequence[Query]], repeats: int
) -> dict[str, float]:
    """Milliseconds a query of each scorer, after one round that is not measured."""
    taken: dict[str, list[float]] = {name: [] for name in scorers}
    for repeat in range(repeats + 1):
        for name, score in scorers.items():
            start = time.perf_counter()
            score(queries[name])
            if repeat:
                taken[name].append((time.perf_counter() - start) / len(queries[name]) * 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def table(figures: dict[str, float]) -> str:
    """The figures, each beside ours at the same number of queries at a time."""
    lines = [f"{'':36}{'ms a query':>12}{'of ours':>10}"]
    for name, figure in figures.items():
        _, _, how = name.partition(", ")
        ours = figures[f"ours, {how or 'one by one'}"]
        lines.append(f"{name:36}{figure:12.4f}{figure / ours:10.2f}")
    return "\n".join(lines)


def measure(items: Sequence[Item], arguments: argparse.Namespace, installed: set[str]) -> str:
    """One size: the table, and whether the ranks are those of rank_bm25."""
    from catalog.index.segments import open_index

    documents = [document_words(item) for item in items]
    with tempfile.TemporaryDirectory() as folder:
        write_index(Path(folder) / "index", items, "benchmark")
        written = Index(Path(folder) / "index", len(items), "benchmark")
        corpus = written.corpus([i.item_id for i in items])
        index = open_index(Path(folder) / "index")
    places = np.random.default_rng(1).choice(
        len(items), min(arguments.queries, len(items)), replace=False
    )
    many = [documents[place] for place in places]
    few = many[: arguments.slow_queries]
    said = [
        f"{len(items):,} items, {corpus.counts.nnz:,} postings, {len(many)} queries of "
        f"{np.mean([len(query) for query in many]):.1f} words; load {os.getloadavg()[0]:.1f}"
    ]
    scorers = our_scorers(corpus)
    if "bm25s" in installed:
        scorers |= bm25s_scorers(documents, "numba" in installed)
    queries = {name: many for name in scorers}
    with index.searcher() as searcher:
        slow = {"Whoosh's searcher": whoosh_scorer(searcher)}
        if "rank_bm25" in installed:
            from rank_bm25 import BM25Okapi

            oracle = BM25Okapi(documents)
            slow["rank_bm25"] = one_by_one(oracle.get_scores)
            ours, theirs = corpus.scores(few), [oracle.get_scores(query) for query in few]
            same = all((ranks(ours[:, i]) == ranks(theirs[i])).all() for i in range(len(few)))
            apart = max(np.abs(ours[:, i] - theirs[i]).max() for i in range(len(few)))
            said.append(
                f"identical ranks to rank_bm25: {'yes' if same else 'NO'} ({len(few)} queries, "
                f"every item, scores at most {apart:.0e} apart)"
            )
        figures = medians(scorers, queries, arguments.repeats)
        figures |= medians(slow, {name: few for name in slow}, min(arguments.repeats, 3))
    return "\n".join([*said, table(figures)])


def main() -> None:
    """Reads the arguments and prints a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--documents", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    parser.add_argument("--data", type=Path, help="a folder with items.parquet files below it")
    parser.add_argument("--queries", type=int, default=320)
    parser.add_argument("--slow-queries", type=int, default=5, help="for rank_bm25 and Whoosh")
    parser.add_argument("--repeats", type=int, default=7)
    arguments = parser.parse_args()
    installed = {tool for tool in TOOLS if importlib.util.find_spec(tool)}
    if missing := [tool for tool in TOOLS if tool not in installed]:
        print(f"left out, not installed: {', '.join(missing)}")
    for count in arguments.documents:
        items = read(arguments.data, count) if arguments.data else generated(count)
        print(measure(items, arguments, installed), flush=True)


if __name__ == "__main__":
    main()
