"""What a launcher has on each host: it starts one process of the run, and tells what it writes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a worker is.

    Attributes:
      slice: name of its slice of TPUs, if it is in one.
      host: its number in the slice, by which jax counts the processes there.
      address: of the host.
      port: one that was free there.
    """

    slice: str = ""
    host: int = 0
    address: str
    port: int


class Worker:
    """An actor of Ray's, for one process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def place(self) -> Place:
        """Where it is."""
        import ray  # pyright: ignore[reportMissingImports]

        labels: Any = ray.get_runtime_context().get_node_labels()
        with socket.socket() as one:
            one.bind(("", 0))
            port = one.getsockname()[1]
        return Place(
            slice=labels.get("ray.io/tpu-slice-name", ""),
            host=int(labels.get("ray.io/tpu-worker-id", 0)),
            address=ray.util.get_node_ip_address(),
            port=port,
        )

    def run(
        self, line: Sequence[str], folder: str, environment: Mapping[str, str]
    ) -> Iterator[str | int]:
        """Runs `calrec-train` in a process of its own.

        Args:
          line: its arguments.
          folder: where it runs.
          environment: variables beside those of this host.

        Yields:
          The lines that it writes, and last its exit status; below 0 the signal that ended it.
        """
        self._process = subprocess.Popen(
            [sys.executable, "-m", "train.launchers.process", *line],
            cwd=folder,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches it through its launcher alone
        )
        assert self._process.stdout is not None
        for said in self._process.stdout:
            yield said.rstrip("\n")
        yield self._process.wait()

    def stop(self, number: int) -> None:
        """Sends it a signal; SIGKILL: and waits for its end."""
        if self._process is not None:
            self._process.send_signal(number)
            if number == signal.SIGKILL:
                self._process.wait()
