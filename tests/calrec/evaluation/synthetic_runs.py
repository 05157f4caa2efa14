"""Folders of evaluations, written as `calrec-evaluate` writes them, from ranks made up."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calrec.evaluation.metrics import summarise
from calrec.records import digests

DATA = {
    "fingerprint": "aa11bb22cc33",
    "role": "evaluation",
    "items": 500,
    "users": 200,
    "events": 2000,
    "repeats_removed": 0,
    "repeats_kept": 0,
    "compared": ["item", "timestamp"],
}
RANKING = {
    "retrieval": "bm25",
    "n_pred": 10,
    "epsilon": 0.0002,
    "pooling": "max",
    "modulation": True,
    "candidates": 10_000,
}
BOTH_STAGES = (("pretrain", None, None), ("stage1", 0.125, -0.025), ("stage2", 0.125, -0.025))
NO_CONTRAST = (("pretrain", None, None), ("stage1", 0.0, 0.0), ("stage2", 0.0, 0.0))
STAGE_1 = BOTH_STAGES[:2]
STAGE_2 = (BOTH_STAGES[0], BOTH_STAGES[2])
PRETRAINED = BOTH_STAGES[:1]
CATEGORIES = ("Kitchen", "Garden", None, "Studio")


def user_ids(count, start=0):
    return [f"user-{place:05d}" for place in range(start, start + count)]


def drawn_ranks(count, seed=0, median=30, items=500, ties=3):
    """Ranks between 1 and `items`, skewed as real ones are; some with ties."""
    generator = np.random.default_rng(seed)
    optimistic = np.minimum(generator.lognormal(np.log(median), 1.8, count), items - ties - 1)
    optimistic = optimistic.astype(np.int64) + 1
    return optimistic, optimistic + generator.integers(0, ties + 1, count)


def write_run(
    folder,
    recommender="lir",
    *,
    optimistic=None,
    pessimistic=None,
    users=None,
    count=200,
    seed=0,
    label=None,
    domain="shop",
    split="test",
    available=None,
    data=None,
    training=BOTH_STAGES,
    template="calrec",
    ranking=None,
    decoder=None,
    model="digest-1",
    categories=CATEGORIES,
    generated=(0, 24, 30),
    meta=None,
    columns=None,
    texts=None,
):
    """Writes a run; returns its folder.

    `generated` are a user's format errors and matches on all attributes and on the title, of 32
    texts; `meta` and `columns` replace entries of meta.json and columns of cases.parquet (`None`:
    leaves the column out); `texts` are the columns of samples.parquet in place of a text a user.
    """
    users = user_ids(count) if users is None else list(users)
    if optimistic is None:
        optimistic, pessimistic = drawn_ranks(len(users), seed=seed)
    optimistic = np.asarray(optimistic, dtype=np.int64)
    pessimistic = optimistic if pessimistic is None else np.asarray(pessimistic, dtype=np.int64)
    folder.mkdir(parents=True)
    generative = recommender in ("calrec", "hybrid")
    settings = {"tie": 1e-9}
    if generative:
        settings |= {"decoder": decoder} if decoder else {}
        settings |= {
            "text": {"template": template, "title_words": 25},
            "sampling": {"samples": 32, "temperature": 0.5},
            "ranking": RANKING | (ranking or {}),
            "bm25": {"k1": 1.5, "b": 0.75},
        }
    stages = [
        {"stage": stage, "alpha": alpha, "beta": beta, "steps": 900}
        for stage, alpha, beta in training
    ]
    content = {
        "format": "calrec-evaluation",
        "version": 3,
        "recommender": recommender,
        "label": label,
        "domain": domain,
        "split": split,
        "users": len(users),
        "cases": available or len(users),
        "seed": seed,
        "bought": "ranked",
        "count": "training",
        "settings": settings,
        "data": DATA | (data or {}),
        "checkpoint": {"name": "sample", "digest": model, "seen": [], "training": stages}
        if generative
        else ({"seen": []} if recommender == "sasrec" else None),
        "code": {"version": "0.1.0", "digest": "c0de", "libraries": {"numpy": "2"}},
        "seconds": {"total": 12.5},
        "engine": "local",
    }
    (folder / "meta.json").write_text(json.dumps(content | (meta or {})), encoding="utf-8")
    figures = {"users": len(users), "metrics": summarise(optimistic, pessimistic)}
    (folder / "metrics.json").write_text(json.dumps(figures), encoding="utf-8")
    facts = facts_of(users, categories)
    table = facts | {
        "optimistic_rank": optimistic,
        "pessimistic_rank": pessimistic,
        "tie_width": pessimistic - optimistic,
    }
    if generative:
        errors, four, title = generated
        table |= {
            "samples": np.full(len(users), 32),
            "format_errors": np.full(len(users), errors),
            "exact_matches": np.full(len(users), four),
            "title_matches": np.full(len(users), title),
        }
        texts = texts or {"user_id": users, "text": [f"Title: of {user}" for user in users]}
        pq.write_table(pa.table(texts), folder / "samples.parquet")
    table |= columns or {}
    table = {name: values for name, values in table.items() if values is not None}
    pq.write_table(pa.table(table), folder / "cases.parquet")
    return folder


def seal(folder):
    """Adds the digests that `calrec-evaluate` writes."""
    path = folder / "meta.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.unlink()
    content["files"] = digests.of_files(folder)
    content["digest"] = digests.of_record(content)
    path.write_text(json.dumps(content), encoding="utf-8")


def facts_of(users, categories=CATEGORIES):
    """What is known of each case; the same for a user whoever else is evaluated."""
    places = np.array([int(user.split("-")[-1]) for user in users])
    generator = np.random.default_rng(7)
    table = generator.integers(0, 1 << 30, (100_000, 4))[places]
    popularity = (table[:, 0] % 11) ** 2
    repeat = table[:, 1] % 10
    return {
        "user_id": users,
        "target_item_id": [f"item-{place % 97}" for place in places],
        "history_length": 1 + table[:, 2] % 25,
        "target_in_history": repeat < 3,
        "target_is_last": repeat < 1,
        "target_cold": popularity == 0,
        "target_popularity": popularity,
        "target_category": pa.array(
            [categories[place] for place in table[:, 3] % len(categories)], type=pa.string()
        ),
    }
