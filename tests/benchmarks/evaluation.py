"""How long an evaluation takes, beside its users ranked one by one, and beside the sampler alone.

    python tests/benchmarks/evaluation.py --workspace workspace --domain sample-kitchen

Each baseline: the whole evaluation (catalogue read, ranks, the best 100 items, files) beside
`recommend`, a full sort and two counts for each user in turn, without files; some users are
measured and the rest reckoned from them. CALRec: the whole evaluation beside the sampler's own
work on the same prompts; the rest is ranking and writing. Programs are compiled before.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import tempfile
import time
from pathlib import Path

import numpy as np

from calrec.generation.model import GenerativeModel
from calrec.model.compilation import keep_compiled
from calrec.recommenders import register
from calrec.recommenders.entry import Inputs
from calrec.records.ranks import ranks_of
from catalog.store import Catalogue
from train.evaluation.cases import load_cases
from train.evaluation.generating import case_seed
from train.evaluation.run import evaluate
from train.evaluation.settings import Evaluate

BASELINES = ("lir", "popular", "markov", "item-knn")
ONE_BY_ONE = 500
"""Users that are ranked one by one at most."""


class Silent:
    """Progress that nobody sees."""

    def say(self, step: str) -> None:
        """Nothing."""

    def start(self, total: int, finished: int) -> None:
        """Nothing."""

    def advance(self, cases: int) -> None:
        """Nothing."""

    def found(self, folder: Path) -> None:
        """Nothing."""

    def stop(self, kept: int, folder: Path) -> None:
        """Nothing."""


def seconds(settings: Evaluate) -> tuple[float, int]:
    """The whole of an evaluation, and its users."""
    start = time.perf_counter()
    run = evaluate(settings, Silent())
    return time.perf_counter() - start, run.users


def one_by_one(workspace: Path, domain: str, name: str) -> float:
    """Seconds of a user, with nothing shared between users."""
    with Catalogue.open(workspace, domain) as catalogue:
        cases = load_cases(catalogue, "test", ONE_BY_ONE, 0)
        made = register.build(name, Inputs(shop=catalogue))
        start = time.perf_counter()
        for history, target in zip(cases.histories, cases.targets, strict=True):
            record = made.recommend([catalogue.items[i] for i in history])
            np.argsort(-record.ranking.scores, kind="stable")
            ranks_of(record.ranking.scores, target)
        return (time.perf_counter() - start) / len(cases.targets)


def sampling(workspace: Path, domain: str, checkpoint: str, users: int) -> float:
    """Seconds of the sampler alone, prompts made before."""
    model = GenerativeModel.from_checkpoint(checkpoint)
    with Catalogue.open(workspace, domain) as catalogue:
        cases = load_cases(catalogue, "test", users, 0)
        histories = [[catalogue.items[i] for i in history] for history in cases.histories]
    prompts = [model.prompt(history).token_ids for history in histories]
    seeds = [case_seed(0, user_id) for user_id in cases.user_ids]
    start = time.perf_counter()
    for _ in model.sampler.many(prompts, seeds, model.sampling, width=8):
        pass
    return time.perf_counter() - start


def main() -> None:
    """Reads the arguments and prints a line each."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--domain", default="sample-kitchen")
    parser.add_argument("--checkpoint", help="measure calrec with it, too")
    parser.add_argument("--users", type=int, default=200, help="of calrec")
    given = parser.parse_args()
    print(f"{given.domain}; load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        common = {"domain": given.domain, "workspace": given.workspace}
        for name in BASELINES:
            whole, users = seconds(Evaluate(recommender=name, out=Path(folder) / name, **common))
            plain = users * one_by_one(given.workspace, given.domain, name)
            print(
                f"{name:10}{users:8,} users{whole:8.2f} s{plain:10.1f} s one by one "
                f"({plain / whole:.1f} x)",
                flush=True,
            )
        if given.checkpoint is None:
            return
        keep_compiled()
        settings = Evaluate(
            recommender="calrec",
            checkpoint=given.checkpoint,
            users=given.users,
            out=Path(folder) / "first",
            **common,
        )
        seconds(settings)  # compiles
        settings = dataclasses.replace(settings, out=Path(folder) / "second")
        alone = sampling(given.workspace, given.domain, given.checkpoint, given.users)
        start = time.perf_counter()
        run = evaluate(settings, Silent())
        whole = time.perf_counter() - start - run.meta.seconds["load"]
        print(
            f"calrec    {run.users:8,} users{whole:8.2f} s{alone:10.2f} s the sampler alone "
            f"(all else {whole / alone - 1:.1%})"
        )


if __name__ == "__main__":
    main()
