"""The house's arrows: who may import whom, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("calrec", "catalog", "train", "demo")
MAY_IMPORT = {
    "calrec": {"calrec"},
    "catalog": {"catalog", "calrec.records", "calrec.text", "calrec.errors"},
    "train": {"train", "catalog", "calrec"},
    "demo": {"demo", "catalog", "calrec"},
}
NEVER = {
    "calrec": {"gradio", "duckdb", "whoosh", "plotly"},
    "catalog": {"jax", "flax", "gradio"},
    "train": {"gradio"},
    "demo": {"jax", "flax", "optax"},
}
# Plots of evaluations are drawn by the page and by the report alike.
EXCEPT = {"calrec/report/figures.py": {"plotly"}}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_arrows(room):
    for path in (ROOT / room).rglob("*.py"):
        never = NEVER[room] - EXCEPT.get(path.relative_to(ROOT).as_posix(), set())
        for name in imported(path):
            top = name.split(".")[0]
            assert top not in never, f"{path} imports {name}"
            if top in ROOMS:
                allowed = any(f"{name}.".startswith(f"{a}.") for a in MAY_IMPORT[room])
                assert allowed, f"{path} imports {name}"


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("calrec", ("jax", "transformers")),
        ("calrec.recommenders.calrec", ("jax", "transformers", "gradio")),
        ("calrec.evaluation", ("jax", "plotly", "scipy", "pyarrow")),
        ("calrec.report.report", ("jax", "plotly", "duckdb")),
        ("train.report", ("jax", "plotly", "duckdb")),
        ("catalog", ("jax", "duckdb", "scipy")),
        ("catalog.cli", ("jax", "transformers", "gradio")),
        ("train.cli", ("jax", "orbax", "duckdb")),
        ("train.evaluate", ("jax", "orbax")),
    ],
)
def test_imports_are_light(module, heavy):
    code = f"import sys, {module}; print([m for m in {heavy!r} if m in sys.modules])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert shown.stdout.strip() == "[]"


def test_duckdb_is_opened_at_one_place():
    """Elsewhere it would fetch extensions for files that are not its own."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            opened = "duckdb.connect(" in path.read_text()
            assert opened == (path == ROOT / "catalog" / "database.py"), path
