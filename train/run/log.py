"""`log.jsonl`: a line a logged step; and the same for TensorBoard, where it is asked for."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import jax

from calrec.errors import CalrecError


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a `log.jsonl`; none without one, and without a last line cut by a kill."""
    lines = path.read_text().splitlines(keepends=True) if path.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


class Log:
    """Writes a run's log, in its first process; lines behind the step of a resume go first."""

    def __init__(self, folder: Path, first: int, *, tensorboard: bool = False) -> None:
        self.folder = folder
        self._path = folder / "log.jsonl"
        self._start = time.monotonic()
        self._board = None
        self._writes = jax.process_index() == 0
        if not self._writes:
            return
        lines = [line for line in read_log(self._path) if line["step"] <= first]
        self._path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        self._board = _board(folder, first) if tensorboard else None

    def write(self, step: int, line: dict[str, Any]) -> None:
        """Adds a line; `seconds` count from the start or the resume of the run."""
        if not self._writes:
            return
        seconds = round(time.monotonic() - self._start, 2)
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": seconds, **line}) + "\n")
        if self._board is not None:
            for name, value in line.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Writes what TensorBoard has not yet been given."""
        if self._board is not None:
            self._board.close()


def _board(folder: Path, first: int) -> Any:
    try:
        from tensorboardX import SummaryWriter  # pyright: ignore[reportMissingImports] - an extra
    except ImportError:
        raise CalrecError(
            "expected the package tensorboardX for --tensorboard, found none;"
            " install it: pip install 'calrec[tensorboard]'"
        ) from None
    return SummaryWriter(str(folder / "tensorboard"), purge_step=first + 1)
