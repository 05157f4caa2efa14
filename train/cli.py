"""`calrec-train`: prepare, pretrain, stage1, stage2, export, figures; all as one recipe; sasrec."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.console import Console

from calrec.errors import CalrecError, run_cli
from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining
from train import presets
from train.settings import StageSettings

if TYPE_CHECKING:
    from train.targets import Targets


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
    merges: Literal["words", "attributes"] = "words"
    """How far its tokens reach: within a word, or over the words of one attribute."""
    new_tokens: bool = False
    """Give labels and connectors one token each in a Hugging Face tokenizer: a quarter fewer tokens
    a history."""
    template: str = "calrec"
    """What stands around a history's items: calrec, or gpt4rec to compare (the paper's Table 6)."""


@dataclass(frozen=True, kw_only=True)
class Stage:
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
    settings: tyro.conf.OmitArgPrefixes[StageSettings]


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


@dataclass(frozen=True, kw_only=True)
class Stage2(Stage):
    """The same objective on one category, from a run or a pretrained model."""

    domain: str
    """The category."""
    from_run: Path | None = None
    """Run to start from."""
    from_pretrained: Path | None = None
    """Or a Hugging Face folder; its tokenizer must have prepared the data."""


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
    stage: presets.Stage = "stage1"
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


def commands(argv: Sequence[str]) -> Any:
    """The commands, a stage's settings being those of the preset that the line names.

    Raises:
      CalrecError: for a preset that there is not.
    """
    preset = presets.load(_given(argv, "--preset") or "sample")

    def stage(kind: type[Stage], name: presets.Stage, **more: Any) -> Any:
        found = getattr(preset, name)
        domain = _given(argv, "--domain") if name == "stage2" else None
        settings = tyro.MISSING if found is None else preset.settings(name, domain)
        default = kind(data=tyro.MISSING, out=tyro.MISSING, settings=settings, **more)
        return Annotated[kind, tyro.conf.subcommand(name, default=default)]

    return (
        Annotated[Prepare, tyro.conf.subcommand("prepare")]
        | stage(Pretrain, "pretrain")
        | stage(Stage1, "stage1")
        | stage(Stage2, "stage2", domain=tyro.MISSING)
        | Annotated[Export, tyro.conf.subcommand("export")]
        | Annotated[Plan, tyro.conf.subcommand("plan", default=_planned(argv))]
        | Annotated[Figures, tyro.conf.subcommand("figures")]
        | Annotated[Recipe, tyro.conf.subcommand("recipe")]
        | Annotated[Sasrec, tyro.conf.subcommand("sasrec")]
    )


def _planned(argv: Sequence[str]) -> Plan:
    """A plan of the stage that the line names, of a model that is fine-tuned by default."""
    preset = presets.load(_given(argv, "--preset") or "smollm2-135m")
    name = _given(argv, "--stage") or "stage1"
    found = getattr(preset, name, None)
    return Plan(settings=tyro.MISSING if found is None else found)


def _given(argv: Sequence[str], name: str) -> str | None:
    """What a command line says of an argument, before it is read as a whole."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument(name, dest="found")
    try:
        return parser.parse_known_args(argv)[0].found
    except SystemExit:  # nothing behind it, of which the whole line is told
        return None


def execute(command: Any) -> None:
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
        case Plan():
            from train.plan.telling import tell

            tell(command, Console(soft_wrap=True))
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
        merges=command.merges,
        new_tokens=command.new_tokens,
        text=text,
    )
    _print_cut(targets, console)


def _print_cut(targets: Mapping[str, Targets], console: Console) -> None:
    for domain, found in targets.items():
        console.print(
            f"{domain}: {found.explained()}", markup=False, highlight=False, soft_wrap=True
        )


def _train(command: Pretrain | Stage1 | Stage2, console: Console) -> None:
    from catalog.store import workspace_path
    from train import launch
    from train.loop import Watching
    from train.stages import continue_from, from_pretrained, from_scratch

    launch.join()
    watching = Watching(tensorboard=command.tensorboard, profile=_span(command.profile))
    given = {"workspace": workspace_path(command.workspace), "watching": watching}
    data, settings, out = command.data, command.settings, command.out
    if isinstance(command, Pretrain):
        preset = presets.load(command.preset)
        if settings.objective != preset.settings("pretrain").objective:
            raise CalrecError(
                "expected no --alpha, --beta, --tau or --nig-reduction in pretraining, which has no"
                " contrast, found one; leave it out"
            )
        from_scratch(data, preset, settings, out, console, command.domains, **given)
        return
    run, folder = command.from_run, command.from_pretrained
    if (run is None) == (folder is None):
        raise CalrecError(
            "expected either --from-run, a run, or --from-pretrained, a Hugging Face folder, found"
            f" {'neither' if run is None else 'both'}; give one"
        )
    if isinstance(command, Stage1):
        stage, domains = "stage1", command.domains
    else:
        stage, domains = "stage2", (command.domain,)
    if run is not None:
        continue_from(stage, data, run, settings, out, console, domains, **given)
    elif folder is not None:
        from_pretrained(stage, data, folder, settings, out, console, domains, **given)


def _span(steps: str | None) -> tuple[int, int] | None:
    if steps is None:
        return None
    first, colon, last = steps.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise CalrecError(f"expected --profile as FIRST:LAST step, such as 20:23, found {steps}")
    return int(first), int(last)


def _recipe(command: Recipe, console: Console) -> None:
    from catalog.store import workspace_path
    from train.export import export
    from train.prepare import check_same, prepare
    from train.stages import continue_from, from_pretrained, from_scratch

    preset = presets.load(command.preset)
    workspace, data = workspace_path(command.workspace), command.runs / "data"
    if (data / "meta.json").is_file():
        check_same(workspace, command.domains, data)
    else:
        vocabulary = preset.model.vocab_size if preset.model else 0
        targets = prepare(
            workspace,
            command.domains,
            data,
            tokenizer_folder=command.from_pretrained,
            vocab_size=vocabulary,
            merges=preset.merges,
        )
        _print_cut(targets, console)
    given: dict[str, Any] = {"workspace": workspace}
    last = command.runs / "stage1"
    if command.from_pretrained is None:
        pretrained = command.runs / "pretrain"
        from_scratch(data, preset, preset.settings("pretrain"), pretrained, console, **given)
        continue_from("stage1", data, pretrained, preset.stage1, last, console, **given)
    else:
        folder = command.from_pretrained
        from_pretrained("stage1", data, folder, preset.stage1, last, console, **given)
    category = command.stage2 or (command.domains[0] if len(command.domains) == 1 else None)
    if category is not None:
        stage1, last = last, command.runs / "stage2"
        settings = preset.settings("stage2", category)
        continue_from("stage2", data, stage1, settings, last, console, (category,), **given)
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

    def command() -> None:
        execute(tyro.cli(commands(sys.argv[1:]), prog="calrec-train", description=__doc__))

    run_cli(command)


if __name__ == "__main__":
    main()
