import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from calrec.errors import CalrecError, run_cli
from calrec.records import files, locks
from calrec.records.files import whole_file, whole_folder
from calrec.records.locks import locked


def ours(folder):
    return (folder / "mark").is_file()


def write(folder, name="mark"):
    with whole_folder(folder, ours=ours, what="thing") as new:
        (new / name).write_text(name)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole_and_replaces_its_own_kind(tmp_path):
    write(tmp_path / "deep" / "out")
    write(tmp_path / "deep" / "out", "other")
    assert names(tmp_path / "deep") == ["out"]
    assert names(tmp_path / "deep" / "out") == ["other"]


def test_what_is_not_ours_stays(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis").write_text("!")
    with pytest.raises(CalrecError, match="something else"):
        write(tmp_path / "out")
    (tmp_path / "file").write_text("!")
    with pytest.raises(CalrecError, match="something else"):
        write(tmp_path / "file")
    with pytest.raises(CalrecError, match="choose a folder"):
        write(tmp_path / "file" / "out")
    assert names(tmp_path) == ["file", "out"]
    assert names(tmp_path / "out") == ["thesis"]


@pytest.mark.parametrize("failure", [OSError("full"), KeyboardInterrupt()])
def test_the_earlier_one_comes_back_if_the_swap_fails(tmp_path, monkeypatch, failure):
    out = tmp_path / "out"
    write(out)
    monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    rename = Path.rename

    def failing(self, target):
        if self.name == "new":
            raise failure
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises((CalrecError, KeyboardInterrupt)):
        write(out, "other")
    assert names(tmp_path) == ["out"]
    assert names(out) == ["mark"]


# Replaces the folder and is killed at the system call of that name, before it or after it.
_KILLED = """
import os, signal, sys
from pathlib import Path
from calrec.records import files
def die(): os.kill(os.getpid(), signal.SIGKILL)
out, moment, steps = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
exchanged, rename, rmtree = files._exchanged, Path.rename, files.shutil.rmtree
if steps == "two": files._exchanged = exchanged = lambda *given: False
renames = []
def counted(self, target):
    renames.append(target)
    if moment == f"rename {len(renames)}": die()
    moved = rename(self, target)
    if moment == f"renamed {len(renames)}": die()
    return moved
Path.rename = counted
if moment == "exchanged": files._exchanged = lambda *given: (exchanged(*given), die())
if moment == "removing": files.shutil.rmtree = lambda *given, **how: die()
with files.whole_folder(out, ours=lambda folder: True, what="thing") as new:
    (new / "other").write_text("other")
    if moment == "writing": die()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("moment", "steps"),
    [
        ("writing", "one"),
        ("exchanged", "one"),
        ("removing", "one"),
        ("writing", "two"),
        ("rename 1", "two"),
        ("renamed 1", "two"),
        ("rename 2", "two"),
        ("renamed 2", "two"),
        ("removing", "two"),
    ],
)
def test_a_kill_loses_nothing_and_the_next_command_clears_up(tmp_path, moment, steps):
    out = tmp_path / "out"
    write(out)
    killed = subprocess.run([sys.executable, "-c", _KILLED, str(out), moment, steps])
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) > (steps == "one")  # or nothing was left
    if steps == "one":
        assert names(out) in (["mark"], ["other"])
    files.check_place(out, ours=ours_too, what="thing")
    assert names(tmp_path) == ["out"]
    assert names(out) in (["mark"], ["other"])


def ours_too(folder):
    return names(folder) in (["mark"], ["other"])


def test_what_only_looks_like_a_leftover_stays(tmp_path):
    out = tmp_path / "out"
    for kept in (".out.abcdefgh/thesis", ".out.abcdefg/new", ".other.abcdefgh/new"):
        (tmp_path / kept).mkdir(parents=True)
    (tmp_path / ".out.ijklmnop").write_text("a file")
    (tmp_path / ".out.qrstuvwx").symlink_to(tmp_path / ".other.abcdefgh")
    before = names(tmp_path)
    write(out)
    assert names(tmp_path) == sorted([*before, "out"])


def test_another_process_keeps_what_it_is_writing(tmp_path):
    with files.whole_folder(tmp_path / "out", ours=ours, what="thing") as first:
        (first / "mark").write_text("first")
        write(tmp_path / "out")
        assert (first / "mark").exists()
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "mark").read_text() == "first"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("RESOURCE_EXHAUSTED: write: [OS 28: ENOSPC] No space left on device"), "No sp"),
        (Exception("No space left on device (os error 28)"), "No space left on device"),
        (OSError(122, "Disk quota exceeded"), "Disk quota exceeded"),
        (RuntimeError("closing"), "File too large"),
    ],
)
def test_a_full_disk_is_one_line_whoever_notices_it(tmp_path, error, reason):
    def fill_up():
        with files.whole_folder(tmp_path / "out", ours=ours, what="thing"):
            try:
                raise OSError(27, "File too large")
            except OSError:
                raise error  # noqa: B904 - as a library's clean-up does

    with pytest.raises(CalrecError, match=f"to write the thing .*, found: {reason}") as it:
        fill_up()
    assert "\n" not in str(it.value)
    assert names(tmp_path) == []


def test_any_other_error_stays_what_it_is(tmp_path):
    with (
        pytest.raises(ValueError, match="a mistake of ours"),
        files.whole_folder(tmp_path / "out", ours=ours, what="thing"),
    ):
        raise ValueError("a mistake of ours")


def test_a_name_that_is_not_utf_8_is_refused_before_the_work(tmp_path):
    out = Path(os.fsdecode(os.fsencode(tmp_path) + b"/na\xefve"))
    with pytest.raises(CalrecError, match=r"expected a name in UTF-8, found .*xefve"):
        write(out)


def test_a_file_appears_whole_and_replaces_an_earlier_one(tmp_path):
    path = tmp_path / "file"
    for text in ("first", "second"):
        with whole_file(path) as new:
            new.write_text(text)
            assert not path.exists() or path.read_text() == "first"
    assert path.read_text() == "second"
    assert names(tmp_path) == ["file"]


def test_a_file_that_fails_leaves_the_earlier_one(tmp_path):
    path = tmp_path / "file"
    path.write_text("first")
    with pytest.raises(FileNotFoundError), whole_file(path) as new:
        (new / "no folder").write_text("second")
    assert path.read_text() == "first"
    assert names(tmp_path) == ["file"]


def test_what_a_killed_writer_of_a_file_left_the_next_one_removes(tmp_path):
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from calrec.records.files import whole_file\n"
        "with whole_file(Path(sys.argv[1])) as new:\n"
        "    new.write_text('half')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")])
    assert killed.returncode == -signal.SIGKILL
    assert len(names(tmp_path)) == 1
    assert not (tmp_path / "file").exists()
    with whole_file(tmp_path / "file") as new:
        new.write_text("whole")
    assert names(tmp_path) == ["file"]


def test_a_lock_is_one_process_own_until_it_ends(tmp_path):
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from calrec.records.locks import locked\n"
        "with locked(Path(sys.argv[1]), create=True) as alone:\n"
        "    print(alone, flush=True)\n"
        "    time.sleep(60)\n"
    )
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "True\n"
        with locked(path) as alone:
            assert not alone
        other.kill()
        other.wait()
        with locked(path) as alone:
            assert alone


def test_a_lock_of_a_file_that_was_removed_meanwhile_counts_for_nothing(tmp_path, monkeypatch):
    path = tmp_path / "lock"
    monkeypatch.setattr(locks, "lock_descriptor", lambda *given, blocking: path.unlink() is None)
    with locked(path, create=True) as alone:
        assert not alone


def test_a_full_disk_is_one_line(capsys):
    def command():
        raise OSError(28, "No space left on device", "/some/file")

    with pytest.raises(SystemExit, match="2"):
        run_cli(command)
    error = capsys.readouterr().err
    assert error.startswith("error: /some/file: No space left on device; ")
    assert error.count("\n") == 1


def test_an_error_moves_no_cursor_and_is_one_line(capsys):
    """What it names comes from a file, such as a column called `ESC ] 0 ; title BEL`."""

    def command():
        raise CalrecError("found \x1b]0;pwned\x07\x9b2J and\nanother\u2028line \u202eback: mend")

    with pytest.raises(SystemExit, match="2"):
        run_cli(command)
    assert capsys.readouterr().err == (
        "error: found \\x1b]0;pwned\\x07\\x9b2J and\\nanother\\u2028line \\u202eback: mend\n"
    )


def test_a_path_in_an_error_moves_no_cursor(capsys):
    def command():
        raise FileNotFoundError(2, "No such file", "/some\x1b[2J/file\udcff")

    with pytest.raises(SystemExit, match="2"):
        run_cli(command)
    assert capsys.readouterr().err.startswith("error: /some\\x1b[2J/file\\udcff: No such file")


@pytest.mark.slow
def test_ctrl_c_ends_at_once_with_one_line():
    code = (
        "from calrec.errors import run_cli\n"
        "def stop(): print('half'); raise KeyboardInterrupt\n"
        "run_cli(stop)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "half\n", "stopped\n")


@pytest.mark.slow
def test_being_told_to_end_is_as_ctrl_c():
    code = (
        "import os, signal, time\n"
        "from calrec.errors import run_cli\n"
        "def stop():\n"
        "    try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(20)\n"
        "    finally: print('cleaned')\n"
        "run_cli(stop)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "cleaned\n", "stopped\n")


def test_prepared_data_do_not_replace_an_evaluation(tmp_path):
    """Both have a meta.json; the kind in it decides."""
    from train.prepare import _is_prepared

    (tmp_path / "meta.json").write_text(json.dumps({"format": "calrec-evaluation", "version": 1}))
    assert not _is_prepared(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps({"kind": "calrec-prepared", "domains": {}}))
    assert _is_prepared(tmp_path)
    (tmp_path / "thesis").write_text("!")
    assert not _is_prepared(tmp_path)
