"""The tables of a report stay as they are, to the twelfth digit and the last word."""

import re

import pytest
from golden_report import GOLDEN, written


def comparable(text):
    """With twelve digits of each number: the last ones depend on a processor's order of sums."""
    return re.sub(r"\d+\.\d{12,}(e-?\d+)?", lambda found: f"{float(found[0]):.11e}", text)


@pytest.mark.slow
def test_the_tables_of_a_report_are_those_kept(tmp_path):
    assert comparable(written(tmp_path)) == comparable(GOLDEN.read_text(encoding="utf-8"))
