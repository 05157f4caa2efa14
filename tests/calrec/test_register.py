"""The register of recommenders: what it says of each, and what other packages may add."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from toy_package import TOY

from calrec.errors import CalrecError
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from calrec.recommenders.protocol import Scorer


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
    assert [e.id for e in register.entries().values() if e.generative] == ["calrec", "hybrid"]
    assert register.rivals() == (
        "lir",
        "blend",
        "tgh",
        "item-knn",
        "markov",
        "popular",
        "sasrec",
        "dense",
    )


@pytest.mark.parametrize("name", ["item-knn", "markov", "popular"])
def test_a_recommender_that_counts_is_built_from_purchases(shop, name):
    made = register.build(name, Inputs(shop=shop))
    assert made.name == name
    assert isinstance(made, Scorer)
    assert made.scores([np.array([0])]).shape == (1, 3)


@pytest.mark.parametrize("name", ["calrec", "hybrid", "sasrec", "dense"])
def test_a_trained_one_asks_for_its_checkpoint(shop, name):
    with pytest.raises(CalrecError, match=f"^{name} needs a checkpoint, found none"):
        register.build(name, Inputs(shop=shop))


def test_an_unknown_one_is_refused_with_those_that_there_are():
    with pytest.raises(
        CalrecError, match=r"expected a recommender of calrec, hybrid, .* found 'x'"
    ):
        register.entry("x")
    assert register.label("x") == register.title("x") == "x"


def test_one_file_of_another_package_adds_one(installed, shop):
    installed()
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


@pytest.mark.slow
def test_the_commands_name_it(installed):
    folder = installed()
    shown = subprocess.run(
        [sys.executable, "-m", "train.evaluate", "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(folder), "COLUMNS": "200", "PATH": ""},
    )
    assert "alphabetical" in shown.stdout
