"""Finished evaluations whose files were damaged: refused in one line, never read as they are."""

import io
import json

import pytest
from damaging import damages, whole_again
from rich.console import Console

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.statistics import Bootstrap
from calrec.report import report
from train import report as command
from train.evaluation.earlier import Earlier

FILES = ("meta.json", "metrics.json", "cases.parquet", "top.parquet")


@pytest.fixture(scope="module")
def calrec_run(tmp_path_factory, tiny_workspace, rubbish_checkpoint):
    """A run with texts, samples and timings."""
    import sys

    from train.evaluate import main

    out = tmp_path_factory.mktemp("runs") / "out"
    line = ["--workspace", tiny_workspace, "--domain", "shop", "--recommender", "calrec"]
    line += ["--checkpoint", rubbish_checkpoint, "--users", "4", "--samples", "3", "--out", out]
    before, sys.argv = sys.argv, ["calrec-evaluate", *map(str, line)]
    try:
        main()
    finally:
        sys.argv = before
    return out


def content(folder):
    """All that is read of a run, or the one line why not."""
    try:
        run = EvaluationRun.load(folder)
        tables = [run.samples(), run.top(), run.timings()]
        earlier = Earlier.load(
            folder, domain=run.domain, split=run.split, fingerprint=run.fingerprint
        )
        drawn = [list(earlier.drawn(user).samples) for user in run.cases.user_ids.to_pylist()]
        shown = report.content([run], Bootstrap(resamples=5)).tables
        return run.meta, run.figures, tables, drawn, shown, run.cases.values
    except CalrecError as error:
        return str(error)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FILES, "samples.parquet", "timings.parquet"])
def test_no_damage_goes_unnoticed(calrec_run, name):
    assert not isinstance(content(calrec_run), str)
    with whole_again(calrec_run / name) as whole:
        for damaged in damages(whole, 25):
            (calrec_run / name).write_bytes(damaged)
            line = content(calrec_run)
            if name == "meta.json" and not isinstance(line, str):
                assert json.loads(damaged) == json.loads(whole)  # white space
                continue
            assert isinstance(line, str), damaged
            assert "\n" not in line
            assert name in line or name == "meta.json"  # its version, say, is another one
            assert "evaluate again" in line or "calrec-evaluate wrote" in line or "release" in line
        (calrec_run / name).unlink()
        assert name in content(calrec_run)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["top.parquet", "samples.parquet"])
def test_a_report_is_made_of_whole_runs_alone(calrec_run, name):
    """Also where it reads none of what is damaged."""
    console = Console(file=io.StringIO())
    with whole_again(calrec_run / name) as whole:
        half = len(whole) // 2
        (calrec_run / name).write_bytes(whole[:half] + b"\0\0\0" + whole[half + 3 :])
        with pytest.raises(CalrecError, match=f"{name} as it was written"):
            command.report(command.Report(runs=(calrec_run,), resamples=5), console)
    command.report(command.Report(runs=(calrec_run,), resamples=5), console)


@pytest.mark.slow
def test_damage_while_a_run_is_open_is_noticed(calrec_run):
    run = EvaluationRun.load(calrec_run)
    run.top()
    with whole_again(calrec_run / "top.parquet") as whole:
        (calrec_run / "top.parquet").write_bytes(whole[:-9] + b"x" + whole[-8:])
        with pytest.raises(CalrecError, match=r"top\.parquet as it was written"):
            run.top()


@pytest.mark.slow
def test_a_file_that_was_not_written_with_it_is_not_read(calrec_run, tmp_path):
    import shutil

    folder = tmp_path / "copy"
    shutil.copytree(calrec_run, folder)
    meta = json.loads((folder / "meta.json").read_text())
    assert set(meta["files"]) == {path.name for path in folder.iterdir()} - {"meta.json"}
    for name, edited in (("files", {}), ("digest", "0" * 64)):
        (folder / "meta.json").write_text(json.dumps(meta | {name: edited}))
        assert "found an edited or damaged one" in content(folder)
        rest = {key: value for key, value in meta.items() if key != name}
        (folder / "meta.json").write_text(json.dumps(rest))
        assert "meta.json" in content(folder)


@pytest.mark.slow
def test_a_run_without_digests_is_read(calrec_run, tmp_path):
    """As releases before them wrote it."""
    import shutil

    folder = tmp_path / "older"
    shutil.copytree(calrec_run, folder)
    meta = json.loads((folder / "meta.json").read_text())
    older = {name: value for name, value in meta.items() if name not in ("files", "digest")}
    (folder / "meta.json").write_text(json.dumps(older))
    assert not EvaluationRun.load(folder).has_digests
    assert not isinstance(content(folder), str)
    # What is damaged there may go unnoticed, but ends in one line or in none.
    for name in ("cases.parquet", "samples.parquet", "top.parquet", "timings.parquet"):
        with whole_again(folder / name) as whole:
            for damaged in damages(whole, 25):
                (folder / name).write_bytes(damaged)
                answer = content(folder)
                assert not isinstance(answer, str) or "\n" not in answer


def test_a_damaged_run_is_no_finished_one(run_evaluate, tmp_path, capsys):
    arguments = ("--domain", "shop", "--recommender", "lir", "--out", tmp_path / "out")
    assert run_evaluate(*arguments) == 0
    path = tmp_path / "out" / "top.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:-9] + b"x" + whole[-8:])
    assert run_evaluate(*arguments) == 2
    assert "or a damaged one" in capsys.readouterr().err
    assert run_evaluate(*arguments, "--replace") == 0
    assert path.read_bytes() == whole
