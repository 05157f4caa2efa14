"""Writing the parts of an index, in this process or in several.

A worker is `python -m catalog.index.workers`: it reads its parts, pickled, from standard input, and
writes one byte to standard output after every `TICK` items. Standard input stays open until the
worker has ended: when it closes, the process that asked is gone and the worker ends at once.

No pool of `concurrent.futures`: one that spawns processes runs the caller's script again in each,
which fails where that script has no guard of `__main__`, and it does not say which signal or what
error ended a process.
"""

from __future__ import annotations

import os
import pickle
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from calrec.records import Item
from catalog.errors import CatalogueError
from catalog.index.counts import Counts, load_counts, read_counts, save_counts
from catalog.index.segments import FIELDS, PAPER, open_index, write_segment

Parts = Mapping[Path, Sequence[Item]]

_COUNTS = "counts.npz"
_STDIN, _STDOUT = 0, 1


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """A running worker and the file that takes its standard error.

    Not a pipe: nobody reads one before the worker has ended, and a full one would stop it.
    """

    process: subprocess.Popen[bytes]
    input: IO[bytes]
    output: IO[bytes]
    errors: IO[bytes]


def write_part(folder: Path, items: Sequence[Item], tick: Callable[[], object]) -> None:
    """Writes one segment, and its counts, into the new folder `folder`."""
    write_segment(folder, items, tick)
    index = open_index(folder)
    # Whoosh returns a reader or raises.
    with index.reader() as reader:  # pyright: ignore[reportOptionalContextManager]
        save_counts(folder / _COUNTS, read_counts(reader, (*FIELDS, *PAPER)))


def read_part(folder: Path) -> Counts:
    """The counts that `write_part` wrote."""
    return load_counts(folder / _COUNTS, (*FIELDS, *PAPER))


def write_parts(parts: Parts, workers: int, tick: Callable[[], None]) -> None:
    """Writes each part by `write_part` in one of `workers` processes.

    Args:
      parts: folder -> its items.
      workers: how many processes, at most one a part.
      tick: called in this process after every `TICK` items.

    Raises:
      CatalogueError: if a process fails; the others are stopped.
    """
    places = list(parts)
    with ExitStack() as stack:
        running = [stack.enter_context(_worker()) for _ in range(workers)]
        for number, worker in enumerate(running):
            # Neighbours, not every nth: the parts of a worker are one slice of the list.
            start, stop = (len(places) * (number + side) // workers for side in (0, 1))
            _hand_over(worker, {place: parts[place] for place in places[start:stop]})
        _follow(running, tick)


@contextmanager
def _worker() -> Iterator[_Worker]:
    # The modules come from where this process has them, not from the current folder.
    paths = os.pathsep.join(sys.path)
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "catalog.index.workers"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": paths},
        ) as process,
    ):
        try:
            assert process.stdin is not None  # it is a pipe, and so is the other
            assert process.stdout is not None
            yield _Worker(
                process=process, input=process.stdin, output=process.stdout, errors=errors
            )
        except BaseException:
            process.kill()
            raise


def _hand_over(worker: _Worker, parts: Parts) -> None:
    try:
        pickle.dump(parts, worker.input)
        worker.input.flush()
    except BrokenPipeError:
        with suppress(BrokenPipeError):
            worker.input.close()
        raise _failure(worker) from None


def _follow(workers: Sequence[_Worker], tick: Callable[[], None]) -> None:
    """Waits for all workers to end well."""
    with selectors.DefaultSelector() as selector:
        for worker in workers:
            selector.register(worker.output, selectors.EVENT_READ, worker)
        while selector.get_map():
            for key, _ in selector.select():
                ticks = os.read(key.fd, 4096)
                for _ in ticks:
                    tick()
                if not ticks:
                    selector.unregister(key.fileobj)
                    if key.data.process.wait():
                        raise _failure(key.data)


def _failure(worker: _Worker) -> CatalogueError:
    code = worker.process.wait()
    worker.errors.seek(0)
    lines = worker.errors.read().decode(errors="replace").split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    reason = f"ended by {signal.Signals(-code).name}" if code < 0 else said or f"status {code}"
    return CatalogueError(
        f"expected a process to write its part of the search index, found that it failed "
        f"({reason}): check the free space and memory and build again"
    )


def _end_with_parent() -> None:
    while os.read(_STDIN, 1):
        continue
    os._exit(1)


def main() -> None:
    """A worker: writes the parts that come over standard input."""
    try:
        parts = pickle.load(sys.stdin.buffer)
    except (EOFError, pickle.UnpicklingError):
        sys.exit("its parts ended in the middle")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        for folder, items in parts.items():
            write_part(folder, items, lambda: os.write(_STDOUT, b"."))
    except OSError as error:
        sys.exit(error.strerror or str(error))


if __name__ == "__main__":
    main()
