"""An unfinished run: what is finished of it, kept beside its place until it is whole.

OUT.partial/run.json              what the run is; another run does not go on with it
OUT.partial/part-N-DIGEST.parquet results of some cases, each written whole; named by its sha256
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.writing import writing
from calrec.records import digests
from calrec.records.locks import lock
from train.evaluation.results import GENERATED, RANKED, SEEDED

SAVE_EVERY = 5.0
"""Seconds of work that a kill may cost; a run that is shorter keeps nothing."""

_PART = re.compile(r"part-(\d+)-([0-9a-f]{16})\.parquet")


class Partial:
    """The results of a run so far.

    Attributes:
      folder: where they are kept.
      finished: those that an earlier start left; `None` where there are none.
    """

    def __init__(self, out: Path, run: Mapping[str, Any]) -> None:
        """Use `unfinished`."""
        self.folder = out.resolve().with_name(out.resolve().name + ".partial")
        self._run = json.loads(json.dumps(run))  # as it is read
        self._lock: Any = None
        self._unsaved: list[pa.Table] = []
        self._saved: list[pa.Table] = []
        self._next = 0
        self._last = time.monotonic()
        if self.folder.exists():
            try:
                self._claim()
                self._check()
                self._read()
            except BaseException:
                self.close()
                raise
        self.finished = pa.concat_tables(self._saved) if self._saved else None

    def add(self, results: pa.Table) -> None:
        """Takes results of further cases; every `SAVE_EVERY` seconds they go to the disk.

        Raises:
          CalrecError: if they cannot be written, or another process writes them.
        """
        self._unsaved.append(results)
        if time.monotonic() - self._last >= SAVE_EVERY:
            self.save()

    def save(self) -> None:
        """Writes what is not on the disk yet; raises as `add` does."""
        if not self._unsaved:
            return
        if self._lock is None:
            self._claim()
            self._check()
            if self._parts():
                raise CalrecError(
                    f"expected no results in {self.folder}, found those of another process that "
                    "started after this one; run the command again to go on with them"
                )
        new = self.folder / f"part-{self._next:05}.new"
        with writing(new):
            pq.write_table(pa.concat_tables(self._unsaved), new)
            new.replace(new.with_name(f"{new.stem}-{_digest(new)}.parquet"))
        self._saved += self._unsaved
        self._unsaved, self._next, self._last = [], self._next + 1, time.monotonic()

    def results(self) -> pa.Table:
        """All of them, those of earlier starts included."""
        return pa.concat_tables([*self._saved, *self._unsaved]).combine_chunks()

    @property
    def kept(self) -> int:
        """Cases whose results are on the disk."""
        return sum(len(table) for table in self._saved)

    def remove(self) -> None:
        """Deletes the folder: the run is whole in its place."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """Lets another process go on with it."""
        if self._lock is not None:
            self._lock.close()

    def _claim(self) -> None:
        """Makes the folder this process's own until `close`."""
        path = self.folder / "run.json"
        with writing(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = path.open("a+", encoding="utf-8")
            if not lock(self._lock.fileno(), path):
                raise CalrecError(
                    f"expected {self.folder} for this evaluation alone, found another process "
                    "writing it; wait for that one, or name another --out"
                )
            if path.stat().st_size == 0:
                self._lock.write(json.dumps(self._run))
                self._lock.flush()

    def _check(self) -> None:
        try:
            self._lock.seek(0)
            found = json.loads(self._lock.read())
            differing = sorted(k for k in {*found, *self._run} if found.get(k) != self._run.get(k))
        except (ValueError, TypeError, AttributeError):
            differing = ["run.json, which cannot be read"]
        if differing:
            raise CalrecError(
                f"expected results of this evaluation in {self.folder}, found those of one with "
                f"another {', '.join(differing)}; finish that one with its own command, delete "
                "the folder, or name another --out"
            )

    def _read(self) -> None:
        for part, named in self._parts():
            number, digest = named.groups()
            self._next = int(number) + 1
            if _digest(part) != digest:
                part.unlink(missing_ok=True)  # damaged: evaluated again
                continue
            table = pq.read_table(part)
            if table.schema.remove_metadata() not in (RANKED, GENERATED, SEEDED):
                raise CalrecError(
                    f"expected results of an evaluation in {part}, found another table; delete it, "
                    "or name another --out"
                )
            self._saved.append(table)

    def _parts(self) -> list[tuple[Path, re.Match[str]]]:
        """The files with results, and what their names say."""
        files = ((path, _PART.fullmatch(path.name)) for path in sorted(self.folder.iterdir()))
        return [(path, named) for path, named in files if named]


def _digest(part: Path) -> str:
    return digests.of_file(part)[:16]


@contextmanager
def unfinished(out: Path, run: Mapping[str, Any]) -> Iterator[Partial]:
    """The results so far of a run that is to be written to `out`.

    Args:
      out: the run's folder.
      run: what the run is, JSON-able: results are taken up by a run of the same alone.

    Raises:
      CalrecError: if another run's results lie there, or another process writes them.
    """
    partial = Partial(out, run)
    try:
        yield partial
    finally:
        partial.close()


def clear(out: Path, run: Mapping[str, Any]) -> None:
    """Deletes what a run left beside its finished folder if it was killed before it could."""
    try:
        with unfinished(out, run) as rest:
            rest.remove()
    except CalrecError:
        pass  # of another run, or another process writes it: not this one's to delete
