"""A real HTTP server on this machine, one that breaks in every way it can."""

import gzip
import random
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from catalog.download import AMAZON_2023, download
from catalog.download.resumable import Patience
from catalog.errors import CatalogueError

CATEGORY = "Gift_Cards"
REVIEWS = f"/raw/review_categories/{CATEGORY}.jsonl.gz"
META = f"/raw/meta_categories/meta_{CATEGORY}.jsonl.gz"
QUICK = Patience(timeout=5, attempts=3, pause=0.001)


def noise(seed: int, size: int = 400_000) -> bytes:
    """A gzip file of about `size` bytes."""
    return gzip.compress(random.Random(seed).randbytes(size), mtime=0)


@dataclass
class Server:
    """What the server has, how it misbehaves at the next requests, and what it was asked."""

    files: dict[str, bytes]
    etag: str | None = '"v1"'
    modified: str | None = None
    faults: deque[dict] = field(default_factory=deque)
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    goes_on: threading.Event = field(default_factory=threading.Event)
    url: str = ""

    def ranges(self, path: str = REVIEWS) -> list[str | None]:
        """The ranges it was asked for, None where all of the file was."""
        return [asked[1] for asked in self.asked if asked[0] == path]

    def noise(self, seed: int, size: int) -> bytes:
        return noise(seed, size)

    def get(self, to: Path, **settings):
        settings = {"patience": QUICK} | settings
        return download(AMAZON_2023, CATEGORY, to, base_url=self.url, **settings)

    def halt(self, to: Path, at: int) -> None:
        """A call that ends in the middle of the reviews."""
        self.faults.extend([{"cut": at}, *[{"status": 500}] * 3])
        with pytest.raises(CatalogueError, match="500"):
            self.get(to)
        self.asked.clear()
        name = Path(REVIEWS).name
        assert sorted(path.name for path in to.iterdir()) == [f"{name}.part", f"{name}.part.json"]
        assert (to / f"{name}.part").stat().st_size == at

    def assert_whole(self, to: Path) -> None:
        """Both files byte for byte, and nothing else."""
        found = {path.name: path.read_bytes() for path in to.iterdir()}
        assert found == {Path(name).name: body for name, body in self.files.items()}


class Handler(BaseHTTPRequestHandler):
    """HTTP/1.1 with ranges.

    A fault is a dict: `status` (and `headers`) to answer instead of a file, `ignore_range`,
    `trusting` (a range whatever `If-Range` says), `range` (a Content-Range to lie with), `body`
    (made of the rest that a range asks for), `length` (added to Content-Length), `no_length`,
    `chunked` (instead of Content-Length), `cut` (bytes after which the connection breaks), `stall`
    (bytes after which nothing comes).
    """

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        """Stays silent."""

    def do_GET(self):
        served: Server = self.server.served
        asked, condition = self.headers["Range"], self.headers["If-Range"]
        served.asked.append((self.path, asked, condition))
        assert self.headers["Accept-Encoding"] == "identity"
        fault = served.faults.popleft() if served.faults else {}
        if "status" in fault:
            return self.answer(fault["status"], fault.get("headers", {}), b"")
        if self.path not in served.files:
            return self.answer(404, {}, b"nothing here")
        body = served.files[self.path]
        headers = {"ETag": served.etag, "Last-Modified": served.modified}
        status, size = 200, len(body)
        current = fault.get("trusting") or condition in (served.etag, served.modified)
        if asked and current and not fault.get("ignore_range"):
            first = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if first >= size:
                return self.answer(416, headers | {"Content-Range": f"bytes */{size}"}, b"")
            status, body = 206, body[first:]
            lie = fault.get("range")
            headers["Content-Range"] = lie or f"bytes {first}-{size - 1}/{size}"
            body = fault.get("body", lambda rest: rest)(body)
        return self.answer(status, headers, body, fault)

    def answer(self, status, headers, body, fault=None):
        fault = fault or {}
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        if fault.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
        elif not fault.get("no_length"):
            self.send_header("Content-Length", str(len(body) + fault.get("length", 0)))
        self.end_headers()
        end = fault.get("cut", fault.get("stall", len(body)))
        if fault.get("chunked"):
            last = b"0\r\n\r\n" if end >= len(body) else b""
            self.wfile.write(b"%x\r\n%s\r\n%s" % (len(body[:end]), body[:end], last))
        else:
            self.wfile.write(body[:end])
        self.wfile.flush()
        if "stall" in fault:
            self.server.served.goes_on.wait(20)
        self.close_connection = bool(fault)


class Threads(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that goes away is part of the tests."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@pytest.fixture
def server(monkeypatch) -> Iterator[Server]:
    """A server with the two files of a category, on a free port."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    threads = Threads(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{threads.server_port}"
    threads.served = Server({REVIEWS: noise(1), META: noise(2, 50_000)}, url=url)
    loop = threading.Thread(target=threads.serve_forever, args=(0.01,))
    loop.start()
    yield threads.served
    threads.served.goes_on.set()
    threads.shutdown()
    loop.join()
    threads.server_close()
