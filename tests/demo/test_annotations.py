"""The file of annotations: what is stored stays, whoever else writes, is killed, or breaks it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import duckdb
import pytest
from damaging import damages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calrec.errors import CalrecError
from demo.inspect import annotations
from demo.inspect.annotations import LONGEST_NOTE, REASONS, Annotation, Annotations, Place

HERE = Place("shop", "aa11", "test")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "workspace" / "annotations.duckdb"


@pytest.fixture
def notes(path):
    return Annotations(path)


def test_nothing_is_written_before_something_is_noted(notes, path):
    assert notes.of(HERE) == {}
    assert notes.reasons() == REASONS
    assert notes.slices("shop") == {}
    assert not path.exists()


def test_what_is_stored_is_there_for_another_page(notes, path):
    notes.set_star(HERE, "ann", True)
    notes.set_note(HERE, "ann", "a note")
    notes.set_labels(HERE, "bob", ["popular item", "mine"])
    other = Annotations(path)
    assert other.of(HERE) == {
        "ann": Annotation(star=True, note="a note"),
        "bob": Annotation(labels=("popular item", "mine")),
    }
    assert other.of(HERE._replace(data="bb22")) == {}
    assert other.of(HERE._replace(split="validation")) == {}


def test_a_field_leaves_the_others_alone(path):
    """Two people at one case, who both read it before either wrote."""
    one, two = Annotations(path), Annotations(path)
    one.set_note(HERE, "ann", "first")
    assert one.of(HERE) == two.of(HERE)
    one.set_star(HERE, "ann", True)
    two.set_labels(HERE, "ann", ["data problem"])
    one.set_note(HERE, "ann", "second")
    expected = Annotation(star=True, note="second", labels=("data problem",))
    assert one.of(HERE) == two.of(HERE) == {"ann": expected}


def test_reasons_are_edited_and_come_back(notes):
    notes.set_reasons(["  b  b ", "a", "a", ""])
    assert notes.reasons() == ("b b", "a")
    notes.set_reasons([])
    assert notes.reasons() == REASONS


def test_slices_are_kept_by_domain(notes, path):
    notes.save_slice("shop", "cold", "cold=yes")
    notes.save_slice("shop", "cold", "cold=no")
    notes.save_slice("other", "cold", "x=1")
    assert Annotations(path).slices("shop") == {"cold": "cold=no"}
    notes.drop_slice("shop", "cold")
    notes.drop_slice("shop", "never there")
    assert notes.slices("shop") == {}
    assert notes.slices("other") == {"cold": "x=1"}
    with pytest.raises(CalrecError, match="expected a name"):
        notes.save_slice("shop", " \n ", "x=1")


def test_a_note_has_a_longest_length(notes):
    notes.set_note(HERE, "ann", "x" * LONGEST_NOTE)
    with pytest.raises(CalrecError, match=r"at most 4,000 characters, found 4,001"):
        notes.set_note(HERE, "ann", "y" * (LONGEST_NOTE + 1))
    assert notes.of(HERE)["ann"].note == "x" * LONGEST_NOTE


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(note=st.text(max_size=40), user=st.text(max_size=20), label=st.text(max_size=20))
def test_any_text_comes_back(path, note, user, label):
    notes = Annotations(path)
    notes.set_note(HERE, user, note)
    notes.set_labels(HERE, user, [label])
    found = Annotations(path).of(HERE)[annotations.clean(user)]
    assert found.note == annotations.clean(note)
    assert found.labels == tuple(filter(None, [" ".join(annotations.clean(label).split())]))


@pytest.mark.parametrize("text", ["'; DROP TABLE cases; --", "\ud800", "a\x00b", "‮<script>"])
def test_foreign_text_is_only_text(notes, text):
    notes.set_note(HERE, "ann", "kept")
    notes.set_note(HERE, text, text)
    notes.save_slice(text, "n", text)
    assert notes.of(HERE)["ann"].note == "kept"
    assert notes.of(HERE)[annotations.clean(text)].note == annotations.clean(text)


WRITER = """
import sys
from pathlib import Path
from demo.inspect.annotations import Annotations, Place
notes = Annotations(Path(sys.argv[1]))
for k in range(int(sys.argv[3])):
    notes.set_note(Place("shop", "aa11", "test"), f"{sys.argv[2]}-{k}", f"note {k}")
    print(k, flush=True)
"""


def writer(path, name, count):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_lose_nothing(path):
    both = [writer(path, name, 100) for name in ("one", "two")]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    found = Annotations(path).of(HERE)
    expected = {f"{name}-{k}": f"note {k}" for name in ("one", "two") for k in range(100)}
    assert {user: a.note for user, a in found.items()} == expected


def test_threads_of_one_page_lose_nothing(path):
    failed = []

    def write(name):
        notes = Annotations(path)
        try:
            for k in range(12):
                notes.set_star(HERE, f"{name}-{k}", True)
                notes.of(HERE)
        except CalrecError as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(Annotations(path).of(HERE)) == 48


@pytest.mark.slow
def test_a_killed_writer_leaves_all_that_it_had_stored(path):
    process = writer(path, "killed", 100_000)
    said = [process.stdout.readline() for _ in range(12)]
    os.kill(process.pid, signal.SIGKILL)
    said += process.communicate()[0].splitlines()
    stored = {f"killed-{int(line)}" for line in said}
    notes = Annotations(path)
    found = notes.of(HERE)
    assert stored <= found.keys()
    assert len(found) - len(stored) in (0, 1)  # one may have been stored and not yet said
    notes.set_star(HERE, "after", True)
    assert notes.of(HERE)["after"].star


@pytest.mark.slow
def test_a_file_in_use_is_waited_for_and_then_named(path, monkeypatch):
    notes = Annotations(path)
    notes.set_star(HERE, "ann", True)
    hold = "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('held',flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    monkeypatch.setattr(annotations, "PATIENCE", 0.2)
    with pytest.raises(CalrecError, match="in use by another program"):
        notes.set_star(HERE, "bob", True)
    monkeypatch.setattr(annotations, "PATIENCE", 20.0)
    release = threading.Timer(0.3, lambda: process.communicate("\n"))
    start = time.monotonic()
    release.start()
    notes.set_star(HERE, "bob", True)
    assert time.monotonic() - start > 0.25
    release.join()
    assert notes.of(HERE).keys() == {"ann", "bob"}


@pytest.mark.parametrize("left", [0, 100, 5_000, 20_000])
def test_a_cut_file_is_one_line(path, left):
    Annotations(path).set_star(HERE, "ann", True)
    path.write_bytes(path.read_bytes()[:left])
    before = path.read_bytes()
    for use in (
        lambda notes: notes.of(HERE),
        lambda notes: notes.set_star(HERE, "bob", True),
    ):
        with pytest.raises(CalrecError, match="restore the file from a copy") as error:
            use(Annotations(path))
        assert "\n" not in str(error.value)
        assert str(path.parent) not in str(error.value)
    assert path.read_bytes() == before


def test_a_newer_format_is_one_line(path):
    Annotations(path).set_star(HERE, "ann", True)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE format SET version = 2")
    with pytest.raises(CalrecError, match=r"format 1 in .*, found 2; use the release"):
        Annotations(path).of(HERE)


def test_another_database_is_one_line(path):
    path.parent.mkdir()
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")
    with pytest.raises(CalrecError, match="expected annotations"):
        Annotations(path).set_star(HERE, "ann", True)


def test_a_workspace_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(CalrecError, match="expected to write") as error:
        Annotations(blocked / "annotations.duckdb").set_star(HERE, "ann", True)
    assert str(tmp_path) not in str(error.value)


def test_a_full_disk_is_one_line_without_a_path(path, monkeypatch):
    def full(file, *_, **__):
        raise duckdb.IOException(f'Could not write file "{file}":\nNo space left on device')

    monkeypatch.setattr(duckdb, "connect", full)
    with pytest.raises(CalrecError, match=r"No space left on device; check .* free space") as error:
        Annotations(path).set_star(HERE, "ann", True)
    assert "\n" not in str(error.value)
    assert str(path.parent) not in str(error.value)
    assert list(path.parent.iterdir()) == []


def test_a_domain_has_so_many_slices_and_no_more(path):
    notes = Annotations(path)
    for k in range(annotations.MOST_SLICES):
        notes.save_slice("crafts", f"{k:02d}", "win=a")
    before = notes.slices("crafts")
    with pytest.raises(CalrecError, match="fewer than 50 saved slices, found 50"):
        notes.save_slice("crafts", "more", "win=b")
    assert notes.slices("crafts") == before
    notes.save_slice("crafts", "07", "win=b")
    assert notes.slices("crafts") == {**before, "07": "win=b"}
    notes.save_slice("other", "more", "win=b")


def test_a_file_of_another_kind_fetches_nothing_and_is_one_line(path):
    """DuckDB would ask its makers' server for a reader of SQLite's files."""
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE format (version INTEGER)")
    database.close()
    content = path.read_bytes()
    for use in (lambda n: n.of(HERE), lambda n: n.set_note(HERE, "u", "x")):
        with pytest.raises(CalrecError, match="move it away") as caught:
            use(Annotations(path))
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_no_damage_to_the_file_goes_unnoticed(notes, path):
    notes.set_note(HERE, "u1", "a note " * 50)
    notes.set_labels(HERE, "u2", ["one", "two"])
    notes.save_slice("shop", "cold", "cold=1")

    def content(notes):
        try:
            return notes.of(HERE), notes.slices("shop"), notes.reasons()
        except CalrecError as error:
            return str(error)

    whole, lines = content(notes), []
    for damaged in damages(path.read_bytes(), 30):
        path.write_bytes(damaged)
        answer = content(Annotations(path))
        if answer != whole:  # what was damaged may be free space
            lines.append(answer)
    assert len(lines) > 5
    for line in lines:
        assert "\n" not in line
        assert line.endswith("restore the file from a copy or move it away")
