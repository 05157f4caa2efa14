"""What one process compiles, the next one takes from the workspace."""

import subprocess
import sys

import pytest

PROGRAM = """
import logging, sys
from pathlib import Path
import jax
from calrec.compilation import keep_compiled

keep_compiled(Path(sys.argv[1]))
hits, misses = [], []
jax.monitoring.register_event_listener(
    lambda event, **_: (hits if "cache_hits" in event else misses if "cache_misses" in event
                        else []).append(event)
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
print(float(jax.jit(lambda x: (x * 2 + 1).sum())(jax.numpy.arange(8.0))))
print(len(hits), len(misses))
"""


def run(workspace):
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(workspace)],
        capture_output=True,
        text=True,
        check=True,
    )
    result, counts = shown.stdout.splitlines()
    assert result == "64.0"
    return tuple(map(int, counts.split()))


@pytest.mark.slow
def test_a_restart_compiles_nothing_again(tmp_path):
    hits, misses = run(tmp_path)
    assert hits == 0
    assert misses > 0
    assert run(tmp_path) == (misses, 0)
    assert any((tmp_path / "compiled").iterdir())


@pytest.mark.slow
def test_a_workspace_that_cannot_be_written_does_no_harm(tmp_path):
    (tmp_path / "file").write_text("no folder")
    assert run(tmp_path / "file") == (0, 0)
