"""One file over HTTP: breaks, resumes, changes and lies of the server."""

import gzip
import json
import time
from types import SimpleNamespace

import pytest

from calrec.records import locks
from catalog.download import AMAZON_2023, download, part, resumable
from catalog.download.resumable import Patience
from catalog.errors import CatalogueError

NAME = "Gift_Cards.jsonl.gz"
REVIEWS, META = f"/raw/review_categories/{NAME}", f"/raw/meta_categories/meta_{NAME}"


def test_goes_on_by_itself_behind_each_break(server, tmp_path):
    server.faults.extend({"cut": n} for n in (100_000, 1, 70_000, 150_000))
    said = []
    server.get(tmp_path, say=said.append)
    server.assert_whole(tmp_path)
    assert server.ranges() == [None, *[f"bytes={n}-" for n in (100_000, 100_001, 170_001, 320_001)]]
    assert {asked[2] for asked in server.asked} == {None, '"v1"'}
    assert len(said) == 4 + 2
    assert all(line.startswith(f"{NAME}: ") for line in said[:4])


@pytest.mark.parametrize(
    ("etag", "modified", "named"),
    [
        ('"v1"', "Thu, 16 Jan 2025 23:28:26 GMT", '"v1"'),
        ('W/"v1"', "Thu, 16 Jan 2025 23:28:26 GMT", "Thu, 16 Jan 2025 23:28:26 GMT"),
        ('W/"v1"', None, None),  # nothing that tells two versions apart: all of it again
        (None, None, None),
    ],
)
def test_a_later_call_goes_on_with_a_strong_validator_only(server, tmp_path, etag, modified, named):
    server.etag, server.modified = etag, modified
    server.halt(tmp_path, 150_000)
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    asked = "bytes=150000-" if named else None
    assert server.asked[0] == (REVIEWS, asked, named)


@pytest.mark.parametrize("size", [400_000, 100_000])
@pytest.mark.parametrize("obeys", [True, False])
def test_a_changed_file_starts_anew(server, tmp_path, size, obeys):
    server.halt(tmp_path, 150_000)
    server.files[REVIEWS], server.etag = server.noise(3, size), '"v2"'
    if not obeys:  # a server that gives the range of the new file though If-Range names the old
        server.faults.append({"trusting": True})
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == ["bytes=150000-"] + [None] * (not obeys)


@pytest.mark.parametrize(
    "fault",
    [
        {"ignore_range": True},
        {"range": "bytes 0-400140/400141"},  # another part than the one asked for
        {"range": "bytes 150000-999998/999999"},  # of a file of another size
        {"range": "bytes 150000-400140/*"},
        {"range": "rows 1-2/3"},
    ],
)
def test_an_answer_that_does_not_continue_starts_anew(server, tmp_path, fault):
    server.halt(tmp_path, 150_000)
    server.faults.append(fault)
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == ["bytes=150000-"] + [None] * ("range" in fault)


def test_a_range_may_come_in_pieces(server, tmp_path):
    server.halt(tmp_path, 150_000)
    server.faults.append({"body": lambda rest: rest[:70_000]})
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == ["bytes=150000-", "bytes=220000-"]


def test_a_range_that_is_too_long_starts_anew(server, tmp_path):
    server.halt(tmp_path, 150_000)
    server.faults.append({"body": lambda rest: rest + b"more"})
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == ["bytes=150000-", None]


@pytest.mark.parametrize("note", [None, "", "[]", "{", '{"url": "elsewhere"}', b"\xff"])
def test_a_part_of_an_unknown_version_starts_anew(server, tmp_path, note):
    server.halt(tmp_path, 150_000)
    beside = tmp_path / f"{NAME}.part.json"
    beside.unlink()
    if note is not None:
        beside.write_bytes(note if isinstance(note, bytes) else note.encode())
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == [None]


def test_a_part_from_another_address_starts_anew(server, tmp_path):
    server.halt(tmp_path, 150_000)
    beside = tmp_path / f"{NAME}.part.json"
    noted = json.loads(beside.read_text())
    beside.write_text(json.dumps(noted | {"url": noted["url"].replace("127.0.0.1", "mirror")}))
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == [None]


def test_a_whole_part_needs_only_its_name(server, tmp_path):
    server.halt(tmp_path, 150_000)
    path = tmp_path / f"{NAME}.part"
    path.write_bytes(server.files[REVIEWS])
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges() == [f"bytes={len(server.files[REVIEWS])}-"]  # answered by 416


def test_a_part_longer_than_the_file_starts_anew(server, tmp_path):
    server.halt(tmp_path, 150_000)
    path = tmp_path / f"{NAME}.part"
    path.write_bytes(server.files[REVIEWS] + b"more")
    server.get(tmp_path)
    server.assert_whole(tmp_path)
    assert server.ranges()[1:] == [None]


def test_files_that_are_there_are_not_fetched_again(server, tmp_path):
    server.get(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [file.fetched for file in server.get(tmp_path)] == [False, False]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    server.files[META] = server.noise(4, 60_000)
    assert [file.fetched for file in server.get(tmp_path)] == [False, True]
    server.assert_whole(tmp_path)


def test_a_file_that_came_by_another_way_ends_its_part(server, tmp_path):
    server.halt(tmp_path, 150_000)
    (tmp_path / NAME).write_bytes(server.files[REVIEWS])
    assert [file.fetched for file in server.get(tmp_path)] == [False, True]
    server.assert_whole(tmp_path)


def test_an_older_file_stays_until_the_new_one_is_whole(server, tmp_path):
    old = server.noise(5, 1000)
    (tmp_path / NAME).write_bytes(old)
    server.faults.extend([{"cut": 10}, *[{"status": 503}] * 3])
    with pytest.raises(CatalogueError, match="503"):
        server.get(tmp_path)
    assert (tmp_path / NAME).read_bytes() == old
    server.get(tmp_path)
    server.assert_whole(tmp_path)


def test_a_stalled_server_times_out_and_is_asked_again(server, tmp_path):
    server.faults.append({"stall": 120_000})
    start = time.monotonic()
    server.get(tmp_path, patience=Patience(timeout=0.2, attempts=3, pause=0.001))
    assert time.monotonic() - start < 10  # the server waits for 20 s
    server.assert_whole(tmp_path)
    assert server.ranges() == [None, "bytes=120000-"]


def test_passing_errors_and_redirects(server, tmp_path):
    server.faults.extend([{"status": 500}, {"status": 429}])
    moved = "/moved/reviews"
    server.files[moved] = server.files[REVIEWS]
    server.faults.append({"status": 302, "headers": {"Location": moved}})
    server.faults.append({"cut": 99_999})
    server.faults.append({"status": 302, "headers": {"Location": moved}})
    server.get(tmp_path)
    del server.files[moved]
    server.assert_whole(tmp_path)
    assert server.ranges(moved) == [None, "bytes=99999-"]


@pytest.mark.parametrize("length", [1000, -1000])
def test_a_file_of_another_length_than_the_server_says_is_never_kept(server, tmp_path, length):
    server.faults.extend([{"length": length}] * 20)
    with pytest.raises(CatalogueError, match=NAME) as caught:
        server.get(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / NAME).exists()
    assert len(server.asked) <= 8
    server.faults.clear()
    server.get(tmp_path)
    server.assert_whole(tmp_path)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (lambda whole: b"<html>log in first</html>", "Not a gzipped file"),
        (lambda whole: whole[:-20], "ended before"),
        (lambda whole: whole[:-8] + b"\0" * 8, "CRC"),
        (lambda whole: b"", "nothing in it"),
        (lambda whole: gzip.compress(b""), "nothing in it"),
        (lambda whole: whole + b"more", "Not a gzipped file"),
    ],
)
def test_what_is_no_gzip_file_is_deleted(server, tmp_path, body, reason):
    server.files[REVIEWS] = body(server.files[REVIEWS])
    with pytest.raises(CatalogueError, match=reason):
        server.get(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_keeps_breaking_without_ranges_ends(server, tmp_path):
    server.faults.extend([{"cut": 90_000, "ignore_range": True}] * 20)
    with pytest.raises(CatalogueError, match="attempt 3 without a new byte"):
        server.get(tmp_path)
    assert len(server.asked) == 1 + 3


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ({"status": 404}, "404 Not Found"),
        ({"status": 403}, "403 Forbidden"),
        ({"status": 204}, "204 No Content"),
        ({"status": 416}, "416"),
        ({"no_length": True}, "Content-Length"),
        ({"status": 302, "headers": {"Location": "ftp://a/b"}}, "ftp://"),
    ],
)
def test_what_another_attempt_does_not_mend_is_said_at_once(server, tmp_path, fault, line):
    server.faults.append(fault)
    with pytest.raises(CatalogueError, match=line) as caught:
        server.get(tmp_path)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == 1
    assert list(tmp_path.iterdir()) == []


def test_endless_redirects_end(server, tmp_path):
    server.faults.extend([{"status": 302, "headers": {"Location": REVIEWS}}] * 50)
    with pytest.raises(CatalogueError, match="redirects"):
        server.get(tmp_path)


@pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://nowhere.invalid"])
def test_a_server_that_is_not_there(tmp_path, base):
    patience = Patience(attempts=3, pause=0.001)
    with pytest.raises(CatalogueError, match="attempt 3") as caught:
        download(AMAZON_2023, "Gift_Cards", tmp_path, base_url=base, patience=patience)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_seen_before_it_is_filled(server, tmp_path, monkeypatch):
    monkeypatch.setattr(resumable.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(CatalogueError, match="free space"):
        server.get(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_was_renamed_before_the_lock_is_not_written(tmp_path, monkeypatch):
    target, path = tmp_path / "x", tmp_path / "x.part"
    monkeypatch.setattr(locks, "lock_descriptor", lambda *lock, blocking: path.rename(target))
    with pytest.raises(CatalogueError, match="another download"), part.open_part(target):
        raise AssertionError("must not be reached")
    assert target.read_bytes() == b""


@pytest.mark.parametrize(
    "wrong", [{"timeout": 0}, {"timeout": float("nan")}, {"attempts": 0}, {"pause": -1}]
)
def test_impossible_patience(wrong):
    with pytest.raises(CatalogueError, match="expected a timeout"):
        Patience(**wrong)
