"""The commands in this process, as a person types them."""

import sys

import pytest

from train import cli


def run(*arguments):
    """Runs `calrec-train`; gives its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["calrec-train", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code
    return 0
