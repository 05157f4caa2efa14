import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from catalog import cli
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue

ITEM_COLUMNS = ("item_id", "title", "category", "brand", "price")
EVENT_COLUMNS = ("user_id", "item_id", "timestamp", "position", "rating", "review_text")

ITEMS = [
    ("i1", "Acoustic Guitar Strings", "Music, Strings", "Fender", "$5.99"),
    ("i2", "Electric Guitar", "Music, Guitars", "Fender", "$1,299.00"),
    ("i3", "Guitar Tuner", "Music, Tuners", "Korg", "$19.99"),
    ("i4", "Drum Sticks", "Music, Drums", None, None),
    ("i5", "Drum Sticks", "Music, Drums", None, None),
    ("i6", None, None, None, None),
    ("i7", "Wi-Fi Amp <b>Loud</b>", "Music, Amps", "Korg", "$99"),
]
EVENTS = [
    ("a", "i1", 10, 0, 5.0, "good"),
    ("a", "i1", 10, 1, 5.0, "good"),  # an exact repeat
    ("a", "i1", 20, 2, 5.0, "good"),  # bought again
    ("a", "i2", 30, 3, 4.0, "fine"),
    ("a", "i3", 40, 4, 4.0, "fine"),
    ("b", "i4", 5, 0, 3.0, None),
    ("b", "i4", 5, 1, 3.0, None),  # an exact repeat without text
    ("b", "i1", 6, 2, 3.0, None),
    ("c", "i9", 7, 0, 1.0, "of an item that is not listed"),
]


@pytest.fixture(scope="session")
def tables() -> Callable[..., TwoTables]:
    """Makes a source of rows in the columns of `ITEM_COLUMNS` and `EVENT_COLUMNS`."""

    def make(items: Sequence[tuple] = ITEMS, events: Sequence[tuple] = EVENTS) -> TwoTables:
        texts = [pa.array([row[i] for row in items], pa.string()) for i in range(5)]
        kinds = (pa.string(), pa.string(), pa.int64(), pa.int64(), pa.float64(), pa.string())
        columns = [pa.array([row[i] for row in events], kind) for i, kind in enumerate(kinds)]
        return TwoTables(
            items=pa.table(texts, names=list(ITEM_COLUMNS)),
            interactions=pa.table(columns, names=list(EVENT_COLUMNS)),
        )

    return make


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory, tables: Callable[..., TwoTables]) -> Path:
    """A workspace with the domain `music`; read it only."""
    workspace = tmp_path_factory.mktemp("shop")
    build(workspace, "music", tables())
    return workspace


@pytest.fixture
def music(shop: Path) -> Catalogue:
    with Catalogue.open(shop, "music") as catalogue:
        yield catalogue


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit status, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["calrec-catalog", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return call
