"""A recommender of another package, in one file with an entry point."""

from __future__ import annotations

from pathlib import Path

from calrec.recommenders import register

TOY = """
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.entry import Entry
import numpy as np


class Alphabetical(Baseline):
    name = "alphabetical"
    settings = {}

    def scores(self, histories):
        order = np.argsort(np.argsort(self.item_ids))
        return np.tile(-order.astype(float), (len(histories), 1))


ENTRY = Entry(
    id="alphabetical",
    label="A to Z",
    sentence="Items in the order of their ids.",
    needs=frozenset(),
    build=lambda inputs: Alphabetical(inputs.shop.item_ids),
)
"""


def install(folder: Path, source: str = TOY, value: str = "toy_recommender:ENTRY") -> None:
    """Puts a module `toy_recommender` and its package's entry point into a folder."""
    (folder / "toy_recommender.py").write_text(source)
    about = folder / "toy_recommender-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-recommender\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[{register.GROUP}]\ntoy = {value}\n")
