"""Entry point of `calrec-catalog`: Ctrl-C is heard while the command is still being loaded."""

from __future__ import annotations

from calrec.errors import run_cli_of


def main() -> None:
    """Entry point."""
    run_cli_of("catalog.cli")


if __name__ == "__main__":
    main()
