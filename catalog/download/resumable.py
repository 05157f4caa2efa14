"""One compressed file over HTTP: whole or not at all, going on where an earlier call stopped."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import httpx

from catalog.download.damage import GZIP, Kind
from catalog.download.part import PartialFile, Version, open_part
from catalog.errors import CatalogueError

# Too slow, or asked to come back later: beside the 5xx the answers that may change by themselves.
PASSING = (408, 425, 429)
LONGEST_PAUSE = 30.0  # seconds
DAY = 86_400.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to try.

    Attributes:
      timeout: seconds without an answer or a byte after which a connection counts as broken.
      attempts: how many attempts in a row may bring nothing new.
      pause: seconds before the next attempt; doubled with each that brought nothing new.

    Raises:
      CatalogueError: one of them is out of bounds.
    """

    timeout: float = 60.0
    attempts: int = 6
    pause: float = 1.0

    def __post_init__(self) -> None:
        if not (0 < self.timeout <= DAY and self.attempts >= 1 and 0 <= self.pause <= DAY):
            raise CatalogueError(
                "expected a timeout and a pause of seconds up to a day and at least one attempt, "
                f"found timeout {self.timeout}, pause {self.pause}, attempts {self.attempts}"
            )


class _BrokenError(Exception):
    """An attempt ended early; the next may do better."""


def client(patience: Patience) -> httpx.Client:
    """A client that follows redirects and asks for the files' own bytes."""
    return httpx.Client(
        follow_redirects=True,
        timeout=patience.timeout,
        # With any other encoding the sizes would be those of something else than the file.
        headers={"Accept-Encoding": "identity"},
    )


def fetch(
    web: httpx.Client,
    url: str,
    target: Path,
    *,
    patience: Patience,
    report: Callable[[int, int | None], None],
    say: Callable[[str], None],
    kind: Kind = GZIP,
) -> bool:
    """Fetches a compressed file into `target`.

    The bytes go into a `PartialFile`, which takes its name when all are there and decompress
    without an error. A later call goes on behind its last byte if the server still has this version
    (`Range` with `If-Range`), and starts anew if it does not.

    Args:
      web: a client made by `client`.
      url: of the file.
      target: file to write; an older one stays until the new one is whole.
      patience: time limits and attempts.
      report: called with the bytes there are and the bytes of the whole file, `None` if unknown.
      say: called with one line about each connection that broke.
      kind: of the file. The server has to tell its size unless the kind shows its end itself.

    Returns:
      False if `target` had the server's size already, or one that the server does not tell, and was
      left as it is.

    Raises:
      CatalogueError: the server does not give the file, or it cannot be written.
    """
    if target.is_dir():
        raise CatalogueError(f"expected a file or nothing at {target}, found a folder: move it")
    try:
        with open_part(target) as part:
            if not _until_whole(web, url, part, kind, patience, report, say):
                part.drop()
                return False
            say(f"checking {target.name}")
            _check(part, url, kind)
            part.finish()
    except OSError as error:
        raise CatalogueError(
            f"expected to write {target}, found {error.strerror or error}: check the folder, its "
            "rights and the free space, and run it again; it goes on with what is there"
        ) from error
    return True


def _until_whole(
    web: httpx.Client,
    url: str,
    part: PartialFile,
    kind: Kind,
    patience: Patience,
    report: Callable[[int, int | None], None],
    say: Callable[[str], None],
) -> bool:
    best, failures = part.size(), 0
    while True:
        try:
            return _attempt(web, url, part, kind, report)
        except (httpx.InvalidURL, httpx.TooManyRedirects, httpx.UnsupportedProtocol) as error:
            raise CatalogueError(
                f"expected to fetch {url}, found {' '.join(str(error).split())}: check the base URL"
            ) from error
        except (_BrokenError, httpx.TransportError) as error:
            have = part.size()
            # Against the most there ever was: a server that cannot go on must not hold us forever.
            failures = 0 if have > best else failures + 1
            best = max(best, have)
            reason = " ".join(str(error).split()) or type(error).__name__
            if failures >= patience.attempts:
                kept = f"; {have:,} bytes of it are kept for then" if have else ""
                raise CatalogueError(
                    f"expected to fetch {url}, found {reason} (attempt {failures} without a new "
                    f"byte): check the address and the connection and run it again{kept}"
                ) from error
            pause = min(patience.pause * 2**failures, LONGEST_PAUSE)
            say(f"{part.target.name}: {reason}; trying again in {pause:g} s")
            time.sleep(pause)


def _attempt(
    web: httpx.Client,
    url: str,
    part: PartialFile,
    kind: Kind,
    report: Callable[[int, int | None], None],
) -> bool:
    """Asks once for what is missing; False if the target is the server's file already."""
    have = part.size()
    version = part.version(url) if have else None
    headers = {"Range": f"bytes={have}-", "If-Range": version.validator} if version else {}
    with web.stream("GET", url, headers=headers) as response:
        answer = response.status_code
        if version and answer == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            # A call that was killed before the renaming leaves a part with all bytes.
            if version.size in (have, None) and _range(response) == (None, have):
                return True
            _start_anew(part)
        elif version and answer == httpx.codes.PARTIAL_CONTENT:
            same = _validator(response) in ("", version.validator)
            first, size = _range(response)
            if not same or first != have or version.size not in (size, None):
                _start_anew(part)
        elif answer == httpx.codes.OK:
            version, have = _version(url, response, kind), 0
            part.begin(version)
        else:
            _refuse(url, response)
        if part.target.exists() and version.size in (part.target.stat().st_size, None):
            return False
        if version.size is not None:
            _check_space(part.target.parent, version.size - have)
        _receive(response, part, have, version.size, report)
    return True


def _receive(
    response: httpx.Response,
    part: PartialFile,
    have: int,
    size: int | None,
    report: Callable[[int, int | None], None],
) -> None:
    report(have, size)
    for block in response.iter_raw():
        have += part.file.write(block)
        report(have, size)
    if size is None:
        return
    if have > size:
        part.empty()
    if have != size:
        raise _BrokenError(f"expected {size:,} bytes, found {have:,}")


def _start_anew(part: PartialFile) -> NoReturn:
    part.empty()
    raise _BrokenError("the file on the server is another one than before")


def _version(url: str, response: httpx.Response, kind: Kind) -> Version:
    length = response.headers.get("Content-Length")
    if length is None and not kind.ends:
        raise CatalogueError(
            f"expected the size of {url} in the answer, found no Content-Length: without it a "
            "broken file cannot be told from a whole one; take another server"
        )
    return Version(url=url, validator=_validator(response), size=length and int(length))


def _validator(response: httpx.Response) -> str:
    """What `If-Range` may name: a weak ETag stands for a meaning, not for bytes."""
    etag = response.headers.get("ETag", "")
    strong = "" if etag.startswith("W/") else etag
    return strong or response.headers.get("Last-Modified", "")


def _range(response: httpx.Response) -> tuple[int | None, int | None]:
    """First byte and size of the whole file as `Content-Range` says; None where it does not."""
    found = re.fullmatch(
        r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", response.headers.get("Content-Range", "")
    )
    first, size = found.groups() if found else (None, None)
    return int(first) if first else None, int(size) if size else None


def _refuse(url: str, response: httpx.Response) -> NoReturn:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    if response.is_server_error or response.status_code in PASSING:
        raise _BrokenError(f"the answer {status}")
    raise CatalogueError(f"expected a file at {url}, found the answer {status}: check the base URL")


def _check(part: PartialFile, url: str, kind: Kind) -> None:
    part.file.flush()
    if damage := kind.damage(part.path):
        size = part.size()
        part.drop()
        raise CatalogueError(
            f"expected a whole {kind.name} file at {url}, found {size:,} bytes that are not one "
            f"({damage}): they are deleted; run it again, or take another server"
        )


def _check_space(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise CatalogueError(
            f"expected {needed:,} bytes of free space at {folder}, found {free:,}: "
            "make room or choose another folder"
        )
