"""What sets one run apart from another: how its model was trained, what it reads and how it ranks.

Paper, Table 3 (training), Table 6 (template) and Table 8 (retrieval).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from calrec.evaluation.foreign import isolated
from calrec.evaluation.run_folder.schema import SAMPLES
from calrec.evaluation.runs import EvaluationRun
from calrec.ranking.rules import Rules

VARIANTS: Mapping[str, str] = {
    "full": "CALRec",
    "no-stage1": "w/o Multi-Category Joint Fine-Tuning (A)",
    "no-stage2": "w/o Category-Specific Fine-Tuning (B)",
    "no-contrastive": "w/o Contrastive Alignment",
    "no-stage1-no-contrastive": "w/o (A), w/o Contrastive Alignment",
    "no-stage2-no-contrastive": "w/o (B), w/o Contrastive Alignment",
    "pretrained": "Pretrained only (w/o Fine-Tuning)",
    "mixed": "Contrastive Alignment in one stage only",
    "unknown": "Training not recorded",
}
"""How a model was trained, with the row's name in Table 3, in the table's order."""

_SHORT = {
    "no-stage1": "w/o stage I",
    "no-stage2": "one model for all shops",
    "no-contrastive": "w/o contrastive",
    "no-stage1-no-contrastive": "w/o stage I, w/o contrastive",
    "no-stage2-no-contrastive": "one model for all shops, w/o contrastive",
    "pretrained": "pretrained only",
    "mixed": "contrastive in one stage",
}
_TEMPLATES = {"calrec": "CALRec's", "gpt4rec": "GPT4Rec's"}

MARK = "†"
"""Behind the name of a run whose model may know what it was asked for
(`calrec.evaluation.leaks`)."""

WITHOUT: Mapping[str, str] = {
    "full": "no-contrastive",
    "no-stage1": "no-stage1-no-contrastive",
    "no-stage2": "no-stage2-no-contrastive",
}
"""A variant with contrastive losses, and the one that differs in nothing else (Table 4)."""


def variant(run: EvaluationRun) -> str:
    """A key of `VARIANTS`, from the training that the checkpoint records."""
    training = _training(run)
    try:
        tuned = [one for one in training if one["stage"] in ("stage1", "stage2")]
        if not tuned:
            return "pretrained" if training else "unknown"
        contrastive = {one["alpha"] != 0 or one["beta"] != 0 for one in tuned}
        if any(one["alpha"] is None or one["beta"] is None for one in tuned):
            return "unknown"
        stages = {one["stage"] for one in tuned}
    except (TypeError, KeyError):
        return "unknown"
    if len(contrastive) == 2:
        return "mixed"
    base = {"stage1": "no-stage2", "stage2": "no-stage1"}[stages.pop()] if len(stages) == 1 else ""
    if contrastive == {True}:
        return base or "full"
    return f"{base}-no-contrastive".lstrip("-")


def _training(run: EvaluationRun) -> Any:
    """What the checkpoint records of its training, in whatever form it is."""
    return run.checkpoint.training if run.checkpoint else None


def template(run: EvaluationRun) -> str:
    """The prompt's: `calrec` or `gpt4rec`."""
    return _setting(run, "text", "template", "calrec")


def template_name(run: EvaluationRun) -> str:
    """The same, as the tables call it."""
    return _TEMPLATES.get(template(run), template(run))


def retrieval(run: EvaluationRun) -> str:
    """From texts to items: `bm25`, `hierarchical` or `rerank`."""
    return _setting(run, "ranking", "retrieval", "bm25")


def decoder(run: EvaluationRun) -> str:
    """How its texts come of the model: `sample`, drawn freely, or one over the shop's texts."""
    return str(run.settings.get("decoder") or "sample")


def entrant(run: EvaluationRun) -> str:
    """What a table of recommenders tells apart: each, and each way in which its texts come."""
    return run.recommender if decoder(run) == "sample" else f"{run.recommender} {decoder(run)}"


def model(run: EvaluationRun) -> str | None:
    """The checkpoint's digest: equal for equal weights, tokenizer and settings of the model.

    Those are decoder, text, sampling and ranking as the checkpoint has them; what a run was told
    to do otherwise is in its own settings (`unlike`).
    """
    return run.checkpoint and run.checkpoint.digest


def texts(run: EvaluationRun) -> str | None:
    """The digest of the stored texts that a run ranks: equal for the same; `None` if not known."""
    again = run.checkpoint and run.checkpoint.samples
    own = (run.meta.files or {}).get(SAMPLES)
    return again or (None if own is None else str(own))


def _setting(run: EvaluationRun, part: str, name: str, default: str) -> str:
    of_part = run.settings.get(part)
    return str(of_part.get(name, default)) if isinstance(of_part, Mapping) else default


def main_first(runs: Sequence[EvaluationRun]) -> list[EvaluationRun]:
    """The runs of one recommender, the one that stands for it first.

    That is the run closest to the paper's CALRec (its rule for items bought before, its template,
    BM25, both stages, contrastive losses), and among equally close ones the one named first.
    """
    order = list(VARIANTS)
    return sorted(
        runs,
        key=lambda run: (
            run.rules.bought != "ranked",
            retrieval(run) != "bm25",
            template(run) != "calrec",
            run.generative and order.index(variant(run)),
        ),
    )


def names(runs: Sequence[EvaluationRun]) -> tuple[str, ...]:
    """What each run is called; runs of one domain that would share a name get more.

    Those that rank by other rules get their rules, others their folder's name.
    """
    plain = [(_name(run), run.domain, run.split) for run in runs]
    rules: dict[tuple[str, str, str], set[Rules]] = {}
    for name, run in zip(plain, runs, strict=True):
        rules.setdefault(name, set()).add(run.rules)
    plain = [
        (f"{name[0]}, {run.rules}" if len(rules[name]) > 1 else name[0], *name[1:])
        for name, run in zip(plain, runs, strict=True)
    ]
    count = Counter(plain)
    wide = [
        (f"{name[0]} [{isolated(run.folder.name)}]" if count[name] > 1 else name[0], *name[1:])
        for name, run in zip(plain, runs, strict=True)
    ]
    again = Counter(wide)
    return tuple(
        (f"{name[0]} #{place + 1}" if again[name] > 1 else name[0])
        + (f" {MARK}" if run.leaks else "")
        for place, (name, run) in enumerate(zip(wide, runs, strict=True))
    )


def _name(run: EvaluationRun) -> str:
    if run.label:
        return f"{isolated(run.recommender_name)} ({isolated(run.label)})"
    parts = [isolated(run.recommender_name)]
    if run.generative:
        parts += [_SHORT[variant(run)]] if variant(run) in _SHORT else []
        parts += [f"{template_name(run)} template"] if template(run) != "calrec" else []
        # A decoder over the shop's texts has one way from a text to its item.
        way = decoder(run) if decoder(run) != "sample" else retrieval(run)
        parts += [way] if way != "bm25" else []
    return ", ".join(parts)


def flat_settings(run: EvaluationRun) -> dict[str, str]:
    """Every setting by its dotted name, such as `ranking.n_pred`."""
    found = {name: str(value) for name, value in _flat(run.settings, "")}
    # Runs of before there was a choice do not say it.
    return {"bm25.words": "paper", **found} if "bm25.k1" in found else found


def _flat(content: Mapping[str, Any], before: str) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def unlike(first: EvaluationRun, second: EvaluationRun, *, apart: Sequence[str]) -> list[str]:
    """Settings in which two runs differ although the table compares something else.

    Args:
      first: a run.
      second: another.
      apart: dotted names in which they differ on purpose.

    Returns:
      such as `sampling.temperature 0.5, not 1.0` (the second's, not the first's).
    """
    one, two = flat_settings(first), flat_settings(second)

    def has(settings: Mapping[str, str], name: str) -> str:
        return isolated(settings.get(name, "absent"))

    return [
        f"{isolated(name)} {has(two, name)}, not {has(one, name)}"
        for name in sorted(one.keys() | two.keys())
        if name not in apart and one.get(name) != two.get(name)
    ]


def training_words(run: EvaluationRun) -> str:
    """How its model was trained, such as `stage1 (900 steps, alpha 0.125, beta -0.025)`."""
    try:
        return "; ".join(_stage_words(stage) for stage in _training(run)) or "training not recorded"
    except (TypeError, AttributeError):
        return "training not recorded"


def _stage_words(stage: Mapping[str, Any]) -> str:
    known = {"steps": stage.get("steps"), **{n: stage.get(n) for n in ("alpha", "beta")}}
    details = [
        f"{value:,} steps" if name == "steps" else f"{name} {value:g}"
        for name, value in known.items()
        if isinstance(value, int | float)
    ]
    return isolated(str(stage.get("stage"))) + (f" ({', '.join(details)})" if details else "")
