"""Which runs the report is made of: figures over their own users, and every setting."""

from __future__ import annotations

from collections.abc import Sequence

from calrec.evaluation.foreign import isolated
from calrec.evaluation.metrics import METRICS, TITLES, summarise
from calrec.evaluation.runs import EvaluationRun
from calrec.report.layouts.remarks import DIGEST, not_checked
from calrec.report.tables import Column, Table, Value
from calrec.report.variants import flat_settings, model, names


def runs_table(runs: Sequence[EvaluationRun]) -> Table:
    """Every run with its figures over all the users that it evaluated."""
    called = names(runs)
    rows = []
    for name, run in zip(called, runs, strict=True):
        figures = summarise(run.cases.optimistic, run.cases.pessimistic)
        rows.append(
            (
                name,
                run.domain,
                run.split,
                run.rules.bought,
                run.rules.count,
                Value(optimistic=run.users, unit="count"),
                *(Value.of_sides(figures[metric]) for metric in METRICS),
                _seconds(run),
                (run.checkpoint and run.checkpoint.name) or "",
                str(run.folder),
            )
        )
    titles = (
        "Run",
        "Domain",
        "Split",
        "Bought",
        "Count",
        "Users",
        *(TITLES[metric] for metric in METRICS),
        "Seconds",
        "Checkpoint",
        "Folder",
    )
    return Table(
        key="runs",
        title="Runs",
        columns=tuple(Column(title=title) for title in titles),
        rows=tuple(rows),
        notes=(
            "Each run over all the users that it evaluated; in the other tables runs stand side by"
            " side only on the users that they have in common.",
            *not_checked(called, runs),
        ),
    )


def settings_table(runs: Sequence[EvaluationRun]) -> Table:
    """Every setting, one row a distinct value, with the runs that have it."""
    flat = [{**flat_settings(run), **_made_from(run)} for run in runs]
    called = names(runs)

    def who(places: Sequence[int]) -> str:
        """All of a domain are named together."""
        words = []
        for domain in dict.fromkeys(runs[place].domain for place in places):
            own = [place for place in places if runs[place].domain == domain]
            every = len(own) == sum(run.domain == domain for run in runs)
            on = isolated(domain)
            words += [f"all on {on}"] if every else [f"{called[k]} on {on}" for k in own]
        return "; ".join(words)

    rows = []
    for setting in sorted(set().union(*flat)):
        holders: dict[str, list[int]] = {}
        for place, of_run in enumerate(flat):
            if setting in of_run:
                holders.setdefault(of_run[setting], []).append(place)
        alike = len(holders) == 1  # then it does not tell runs apart
        for value, places in holders.items():
            rows.append((setting, value, "every run that has it" if alike else who(places)))
    return Table(
        key="settings",
        title="Settings",
        columns=(Column(title="Setting"), Column(title="Value"), Column(title="Runs")),
        rows=tuple(rows),
    )


def _made_from(run: EvaluationRun) -> dict[str, str]:
    """Data, code, model and machine, as far as they are recorded; digests by their beginning."""
    code, digest = run.code_digest, model(run)
    samples_seed = run.meta.samples_seed
    cold = run.data.cold_items
    found = {
        "bought": run.rules.bought,
        "count": run.rules.count,
        "data.fingerprint": run.fingerprint,
        "data.items": str(run.data.items),
        "data.cold_items": None if cold is None else str(cold.get("share")),
        "code.version": (run.meta.code and run.meta.code.version) or "not recorded",
        "code.digest": code[:DIGEST] if code else "not recorded",
        "checkpoint.digest": digest and digest[:DIGEST],
        "device": run.meta.device,
        "seed": str(run.seed),
        "samples_seed": None if samples_seed is None else str(samples_seed),
    }
    return {name: value for name, value in found.items() if value is not None}


def _seconds(run: EvaluationRun) -> Value | None:
    total = (run.meta.seconds or {}).get("total")
    return (
        Value(optimistic=float(total), unit="seconds") if isinstance(total, int | float) else None
    )
