"""The examples and the README's Python run as they stand."""

import os
import re
import subprocess
import sys

import pytest
from names_of_code import ROOT

EXAMPLES = sorted(path.name for path in (ROOT / "docs" / "examples").glob("*.py"))


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with a workspace in it that has the shop of the examples."""
    from catalog.build import build_sample

    folder = tmp_path_factory.mktemp("examples")
    build_sample(folder / "workspace", only={"sample-kitchen"})
    return folder


def run(folder, *arguments):
    ended = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "CALREC_WORKSPACE"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("add_recommender.py", r"buy-again +NDCG@10 0\.\d{4} optimistic, 0\.\d{4} pessimistic"),
        ("inspect_case.py", r"CALRec ranks it \(\d+, \d+\)"),
        ("own_shop.py", r"really bought: Espresso beans dark roast 1 kg \(\d, \d\)"),
    ],
    ids=lambda value: value.removesuffix(".py") if value.endswith(".py") else "",
)
def test_an_example_runs(home, name, says):
    assert re.search(says, run(home, ROOT / "docs" / "examples" / name))


def test_every_example_is_run():
    given = next(mark for mark in test_an_example_runs.pytestmark if mark.name == "parametrize")
    assert [name for name, _ in given.args[1]] == EXAMPLES


@pytest.mark.slow
def test_the_readme_s_python_runs(home):
    readme = (ROOT / "README.md").read_text()
    ours = [
        code
        for code in re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        if "gradio_client" not in code  # of a server; the API has tests of its own
    ]
    assert len(ours) == 1
    assert "nats" in run(home, "-c", ours[0])
