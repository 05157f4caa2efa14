"""The file of annotations: what is stored stays, whoever else writes, is killed, or breaks it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from damaging import damages
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calrec.errors import CalrecError
from demo.inspect import annotations, annotations_file
from demo.inspect.annotations import (
    LONGEST_NOTE,
    REASONS,
    Annotation,
    Annotations,
    Place,
    joined_note,
)

HERE = Place("shop", "aa11", "test")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "workspace" / annotations.FILE


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


@given(written=st.text(max_size=9), stored=st.text(max_size=9), seen=st.text(max_size=9))
def test_a_note_over_one_not_seen_keeps_both(written, stored, seen):
    joined = joined_note(written, stored, seen)
    assert written.strip() in joined
    if seen == stored:
        assert joined == written
    else:
        assert stored.strip() in joined
    assert joined_note(written, stored, None) == written


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
    hold = (
        "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute('BEGIN IMMEDIATE');"
        " print('held',flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hold, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    process.stdout.readline()
    monkeypatch.setattr(annotations_file, "PATIENCE", 0.2)
    with pytest.raises(CalrecError, match="in use by another program"):
        notes.set_star(HERE, "bob", True)
    assert notes.of(HERE).keys() == {"ann"}  # who only reads waits for nobody
    monkeypatch.setattr(annotations_file, "PATIENCE", 20.0)
    release = threading.Timer(0.3, lambda: process.communicate("\n"))
    start = time.monotonic()
    release.start()
    notes.set_star(HERE, "bob", True)
    assert time.monotonic() - start > 0.25
    release.join()
    assert notes.of(HERE).keys() == {"ann", "bob"}


@pytest.mark.parametrize("left", [0, 100, 5_000, 12_000])
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
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(CalrecError, match=r"format 1 in .*, found 2; use the release"):
        Annotations(path).of(HERE)


def test_another_database_is_one_line(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")
    content = path.read_bytes()
    with pytest.raises(CalrecError, match="expected annotations"):
        Annotations(path).set_star(HERE, "ann", True)
    assert path.read_bytes() == content


def test_a_workspace_that_cannot_be_written_is_one_line(tmp_path):
    blocked = tmp_path / "a file"
    blocked.write_text("")
    with pytest.raises(CalrecError, match="expected to write") as error:
        Annotations(blocked / annotations.FILE).set_star(HERE, "ann", True)
    assert str(tmp_path) not in str(error.value)


def test_a_disk_too_full_for_the_file_is_one_line_without_a_path(path, monkeypatch):
    def full(file, *_, **__):
        raise sqlite3.OperationalError(f'Could not write file "{file}":\nNo space left on device')

    monkeypatch.setattr(sqlite3, "connect", full)
    with pytest.raises(CalrecError, match=r"No space left on device; check .* free space") as error:
        Annotations(path).set_star(HERE, "ann", True)
    assert "\n" not in str(error.value)
    assert str(path.parent) not in str(error.value)
    assert list(path.parent.iterdir()) == []


FILLING = """
import resource, sys
from pathlib import Path
from demo.inspect.annotations import Annotations, Place
path = Path(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
for k in range(100):
    Annotations(path).set_note(Place("shop", "aa11", "test"), f"u{k}", "x" * 4_000)
    print(k, flush=True)
"""


@pytest.mark.slow
def test_a_disk_that_fills_is_one_line_and_what_was_stored_stays(path):
    Annotations(path).set_note(HERE, "before", "kept")
    done = subprocess.run(
        [sys.executable, "-c", FILLING, str(path)], capture_output=True, text=True, timeout=60
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("calrec.errors.CalrecError: expected annotations in")
    assert "check the free space" in last
    stored = {f"u{line}" for line in done.stdout.split()}
    found = Annotations(path).of(HERE)
    assert stored
    assert found.keys() == {"before", *stored}
    Annotations(path).set_note(HERE, "after", "there is room again")


@pytest.fixture
def anybodys(path):
    """A workspace that every user of the machine may read."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder) / path.name


@pytest.mark.skipif(os.geteuid() != 0, reason="needs the right to become another user")
# Another test may have imported jax; the child uses none of it.
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")
def test_a_folder_that_cannot_be_written_can_be_read(anybodys):
    """By somebody with other rights, as root may write everywhere."""
    path = anybodys
    Annotations(path).set_note(HERE, "ann", "kept")
    path.chmod(0o644)
    seen = []
    code = os.fork()
    if code == 0:
        try:
            os.setuid(65534)
            notes = Annotations(path)
            seen.append(notes.of(HERE) == {"ann": Annotation(note="kept")})
            try:
                notes.set_star(HERE, "ann", True)
            except CalrecError as error:
                seen.append("expected annotations" in str(error) and "\n" not in str(error))
        finally:
            os._exit(0 if seen == [True, True] else 1)
    assert os.waitpid(code, 0)[1] == 0


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


def test_a_file_of_another_kind_is_one_line(path):
    path.parent.mkdir()
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE format (version INTEGER)")
    content = path.read_bytes()
    for use in (lambda n: n.of(HERE), lambda n: n.set_note(HERE, "u", "x")):
        with pytest.raises(CalrecError, match="move it away") as caught:
            use(Annotations(path))
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == content


def test_a_changed_value_goes_unnoticed_by_nobody(path):
    """SQLite keeps no checksums; each row has one of its own."""
    notes = Annotations(path)
    notes.set_note(HERE, "ann", "as it was")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"as it was", b"as it is!"))
    for use in (lambda n: n.of(HERE), lambda n: n.set_star(HERE, "ann", True)):
        with pytest.raises(CalrecError, match="a damaged row; restore the file from a copy"):
            use(Annotations(path))


@pytest.mark.slow
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


EARLIER = """
CREATE TABLE format (version INTEGER NOT NULL);
CREATE TABLE cases (
  domain VARCHAR, data VARCHAR, split VARCHAR, user_id VARCHAR,
  star BOOLEAN NOT NULL DEFAULT false,
  note VARCHAR NOT NULL DEFAULT '',
  labels VARCHAR NOT NULL DEFAULT '[]',
  updated TIMESTAMP NOT NULL DEFAULT current_localtimestamp(),
  PRIMARY KEY (domain, data, split, user_id)
);
CREATE TABLE reasons (place INTEGER NOT NULL, name VARCHAR PRIMARY KEY);
CREATE TABLE slices (
  domain VARCHAR, name VARCHAR, query VARCHAR NOT NULL,
  updated TIMESTAMP NOT NULL DEFAULT current_localtimestamp(),
  PRIMARY KEY (domain, name)
);
INSERT INTO format VALUES (1);
INSERT INTO cases (domain, data, split, user_id, star, note, labels) VALUES
  ('shop', 'aa11', 'test', 'ann', true, 'a note', '["popular item", "mïne"]'),
  ('shop', 'aa11', 'test', 'bob', false, '', '[]');
INSERT INTO reasons VALUES (0, 'z first'), (1, 'a second');
INSERT INTO slices (domain, name, query) VALUES ('shop', 'cold', 'cold=yes');
"""


@pytest.fixture
def earlier(path):
    """The file of an earlier release."""
    path.parent.mkdir()
    with duckdb.connect(str(path.with_suffix(".duckdb"))) as connection:
        connection.execute(EARLIER)
    return path.with_suffix(".duckdb")


def content_of(notes):
    return notes.of(HERE), notes.reasons(), notes.slices("shop")


def test_an_earlier_releases_file_is_taken_over_once(earlier, path, capsys):
    before = earlier.read_bytes()
    taken = (
        {
            "ann": Annotation(star=True, note="a note", labels=("popular item", "mïne")),
            "bob": Annotation(),
        },
        ("z first", "a second"),
        {"cold": "cold=yes"},
    )
    assert content_of(Annotations(path)) == taken
    said = capsys.readouterr().err
    assert said.startswith(
        "annotations: annotations.sqlite was made of annotations.duckdb (2 cases"
    )
    assert said.count("\n") == 1
    Annotations(path).set_star(HERE, "ann", False)
    assert not Annotations(path).of(HERE)["ann"].star
    assert capsys.readouterr().err == ""
    assert earlier.read_bytes() == before


@pytest.mark.slow
def test_processes_that_take_over_at_once_lose_nothing(earlier, path):
    both = [writer(path, name, 20) for name in ("one", "two")]
    for process in both:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert len(Annotations(path).of(HERE)) == 42


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "newer", "held"])
def test_an_earlier_file_that_cannot_be_taken_over_is_one_line(earlier, path, damage):
    remedy = "restore the file from a copy or move it away"
    holder = None
    if damage == "cut":
        earlier.write_bytes(earlier.read_bytes()[:5_000])
    elif damage == "newer":
        with duckdb.connect(str(earlier)) as connection:
            connection.execute("UPDATE format SET version = 2")
        remedy = "use the release that wrote it, or move the file away"
    else:
        hold = "import duckdb,sys; c=duckdb.connect(sys.argv[1]); print('held',flush=True); input()"
        holder = subprocess.Popen(
            [sys.executable, "-c", hold, str(earlier)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        holder.stdout.readline()
        remedy = "stop the server of an earlier release that has it"
    for use in (lambda n: n.of(HERE), lambda n: n.set_note(HERE, "u", "x")):
        with pytest.raises(CalrecError, match=remedy) as caught:
            use(Annotations(path))
        assert "\n" not in str(caught.value)
        assert str(path.parent) not in str(caught.value)
    assert not path.exists()
    if holder:
        holder.communicate("\n")
