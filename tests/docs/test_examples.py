"""The examples and the README's Python run as they stand."""

import re
import runpy

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


@pytest.fixture
def run(home, monkeypatch, capsys):
    """Runs a script there, in this process, which has imported most of it; its output."""
    monkeypatch.chdir(home)
    monkeypatch.delenv("CALREC_WORKSPACE", raising=False)
    # The tests have a place of their own for what is compiled, and this process goes on.
    monkeypatch.setattr("calrec.model.compilation.keep_compiled", lambda: None)

    def running(script):
        runpy.run_path(str(script), run_name="__main__")
        return capsys.readouterr().out

    return running


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
def test_an_example_runs(run, name, says):
    assert re.search(says, run(ROOT / "docs" / "examples" / name))


def test_every_example_is_run():
    given = next(mark for mark in test_an_example_runs.pytestmark if mark.name == "parametrize")
    assert [name for name, _ in given.args[1]] == EXAMPLES


@pytest.mark.slow
def test_the_readme_s_python_runs(run, tmp_path):
    readme = (ROOT / "README.md").read_text()
    ours = [
        code
        for code in re.findall(r"^```python\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
        if "gradio_client" not in code  # of a server; the API has tests of its own
    ]
    assert len(ours) == 1
    script = tmp_path / "readme.py"
    script.write_text(ours[0])
    assert "nats" in run(script)
