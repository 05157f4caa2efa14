"""How fast a catalogue is built, in how much memory, beside a straightforward pandas pipeline.

    python tests/benchmarks/build.py --reviews 100000 500000 2000000

makes reviews and metadata in the shape of Amazon Reviews 2023 (seven reviews for each item, a
fiftieth of them exact repeats), builds each size with `calrec-catalog`'s own functions in a process
of its own, and does the same to them with pandas, up to the tables: pandas has no index. Memory is
the peak of the resident set over all of a run's processes. Needs the extra `benchmarks`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import duckdb

ITEMS_PER_REVIEW = 0.15

# Everything is a function of the row's number, so a size gives the same files everywhere.
_MACROS = """
CREATE MACRO draw(n, salt, below) AS (hash(n, salt) % below)::BIGINT;
CREATE MACRO few(n, salt, below) AS (below * pow(draw(n, salt, 1000000) / 1000000, 2))::BIGINT;
CREATE MACRO word(k) AS
  list_extract(['ka','to','mi','ra','len','dor','sti','wo','pa','gri','nu','bel','cho','fa','ze',
    'qui'], 1 + k % 16) ||
  list_extract(['n','rt','s','l','mp','x','ck','th','ng','sh','b','d','v','nd','ll','y'],
    1 + k // 16 % 16) ||
  list_extract(['a','o','ix','er','um','in','al','ene'], 1 + k // 256 % 8);
CREATE MACRO text(n, salt, count) AS
  array_to_string(list_transform(range(count), lambda k: word(few(n * 100 + k, salt, 2048))), ' ');
CREATE MACRO item(n, items) AS 'B' || lpad(few(n, 'item', items)::VARCHAR, 9, '0');
"""
_REVIEWS = """
COPY (
  SELECT 1 + draw(n, 'rating', 5) AS rating, text(n, 'head', 3) AS title,
    text(n, 'body', 5 + draw(n, 'length', 60)) AS text, [] AS images,
    item(n, $items) AS asin, item(n, $items) AS parent_asin,
    'A' || lpad(draw(n, 'user', $reviews // 8 + 1)::VARCHAR, 12, '0') AS user_id,
    1500000000000 + draw(n, 'time', 200000000000) AS timestamp,
    draw(n, 'votes', 9) AS helpful_vote, true AS verified_purchase
  FROM (SELECT i - (draw(i, 'repeat', 50) = 0)::BIGINT AS n FROM range(1, $reviews + 1) AS r(i))
) TO '{path}' (FORMAT json, COMPRESSION gzip)
"""
_META = """
COPY (
  SELECT 'Industrial' AS main_category,
    text(n, 'title', 6 + draw(n, 'words', 14))
      || CASE n % 20 WHEN 0 THEN ' &amp; ' || text(n, 'more', 2) WHEN 1 THEN ' <b>New</b>'
         ELSE '' END AS title,
    4.5 AS average_rating, [text(n, 'feature', 20)] AS features,
    [text(n, 'description', 80)] AS description,
    CASE WHEN n % 3 > 0 THEN 1 + draw(n, 'price', 20000) / 100 END AS price,
    text(draw(n, 'brand', 3000), 'store', 2) AS store,
    ['Industrial & Scientific', text(draw(n, 'branch', 30), 'branch', 2),
     text(draw(n, 'leaf', 400), 'leaf', 2)] AS categories,
    {'Brand': text(draw(n, 'brand', 3000), 'store', 2), 'Colour': 'red'} AS details,
    'B' || lpad(n::VARCHAR, 9, '0') AS parent_asin
  FROM range($items) AS r(n)
) TO '{path}' (FORMAT json, COMPRESSION gzip)
"""


def generate(folder: Path, reviews: int) -> None:
    """Writes `reviews.jsonl.gz` and `meta.jsonl.gz`."""
    sizes = {"reviews": reviews, "items": max(1, int(reviews * ITEMS_PER_REVIEW))}
    with duckdb.connect() as connection:
        connection.execute(_MACROS)
        for name, sql, keys in (
            ("reviews", _REVIEWS, ("reviews", "items")),
            ("meta", _META, ("items",)),
        ):
            path = folder / f"{name}.jsonl.gz"
            connection.execute(sql.replace("{path}", str(path)), {key: sizes[key] for key in keys})


def build_ours(folder: Path) -> dict[str, float]:
    """Builds the domain; seconds until the tables are written, and in all."""
    from catalog.build import build
    from catalog.ingest.sources.amazon import AmazonReviews

    start, seconds = time.perf_counter(), {}

    def say(step: str) -> None:
        if "indexing" in step:
            seconds.setdefault("tables", time.perf_counter() - start)
            print("indexing", flush=True)

    source = AmazonReviews(reviews=folder / "reviews.jsonl.gz", meta=folder / "meta.jsonl.gz")
    info = build(folder / "workspace", "benchmark", source, say=say)
    return seconds | {
        "whole": time.perf_counter() - start,
        "events": info.events,
        "items": info.items,
        "users": info.users,
    }


def build_with_pandas(folder: Path) -> dict[str, float]:
    """The same tables with pandas, as one would write it."""
    import pandas as pd

    from catalog.attributes.clean import clean_path, clean_text

    start = time.perf_counter()
    reviews = pd.read_json(folder / "reviews.jsonl.gz", lines=True)
    meta = pd.read_json(folder / "meta.jsonl.gz", lines=True)

    reviews = reviews[["user_id", "parent_asin", "timestamp", "rating", "text"]]
    # Microseconds, as pandas reads a column of that name as a time.
    reviews["timestamp"] = reviews["timestamp"].astype("datetime64[ms]").astype("int64")
    reviews = reviews.sort_values(["user_id", "timestamp"], kind="stable")
    repeats = (reviews == reviews.shift()).all(axis=1)
    events = reviews[~repeats].drop(columns="text")

    meta = meta[meta["parent_asin"].isin(events["parent_asin"])].drop_duplicates("parent_asin")
    brand = meta["details"].map(lambda details: details.get("Brand"))
    items = pd.DataFrame(
        {
            "item_id": meta["parent_asin"],
            "title": meta["title"].map(clean_text),
            "category": meta["categories"].map(lambda path: ", ".join(clean_path(path)) or None),
            "brand": brand.fillna(meta["store"]).map(clean_text),
            "price": meta["price"].map(lambda price: f"${price:.2f}", na_action="ignore"),
        }
    )
    bought = pd.Index(events["parent_asin"].unique()).difference(items["item_id"])
    items = pd.concat([items, pd.DataFrame({"item_id": bought})]).sort_values("item_id")
    items["item_index"] = range(len(items))
    users = events.groupby("user_id", sort=True).size().rename("events").reset_index()
    users["user_index"] = range(len(users))
    events = events.merge(
        items[["item_id", "item_index"]], left_on="parent_asin", right_on="item_id"
    )
    events = events.merge(users, on="user_id").sort_values(
        ["user_index", "timestamp"], kind="stable"
    )
    events["position"] = events.groupby("user_index").cumcount()
    training = events[events["position"] < events["events"] - 2]
    popularity = training.groupby("item_index").size().rename("popularity")
    items = items.merge(popularity, how="left", left_on="item_index", right_index=True)

    with duckdb.connect(str(folder / "pandas.duckdb")) as connection:
        columns = ["user_index", "position", "item_index", "timestamp", "rating"]
        for name, table in (("items", items), ("users", users), ("events", events[columns])):
            connection.register("frame", table)
            connection.execute(f"CREATE TABLE {name} AS FROM frame")
            connection.unregister("frame")
    return {
        "tables": time.perf_counter() - start,
        "events": len(events),
        "items": len(items),
        "users": len(users),
    }


RUNS = {"ours": build_ours, "pandas": build_with_pandas}


def measure(run: str, folder: Path) -> dict[str, float]:
    """Runs one of `RUNS` in a process of its own; its figures, and its peak memory in bytes."""
    import psutil

    with subprocess.Popen(
        [sys.executable, __file__, "--run", run, str(folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        root, peaks, said = psutil.Process(process.pid), [0, 0], []
        reader = threading.Thread(target=lambda: said.extend(process.stdout))
        reader.start()
        while process.poll() is None:
            indexing = bool(said)
            peaks[indexing] = max(peaks[indexing], _resident(root))
            time.sleep(0.02)
        reader.join()
    if process.returncode:
        raise SystemExit(f"{run} failed with status {process.returncode}")
    return json.loads(said[-1]) | {"tables_bytes": peaks[0], "peak_bytes": max(peaks)}


def _resident(root) -> int:
    import psutil

    total = 0
    for process in (root, *_children(root)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _children(root) -> list:
    import psutil

    try:
        return root.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def main() -> None:
    """Prints a table, a line a size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reviews", type=int, nargs="+", default=[100_000, 500_000, 2_000_000])
    parser.add_argument("--run", nargs=2, metavar=("WHAT", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        what, folder = arguments.run
        print(json.dumps(RUNS[what](Path(folder))))
        return
    print(
        "reviews    items   | tables: ours           pandas              ratio        "
        "| with the index"
    )
    for reviews in arguments.reviews:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            generate(folder, reviews)
            ours, pandas = (measure(run, folder) for run in RUNS)
        for key in ("events", "items", "users"):
            if ours[key] != pandas[key]:
                raise SystemExit(f"expected equal {key}, found {ours[key]} and {pandas[key]}")
        print(
            f"{reviews:9,} {ours['items']:8,} "
            f"| {ours['tables']:5.1f} s {ours['tables_bytes'] / 2**20:6,.0f} MB"
            f" {reviews / ours['tables']:9,.0f} rows/s"
            f"  {pandas['tables']:6.1f} s {pandas['peak_bytes'] / 2**20:6,.0f} MB"
            f"  {pandas['tables'] / ours['tables']:5.1f} x faster"
            f" {pandas['peak_bytes'] / ours['tables_bytes']:5.1f} x smaller "
            f"| {ours['whole']:6.1f} s {ours['peak_bytes'] / 2**20:6,.0f} MB"
            f" {reviews / ours['whole']:8,.0f} rows/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
