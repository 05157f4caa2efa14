"""Small shops for the pages' tests, with titles that try to run as code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HOSTILE = (
    "<script>window.hacked = 1</script> lamp",
    "<img src=x onerror='window.hacked=1'> lamp",
    "${window.hacked = 1} {{value}} `lamp`",
    "\"><b onmouseover=window.hacked=1>quoted</b> & 'lamp'",
)


def write_domain(folder: Path, workspace: Path, domain: str, titles: Sequence[str]) -> None:
    """A domain with these titles and four shoppers, through the ordinary builder."""
    from catalog.build import build
    from catalog.ingest.sources.two_tables import TwoTables

    n = len(titles)
    items = pa.table(
        {
            "item_id": [f"{domain}-{i:03d}" for i in range(n)],
            "title": list(titles),
            "category": ["Home, <i>Lighting</i>" if i % 2 else "Home, Lighting" for i in range(n)],
            "brand": [None if i % 3 == 0 else f"Brand & {i % 4}" for i in range(n)],
            "price": [None if i % 5 == 0 else f"${i}.50" for i in range(n)],
        }
    )
    events = [
        (f"user-{u}", f"{domain}-{(5 * u + 3 * k) % n:03d}", 1000 * u + k, k)
        for u in range(4)
        for k in range(6)
    ]
    interactions = pa.table(
        {
            name: [event[column] for event in events]
            for column, name in enumerate(("user_id", "item_id", "timestamp", "position"))
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(items, folder / "items.parquet")
    pq.write_table(interactions, folder / "interactions.parquet")
    build(
        workspace,
        domain,
        TwoTables(items=folder / "items.parquet", interactions=folder / "interactions.parquet"),
    )
