"""The finished evaluations of a workspace, found anew whenever somebody looks."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.schema import CASES, META
from calrec.evaluation.runs import EvaluationRun
from demo.inspect.local_paths import local


class Found(NamedTuple):
    """Runs by name of their folder, and a line for each folder that could not be read."""

    runs: dict[str, EvaluationRun]
    problems: tuple[str, ...]


class Evaluations:
    """Reads run folders once, and again when they were replaced; safe for several threads.

    Args:
      folders: each holds run folders, as `workspace/evaluations` does.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = tuple(folders)
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[Any, EvaluationRun | str]] = {}

    def of(self, domain: str) -> Found:
        """The finished runs on a domain, by name; those of other domains are left out."""
        runs: dict[str, EvaluationRun] = {}
        problems = []
        for folder in self.folders:
            for path in sorted(folder.glob(f"*/{META}")):
                if path.parent.suffix == ".partial":
                    continue
                found = self._read(path)
                if isinstance(found, str):
                    problems.append(found)
                elif found.domain == domain:
                    runs.setdefault(path.parent.name, found)
        return Found(runs, tuple(problems))

    def _read(self, path: Path) -> EvaluationRun | str:
        try:
            stamp = _stamp(path.parent)
        except OSError as error:
            return _unreadable(path, error)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            found: EvaluationRun | str = EvaluationRun.load(path.parent)
            if found.has_digests:
                found.file(CASES)  # small, and nothing is shown without it
        except CalrecError as error:
            found = local(str(error), path.parent.parent)
        except OSError as error:
            # Rights change without a trace in the stamp: look again the next time.
            return _unreadable(path, error)
        with self._lock:
            self._known[path] = (stamp, found)
        return found


def file_of(run: EvaluationRun, name: str) -> Path:
    """As `EvaluationRun.file`, its error without where the run lies on this machine."""
    try:
        return run.file(name)
    except CalrecError as error:
        raise CalrecError(local(str(error), run.folder.parent)) from None


def _stamp(folder: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Changes with any file of a run."""
    states = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return tuple((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in states)


def _unreadable(path: Path, error: OSError) -> str:
    return (
        f"expected an evaluation in {path.parent.name} that can be read, found "
        f"{error.strerror or type(error).__name__}; check its rights"
    )
