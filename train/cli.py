"""`calrec-train`: prepare, pretrain, stage1, stage2, export, figures; all as one recipe; sasrec."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.console import Console

from calrec.errors import CalrecError, run_cli
from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining

if TYPE_CHECKING:
    from train.presets import StageSettings
    from train.targets import Targets

PresetName = Literal["tiny", "sample"]


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
    template: str = "calrec"
    """What stands around a history's items: calrec, or gpt4rec to compare (the paper's Table 6)."""


@dataclass(frozen=True, kw_only=True)
class Overrides:
    """Settings of a stage that take the place of the preset's."""

    steps: int | None = None
    """Optimizer steps."""
    batch_size: int | None = None
    """Users (rows in pretraining) of a step."""
    learning_rate: float | None = None
    """Peak learning rate."""
    max_prompt_tokens: int | None = None
    """Token budget of a history."""
    validate_every: int | None = None
    """Steps between validations."""
    weight_decay: float | None = None
    """AdamW's weight decay."""
    seed: int | None = None
    """Seed of weights, order and truncation."""

    def of(self, settings: StageSettings) -> StageSettings:
        """The settings with what was given put in."""
        given = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        changed = dataclasses.replace(settings, **given)
        if min(changed.steps, changed.batch_size, changed.validate_every) < 1:
            found = (changed.steps, changed.batch_size, changed.validate_every)
            raise CalrecError(
                f"expected steps, batch size and validate-every of at least 1, found {found}"
            )
        if changed.seed < 0:
            raise CalrecError(f"expected a seed of at least 0, found {changed.seed}")
        if not 0 < changed.learning_rate < math.inf:
            raise CalrecError(f"expected a positive learning rate, found {changed.learning_rate}")
        if not 0 <= changed.weight_decay < math.inf:
            raise CalrecError(
                f"expected a weight decay of at least 0, found {changed.weight_decay}"
            )
        return changed


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Settings of the CALRec objective that take the place of the preset's (the paper's)."""

    alpha: float | None = None
    """Weight of target against target given user (eq. 2); 0.125 in the paper."""
    beta: float | None = None
    """Weight of target against user (eq. 3); -0.025 in the paper. Both 0: no contrast at all."""
    tau: float | None = None
    """Temperature of both contrasts; 0.5 in the paper."""

    def of(self, settings: StageSettings) -> StageSettings:
        """The settings with what was given put in."""
        given = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        try:
            objective = dataclasses.replace(settings.objective, **given)
        except ValueError as error:
            raise CalrecError(f"{error}; give other --alpha, --beta or --tau") from None
        return dataclasses.replace(settings, objective=objective)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What every stage is given."""

    data: Path
    """Folder that `prepare` wrote."""
    out: Path
    """Folder of the run; an interrupted run is continued."""
    preset: PresetName = "sample"
    """Model size and stage settings."""
    overrides: tyro.conf.OmitArgPrefixes[Overrides] = Overrides()


@dataclass(frozen=True, kw_only=True)
class Pretrain(Stage):
    """Plain language modelling from scratch: stands in for a pretrained model."""

    domains: tuple[str, ...] = ()
    """Only these of the prepared domains."""


@dataclass(frozen=True, kw_only=True)
class Stage1(Stage):
    """The CALRec objective over mixed categories, from a run or a pretrained model."""

    from_run: Path | None = None
    """Run to start from."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder; its tokenizer must have prepared the data."""
    domains: tuple[str, ...] = ()
    """Only these of the prepared domains."""
    objective: tyro.conf.OmitArgPrefixes[Objective] = Objective()


@dataclass(frozen=True, kw_only=True)
class Stage2(Stage):
    """The same objective on one category, from a run or a pretrained model."""

    domain: str
    """The category."""
    from_run: Path | None = None
    """Run to start from."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder; its tokenizer must have prepared the data."""
    objective: tyro.conf.OmitArgPrefixes[Objective] = Objective()


@dataclass(frozen=True, kw_only=True)
class Export:
    """Write a run's best weights as a checkpoint, or as a folder for other libraries."""

    run: Path
    """The run."""
    out: Path
    """Folder to write."""
    format: Literal["calrec", "hugging-face"] = "calrec"
    """What `calrec-evaluate` and `calrec-demo` load, or what transformers and vLLM do."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    """Of the stored weights."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Prepare, pretrain, stage 1 and (for one domain) stage 2, export: one command."""

    domains: tuple[str, ...]
    """Names of the domains; with several, stage 2 is left out."""
    out: Path
    """Checkpoint folder."""
    runs: Path
    """Folder for prepared data and runs; an interrupted recipe is continued there."""
    workspace: Path | None = None
    """Workspace; default $CALREC_WORKSPACE, else ./workspace."""
    preset: PresetName = "sample"
    """Model size and stage settings."""


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


Command = (
    Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Stage1, tyro.conf.subcommand("stage1")]
    | Annotated[Stage2, tyro.conf.subcommand("stage2")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Figures, tyro.conf.subcommand("figures")]
    | Annotated[Recipe, tyro.conf.subcommand("recipe")]
    | Annotated[Sasrec, tyro.conf.subcommand("sasrec")]
)


def execute(command: Command) -> None:
    """Runs one command; what it does not need (duckdb, jax) is not imported."""
    console = Console(stderr=True)
    match command:
        case Prepare():
            _prepare(command, console)
            console.print(f"prepared {', '.join(command.domains)} in {command.out}")
        case Pretrain() | Stage1() | Stage2():
            _train(command, console)
        case Export():
            from train.export import export, export_hugging_face

            write = export if command.format == "calrec" else export_hugging_face
            write(command.run, command.out, dtype=command.dtype)
            console.print(f"exported {command.run} to {command.out}")
        case Figures():
            from train.export import record_figures

            record_figures(command.checkpoint, command.evaluations)
            console.print(f"wrote {len(command.evaluations)} evaluations into {command.checkpoint}")
        case Recipe():
            _recipe(command, console)
        case Sasrec():
            _sasrec(command, console)


def _prepare(command: Prepare, console: Console) -> None:
    from calrec.text import TextSettings
    from catalog.store import workspace_path
    from train.prepare import prepare

    try:
        text = TextSettings(template=command.template)
    except ValueError as error:
        raise CalrecError(f"{error}; give another --template") from None
    targets = prepare(
        workspace_path(command.workspace),
        command.domains,
        command.out,
        tokenizer_folder=command.tokenizer,
        vocab_size=command.vocab_size,
        text=text,
    )
    _print_cut(targets, console)


def _print_cut(targets: Mapping[str, Targets], console: Console) -> None:
    for domain, found in targets.items():
        console.print(
            f"{domain}: {found.explained()}", markup=False, highlight=False, soft_wrap=True
        )


def _train(command: Pretrain | Stage1 | Stage2, console: Console) -> None:
    from train.presets import PRESETS
    from train.stages import continue_from, from_pretrained, from_scratch

    preset, out, given = PRESETS[command.preset], command.out, command.overrides
    if isinstance(command, Pretrain):
        settings = given.of(preset.pretrain)
        from_scratch(command.data, preset, settings, out, console, command.domains)
        return
    run, folder = command.from_run, command.from_pretrained
    if (run is None) == (folder is None):
        raise CalrecError(
            "expected either --from-run, a run, or --from-pretrained, a Hugging Face folder, found"
            f" {'neither' if run is None else 'both'}; give one"
        )
    if isinstance(command, Stage1):
        stage, settings, domains = "stage1", given.of(preset.stage1), command.domains
    else:
        stage, settings, domains = "stage2", given.of(preset.stage2), (command.domain,)
    settings = command.objective.of(settings)
    if run is not None:
        continue_from(stage, command.data, run, settings, out, console, domains)
    elif folder is not None:
        from_pretrained(stage, command.data, folder, settings, out, console, domains)


def _recipe(command: Recipe, console: Console) -> None:
    from catalog.store import workspace_path
    from train.export import export
    from train.prepare import check_same, prepare
    from train.presets import PRESETS
    from train.stages import continue_from, from_scratch

    preset = PRESETS[command.preset]
    workspace, data = workspace_path(command.workspace), command.runs / "data"
    if (data / "meta.json").is_file():
        check_same(workspace, command.domains, data)
    else:
        targets = prepare(workspace, command.domains, data, vocab_size=preset.vocab_size)
        _print_cut(targets, console)
    pretrained, last = command.runs / "pretrain", command.runs / "stage1"
    from_scratch(data, preset, preset.pretrain, pretrained, console)
    continue_from("stage1", data, pretrained, preset.stage1, last, console)
    if len(command.domains) == 1:
        stage1, last = last, command.runs / "stage2"
        continue_from("stage2", data, stage1, preset.stage2, last, console, command.domains)
    export(last, command.out)
    console.print(f"exported {last} to {command.out}")


def _sasrec(command: Sasrec, console: Console) -> None:
    from catalog.store import workspace_path
    from train.sasrec import train

    workspace = workspace_path(command.workspace)
    train(workspace, command.domain, command.out, command.model, command.training, console)
    console.print(f"wrote {command.out}")


def main() -> None:
    """Entry point of `calrec-train`."""
    # A full disk is a line of ours; orbax would log pages of traces besides, from its threads.
    for name in ("absl", "asyncio"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    run_cli(lambda: execute(tyro.cli(Command, prog="calrec-train", description=__doc__)))


if __name__ == "__main__":
    main()
