import sys
from pathlib import Path

import pytest

from calrec.evaluation.runs import EvaluationRun

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests


@pytest.fixture
def run(tmp_path):
    """Writes a synthetic run and loads it."""
    from synthetic_runs import write_run

    def written(name, *arguments, **settings):
        return EvaluationRun.load(write_run(tmp_path / name, *arguments, **settings))

    return written
