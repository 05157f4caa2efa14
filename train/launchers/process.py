"""Entry point of a launched process: `calrec-train`, which ends with whoever holds its input."""

from __future__ import annotations

import os
import signal
import threading

from calrec.errors import run_cli_of


def main() -> None:
    """Entry point."""
    threading.Thread(target=_end_with_launcher, daemon=True).start()
    run_cli_of("train.cli")


def _end_with_launcher() -> None:
    """Without it a process would outlive a launcher that was killed, and keep the run's folder."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
