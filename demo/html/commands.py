"""The commands that make what a page lacks, as whoever runs the machine can paste them."""

from __future__ import annotations

from dataclasses import asdict

from markupsafe import Markup

from calrec.ranking.rules import DEFAULT, Rules
from calrec.recommenders import register
from demo.html.templating import render

MODEL = "CHECKPOINT"
"""Stands for the model's name or folder, which a page does not tell."""


def evaluate(domain: str, recommender: str, rules: Rules = DEFAULT) -> str:
    """Evaluates a recommender on a shop, for the pages; runs in the folder of the workspace."""
    words = ["calrec-evaluate", "--workspace", ".", "--domain", domain]
    words += ["--recommender", recommender]
    if register.entry(recommender).trained:
        words += ["--checkpoint", MODEL]
    given, usual = asdict(rules), asdict(DEFAULT)
    words += [w for name in given if given[name] != usual[name] for w in (f"--{name}", given[name])]
    return " ".join([*words, "--out", f"evaluations/{domain}-{recommender}"])


def folded(*commands: str) -> Markup:
    """How to make what is missing, folded away."""
    return render("parts", "commands", commands, MODEL)
