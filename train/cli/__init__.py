"""`calrec-train`: prepare, pretrain, stage1, stage2, report, export, figures; a recipe; sasrec."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro
from rich.console import Console

from calrec.errors import run_cli
from train import presets
from train.cli import training
from train.cli.arguments import (
    Export,
    Figures,
    Plan,
    Prepare,
    Pretrain,
    Recipe,
    Sasrec,
    Stage1,
    Stage2,
    StageArguments,
)
from train.curves.command import Report, report


def commands(argv: Sequence[str]) -> Any:
    """The commands, a stage's settings being those of the preset that the line names.

    Raises:
      CalrecError: for a preset that there is not.
    """
    preset = presets.load(_given(argv, "--preset") or "sample")

    def stage(kind: type[StageArguments], name: presets.StageName, **more: Any) -> Any:
        found = getattr(preset, name)
        domain = _given(argv, "--domain") if name == "stage2" else None
        settings = tyro.MISSING if found is None else preset.settings(name, domain)
        default = kind(data=tyro.MISSING, out=tyro.MISSING, settings=settings, **more)
        return Annotated[kind, tyro.conf.subcommand(name, default=default)]

    return (
        Annotated[Prepare, tyro.conf.subcommand("prepare")]
        | stage(Pretrain, "pretrain")
        | stage(Stage1, "stage1")
        | stage(Stage2, "stage2", domain=tyro.MISSING)
        | Annotated[Report, tyro.conf.subcommand("report")]
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Plan, tyro.conf.subcommand("plan", default=_planned(argv))]
        | Annotated[Figures, tyro.conf.subcommand("figures")]
        | Annotated[Recipe, tyro.conf.subcommand("recipe")]
        | Annotated[Sasrec, tyro.conf.subcommand("sasrec")]
    )


def _planned(argv: Sequence[str]) -> Plan:
    """A plan of the stage that the line names, of a model that is fine-tuned by default."""
    preset = presets.load(_given(argv, "--preset") or "smollm2-135m")
    name = _given(argv, "--stage") or "stage1"
    found = getattr(preset, name, None)
    return Plan(settings=tyro.MISSING if found is None else found)


def _given(argv: Sequence[str], name: str) -> str | None:
    """What a command line says of an argument, before it is read as a whole."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(name, dest="found")
    try:
        return parser.parse_known_args(argv)[0].found
    except SystemExit:  # nothing behind it, of which the whole line is told
        return None


def execute(command: Any) -> None:
    """Runs one command; what it does not need (duckdb, jax) is not imported."""
    console = Console(stderr=True)
    match command:
        case Prepare():
            training.prepare(command, console)
        case Pretrain() | Stage1() | Stage2():
            training.train(command, console)
        case Report():
            report(command, Console())
        case Export():
            training.export(command, console)
        case Plan():
            from train.plan.telling import tell

            tell(command, Console(soft_wrap=True))
        case Figures():
            from train.export import record_figures

            record_figures(command.checkpoint, command.evaluations)
            console.print(f"wrote {len(command.evaluations)} evaluations into {command.checkpoint}")
        case Recipe():
            training.recipe(command, console)
        case Sasrec():
            training.sasrec(command, console)


def main() -> None:
    """Entry point of `calrec-train`."""
    # A full disk is a line of ours; orbax would log pages of traces besides, from its threads.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)

    def command() -> None:
        execute(tyro.cli(commands(sys.argv[1:]), prog="calrec-train", description=__doc__))

    run_cli(command)
