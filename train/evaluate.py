"""The command `calrec-evaluate`; what it does stands in `train.evaluation.command`."""

from __future__ import annotations

import sys

from calrec.errors import run_cli


def command() -> None:
    """Runs what the command line asks for."""
    from train.evaluation.command import execute  # here, so that Ctrl-C is heard while it loads

    execute(sys.argv[1:])


def main() -> None:
    """Entry point."""
    run_cli(command)


if __name__ == "__main__":
    main()
