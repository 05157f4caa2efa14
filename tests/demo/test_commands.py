"""The commands that pages show are commands that run."""

import shlex

import pytest
import tyro

from calrec.ranking.rules import DEFAULT, Rules
from calrec.recommenders import register
from demo.html.commands import evaluate
from train.evaluation.settings import Evaluate, check


@pytest.mark.parametrize("rules", [DEFAULT, Rules(bought="last", count="all")])
@pytest.mark.parametrize("recommender", register.entries())
def test_evaluations_are_commands_that_run_as_they_stand(recommender, rules):
    program, *words = shlex.split(evaluate("lamps", recommender, rules))
    assert program == "calrec-evaluate"
    settings = tyro.cli(Evaluate, args=words)
    check(settings)
    assert settings.rules == rules
    assert settings.domain == "lamps"
    assert str(settings.workspace) == "."
