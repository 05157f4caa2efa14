"""What stands where evaluations are missing: what that means, and the commands that make them."""

from __future__ import annotations

from markupsafe import Markup

from calrec.ranking.rules import Rules
from demo.html import commands, widgets


def no_evaluation(domain: str) -> Markup:
    """Of a shop without any evaluation."""
    return widgets.empty_state(
        "No evaluation of this shop yet",
        "Once whoever runs this page has measured a recommender on the shop's last purchases, each "
        "of them stands here as a case; with two recommenders they can be compared.",
    ) + commands.folded(commands.evaluate(domain, "calrec"), commands.evaluate(domain, "lir"))


def no_other_evaluation(domain: str, rules: Rules) -> Markup:
    """Of a shop with one evaluation by these rules."""
    return widgets.notice(
        "There is no other evaluation on the same purchases by the same rules to compare with. "
        "Once whoever runs this page has made one, it can be chosen as B."
    ) + commands.folded(commands.evaluate(domain, "lir", rules))
