import json
import subprocess
import sys
from collections.abc import Callable

import pyarrow.parquet as pq
import pytest

from catalog import cli
from catalog.store import domains


@pytest.fixture
def run(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs a command; gives its exit status, output and errors."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["calrec-catalog", *map(str, arguments)])
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            status = stop.code
        return status, *capsys.readouterr()

    return call


def test_build_stats_and_list(tmp_path, tables, run):
    source = tables()
    pq.write_table(source.items, tmp_path / "items.parquet")
    pq.write_table(source.interactions, tmp_path / "interactions.parquet")
    status, out, err = run(
        "build", "--workspace", tmp_path / "w", "--domain", "music", "--role", "selection",
        "--items", tmp_path / "items.parquet",
        "--interactions", tmp_path / "interactions.parquet",
    )  # fmt: skip
    assert (status, err) == (0, "")
    assert "8 items, 3 users, 7 purchases (selection); 2 exact repeats removed" in out
    assert domains(tmp_path / "w")[0].role == "selection"

    status, out, _ = run("stats", "--workspace", tmp_path / "w", "--domain", "music", "--json")
    assert status == 0
    assert json.loads(out)["purchases"] == 7
    status, out, _ = run("stats", "--workspace", tmp_path / "w", "--domain", "music")
    assert status == 0
    assert "duplicates percent  22.22" in out
    status, out, _ = run("list", "--workspace", tmp_path / "w")
    assert (status, out.split()[:2]) == (0, ["music", "selection"])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("stats", "--domain", "x"), "calrec-catalog sample"),
        (("list",), "calrec-catalog sample"),
        (("build", "--domain", "x"), "found none of them"),
        (("build", "--domain", "x", "--items", "i.parquet"), "found --items"),
        (
            ("build", "--domain", "x", "--amazon-reviews", "r.gz", "--items", "i"),
            "found --items --amazon-reviews",
        ),
        (("build", "--domain", "x", "--amazon-reviews", "nowhere.gz"), "nowhere.gz, found nothing"),
        (("build", "--domain", "x", "--amazon-reviews", "r.gz", "--role", "odd"), "'odd'"),
    ],
)
def test_bad_input_is_one_line_and_status_2(tmp_path, run, monkeypatch, arguments, line):
    monkeypatch.setenv("CALREC_WORKSPACE", str(tmp_path / "w"))
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("error: expected")
    assert line in err
    assert err.count("\n") == 1
    assert not (tmp_path / "w").exists()


def test_the_command_loads_neither_jax_nor_the_search_engine():
    code = "import sys, catalog.cli; print([m for m in ('jax', 'whoosh', 'scipy', 'gradio')"
    found = subprocess.run(
        [sys.executable, "-c", f"{code} if m in sys.modules])"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert found.stdout.strip() == "[]"
