"""A shop of a hundred shoppers with evaluations, small enough to be made within seconds."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from scripted import ScriptedModel
from shops import HOSTILE

sys.path.insert(0, str(Path(__file__).parents[1] / "calrec" / "evaluation"))
from synthetic_runs import write_run

from calrec.recommenders.calrec import CALRec

DOMAIN = "crafts"
USERS = [f"user-{u:05d}" for u in range(1, 101)]
TITLES = [
    *HOSTILE,
    "\u202emal\u202c p \u05d0\u05d1\u05d2",
    "Lamp \U0001f4a1 with 100 % emoji \U0001f469\u200d\U0001f3a8",
    *(f"Brush number {k} of {('badger', 'nylon', 'goat')[k % 3]} hair" for k in range(44)),
]


def build_shop(folder: Path, workspace: Path) -> None:
    """The shop through the ordinary builder; each shopper bought seven items or more."""
    from catalog.build import build
    from catalog.ingest.sources.two_tables import TwoTables

    n = len(TITLES)
    items = pa.table(
        {
            "item_id": [f"i-{i:03d}" for i in range(n)],
            "title": TITLES,
            "category": ["Home, <i>Lighting</i>" if i < 6 else "Home, Brushes" for i in range(n)],
            "brand": [None if i % 3 == 0 else f"Brand & {i % 4}" for i in range(n)],
            "price": [None] * n,
        }
    )
    events = [
        (user, f"i-{(7 * u + (5 + u % 3) * k) % n:03d}", 1000 * u + k, k)
        for u, user in enumerate(USERS)
        for k in range(7 + u % 9)
    ]
    names = ("user_id", "item_id", "timestamp", "position")
    interactions = pa.table({n: [e[i] for e in events] for i, n in enumerate(names)})
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, table in (("items", items), ("interactions", interactions)):
        paths[name] = folder / f"{name}.parquet"
        pq.write_table(table, paths[name])
    build(workspace, DOMAIN, TwoTables(**paths))


def write_evaluations(application, folder: Path) -> dict[str, list]:
    """CALRec's run `one`, LIR's `two` and a foreign one `three`; the records by run."""
    catalogue = application.shop(DOMAIN).catalogue
    scripted = ScriptedModel()
    scripted.shops = [catalogue.items]
    model = CALRec.over(scripted, catalogue.corpus(), catalogue.items)
    lir = application.shop(DOMAIN).recommenders()["lir"]
    cases = [catalogue.case(user) for user in USERS]
    records = {
        "one": [model.recommend(case.history, seed=k) for k, case in enumerate(cases)],
        "two": [lir.recommend(case.history) for case in cases],
    }
    records["three"] = records["two"]
    for name, recommender in (("one", "calrec"), ("two", "lir"), ("three", "sasrec")):
        _write(folder / name, recommender, catalogue, cases, records[name])
    pq.write_table(_samples(records["one"]), folder / "one" / "samples.parquet")
    pq.write_table(_top(records["three"], cases), folder / "three" / "top.parquet")
    return records


def _write(folder, recommender, catalogue, cases, records):
    ranks = [r.ranking.ranks(c.target.item_id) for r, c in zip(records, cases, strict=True)]
    history = [[item.item_id for item in case.history] for case in cases]
    targets = [case.target.item_id for case in cases]
    columns = {
        "target_item_id": targets,
        "target_category": [
            "<i>Lighting</i>" if int(t.split("-")[1]) < 6 else None for t in targets
        ],
        "history_length": [len(h) for h in history],
        "target_in_history": [t in h for t, h in zip(targets, history, strict=True)],
        "target_is_last": [t == h[-1] for t, h in zip(targets, history, strict=True)],
    }
    if recommender == "calrec":
        outcomes = [record.ranking.outcomes for record in records]
        columns["top_match_level"] = [max(o.match_level for o in each) for each in outcomes]
        columns["prompt_tokens"] = [r.generation.prompt_tokens for r in records]
        columns["items_cut"] = [k % 3 for k in range(len(records))]
        columns["seed"] = list(range(len(records)))
    write_run(
        folder,
        recommender,
        optimistic=[a for a, _ in ranks],
        pessimistic=[b for _, b in ranks],
        users=USERS,
        domain=DOMAIN,
        data={"fingerprint": catalogue.info.fingerprint, "items": len(catalogue.items)},
        columns=columns,
    )


def _samples(records):
    each = [
        (user, sample, outcome)
        for user, r in zip(USERS, records, strict=True)
        for sample, outcome in zip(r.samples, r.ranking.outcomes, strict=True)
    ]
    names = ("order", "text", "score", "token_ids", "log_probs", "finished")
    return pa.table(
        {
            "user_id": [user for user, _, _ in each],
            **{name: [getattr(sample, name) for _, sample, _ in each] for name in names},
            "kept": [outcome.column is not None for _, _, outcome in each],
        }
    )


def _top(records, cases, top=20):
    rankings = [record.ranking for record in records]
    best = [ranking.order()[:top] for ranking in rankings]
    return pa.table(
        {
            "user_id": USERS,
            "target_score": [
                r.scores[r.item_ids.index(c.target.item_id)]
                for r, c in zip(rankings, cases, strict=True)
            ],
            "item_ids": [[r.item_ids[i] for i in o] for r, o in zip(rankings, best, strict=True)],
            "scores": [r.scores[o].tolist() for r, o in zip(rankings, best, strict=True)],
        }
    )
