"""What to run so that a table fills."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from calrec.evaluation.foreign import isolated
from calrec.ranking.rules import DEFAULT
from calrec.report.comparison import Group

OF_A_CHECKPOINT = "--recommender calrec --checkpoint CHECKPOINT"


def hint(group: Group, options: str) -> str:
    """A command: a run that stands beside those of the group."""
    where = isolated(shlex.quote(group.domain))
    alike = [
        ("split", group.split, "test"),
        ("bought", group.rules.bought, DEFAULT.bought),
        ("count", group.rules.count, DEFAULT.count),
    ]
    kind = "".join(f" --{name} {value}" for name, value, default in alike if value != default)
    return f"To fill it: calrec-evaluate --domain {where}{kind} {options} --out DIR"


def checkpoint_hint(groups: Sequence[Group], more: str = "") -> str:
    """The same for CALRec's runs of a checkpoint, with what more to say of them."""
    return f"{hint(likeliest(groups), OF_A_CHECKPOINT)}{more}" if groups else ""


def likeliest(groups: Sequence[Group]) -> Group:
    """Where a table of CALRec's runs is filled first: where there is one, else the first.

    Args:
      groups: at least one.
    """
    return next((one for one in groups if any(run.generative for run in one.runs)), groups[0])
