"""From a run to the exported folder that inference loads."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
from flax import nnx

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.model import checkpoint, hf
from calrec.model.backbone.config import Dtype
from calrec.model.backbone.decoder import Decoder
from calrec.ranking.rules import DEFAULT
from calrec.records.files import check_place, whole_file
from calrec.records.settings import RankingSettings, SamplingSettings
from calrec.report import training_log
from calrec.text import TextSettings
from calrec.text.prompt import Connectors
from calrec.tokenizer import Tokenizer
from train import model_card
from train.evaluation import fingerprints
from train.run.description import Run
from train.run.log import read_log
from train.run.states import best_start, best_weights, lora_of
from train.settings import StageSettings


def export(
    run_folder: Path,
    out: Path,
    *,
    dtype: str = "bfloat16",
    adapter: bool = False,
    workspace: Path | None = None,
) -> None:
    """Writes the run's best weights, tokenizer and settings as a checkpoint folder.

    The training log goes along as `training_log.jsonl`, a line a logged step of every stage, and
    the model card as `README.md`.

    Args:
      run_folder: the run.
      out: where.
      dtype: of the stored weights.
      adapter: whether a run's adapters are written alone, without the model beside which they
        stand.
      workspace: in whose `models` that model lies.

    Raises:
      CalrecError: if the run is none or has no checkpoint, or `out` holds something else.
    """
    if dtype not in ("float32", "bfloat16"):
        raise CalrecError(f"export: expected dtype float32 or bfloat16, found {dtype!r}; give one")
    run = Run.load(run_folder)
    if adapter:
        model = best_start(run_folder, workspace).trained
    else:
        model = best_weights(run_folder, workspace)
    entries = [*run.parents, history_entry(run_folder)]
    description = checkpoint.Description(
        decoder=run.decoder,
        dtype=dtype,
        text=TextSettings(**run.text),
        max_prompt_tokens=run.settings["max_prompt_tokens"],
        sampling=dataclasses.asdict(SamplingSettings()),
        ranking=RankingSettings(),
        data={domain: data for entry in entries for domain, data in entry["data"].items()},
        training={"stages": [_summary(entry) for entry in entries]},
        adapters=_adapters(run) if adapter else None,
    )
    log = "".join(
        json.dumps({"stage": entry["stage"], **line}) + "\n"
        for entry in entries
        for line in entry["log"]
    )
    checkpoint.save(
        out,
        model,
        Tokenizer.load(run_folder / "tokenizer"),
        description,
        files={training_log.FILE: log, model_card.FILE: model_card.text(description)},
    )


def export_pretrained(folder: Path, out: Path, *, dtype: Dtype = "bfloat16") -> None:
    """Writes a Hugging Face folder's model as a checkpoint, as it is: what training starts from.

    A history gets as much of the model's positions as it gets in training, if there are so many.

    Raises:
      CalrecError: if the folder cannot be loaded, has too few positions for a history, or `out`
        holds something else.
    """
    check_place(out, ours=checkpoint.is_checkpoint, what="checkpoint")
    tokenizer, model = Tokenizer.load(folder), hf.load(folder, dtype=dtype)
    check_vocabulary(folder, tokenizer, model)
    text, sampling = TextSettings(), SamplingSettings()
    room = model.config.max_position_embeddings - sampling.max_new_tokens
    connectors = Connectors.of(tokenizer, text)
    if room <= (least := sum(map(len, dataclasses.astuple(connectors)))):
        raise CalrecError(
            f"{folder}: expected more than {least + sampling.max_new_tokens} positions, for a"
            f" history and {sampling.max_new_tokens} new tokens, found"
            f" {model.config.max_position_embeddings}; give another model"
        )
    description = checkpoint.Description(
        decoder=model.config,
        dtype=dtype,
        text=text,
        max_prompt_tokens=min(StageSettings.max_prompt_tokens, room),
        sampling=dataclasses.asdict(sampling),
        ranking=RankingSettings(),
        begin_id=tokenizer.begin_id,
        training={"stages": [_summary(pretrained_entry(folder, model))]},
    )
    files = {model_card.FILE: model_card.text(description)}
    checkpoint.save(out, model, tokenizer, description, files=files)


def pretrained_entry(folder: Path, model: Decoder) -> dict[str, Any]:
    """A pretrained model as what comes of it carries it, before the stages."""
    return {
        "stage": "pretrained",
        "settings": {"folder": folder.resolve().name, "family": model.config.family},
        "data": {},
        "log": [],
    }


def check_vocabulary(folder: Path, tokenizer: Tokenizer, model: Decoder) -> None:
    """Refuses a tokenizer with more tokens than a folder's model.

    Raises:
      CalrecError: if so.
    """
    if tokenizer.vocab_size > model.config.vocab_size:
        raise CalrecError(
            f"{folder}: expected a tokenizer of at most {model.config.vocab_size} tokens, the"
            f" model's, found {tokenizer.vocab_size}; choose a folder whose files belong together"
        )


def _adapters(run: Run) -> checkpoint.Adapters:
    assert run.base is not None
    return checkpoint.Adapters(
        name=run.base.name,
        digest=run.base.digest,
        tokens=run.base.tokens,
        added=tuple(map(tuple, run.added)),
        lora=lora_of(run),
    )


def export_hugging_face(
    run_folder: Path, out: Path, *, dtype: str = "bfloat16", workspace: Path | None = None
) -> None:
    """Writes the run's best weights and tokenizer as a folder that transformers and vLLM load.

    Raises:
      CalrecError: if the run is none or has no checkpoint, or `out` holds something else.
    """
    model = best_weights(run_folder, workspace)
    state = nnx.state(model)
    nnx.update(model, jax.tree.map(lambda weight: weight.astype(dtype), state))
    hf.save_pretrained(out, model, Tokenizer.load(run_folder / "tokenizer"))


def record_figures(folder: Path, evaluations: Sequence[Path]) -> None:
    """Writes evaluations' figures into a checkpoint's `calrec.json`, in place of earlier ones.

    The model card follows, unless somebody edited it.

    Args:
      folder: the checkpoint.
      evaluations: folders that `calrec-evaluate` wrote, of this model and of those it is compared
        with; of each the users, metrics and figures of the generated texts are kept.

    Raises:
      CalrecError: if a folder is none of these or damaged, or two would have one name.
    """
    if not evaluations:
        raise CalrecError(
            "expected evaluations to record, found none; give --evaluations OUT, folders that"
            " calrec-evaluate wrote"
        )
    description = checkpoint.describe(folder)
    ours = fingerprints.calrec_checkpoint(str(folder)).digest
    figures: dict[str, Any] = {}
    for evaluation in evaluations:
        run = EvaluationRun.load(evaluation)
        run.check()
        name = f"{run.domain} {run.split} {run.label or run.recommender}"
        name += f", {run.rules}" if run.rules != DEFAULT else ""
        model = ours
        if run.generative:
            model = run.checkpoint and run.checkpoint.digest
        figure = {"seed": run.seed, **dataclasses.asdict(run.rules)} | {
            key: run.figures[key]
            for key in ("users", "metrics", "generation")
            if key in run.figures
        }
        if model != ours:
            raise CalrecError(
                f"expected evaluations of {folder} and of baselines, found one of another"
                f" checkpoint in {evaluation}; leave it out"
            )
        if name in figures:
            raise CalrecError(
                f"expected one evaluation a name, found a second {name!r} in {evaluation}; leave"
                " one out, or evaluate it with another --label"
            )
        figures[name] = figure
    changed = dataclasses.replace(description, figures=figures)
    card = folder / model_card.FILE
    edited = card.exists() and card.read_bytes() != model_card.text(description).encode()
    with whole_file(folder / "calrec.json") as new:
        new.write_text(changed.to_text(), "utf-8")
    if not edited:
        with whole_file(card) as new:
            new.write_text(model_card.text(changed), "utf-8")


def history_entry(run_folder: Path) -> dict[str, Any]:
    """A run's stage, settings, data and log, as its successors carry them."""
    run = Run.load(run_folder)
    lines = read_log(run_folder / "log.jsonl")
    return {
        "stage": run.stage,
        "settings": run.settings,
        "data": run.data,
        "roles": run.roles,
        "log": lines,
    }


def _summary(entry: dict[str, Any]) -> dict[str, Any]:
    lines = (training_log.entry(line, entry["stage"]) for line in entry["log"])
    log = [line for line in lines if line is not None]
    best = training_log.kept(log)
    return {
        "stage": entry["stage"],
        "settings": entry["settings"],
        # What it may know of whoever is evaluated later: see `calrec.evaluation.leaks`.
        "data": {
            domain: {"fingerprint": fingerprint, "role": entry.get("roles", {}).get(domain)}
            for domain, fingerprint in entry["data"].items()
        },
        "seconds": training_log.seconds(log),
        "best_step": best and best.step,
        **{
            name: best.values[name]
            for name in ("validation_nig", training_log.NDCG)
            if best and name in best.values
        },
    }
