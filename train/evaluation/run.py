"""One evaluation from settings to files: resumed where it stopped, written whole."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Int

from calrec.errors import CalrecError
from calrec.evaluation.run_folder.meta import RunMeta, content_of
from calrec.evaluation.run_folder.writing import check_out, require_free, run_folder
from calrec.evaluation.runs import EvaluationRun
from calrec.recommenders import register
from calrec.records import digests
from catalog.store import Catalogue, workspace_path
from train.evaluation import fingerprints
from train.evaluation.cases import HeldOutCases, load_cases
from train.evaluation.earlier import Earlier
from train.evaluation.partial import Partial, clear, unfinished
from train.evaluation.settings import Evaluate, check
from train.evaluation.work import Work, checkpoint_of, earlier_run, ready
from train.evaluation.writing import write

_FREE = ("out", "workspace", "checkpoint", "label", "engine", "workers", "address", "replace")
_FREE_FOR_CALREC = ("width", "samples_from")
"""Settings that no figure depends on, or that a digest stands for: another start of the same run
may have them otherwise."""


class Observer(Protocol):
    """What an evaluation tells of itself."""

    def say(self, step: str) -> None:
        """What is being done, in a few words."""
        ...

    def start(self, total: int, finished: int) -> None:
        """How many cases there are, and how many an earlier start finished."""
        ...

    def advance(self, cases: int) -> None:
        """That so many more are finished."""
        ...

    def found(self, folder: Path) -> None:
        """That the very run is finished in a folder already: nothing is evaluated."""
        ...

    def stop(self, kept: int, folder: Path) -> None:
        """That it was stopped, and how many cases the next start finds in a folder."""
        ...


def evaluate(settings: Evaluate, progress: Observer) -> EvaluationRun:
    """Runs one evaluation and writes its folder.

    Stopped, or killed, it leaves what is finished in `OUT.partial`, and the same settings go on
    from there; where the same run is finished in `OUT` already, it is returned as it is. The files
    but the timings do not depend on `width`, engine, or where it stopped.

    Args:
      settings: what to evaluate, and where to write it.
      progress: is told of it.

    Returns:
      the finished run.

    Raises:
      CalrecError: on a setting out of range, an unknown domain, no case, a checkpoint that cannot
        be loaded, or an `out` that cannot be replaced. Nothing half-written stays behind.
    """
    check(settings)
    check_out(settings.out)
    start = time.monotonic()
    progress.say(f"loading {settings.domain}")
    with Catalogue.open(workspace_path(settings.workspace), settings.domain) as catalogue:
        cases = load_cases(catalogue, settings.split, settings.users, settings.seed)
        earlier = earlier_run(settings, catalogue)
        meta = _asked(settings, catalogue, cases, earlier)
        run = identity(settings, content_of(meta))
        meta = dataclasses.replace(meta, run=digests.of_json(run))
        if (finished := _finished(settings.out, meta)) is not None:
            clear(settings.out, run)
            progress.found(settings.out)
            return finished
        if not settings.replace:
            require_free(settings.out)
        with unfinished(settings.out, run) as partial:
            places = _left(partial, len(cases.targets))
            choosing = (
                ", choosing its settings" if register.entry(settings.recommender).chooses else ""
            )
            progress.say(f"loading {settings.recommender}{choosing}")
            with _engine(settings, catalogue, earlier) as work:
                loaded = time.monotonic()
                progress.say(f"{settings.recommender} on {settings.domain}")
                progress.start(len(cases.targets), len(cases.targets) - len(places))
                _rank(work, cases, places, partial, progress)
                meta = dataclasses.replace(meta, settings=dict(work.settings), device=work.device)
            ranked = time.monotonic()
            progress.say("writing")
            meta = dataclasses.replace(
                meta,
                resumed_cases=len(cases.targets) - len(places),
                seconds={"load": loaded - start, "rank": ranked - loaded},
            )
            with run_folder(settings.out) as folder:
                write(folder, catalogue, cases, partial.results(), meta)
            partial.remove()
    return EvaluationRun.load(settings.out)


def identity(settings: Evaluate, made_from: Mapping[str, Any]) -> dict[str, Any]:
    """All that a run's results depend on, JSON-able: equal for the same run.

    Args:
      settings: what is evaluated.
      made_from: data, checkpoint and code, as a run's `meta.json` has them; the rest is left alone.
    """
    asked = dataclasses.asdict(settings)
    given = asked.pop("calrec")
    if settings.seeds == 1:
        del asked["seeds"]  # what a run with one is, it was before there were several
    made_from = {name: made_from[name] for name in ("data", "checkpoint", "code")}
    checkpoint = made_from["checkpoint"] and {**made_from["checkpoint"], "name": None}
    return {
        **{name: value for name, value in asked.items() if name not in _FREE},
        **{name: value for name, value in given.items() if name not in _FREE_FOR_CALREC},
        "decoder": settings.decoder,
        **made_from,
        "checkpoint": checkpoint,
    }


def _asked(
    settings: Evaluate, catalogue: Catalogue, cases: HeldOutCases, earlier: Earlier | None
) -> RunMeta:
    """What is known of the run before its recommender is loaded."""
    return RunMeta(
        recommender=settings.recommender,
        label=settings.label,
        domain=settings.domain,
        split=settings.split,
        **dataclasses.asdict(settings.rules),
        seed=settings.seed,
        engine=settings.engine,
        width=settings.calrec.width,
        users=len(cases.targets),
        cases=cases.available,
        settings={},
        data=fingerprints.data(catalogue.info),
        checkpoint=checkpoint_of(settings, catalogue, earlier),
        code=fingerprints.code(),
        samples_seed=earlier and earlier.seed,
    )


def _finished(out: Path, meta: RunMeta) -> EvaluationRun | None:
    """What stands in `out`, if it is that very run and whole."""
    try:
        found = EvaluationRun.load(out)
        found.check()
    except CalrecError:
        return None
    return found if found.meta.run == meta.run else None


def _left(partial: Partial, cases: int) -> Int[np.ndarray, " left"]:
    """The places of the cases that no earlier start has finished."""
    places = np.arange(cases)
    if partial.finished is None:
        return places
    return np.setdiff1d(places, partial.finished["case"].to_numpy())


def _rank(
    work: Work,
    cases: HeldOutCases,
    places: Int[np.ndarray, " left"],
    partial: Partial,
    progress: Observer,
) -> None:
    """Adds the results of these cases; stopped by Ctrl-C, it keeps what is finished."""
    try:
        for results in work.results(cases, places):
            partial.add(results)
            progress.advance(len(results))
    except KeyboardInterrupt:
        partial.save()
        progress.stop(partial.kept, partial.folder)
        raise


def _engine(
    settings: Evaluate, catalogue: Catalogue, earlier: Earlier | None
) -> AbstractContextManager[Work]:
    if settings.engine == "local":
        return nullcontext(ready(settings, catalogue, earlier))
    from train.evaluation.cluster import cluster

    return cluster(settings, catalogue.info.fingerprint)
