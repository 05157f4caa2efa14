"""`profile/`: a trace of the device over some steps, for xprof."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax


class Trace:
    """Traces a run from one of its steps to another; a context, which ends what is unfinished.

    So a trace is also whole where the run is stopped, fails or comes to its end inside it, and one
    begins with the first step that a resumed run makes of them.
    """

    def __init__(
        self, folder: Path, steps: tuple[int, int] | None, say: Callable[[str], object]
    ) -> None:
        self._folder = folder
        self._steps = steps
        self._say = say
        self._begun: int | None = None
        self._latest = 0
        self._written = False

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *error: object) -> None:
        if self._begun is not None:
            self._write()
        elif self._steps is not None and not self._written:
            first, last = self._steps
            self._say(f"no trace: none of the steps {first} to {last} was made")

    def before(self, step: int) -> None:
        """To be called before each step."""
        if self._steps is None or not self._steps[0] <= step <= self._steps[1]:
            return
        if self._begun is None:
            jax.profiler.start_trace(str(self._folder))
            self._begun = step
        self._latest = step

    def after(self, step: int, made: Any) -> None:
        """To be called behind each step, with arrays that it computes; waits for the last one's."""
        if self._begun is not None and self._steps is not None and step >= self._steps[1]:
            jax.block_until_ready(made)
            self._write()

    def _write(self) -> None:
        begun, self._begun, self._written = self._begun, None, True
        jax.profiler.stop_trace()
        self._say(f"a trace of the steps {begun} to {self._latest} is in {self._folder}")
