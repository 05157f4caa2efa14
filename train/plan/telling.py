"""A plan as it is printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from calrec.errors import CalrecError
from train import presets
from train.plan.sampler import sampler_plan
from train.plan.step import plan
from train.plan.topology import GB, MEMORY, Topology

if TYPE_CHECKING:
    from train.cli.arguments import Plan


def tell(command: Plan, console: Console) -> None:
    """Prints the plan that a command line asks for.

    Raises:
      CalrecError: for chips or a preset that there are not, or settings that do not suit the chips.
    """
    preset = presets.load(command.preset)
    if preset.model is None:
        raise CalrecError(
            "expected a preset with a model's shape, found one without; give another --preset"
        )
    topology = Topology.of(command.topology, command.slices)
    table = Table(show_header=False, box=None)
    room = MEMORY[topology.kind] * GB
    if command.program == "sampler":
        found, moved, needed = sampler_plan(preset.model, topology, command.sampled_users)
        peak = found.peak
        table.add_row("users and samples", f"{command.sampled_users} x 32, on one chip")
        table.add_row("weights and caches", _bytes(needed))
        table.add_row("moved in a step", f"{_bytes(moved)}, {moved / needed:.1f} x")
    else:
        made = plan(
            preset.model,
            command.settings,
            topology,
            tokens_per_user=command.tokens_per_user,
            compile=command.compile,
        )
        peak = made.peak
        seconds = made.seconds(command.share)
        hours = seconds * command.settings.steps * topology.chips / 3600
        table.add_row("parameters", f"{made.parameters / 1e6:,.1f} M")
        table.add_row("tokens a step", f"{made.tokens:,}, padding among them")
        table.add_row("operations a step", f"{made.operations / 1e12:,.1f} T")
        table.add_row("time a step", f"{seconds:.2f} s at {command.share:.0%} of the peak")
        table.add_row("all steps", f"{command.settings.steps:,} steps, {hours:,.1f} chip-hours")
        for kind, size in (made.compiled.collectives if made.compiled else {}).items():
            loops = made.compiled.inside_loops.get(kind, 0) if made.compiled else 0
            where = f", of which {_bytes(loops)} in loops (once counted)" if loops else ""
            table.add_row(kind, f"{_bytes(size)}{where}")
    by = "the compiler" if command.program == "sampler" or made.compiled else "arithmetic"
    table.add_row("memory of a chip", f"{_bytes(peak)} by {by}, of {_bytes(room)}")
    console.print(table)
    left = room - peak
    verdict = "fits" if left >= 0 else "does not fit"
    console.print(f"{verdict}: {_bytes(abs(left))} {'left' if left >= 0 else 'too much'}")


def _bytes(size: float) -> str:
    return f"{size / GB:,.2f} GB" if size >= GB / 10 else f"{size / 1e6:,.1f} MB"
