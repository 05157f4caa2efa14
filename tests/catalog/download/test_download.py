"""A category's two files, as a function and as a command, and what stops it."""

import gzip
import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from catalog.download import AMAZON_2023, download
from catalog.errors import CatalogueError

NAME = "Gift_Cards.jsonl.gz"
REVIEWS, META = f"/raw/review_categories/{NAME}", f"/raw/meta_categories/meta_{NAME}"
ROOT = Path(__file__).resolve().parents[3]


def test_fetches_both_files_with_their_progress(server, tmp_path):
    steps, said = [], []
    to = tmp_path / "a" / "b"
    files = server.get(to, report=lambda *step: steps.append(step), say=said.append)
    server.assert_whole(to)
    assert [file.path.name for file in files] == [Path(REVIEWS).name, Path(META).name]
    assert all(file.fetched for file in files)
    assert said == [f"checking {file.path.name}" for file in files]
    for name in (REVIEWS, META):
        mine = [step[1:] for step in steps if step[0] == Path(name).name]
        size = len(server.files[name])
        assert mine[0] == (0, size)
        assert mine[-1] == (size, size)
        assert mine == sorted(mine)
    assert server.asked == [(REVIEWS, None, None), (META, None, None)]


@pytest.mark.slow
def test_a_disk_that_takes_no_more_keeps_what_it_took(server, tmp_path):
    call = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, {2**30}))"
    code = f"{call}\nfrom catalog.cli import main; main()"
    command = [sys.executable, "-c", code, *arguments(server, tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: expected to write")
    assert ended.stderr.count("\n") == 1
    assert (tmp_path / f"{NAME}.part").stat().st_size == 200_000
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == [None, "bytes=200000-"]


def test_a_folder_that_cannot_be_one(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CatalogueError, match="expected a folder"):
        server.get(tmp_path / "file" / "below")
    (tmp_path / NAME).mkdir()
    with pytest.raises(CatalogueError, match="found a folder"):
        server.get(tmp_path)
    assert server.asked == []


def arguments(server, to: Path) -> list[str]:
    words = ["download", "amazon-2023", "--category", "Gift_Cards"]
    return [*words, "--to", str(to), "--base-url", server.url]


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_process_leaves_its_part_to_the_next(server, tmp_path, sent):
    server.faults.append({"stall": 300_000})
    command = [sys.executable, "-m", "catalog.cli", *arguments(server, tmp_path)]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    path = tmp_path / f"{NAME}.part"
    while not (path.exists() and path.stat().st_size > 200_000):
        assert process.poll() is None
        time.sleep(0.01)
    with pytest.raises(CatalogueError, match="another download"):
        server.get(tmp_path)
    process.send_signal(sent)
    _, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) in ((-signal.SIGKILL, ""), (130, "stopped\n"))
    have = path.stat().st_size
    assert path.read_bytes() == server.files[REVIEWS][:have]
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == [None, f"bytes={have}-"]


@pytest.mark.parametrize(
    ("category", "hint"),
    [
        ("Scientific", "did you mean Industrial_and_Scientific?"),
        ("gift cards", "did you mean Gift_Cards?"),
        ("Video_Game", "did you mean Video_Games"),
        ("../../etc/passwd", "take All_Beauty, "),
        ("Gift_Cards/../Books", "take All_Beauty, |did you mean"),
        ("", "take All_Beauty, "),
        ("Gift_Cards\nBooks" * 1000, "take All_Beauty, |did you mean"),
    ],
)
def test_unknown_categories_ask_no_server(tmp_path, category, hint):
    with pytest.raises(CatalogueError, match=hint) as caught:
        download(AMAZON_2023, category, tmp_path / "new", base_url="http://127.0.0.1:1")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "new").exists()
    assert len(set(AMAZON_2023.categories)) == 34


@pytest.mark.parametrize("base", ["ftp://x/y", "http://", "/a/b", "file:///etc"])
def test_base_urls_that_are_none(tmp_path, base):
    with pytest.raises(CatalogueError, match="base URL"):
        download(AMAZON_2023, "Gift_Cards", tmp_path / "new", base_url=base)
    assert not (tmp_path / "new").exists()


def test_the_command_prints_the_files_and_what_to_run_next(server, tmp_path, run):
    to = tmp_path / "my data"
    names = [str(to / Path(path).name) for path in (REVIEWS, META)]
    status, out, err = run(*arguments(server, to))
    assert (status, err) == (0, "")
    *lines, command = out.splitlines()
    assert lines == names
    words = ["--domain", "gift_cards", "--amazon-reviews", names[0], "--amazon-meta", names[1]]
    assert shlex.split(command) == ["next:", "calrec-catalog", "build", *words]
    status, out, _ = run(*arguments(server, to))
    assert status == 0
    assert out.splitlines()[:2] == [f"{name}  (was there, not fetched again)" for name in names]
    server.files.clear()
    status, out, err = run(*arguments(server, tmp_path / "other"))
    assert (status, out) == (2, "")
    assert err.startswith("error: expected a file at http://127.0.0.1")
    assert err.count("\n") == 1


def lines(*objects: dict) -> bytes:
    return gzip.compress("".join(json.dumps(line) + "\n" for line in objects).encode())


@pytest.mark.slow
def test_what_was_downloaded_builds_with_the_printed_command(server, tmp_path, run):
    bought = [("ann", "P1", 1000), ("ann", "P2", 1500), ("ann", "P2", 1500), ("bob", "P1", 2000)]
    review = {"rating": 5.0, "title": "t", "text": "good", "asin": "child", "helpful_vote": 0}
    server.files[REVIEWS] = lines(
        *(
            review | {"user_id": user, "parent_asin": item, "timestamp": 1_588_687_728_000 + ms}
            for user, item, ms in bought
        )
    )
    shared = {"main_category": "Gift Cards", "categories": ["Gift Cards", "Paper"], "details": {}}
    server.files[META] = lines(
        shared | {"parent_asin": "P1", "title": "A card", "store": "Shop", "price": 25.0},
        shared | {"parent_asin": "P2", "title": "Another", "store": None, "price": None},
    )
    server.faults.append({"cut": 50})
    status, out, err = run(*arguments(server, tmp_path / "files"))
    assert (status, err) == (0, "")
    _, program, *words = shlex.split(out.splitlines()[-1])
    assert program == "calrec-catalog"
    status, out, err = run(*words, "--workspace", str(tmp_path / "workspace"))
    assert (status, err) == (0, "")
    assert "gift_cards: 2 items, 2 users, 3 purchases" in out
    assert "1 exact repeats removed" in out


@pytest.mark.slow
def test_the_command_loads_no_http_client_and_no_terminal_library():
    code = "import sys, catalog.cli; print([m for m in ('httpx', 'rich') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert shown.stdout == "[]\n"
