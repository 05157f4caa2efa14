"""One file of another package with an entry point is found by all that lists recommenders."""

import asyncio
import subprocess
import sys
from pathlib import Path

import gradio as gr
import pytest

from calrec.evaluation.runs import EvaluationRun
from demo.inspect.session import Session
from demo.pages import walkthrough
from demo.pages.page import Shell
from demo.pages.walkthrough.address import DEFAULT
from demo.server import api

ROOT = Path(__file__).parents[2]
IDS = ["lamps-007", "lamps-011"]


@pytest.mark.slow
def test_the_command_line_evaluates_it_and_a_report_calls_it_by_its_label(
    installed, workspace, tmp_path
):
    folder = installed()
    out = tmp_path / "run"
    options = ["--workspace", workspace, "--domain", "lamps", "--out", out]
    subprocess.run(
        [sys.executable, "-m", "train.evaluate", "--recommender", "alphabetical", *options],
        check=True,
        capture_output=True,
        cwd=ROOT,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "", "HOME": str(tmp_path)},
    )
    run = EvaluationRun.load(out)
    assert (run.recommender, run.recommender_name, run.users) == ("alphabetical", "A to Z", 4)


def test_the_api_names_it_and_ranks_with_it(installed, application):
    installed()
    functions = api.functions(application)
    for name in ("recommend", "evaluate"):
        assert (
            "calrec, lir, blend, tgh, item-knn, markov, popular, sasrec, dense or alphabetical."
            in (functions[name].__doc__)
        )
    (answer,) = functions["recommend"]("lamps", IDS, top=3, recommender="alphabetical")
    assert answer["recommender"] == "alphabetical"
    assert [item["item_id"] for item in answer["ranking"]] == [f"lamps-00{i}" for i in range(3)]


@pytest.mark.slow
def test_the_walkthrough_offers_it_and_shows_its_ranking_beside(installed, application, handlers):
    installed()

    async def built():
        with gr.Blocks(analytics_enabled=False):
            parts = {"session": gr.State(), "tabs": gr.Tabs(), "toast": gr.HTML()}
            return walkthrough.build(Shell(app=application, **parts))

    # In a loop: without one gradio opens its own and leaves it open.
    page = asyncio.run(built())
    choices = {
        part.elem_id: [value for _, value in part.choices]
        for part in page.outputs
        if part.elem_id in ("others", "first")
    }
    assert choices["others"] == choices["first"]
    assert choices["others"][-1] == "alphabetical"
    session = Session(domain="lamps", history=tuple(IDS), target="lamps-000")
    values = (DEFAULT.__dict__ | {"others": ("alphabetical",), "samples": 4}).values()
    last = list(handlers.recommending.recommend(session, *values))[-1]
    card = last["ranks"].split(">A to Z<")[1]
    assert 'class="cr-rank">1<small> of 60' in card
    assert "Items in the order of their ids." in last["rankings"]
    assert "with=alphabetical" in last["address"]
