"""The labels of a case as buttons, nine of them with the key that presses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from demo.html.templating import render
from demo.inspect.annotations import NOTHING, Annotation
from demo.inspect.labels import offered, with_digits


def labels_view(user_id: str, noted: Mapping[str, Annotation], reasons: Sequence[str]) -> Markup:
    """The labels that a case has and can have.

    Args:
      user_id: whose case.
      noted: the shop's annotations, by user.
      reasons: the labels on offer.
    """
    own = noted.get(user_id, NOTHING).labels
    first = with_digits(noted, reasons)
    others = [label for label in offered(noted, reasons) if label not in first]
    # One that the case has is never folded away.
    beside = [label for label in others if label in own]
    folded = [label for label in others if label not in own]
    return render("cases/labels", "labels", user_id, first, beside, folded, own)
