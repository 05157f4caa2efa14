"""The stages of training: from scratch, from an earlier run, or from a pretrained model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flax import nnx
from rich.console import Console

from calrec.errors import CalrecError
from calrec.model import hf
from calrec.model.backbone.decoder import Decoder
from calrec.tokenizer import Tokenizer
from train.data.prepared import Prepared
from train.export import check_vocabulary, history_entry, pretrained_entry
from train.loop import UNWATCHED, Watching, fit
from train.presets import Preset, StageName
from train.run.description import Run
from train.run.states import best_weights
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

    def fit(self, data: Prepared, model: Decoder, parents: Sequence[dict[str, Any]]) -> None:
        """Trains a model on the data; see `train.loop.fit`."""
        fit(
            stage=self.name,
            data=data,
            settings=self.settings,
            model=model,
            parents=parents,
            out=self.out,
            console=self.console,
            workspace=self.workspace,
            watching=self.watching,
        )


def from_scratch(stage: Stage, preset: Preset) -> None:
    """Trains a randomly initialised decoder of the preset's size.

    Raises:
      CalrecError: if the preset has no size, or the data cannot be read.
    """
    data = stage.prepared()
    config = preset.decoder(data.tokenizer().vocab_size)
    stage.fit(data, Decoder(config, rngs=nnx.Rngs(stage.settings.seed)), parents=[])


def continue_from(stage: Stage, run: Path) -> None:
    """Trains an earlier run's best weights with the CALRec objective.

    Raises:
      CalrecError: if the data were tokenised otherwise than the earlier run's, or have another
        template.
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
    stage.fit(data, best_weights(run), parents=[*earlier.parents, history_entry(run)])


def from_pretrained(stage: Stage, folder: Path) -> None:
    """Trains the language model of a Hugging Face folder with the CALRec objective, in float32.

    Raises:
      CalrecError: if the folder cannot be loaded, or the data were tokenised otherwise.
    """
    data = stage.prepared()
    tokenizer, theirs = data.tokenizer(), Tokenizer.load(folder)
    same = tokenizer.vocabulary() == theirs.vocabulary()
    if not same or tokenizer.begin_id != theirs.begin_id:
        raise CalrecError(
            f"{stage.data} was tokenised otherwise than {folder};"
            f" prepare it with --tokenizer {folder}"
        )
    model = hf.load(folder, dtype="float32")
    check_vocabulary(folder, tokenizer, model)
    stage.fit(data, model, parents=[pretrained_entry(folder, model)])
