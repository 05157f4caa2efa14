"""What stands where evaluations are missing: what that means, and the commands that make them."""

from __future__ import annotations

from dataclasses import asdict

from markupsafe import Markup

from calrec.ranking.rules import DEFAULT, Rules
from demo.html import widgets
from demo.html.templating import render


def no_evaluation(domain: str) -> Markup:
    """Of a shop without any evaluation."""
    return widgets.empty_state(
        "No evaluation of this shop yet",
        "Once whoever runs this page has measured a recommender on the shop's last purchases, each "
        "of them stands here as a case; with two recommenders they can be compared.",
    ) + _commands(_evaluate(domain, "calrec", "--users 1000"), _evaluate(domain, "lir"))


def no_other_evaluation(domain: str, rules: Rules) -> Markup:
    """Of a shop with one evaluation by these rules."""
    return widgets.notice(
        "There is no other evaluation on the same purchases by the same rules to compare with. "
        "Once whoever runs this page has made one, it can be chosen as B."
    ) + _commands(_evaluate(domain, "lir", _options(rules)))


def _evaluate(domain: str, recommender: str, more: str = "") -> str:
    words = ["calrec-evaluate", "--domain", domain, "--recommender", recommender]
    out = f"evaluations/{domain}-{recommender}"
    return " ".join([*words, *filter(None, [more]), "--out", out])


def _options(rules: Rules) -> str:
    """Those of a command that ranks by the same rules."""
    given, usual = asdict(rules), asdict(DEFAULT)
    return " ".join(f"--{name} {given[name]}" for name in given if given[name] != usual[name])


def _commands(*commands: str) -> Markup:
    """How to make what is missing."""
    return render("parts", "commands", commands)
