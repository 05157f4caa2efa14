"""The tables of a report stay as they are, to the last digit and word."""

import pytest
from golden_report import GOLDEN, written


@pytest.mark.slow
def test_the_tables_of_a_report_are_those_kept(tmp_path):
    assert written(tmp_path) == GOLDEN.read_text(encoding="utf-8")
