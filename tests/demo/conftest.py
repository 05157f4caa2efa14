from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HERE = Path(__file__).parent
# The script also runs as a server of its own, so it is a module and not a part of this file.
sys.path.insert(0, str(HERE))

from scripted import ScriptedModel  # noqa: E402

from calrec.recommendation import Recommendation  # noqa: E402

HOSTILE = (
    "<script>window.hacked = 1</script> lamp",
    "<img src=x onerror='window.hacked=1'> lamp",
    "${window.hacked = 1} {{value}} `lamp`",
    "\"><b onmouseover=window.hacked=1>quoted</b> & 'lamp'",
)


def write_domain(folder: Path, workspace: Path, domain: str, titles: Sequence[str]) -> None:
    """A domain with these titles and four shoppers, through the ordinary builder."""
    from catalog.build import build
    from catalog.ingest.two_tables import TwoTables

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


@pytest.fixture(scope="session")
def workspace(tmp_path_factory) -> Path:
    """Two shops; some titles of `lamps` try to run as code."""
    folder = tmp_path_factory.mktemp("demo")
    place = folder / "workspace"
    plain = [f"Desk lamp number {i} with a warm light and a very long cable" for i in range(56)]
    write_domain(folder / "lamps", place, "lamps", [*HOSTILE, *plain])
    write_domain(folder / "tools", place, "tools", [f"Saw blade {i} mm" for i in range(25)])
    return place


@pytest.fixture
def model() -> ScriptedModel:
    return ScriptedModel()


@pytest.fixture
def application(workspace, model):
    from demo.application import Application

    return Application(workspace, "scripted", load_model=lambda _: model)


@pytest.fixture
def handlers(application):
    from demo.pages.walkthrough.handlers import Handlers

    return Handlers(application)


@pytest.fixture
def recommendation(application) -> Recommendation:
    """One over `lamps`, its history the hostile items."""
    items = application.catalogue("lamps").items
    return application.model("lamps").recommend(items[:4], seed=1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(workspace: Path, pause: float) -> Iterator[str]:
    port = free_port()
    root = str(HERE.parents[1])
    process = subprocess.Popen(
        [sys.executable, str(HERE / "scripted.py"), str(workspace), str(port), str(pause)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": root},
    )
    assert process.stdout.readline() == "ready\n"
    yield f"http://127.0.0.1:{port}"
    process.communicate(timeout=60)


@pytest.fixture(scope="session")
def server(workspace):
    """Address of a page whose model is quick."""
    with served(workspace, pause=0.05) as address:
        yield address


@pytest.fixture(scope="session")
def slow_server(workspace):
    """Address of a page whose model takes a moment for every few tokens."""
    with served(workspace, pause=0.3) as address:
        yield address
