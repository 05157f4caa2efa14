"""What a model has seen of the purchases that it is asked for.

A domain's role says what of each history training may read, and by what a checkpoint is chosen:

    role         trained on                    chosen by
    evaluation   all but the last two items    the last but one
    selection    all but the last item         the last one
    training     all                           -

A checkpoint records of every stage which domains it had, in which role, and the fingerprint of
their data. Data of one fingerprint are the same under any name, and by whatever rule of words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from calrec.text.words import RULES, ruled

HELD_OUT: Mapping[str, int] = {"evaluation": 2, "selection": 1, "training": 0}
"""How many of a user's last items are not trained on."""

_CHOSEN_BY: Mapping[str, int] = {"evaluation": 2, "selection": 1}
"""Place, from the end, of the item that checkpoints are chosen by."""

UNKNOWN = (
    "what it was trained and selected on is not known: its checkpoint does not record the roles of"
    " its data"
)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a stage of training had of a domain.

    Attributes:
      stage: such as `stage1`, or `sasrec`.
      domain: its name then.
      fingerprint: of its data then.
      role: a key of `HELD_OUT`.
    """

    stage: str
    domain: str
    fingerprint: str
    role: str


def of_training(training: Mapping[str, Any]) -> tuple[Seen, ...] | None:
    """What the stages had that the `training` of a `calrec.json` names.

    `None` where it names none, or one of them does not record it.
    """
    try:
        if not (stages := training.get("stages")):
            return None
        return from_json(
            {"stage": stage["stage"], "domain": domain, **of_domain}
            for stage in stages
            for domain, of_domain in stage["data"].items()
        )
    except (LookupError, AttributeError, TypeError):
        return None


def to_json(seen: Sequence[Seen] | None) -> list[dict[str, str]] | None:
    """As a run's `meta.json` keeps it."""
    return None if seen is None else [asdict(one) for one in seen]


def from_json(content: Any) -> tuple[Seen, ...] | None:
    """The inverse of `to_json`; `None`, too, for what has another form."""
    try:
        found = tuple(Seen(**one) for one in content)
        return found if all(one.role in HELD_OUT for one in found) else None
    except TypeError:
        return None


def leaks(
    seen: Sequence[Seen] | None, *, domain: str, split: str, fingerprint: str, role: str
) -> tuple[str, ...]:
    """How a model may know the purchases of a split before it is asked for them.

    Args:
      seen: what its training had; `None` where that is not known.
      domain: what it is evaluated on.
      split: `test` or `validation`.
      fingerprint: of the domain's data.
      role: of the domain.

    Returns:
      what to write behind the model's name and a colon; nothing where it cannot know them.
    """
    if seen is None:
        return (UNKNOWN,)
    asked = 2 if split == "validation" and role == "evaluation" else 1
    same = [one for one in seen if _same_data(one.fingerprint, fingerprint)]
    trained = [one for one in same if asked > HELD_OUT[one.role]]
    chosen = [one for one in same if asked == _CHOSEN_BY.get(one.role)]
    other = [one for one in seen if one.domain == domain and one not in same]
    found = []
    if trained:
        found.append(
            f"trained on the very purchases that it is asked for here ({_which(trained, domain)})"
        )
    if chosen:
        found.append(
            f"selected on the very purchases that it is asked for here ({_which(chosen, domain)})"
        )
    if other:
        found.append(
            f"trained on another state of {domain} than it is evaluated on, which may hold what it"
            f" is asked for ({_which(other, domain)})"
        )
    return tuple(found)


def _same_data(one: str, other: str) -> bool:
    """Whether two fingerprints are of the same data, whatever the rules of their words."""
    return any(other == ruled(one, rule) or one == ruled(other, rule) for rule in RULES)


def _which(seen: Sequence[Seen], domain: str) -> str:
    """Role and stages, with the name that the data had then if it was another one."""
    stages: dict[tuple[str, str], list[str]] = {}
    for one in seen:
        stages.setdefault((one.domain, one.role), []).append(one.stage)
    return "; ".join(
        ("" if name == domain else f"then called {name}, ")
        + f"role {role} in {', '.join(dict.fromkeys(of_role))}"
        for (name, role), of_role in stages.items()
    )
