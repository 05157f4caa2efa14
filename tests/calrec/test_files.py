import json
import subprocess
import sys
from pathlib import Path

import pytest

from calrec.errors import CalrecError, run_cli
from calrec.files import whole_folder


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


def test_ctrl_c_ends_at_once_with_one_line():
    code = (
        "from calrec.errors import run_cli\n"
        "def stop(): print('half'); raise KeyboardInterrupt\n"
        "run_cli(stop)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "half\n", "stopped\n")


def test_prepared_data_do_not_replace_an_evaluation(tmp_path):
    """Both have a meta.json; the kind in it decides."""
    from train.prepare import _is_prepared

    (tmp_path / "meta.json").write_text(json.dumps({"format": "calrec-evaluation", "version": 1}))
    assert not _is_prepared(tmp_path)
    (tmp_path / "meta.json").write_text(json.dumps({"kind": "calrec-prepared", "domains": {}}))
    assert _is_prepared(tmp_path)
    (tmp_path / "thesis").write_text("!")
    assert not _is_prepared(tmp_path)
