"""The sample shop and `make demo`, interrupted: the next start makes what is missing."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import forked
import pytest

from catalog.build import build, missing_departments
from catalog.sample import DEPARTMENTS
from catalog.store import Catalogue, domains

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

# Builds a sample shop of few items, and kills itself before or after it has built so many.
_KILLED = """
import os, signal, sys
from pathlib import Path
import pyarrow as pa
import catalog.sample
from catalog import build
workspace, moment, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
items = pa.table({"item_id": ["a", "b"], "title": ["Tuner", "Drum"]})
events = pa.table({"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1, 2]})
catalog.sample.make_shop = lambda seed: dict.fromkeys(catalog.sample.DEPARTMENTS, (items, events))
commit, commits = build.commit, []
def die(): os.kill(os.getpid(), signal.SIGKILL)
def counted(workspace):
    commits.append(workspace)
    if (moment, number) == ("before", len(commits)): die()
    commit(workspace)
    if (moment, number) == ("after", len(commits)): die()
build.commit = counted
build.build_sample(workspace, only=build.missing_departments(workspace))
"""


@pytest.mark.parametrize(
    ("moment", "number", "left"),
    [("before", 1, 0), ("after", 1, 1), ("before", 2, 1), ("after", 2, 2), ("before", 3, 2)],
)
def test_a_killed_sample_shop_is_completed(tmp_path, moment, number, left):
    line = (_KILLED, tmp_path / "w")
    assert forked.status(*line, moment, number) == -signal.SIGKILL
    assert len(domains(tmp_path / "w")) == left
    assert len(missing_departments(tmp_path / "w")) == 3 - left
    assert forked.status(*line, "never", 0) == 0
    assert missing_departments(tmp_path / "w") == []
    for department in DEPARTMENTS:
        with Catalogue.open(tmp_path / "w", department) as catalogue:
            assert catalogue.page(query="tuner").total == 1


def test_the_command_completes_and_then_has_nothing_to_do(tmp_path, tables, run, monkeypatch):
    source = tables()
    shop = dict.fromkeys(DEPARTMENTS, (source.items, source.interactions))
    monkeypatch.setattr("catalog.sample.make_shop", lambda seed: shop)
    first, *others = DEPARTMENTS
    build(tmp_path, first, source)
    status, out, err = run("sample", "--complete", "--workspace", tmp_path)
    assert (status, err) == (0, "")
    assert [line.partition(":")[0] for line in out.splitlines()] == others
    assert run("sample", "--complete", "--workspace", tmp_path) == (0, "", "")


def test_which_departments_are_missing(tmp_path, tables):
    assert missing_departments(tmp_path) == list(DEPARTMENTS)
    first, second, third = DEPARTMENTS
    build(tmp_path / "own", "music", tables())
    assert missing_departments(tmp_path / "own") == []
    build(tmp_path / "own", second, tables())
    assert missing_departments(tmp_path / "own") == [first, third]


# Stands for each command of `.venv/bin`: writes down what it was asked, and does the least of it.
_STUB = """#!/bin/sh
echo "$(basename "$0") $*" >> log
case "$(basename "$0") $*" in
  *"$FAILS"*) exit 3 ;;
  calrec-catalog*) mkdir -p "$CALREC_WORKSPACE/index/$SHOP" ;;
  calrec-evaluate*)
    for word in "$@"; do out="$word"; done
    mkdir -p "$out" && touch "$out/meta.json" ;;
esac
"""


@pytest.fixture
def house(tmp_path):
    """The Makefile, installed, with commands that only say what they were asked."""
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, tmp_path)
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name in ("python", "calrec-catalog", "calrec-evaluate", "calrec-demo"):
        (commands / name).write_text(_STUB)
        (commands / name).chmod(0o755)
    (tmp_path / ".venv" / "installed").touch()
    return tmp_path


def make_demo(house, *, fails="nothing", shop="sample-kitchen"):
    """Exit status of `make demo`, and what it called: of evaluations the recommender."""
    log = house / "log"
    log.unlink(missing_ok=True)
    environment = {"CALREC_WORKSPACE": "a workspace", "FAILS": fails, "SHOP": shop}
    made = subprocess.run(
        ["make", "demo"], cwd=house, env=os.environ | environment, capture_output=True, text=True
    )
    calls = [line.split() for line in log.read_text().splitlines()]
    return made.returncode, [
        call[call.index("--recommender") + 1] if "--recommender" in call else call[0]
        for call in calls
    ]


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_demo_goes_on_where_it_was_interrupted(house):
    whole = ["lir", "popular", "markov", "item-knn", "blend", "calrec"]
    status, calls = make_demo(house, fails="calrec-catalog")
    assert (status, calls) == (2, ["calrec-catalog"])
    status, calls = make_demo(house, fails="markov")
    assert (status, calls) == (2, ["calrec-catalog", *whole[:3]])
    status, calls = make_demo(house)
    assert (status, calls) == (0, ["calrec-catalog", *whole[2:], "calrec-demo"])
    assert make_demo(house) == (0, ["calrec-catalog", "calrec-demo"])


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_demo_evaluates_nothing_beside_shops_of_ones_own(house):
    assert make_demo(house, shop="music") == (0, ["calrec-catalog", "calrec-demo"])
