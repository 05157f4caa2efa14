"""The commands that prepare data and train on them; jax and duckdb are imported when one runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from calrec.errors import CalrecError
from train import presets
from train.cli.arguments import Export, Prepare, Pretrain, Recipe, Sasrec, Stage1, Stage2

if TYPE_CHECKING:
    from train.targets import Targets


def prepare(command: Prepare, console: Console) -> None:
    """Writes the training parts of domains as tokens, and tells which texts are cut.

    Raises:
      CalrecError: as `train.prepare.prepare`, and for a template that there is not.
    """
    from calrec.text import TextSettings
    from catalog.store import workspace_path
    from train.prepare import prepare as write

    try:
        text = TextSettings(template=command.template)
    except ValueError as error:
        raise CalrecError(f"{error}; give another --template") from None
    targets = write(
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
    console.print(f"prepared {', '.join(command.domains)} in {command.out}")


def _print_cut(targets: Mapping[str, Targets], console: Console) -> None:
    for domain, found in targets.items():
        console.print(
            f"{domain}: {found.explained()}", markup=False, highlight=False, soft_wrap=True
        )


def train(command: Pretrain | Stage1 | Stage2, console: Console) -> None:
    """Runs one stage, as one of several processes where a launcher started them.

    Raises:
      CalrecError: for arguments that do not go together, and as the functions of `train.stages`.
    """
    from train import launch

    if command.launching.launcher == "ray" and launch.PROCESS not in os.environ:
        from train.launchers import ray

        ray.run(command.launching, sys.argv[1:], console)
        return
    with launch.joined() as process:
        console.quiet = process > 0  # all would say the same
        _train(command, console)


def _train(command: Pretrain | Stage1 | Stage2, console: Console) -> None:
    from catalog.store import workspace_path
    from train.loop import Watching
    from train.stages import Stage, continue_from, from_pretrained, from_scratch

    is_second = isinstance(command, Stage2)
    stage = Stage(
        name="stage2" if is_second else "stage1",
        data=command.data,
        domains=(command.domain,) if is_second else command.domains,
        settings=command.settings,
        out=command.out,
        console=console,
        workspace=workspace_path(command.workspace),
        watching=Watching(tensorboard=command.tensorboard, profile=_span(command.profile)),
    )
    if isinstance(command, Pretrain):
        preset = presets.load(command.preset)
        if command.settings.objective != preset.settings("pretrain").objective:
            raise CalrecError(
                "expected no --alpha, --beta, --tau or --nig-reduction in pretraining, which has no"
                " contrast, found one; leave it out"
            )
        from_scratch(replace(stage, name="pretrain"), preset)
        return
    run, folder = command.from_run, command.from_pretrained
    _check_one_start(run, folder, run_option="--from-run")
    if run is not None:
        continue_from(stage, run)
    elif folder is not None:
        from_pretrained(stage, folder)


def _check_one_start(run: Path | None, folder: Path | None, *, run_option: str) -> None:
    if (run is None) == (folder is None):
        raise CalrecError(
            f"expected either {run_option}, a run, or --from-pretrained, a Hugging Face folder,"
            f" found {'neither' if run is None else 'both'}; give one"
        )


def export(command: Export, console: Console) -> None:
    """Writes what a run trained, or a pretrained model as it is.

    Raises:
      CalrecError: for arguments that do not go together, and as the functions of `train.export`.
    """
    from catalog.store import workspace_path
    from train.export import export, export_hugging_face, export_pretrained

    _check_one_start(command.run, command.from_pretrained, run_option="--run")
    if command.run is None:
        folder = command.from_pretrained or Path()
        if command.format != "calrec":
            raise CalrecError(
                f"expected --format calrec of a pretrained model, found {command.format}, which"
                f" {folder} is already; leave it out"
            )
        export_pretrained(folder, command.out, dtype=command.dtype)
        console.print(f"exported {folder} to {command.out}")
        return
    workspace = workspace_path(command.workspace)
    if command.format == "hugging-face":
        export_hugging_face(command.run, command.out, dtype=command.dtype, workspace=workspace)
    else:
        adapter = command.format == "adapter"
        export(command.run, command.out, dtype=command.dtype, adapter=adapter, workspace=workspace)
    console.print(f"exported {command.run} to {command.out}")


def _span(steps: str | None) -> tuple[int, int] | None:
    if steps is None:
        return None
    first, colon, last = steps.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise CalrecError(
            f"expected --profile as FIRST:LAST step, such as 20:23, found {steps}; give it so"
        )
    return int(first), int(last)


def recipe(command: Recipe, console: Console) -> None:
    """Runs all stages one behind the other and exports the last; what is finished is kept.

    Raises:
      CalrecError: as the commands that it is made of.
    """
    from catalog.store import workspace_path
    from train.export import export
    from train.stages import Stage, continue_from, from_pretrained, from_scratch

    preset = presets.load(command.preset)
    workspace, data = workspace_path(command.workspace), command.runs / "data"
    _prepare_once(command, preset, workspace, data, console)

    def stage(name: presets.StageName, category: str | None = None) -> Stage:
        return Stage(
            name=name,
            data=data,
            domains=() if category is None else (category,),
            settings=preset.settings(name, category),
            out=command.runs / name,
            console=console,
            workspace=workspace,
        )

    last = None
    if command.from_pretrained is None:
        last = stage("pretrain")
        from_scratch(last, preset)
    category = command.stage2 or (command.domains[0] if len(command.domains) == 1 else None)
    # Of a single shop there may be nothing that the first stage would add.
    mixed = [stage("stage1")] if preset.stage1 is not None or category is None else []
    for tuned in (*mixed, *([] if category is None else [stage("stage2", category)])):
        if last is None:
            from_pretrained(tuned, command.from_pretrained or Path())
        else:
            continue_from(tuned, last.out)
        last = tuned
    assert last is not None
    export(last.out, command.out)
    console.print(f"exported {last.out} to {command.out}")


def _prepare_once(
    command: Recipe, preset: presets.Preset, workspace: Path, data: Path, console: Console
) -> None:
    """Prepares the data, unless they lie there; refuses other ones."""
    from train.prepare import check_same
    from train.prepare import prepare as write

    if (data / "meta.json").is_file():
        check_same(workspace, command.domains, data)
        return
    targets = write(
        workspace,
        command.domains,
        data,
        tokenizer_folder=command.from_pretrained,
        vocab_size=preset.model.vocab_size if preset.model else 0,
        merges=preset.merges if preset.model else "words",
    )
    _print_cut(targets, console)


def sasrec(command: Sasrec, console: Console) -> None:
    """Trains the SASRec baseline.

    Raises:
      CalrecError: as `train.sasrec.train`.
    """
    from catalog.store import workspace_path
    from train.sasrec import train as fit_sasrec

    workspace = workspace_path(command.workspace)
    fit_sasrec(workspace, command.domain, command.out, command.model, command.training, console)
    console.print(f"wrote {command.out}")
