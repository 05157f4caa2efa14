"""The register of recommenders: what it says of each, and what other packages may add."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from calrec.errors import CalrecError
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from calrec.recommenders.protocol import Scorer

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


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a module with an entry point of the register's group; returns its folder."""

    def install(source: str, value: str = "toy_recommender:ENTRY"):
        (tmp_path / "toy_recommender.py").write_text(source)
        about = tmp_path / "toy_recommender-1.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: toy-recommender\nVersion: 1\n"
        )
        (about / "entry_points.txt").write_text(f"[{register.GROUP}]\ntoy = {value}\n")
        monkeypatch.syspath_prepend(tmp_path)
        register.entries.cache_clear()
        return tmp_path

    yield install
    sys.modules.pop("toy_recommender", None)
    register.entries.cache_clear()


@pytest.fixture
def shop():
    parts = [np.array([0, 1, 2]), np.array([2, 1])]
    return SimpleNamespace(
        item_ids=("c", "a", "b"), sequences=lambda: SimpleNamespace(counted=lambda *_: parts)
    )


def test_each_entry_says_what_people_need_to_know():
    for name, entry in register.entries().items():
        assert entry.id == name
        assert entry.label
        assert entry.title
        assert entry.sentence.endswith(".")
        assert entry.needs <= {"checkpoint", "purchases", "texts"}
        assert (entry.fits.__name__ == "never") == (not entry.trained)
    assert [e.id for e in register.entries().values() if e.generative] == ["calrec"]
    assert register.rivals() == ("lir", "item-knn", "markov", "popular", "sasrec")


@pytest.mark.parametrize("name", ["item-knn", "markov", "popular"])
def test_a_recommender_that_counts_is_built_from_purchases(shop, name):
    made = register.build(name, Inputs(shop=shop))
    assert made.name == name
    assert isinstance(made, Scorer)
    assert made.scores([np.array([0])]).shape == (1, 3)


@pytest.mark.parametrize("name", ["calrec", "sasrec"])
def test_a_trained_one_asks_for_its_checkpoint(shop, name):
    with pytest.raises(CalrecError, match=f"^{name} needs a checkpoint, found none"):
        register.build(name, Inputs(shop=shop))


def test_an_unknown_one_is_refused_with_those_that_there_are():
    with pytest.raises(CalrecError, match=r"expected a recommender of calrec, lir, .* found 'x'"):
        register.entry("x")
    assert register.label("x") == register.title("x") == "x"


def test_one_file_of_another_package_adds_one(installed, shop):
    installed(TOY)
    assert list(register.entries())[-1] == "alphabetical"
    assert register.rivals()[-1] == "alphabetical"
    assert register.label("alphabetical") == "A to Z"
    made = register.build("alphabetical", Inputs(shop=shop))
    assert made.scores([np.array([0])]).tolist() == [[-2.0, -0.0, -1.0]]


@pytest.mark.parametrize(
    ("source", "value", "found"),
    [
        ("1 / 0", "toy_recommender:ENTRY", "ZeroDivisionError"),
        ("ENTRY = 3", "toy_recommender:ENTRY", "found 3"),
        ("", "toy_recommender:ENTRY", "AttributeError"),
        (TOY.replace('id="alphabetical"', 'id="lir"'), "toy_recommender:ENTRY", "a second 'lir'"),
    ],
)
def test_one_that_cannot_be_read_is_one_line(installed, source, value, found):
    installed(source, value)
    with pytest.raises(CalrecError, match=r"entry point toy_recommender:ENTRY") as caught:
        register.entries()
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_commands_name_it(installed):
    folder = installed(TOY)
    shown = subprocess.run(
        [sys.executable, "-m", "train.evaluate", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(folder), "COLUMNS": "200", "PATH": ""},
    )
    assert "alphabetical" in shown.stdout
