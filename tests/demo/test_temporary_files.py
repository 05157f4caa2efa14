"""Files that somebody fetches: the last ones are there, and what cannot be written is a line."""

from __future__ import annotations

import gc
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest

from calrec.errors import CalrecError
from demo.inspect.temporary_files import KEPT, TemporaryFiles


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.mark.slow
def test_the_last_ones_stay_until_their_maker_goes(tmp_path):
    files = TemporaryFiles("some-")
    assert not list(tmp_path.iterdir())
    written = [files.write("one.txt", f"{k} \ud800") for k in range(KEPT + 2)]
    assert [path.exists() for path in written] == [False] * 2 + [True] * KEPT
    assert written[-1].read_text(encoding="utf-8") == f"{KEPT + 1} ?"
    del files
    gc.collect()
    assert not list(tmp_path.iterdir())


def test_one_folder_for_all_threads(tmp_path):
    files = TemporaryFiles("some-")
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda k: files.write("same.txt", str(k)), range(KEPT)))
    assert len(set(written)) == KEPT
    assert [path.read_text() for path in written] == [str(k) for k in range(KEPT)]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_gone_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(CalrecError, match="expected to write a temporary file") as raised:
        TemporaryFiles("some-").write("one.txt", "")
    assert "\n" not in str(raised.value)
    assert str(tmp_path) not in str(raised.value)
