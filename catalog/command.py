"""Entry point of `calrec-catalog`: Ctrl-C is heard while the command is still being loaded."""

from __future__ import annotations

from calrec.errors import run_cli


def command() -> None:
    """Runs what the command line asks for."""
    from catalog.cli import main as load_and_run  # takes a while

    load_and_run()


def main() -> None:
    """Entry point."""
    run_cli(command)


if __name__ == "__main__":
    main()
