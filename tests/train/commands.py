"""The commands in this process, as a person types them."""

import json
import sys

import pytest

from train import cli
from train import evaluate as evaluation


def run(*arguments):
    """Runs `calrec-train`; gives its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["calrec-train", *map(str, arguments)])
        try:
            cli.main()
        except SystemExit as stop:
            return stop.code
    return 0


def evaluate(out, *arguments):
    """Runs `calrec-evaluate`; gives what it wrote into metrics.json."""
    with pytest.MonkeyPatch.context() as patch:
        line = ["calrec-evaluate", *arguments, "--out", out]
        patch.setattr(sys, "argv", [str(part) for part in line])
        evaluation.main()
    return json.loads((out / "metrics.json").read_text())
