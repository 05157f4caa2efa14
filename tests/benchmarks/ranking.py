"""How long items take to be ranked once BM25 has scored them, beside Algorithm 1 written plainly.

    python tests/benchmarks/ranking.py --items 5000 20000 100000

makes items and ten texts, most of them items' own, as a model writes them, and measures what
follows the BM25 scores of every item, up to the two ranks of a target. Rounds go through all ways
in turn, so that another load on the machine meets them alike; figures are medians of the rounds.
Beside it: the time of the BM25 scores, of building the index of attributes, and of
`rank`, which is what ranking a record again costs: kept texts, BM25, and the record.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp

from calrec.ranking.algorithm import match
from calrec.ranking.corpus import ItemCorpus
from calrec.ranking.hierarchical import AttributeIndex, hierarchical
from calrec.ranking.rank import rank
from calrec.ranking.rerank import rerank
from calrec.recommenders.lir import LastItemRepeater
from calrec.records import Generation, Item, Sample
from calrec.records.ranks import ranks_of
from calrec.records.settings import RankingSettings
from calrec.text import DEFAULT_TEXT, document_words, item_text, parse, query_words
from catalog.bm25 import Corpus

TEXTS = 10  # as many as kept of a prompt (paper, Algorithm 1)
WAYS = ("bm25", "hierarchical", "rerank")


def generated(count: int, seed: int = 0) -> list[Item]:
    """Items of four attributes; a rank-r word is as common as 1 / (r + 10)^1.05 (Zipf)."""
    rng = np.random.default_rng(seed)
    share = 1 / (np.arange(60_000) + 10) ** 1.05
    lengths = rng.integers(5, 20, count)
    drawn = rng.choice(len(share), lengths.sum(), p=share / share.sum())
    titles = np.split(drawn, np.cumsum(lengths)[:-1])
    categories, brands = rng.integers(40, size=count), rng.integers(count // 20, size=count)
    return [
        Item(
            item_id=f"i{number}",
            title=" ".join(f"w{word}" for word in title),
            category=f"c{category}, c{category}sub",
            brand=f"b{brand}",
            price=f"${price}",
        )
        for number, (title, category, brand, price) in enumerate(
            zip(titles, categories, brands, rng.integers(200, size=count), strict=True)
        )
    ]


def corpus_of(items: Sequence[Item]) -> Corpus:
    """BM25 over the items, without an index on disk."""
    vocabulary: dict[str, int] = {}
    columns = [
        [vocabulary.setdefault(word, len(vocabulary)) for word in document_words(item)]
        for item in items
    ]
    pointers = np.cumsum([0, *map(len, columns)])
    places = np.concatenate(columns)
    counts = sp.csr_array((np.ones(len(places)), places, pointers), (len(items), len(vocabulary)))
    counts.sum_duplicates()
    counts = counts.tocsc()
    counts.sort_indices()
    return Corpus(tuple(item.item_id for item in items), list(vocabulary), counts)


def texts_of(items: Sequence[Item], seed: int = 1) -> list[str]:
    """Seven items' texts, and three of items that differ in price, in brand, in all but title."""
    rng = np.random.default_rng(seed)
    drawn = [items[place] for place in rng.choice(len(items), TEXTS, replace=False)]
    changes: list[dict[str, str]] = [{}] * (TEXTS - 3)
    changes += [{"price": "$999"}, {"brand": "b-1"}, {"category": "c-1", "brand": "b-1"}]
    return [
        item_text(Item(**(vars(item) | change)))
        for item, change in zip(drawn, changes, strict=True)
    ]


def plainly(raw: np.ndarray, scores: Sequence[float], epsilon: float) -> np.ndarray:
    """Algorithm 1 as its listing reads: column by column into a matrix, then the maximum."""
    match_scores = np.empty(raw.shape)
    for i in range(raw.shape[1]):
        column = raw[:, i]
        scaled = (column - column.min()) / (column.max() - column.min())
        match_scores[:, i] = np.exp(epsilon * scores[i]) * scaled
    return match_scores.max(axis=1)


def generation_of(texts: Sequence[str], scores: Sequence[float], history: Item) -> Generation:
    """A generation whose samples are these texts, each drawn three times."""
    return Generation(
        history=(history,),
        prompt="",
        prompt_tokens=0,
        items_cut=0,
        samples=tuple(
            Sample(
                text=text,
                token_ids=(),
                log_probs=(),
                tempered_log_probs=(),
                score=score,
                order=order,
                finished=True,
                attributes=parse(text),
            )
            for order, (text, score) in enumerate([*zip(texts, scores, strict=True)] * 3)
        ),
    )


def medians(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Milliseconds of each way, as when it runs again and again."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            run()  # What ran before decides whether memory is at hand or asked of the system.
            start = time.perf_counter()
            run()
            taken[name].append((time.perf_counter() - start) * 1e3)
    return {name: statistics.median(times) for name, times in taken.items()}


def measure(count: int, repeats: int) -> str:
    """One size: a table, and whether Algorithm 1 gives what it gives when written plainly."""
    items = generated(count)
    corpus, texts = corpus_of(items), texts_of(items)
    start = time.perf_counter()
    attributes = AttributeIndex(items)
    built = time.perf_counter() - start
    scores = [-2.0 - 1.5 * place for place in range(TEXTS)]
    queries = [query_words(text) for text in texts]
    raw = corpus.scores(queries)
    first_stage = LastItemRepeater(corpus, items).recommend(items[:1]).ranking
    first = first_stage.scores
    by = {way: RankingSettings(retrieval=way) for way in WAYS}
    parsed = [parse(text) for text in texts]

    def exact() -> np.ndarray:
        return hierarchical([attributes.find(text) for text in parsed], scores, count).scores

    ours = {
        "Algorithm 1": lambda: match(raw, scores, by["bm25"]).scores,
        "hierarchical match": exact,
        "rerank of 10,000": lambda: rerank(first, raw, scores, by["rerank"]).scores,
        "Algorithm 1, plainly": lambda: plainly(raw, scores, by["bm25"].epsilon),
    }
    figures = medians(
        {name: lambda run=run: ranks_of(run(), 0) for name, run in ours.items()}, repeats
    )
    item_corpus = ItemCorpus(bm25=corpus, attributes=attributes, text=DEFAULT_TEXT)
    generation = generation_of(texts, scores, items[0])
    whole = medians(
        {"BM25 scores": lambda: corpus.scores(queries)}
        | {
            f"rank, {way}": lambda way=way: rank(
                generation, item_corpus, by[way], first_stage=first_stage
            )
            for way in WAYS
        },
        repeats,
    )
    same = np.array_equal(ours["Algorithm 1"](), ours["Algorithm 1, plainly"]())
    lines = [
        f"{count:,} items x {TEXTS} texts; load {os.getloadavg()[0]:.1f}; attribute index built in "
        f"{built:.2f} s; scores equal to the bit: {'yes' if same else 'NO'}",
        f"{'':28}{'ms':>10}{'of ours':>10}",
    ]
    lines += [
        f"{name:28}{figure:10.3f}{figure / figures['Algorithm 1']:10.2f}"
        for name, figure in figures.items()
    ]
    return "\n".join([*lines, *(f"{name:28}{figure:10.3f}" for name, figure in whole.items())])


def main() -> None:
    """Reads the arguments and prints a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=[5_000, 20_000, 100_000])
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    for count in arguments.items:
        print(measure(count, arguments.repeats), flush=True)


if __name__ == "__main__":
    main()
