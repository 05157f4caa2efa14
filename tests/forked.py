"""Programs in copies of one process that has imported the catalogue, most of what a start takes."""

import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess

_COPIES = multiprocessing.get_context("forkserver")
_COPIES.set_forkserver_preload(["catalog.build", "catalog.ingest.sources.two_tables"])


@contextmanager
def running(code: str, *arguments: object) -> Iterator[BaseProcess]:
    """As `python -c`; it is killed where the block ends."""
    process = _COPIES.Process(target=_run, args=(code, [str(part) for part in arguments]))
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join()


def status(code: str, *arguments: object) -> int | None:
    """The exit status of a program; of a killed one the signal, below zero."""
    with running(code, *arguments) as process:
        process.join()
        return process.exitcode


def _run(code: str, arguments: list[str]) -> None:
    sys.argv = ["-c", *arguments]
    exec(code, {"__name__": "__main__"})
