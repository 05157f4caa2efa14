"""A result of the walkthrough as it is saved: the same parts as on the page, without a control."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from calrec.ranking.rules import Rules
from calrec.report.drawing import drawing
from demo.html.record import causes, decoding, matching, prompt, ranking, story, why
from demo.html.record.story import Told
from demo.html.templating import render


def saved(
    told: Told,
    key: str,
    *,
    speaker: Markup,
    drawn: str,
    wrote: Markup,
    rules: Rules,
    leaks: Sequence[str],
) -> Markup:
    """The result from the history to the rankings.

    Args:
      told: the result.
      key: begins the ids of its parts.
      speaker: which model wrote.
      drawn: the settings by which texts were written, in words.
      wrote: the texts.
      rules: of all rankings.
      leaks: how the model may know the item already.
    """
    made, items, target = told.made, told.items, told.target
    record = made.calrec
    picture = causes.picture(record, items, target)
    return render(
        "record/result",
        "result",
        told=story.told_view(told),
        history=record.history,
        target=target,
        speaker=speaker,
        drawn=drawn,
        decoding=decoding.view(record),
        texts=wrote,
        matrix=matching.matrix(
            record, items, target, made.corpora[0], key=f"{key}-matrix", scripted=False
        ),
        why=why.view(record, items, told.attributes, target, made.corpora[0]),
        flow="" if picture is None else drawing(picture, f"{key}-flow"),
        ranks=ranking.ranks_view([record, *made.others], target, rules, leaks),
        rankings=ranking.rankings_view(record, made.others, items, target, made.corpora, top=10),
        prompt=prompt.of(record.generation) if record.generation else "",
    )
