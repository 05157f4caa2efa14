"""What the four commands have in common: Ctrl-C at any time, and names that are not UTF-8."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = {
    "calrec-catalog": "catalog.command",
    "calrec-train": "train.command",
    "calrec-evaluate": "train.evaluate",
    "calrec-demo": "demo.command",
}

# Presses Ctrl-C when a module is imported, in the middle of loading a command.
_PRESS = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
loading = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == loading:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
from {module} import main
main()
print("went on")
"""


def python(code, *arguments, **how):
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=ROOT, **how
    )


def test_every_command_enters_where_ctrl_c_is_heard():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {
        name: f"{module}:main" for name, module in COMMANDS.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("module", COMMANDS.values())
def test_an_entry_loads_nothing_but_the_errors(module):
    code = (
        "import sys; before = set(sys.modules);"
        f"import {module}; print(*sorted(set(sys.modules) - before))"
    )
    ours = {"calrec", "calrec.errors", module.partition(".")[0], module}
    standard = set(python(code).stdout.split()) - ours
    assert {name.partition(".")[0] for name in standard} <= sys.stdlib_module_names


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "loading"),
    [
        ("calrec-catalog", "tyro"),
        ("calrec-catalog", "duckdb"),
        ("calrec-train", "tyro"),
        ("calrec-evaluate", "tyro"),
        ("calrec-evaluate", "numpy"),
        ("calrec-demo", "tyro"),
        ("calrec-demo", "calrec.model.checkpoint"),
    ],
)
def test_ctrl_c_while_a_command_loads_is_one_line(name, loading):
    ended = python(_PRESS.format(module=COMMANDS[name]), loading, "--help")
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    "lost",
    [
        # As jax' callback of the garbage collector, and a weak reference's, lose it.
        "gc.callbacks.append(press); gc.collect()",
        "thing = Thing(); weakref.finalize(thing, print).detach();"
        " kept = weakref.ref(thing, press); del thing",
        "raise ValueError('made of it') from KeyboardInterrupt()",
        "raise RuntimeError('Query interrupted')",
    ],
)
def test_ctrl_c_is_never_lost(lost):
    code = (
        "import gc, weakref\n"
        "from calrec.errors import run_cli\n"
        "class Thing: pass\n"
        "def press(*_): raise KeyboardInterrupt\n"
        "def command():\n"
        f"    {lost}\n"
        "    gc.callbacks.clear()\n"
        "    print('went on')\n"
        "run_cli(command)"
    )
    ended = python(code)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "stopped\n")


@pytest.mark.slow
def test_other_errors_of_callbacks_are_still_told():
    code = (
        "import gc\n"
        "from calrec.errors import run_cli\n"
        "def fail(*_): raise ValueError('a mistake')\n"
        "run_cli(lambda: (gc.callbacks.append(fail), gc.collect(), gc.callbacks.clear()))"
    )
    ended = python(code)
    assert ended.returncode == 0
    assert "a mistake" in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "arguments"),
    [
        ("train.evaluate", ["--domain", "shop", "--recommender", "lir", "--out"]),
        ("train.command", ["prepare", "--domains", "shop", "--out"]),
        ("train.evaluate", ["report", "--out", "out"]),
        ("train.command", ["export", "--out", "out", "--run"]),
        ("catalog.command", ["search", "--domain", "shop", "--workspace"]),
        ("demo.command", ["--port", "50996", "--workspace"]),
    ],
)
def test_a_name_that_is_not_utf_8_is_one_line(tmp_path, module, arguments):
    name = os.fsencode(tmp_path) + b"/na\xefve"
    ended = subprocess.run(
        [sys.executable, "-m", module, *arguments, name],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "CALREC_WORKSPACE": "nowhere"},
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
