"""Entry point of `calrec-demo`: Ctrl-C is heard while the command is still being loaded."""

from __future__ import annotations

from calrec.errors import run_cli_of


def main() -> None:
    """Entry point."""
    run_cli_of("demo.server.app")


if __name__ == "__main__":
    main()
