"""The stages of training: from scratch, from an earlier run, or from a pretrained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flax import nnx
from rich.console import Console

from calrec.errors import CalrecError
from calrec.model import hf, new_tokens
from calrec.model.backbone.decoder import Decoder
from calrec.model.bases import Base
from calrec.tokenizer import Tokenizer
from train.data.prepared import Prepared
from train.data.records import Records
from train.export import check_vocabulary, history_entry, pretrained_entry
from train.loop import UNWATCHED, Watching, fit
from train.presets import Preset, StageName
from train.run.description import Run
from train.run.start import Start
from train.run.states import best_start, best_weights, lora_of
from train.settings import StageSettings


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What a stage is trained on, how, and where its run is kept.

    Attributes:
      name: which stage.
      data: folder that `train.prepare` wrote.
      domains: only these of its domains; all where none is named.
      settings: how it is trained.
      out: folder of the run; an interrupted run is continued.
      console: told of progress.
      workspace: where the domains are built, to select by NDCG@10; unused when selecting by nig.
      watching: what is looked at besides.
    """

    name: StageName
    data: Path
    domains: Sequence[str] = ()
    settings: StageSettings
    out: Path
    console: Console
    workspace: Path | None = None
    watching: Watching = UNWATCHED

    def prepared(self) -> Prepared:
        """The data.

        Raises:
          CalrecError: if the folder is none, of another version, damaged, or lacks a domain.
        """
        return Prepared.load(self.data, self.domains)

    @property
    def adapts(self) -> bool:
        """Whether adapters are trained in place of all weights."""
        return self.settings.lora.rank > 0

    def fit(self, data: Prepared, start: Start, parents: Sequence[dict[str, Any]]) -> None:
        """Trains from there on the data; see `train.loop.fit`."""
        fit(
            stage=self.name,
            data=data,
            settings=self.settings,
            start=start,
            parents=parents,
            out=self.out,
            console=self.console,
            workspace=self.workspace,
            watching=self.watching,
        )


def from_scratch(stage: Stage, preset: Preset) -> None:
    """Trains a randomly initialised decoder of the preset's size.

    Raises:
      CalrecError: if the preset has no size, the data cannot be read, or adapters are asked for.
    """
    if stage.adapts:
        raise CalrecError(
            "expected no --lora-rank in pretraining, which has no weights to adapt, found"
            f" {stage.settings.lora.rank}; leave it out"
        )
    data = stage.prepared()
    if told := beyond_rows(data, stage.settings):
        stage.console.print(told)
    config = preset.decoder(data.tokenizer().vocab_size)
    model = Decoder(config, rngs=nnx.Rngs(stage.settings.seed))
    stage.fit(data, Start.whole(model), parents=[])


def beyond_rows(data: Prepared, settings: StageSettings) -> str | None:
    """A line about prompts that are longer than the rows trained on: at places that no row has, a
    decoder reads badly, and the validation loss says little. `None` where there are none."""
    prompts = (prompt for prompt, _ in Records(data, settings).held_out("validation"))
    longest, rows = max(map(len, prompts), default=0), settings.row_tokens
    if longest <= rows:
        return None
    return (
        f"prompts of validation have up to {longest} tokens, and nothing beyond {rows} is trained:"
        f" choose --max-prompt-tokens {rows}, or longer rows by --row-tokens"
    )


def continue_from(stage: Stage, run: Path) -> None:
    """Trains an earlier run's best weights with the CALRec objective, or its adapters further.

    Raises:
      CalrecError: if the data were tokenised otherwise than the earlier run's, or have another
        template; or if adapters are asked for that the run has not.
    """
    data, earlier = stage.prepared(), Run.load(run)
    ours, theirs = (folder / "tokenizer/tokenizer.json" for folder in (stage.data, run))
    if not theirs.is_file():
        raise CalrecError(f"expected the run's tokenizer in {theirs}, found none; train it again")
    begin = Tokenizer.load(run / "tokenizer").begin_id
    same = ours.read_bytes() == theirs.read_bytes() and begin == data.tokenizer().begin_id
    if not same or earlier.text != data.meta["text"]:
        template = earlier.text.get("template", data.text.template)
        other = "" if template == data.text.template else f" --template {template}"
        raise CalrecError(
            f"{stage.data} was tokenised otherwise than {run};"
            f" prepare it with --tokenizer {run / 'tokenizer'}{other}"
        )
    if stage.adapts:
        if earlier.base is None or lora_of(earlier) != stage.settings.lora:
            found = "none" if earlier.base is None else "others"
            raise CalrecError(
                f"expected {run} to hold adapters of these settings, to train them further, found"
                f" {found}; give its --lora-* again, or train all weights with --lora-rank 0"
            )
        start = best_start(run, stage.workspace, dtype=stage.settings.compute)
    else:
        start = Start.whole(best_weights(run, stage.workspace))
    stage.fit(data, start, parents=[*earlier.parents, history_entry(run)])


def from_pretrained(stage: Stage, folder: Path) -> None:
    """Trains the language model of a Hugging Face folder with the CALRec objective: all weights, in
    float32, or adapters beside them.

    Raises:
      CalrecError: if the folder cannot be loaded, or the data were tokenised otherwise.
    """
    data = stage.prepared()
    tokenizer, theirs = data.tokenizer(), Tokenizer.load(folder)
    same = len(data.added) + theirs.vocab_size == tokenizer.vocab_size
    same = same and theirs.vocabulary().items() <= tokenizer.vocabulary().items()
    if not same or tokenizer.begin_id != theirs.begin_id:
        raise CalrecError(
            f"{stage.data} was tokenised otherwise than {folder};"
            f" prepare it with --tokenizer {folder}"
        )
    frozen_in = stage.settings.compute if stage.adapts else "float32"
    model = hf.load(folder, dtype=frozen_in)
    check_vocabulary(folder, theirs, model)
    pretrained = pretrained_entry(folder, model)
    model = new_tokens.widened(model, theirs.vocab_size, data.added)
    if stage.adapts:
        base, settings = Base.of(folder, theirs.vocab_size), stage.settings
        start = Start.beside(base, model, settings.lora, len(data.added), seed=settings.seed)
    else:
        start = Start.whole(model)
    stage.fit(data, start, parents=[pretrained])
