"""What stays light to import, and the front of the package; who may import whom: pyproject.toml."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import calrec
from calrec.evaluation import metrics
from calrec.model.backbone import layers
from calrec.ranking import rules
from calrec.ranking.algorithm import Match

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("calrec", "catalog", "train", "demo")


@pytest.mark.slow
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


@pytest.mark.parametrize("name", calrec.__all__)
def test_the_front_gives_each_name_from_its_module(name):
    module = importlib.import_module(calrec._MODULES[name])
    assert getattr(calrec, name) is getattr(module, name)


def test_the_front_says_one_thing_to_people_and_to_checkers():
    tree = ast.parse(Path(calrec.__file__).read_text())
    (typed,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {alias.name: node.module for node in typed.body for alias in node.names}
    assert imported == calrec._MODULES
    assert set(calrec.__all__) == set(imported) <= set(dir(calrec))


def test_the_front_knows_no_other_name():
    with pytest.raises(AttributeError, match="no attribute 'LIRR'"):
        _ = calrec.LIRR


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("CALREC_CHECK_ARRAYS") == "0", reason="not checked here")
def test_an_array_of_another_shape_than_annotated_is_refused():
    weight = np.ones((4, 5), np.float32)
    with pytest.raises(jaxtyping.TypeCheckError, match=r"parameters of .*project"):
        layers.project(jnp.ones((2, 3)), jnp.asarray(weight))
    with pytest.raises(jaxtyping.TypeCheckError, match=r"parameters of .*project"):
        layers.project(jnp.ones((2, 5)), weight)
    assert layers.project(jnp.ones((2, 5)), jnp.asarray(weight)).shape == (2, 4)


@pytest.mark.skipif(os.environ.get("CALREC_CHECK_ARRAYS") == "0", reason="not checked here")
def test_records_and_functions_of_every_room_are_checked():
    scores = np.zeros(3)
    with pytest.raises(jaxtyping.TypeCheckError, match="behind"):
        rules.behind(scores, np.zeros(1))
    with pytest.raises(jaxtyping.TypeCheckError, match="Match"):
        Match(raw=np.zeros((2, 1)), scaled=scores, modulated=np.zeros((2, 1)), scores=scores)
    with pytest.raises(jaxtyping.TypeCheckError, match="recall"):
        metrics.recall(scores, 1)


def test_arrays_of_unlike_rank_are_not_broadcast_unsaid():
    with pytest.raises(ValueError, match="jax_numpy_rank_promotion"):
        jnp.ones((2, 3)) + jnp.ones(3)
