"""The stages as functions of folders: from scratch, from an earlier run, or a pretrained model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flax import nnx
from rich.console import Console

from calrec.errors import CalrecError
from calrec.model import hf
from calrec.model.backbone.decoder import Decoder
from calrec.tokenizer import Tokenizer
from train.data.prepared import Prepared
from train.export import check_vocabulary, history_entry, pretrained_entry
from train.loop import UNWATCHED, Watching, fit
from train.presets import Preset
from train.run.description import Run
from train.run.states import best_weights
from train.settings import StageSettings


def from_scratch(
    data: Path,
    preset: Preset,
    settings: StageSettings,
    out: Path,
    console: Console,
    domains: Sequence[str] = (),
    *,
    workspace: Path | None = None,
    watching: Watching = UNWATCHED,
) -> None:
    """Pretrains a randomly initialised decoder of the preset's size."""
    prepared = Prepared.load(data, domains)
    config = preset.decoder(prepared.tokenizer().vocab_size)
    model = Decoder(config, rngs=nnx.Rngs(settings.seed))
    fit(
        stage="pretrain",
        data=prepared,
        settings=settings,
        model=model,
        parents=[],
        out=out,
        console=console,
        workspace=workspace,
        watching=watching,
    )


def continue_from(
    stage: str,
    data: Path,
    run: Path,
    settings: StageSettings,
    out: Path,
    console: Console,
    domains: Sequence[str] = (),
    *,
    workspace: Path | None = None,
    watching: Watching = UNWATCHED,
) -> None:
    """Trains an earlier run's best weights with the CALRec objective.

    Raises:
      CalrecError: if the data were tokenised otherwise than the earlier run's, or have another
        template.
    """
    prepared = Prepared.load(data, domains)
    earlier = Run.load(run)
    ours, theirs = (folder / "tokenizer/tokenizer.json" for folder in (data, run))
    if not theirs.is_file():
        raise CalrecError(f"expected the run's tokenizer in {theirs}, found none; train it again")
    begin = Tokenizer.load(run / "tokenizer").begin_id
    same = ours.read_bytes() == theirs.read_bytes() and begin == prepared.tokenizer().begin_id
    if not same or earlier.text != prepared.meta["text"]:
        template = earlier.text.get("template", prepared.text.template)
        other = "" if template == prepared.text.template else f" --template {template}"
        raise CalrecError(
            f"{data} was tokenised otherwise than {run};"
            f" prepare it with --tokenizer {run / 'tokenizer'}{other}"
        )
    fit(
        stage=stage,
        data=prepared,
        settings=settings,
        model=best_weights(run),
        parents=[*earlier.parents, history_entry(run)],
        out=out,
        console=console,
        workspace=workspace,
        watching=watching,
    )


def from_pretrained(
    stage: str,
    data: Path,
    folder: Path,
    settings: StageSettings,
    out: Path,
    console: Console,
    domains: Sequence[str] = (),
    *,
    workspace: Path | None = None,
    watching: Watching = UNWATCHED,
) -> None:
    """Trains the language model of a Hugging Face folder with the CALRec objective, in float32.

    Raises:
      CalrecError: if the folder cannot be loaded, or the data were tokenised otherwise.
    """
    prepared = Prepared.load(data, domains)
    tokenizer, theirs = prepared.tokenizer(), Tokenizer.load(folder)
    same = tokenizer.vocabulary() == theirs.vocabulary()
    if not same or tokenizer.begin_id != theirs.begin_id:
        raise CalrecError(
            f"{data} was tokenised otherwise than {folder}; prepare it with --tokenizer {folder}"
        )
    model = hf.load(folder, dtype="float32")
    check_vocabulary(folder, tokenizer, model)
    fit(
        stage=stage,
        data=prepared,
        settings=settings,
        model=model,
        parents=[pretrained_entry(folder, model)],
        out=out,
        console=console,
        workspace=workspace,
        watching=watching,
    )
