"""What arrives at the API, checked: each argument is what it should be, or refused in one line.

Pydantic tells which argument a check is about and puts the checked ones together; the lines are
ours, as its own name types that callers do not know. Whatever is wrong raises `CalrecError`, whose
message calls the argument by its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from reprlib import repr as shortened
from typing import Annotated, Any, Self, get_args

from pydantic import BaseModel, ConfigDict, PlainValidator, ValidationInfo, model_validator

from calrec.errors import CalrecError
from calrec.ranking.rules import Bought, Count, Rules
from calrec.recommenders import register
from calrec.records.decoders import DECODERS
from calrec.records.settings import Decoder
from catalog.sequences import SPLITS
from demo.inspect.exploring import DEPTHS
from demo.inspect.session import MOST

LONGEST_TEXT = 500
"""Characters of a query, a name or an id."""
MOST_ITEMS = 100
"""Items of an answer."""
MOST_SAMPLES = 64
MOST_ASKED = 10
"""Items that one call may ask about."""
MOST_TEXTS = 20
"""Texts, and items, whose causes are asked for at once."""
MOST_PAIRED = 20
"""Purchases of a history of which each two are left out."""
MOST_LEVELS = 10
"""Levels of a category."""
LATEST_OFFSET = 10_000_000
LARGEST_SEED = 2**32 - 1
TEMPERATURES = (0.1, 1.5)


def one_of(name: str, value: Any, known: Sequence[str]) -> str:
    """One of some names."""
    if not isinstance(value, str) or value not in known:
        raise CalrecError(
            f"expected as {name} one of {', '.join(known)}, found {shortened(value)}; choose one"
        )
    return value


def text(name: str, value: Any) -> str:
    """A text of at most `LONGEST_TEXT` characters, without control characters."""
    if not isinstance(value, str):
        raise CalrecError(f"expected text as {name}, found {shortened(value)}; give a string")
    if len(value) > LONGEST_TEXT:
        raise CalrecError(
            f"expected at most {LONGEST_TEXT} characters as {name}, found {len(value):,}; "
            "give a shorter one"
        )
    if not value.isprintable() and any(not c.isprintable() and not c.isspace() for c in value):
        raise CalrecError(
            f"expected printable text as {name}, found {shortened(value)}; "
            "leave out its control characters"
        )
    return value


def texts(name: str, value: Any, most: int, at_least: int = 0) -> list[str]:
    """So many of such texts."""
    if not isinstance(value, list) or not at_least <= len(value) <= most:
        found = f"{len(value):,} of them" if isinstance(value, list) else shortened(value)
        raise CalrecError(
            f"expected as {name} a list of {at_least} to {most} texts, found {found}; "
            "give such a list"
        )
    return [text(f"each of {name}", one) for one in value]


def whole(name: str, value: Any, low: int, high: int) -> int:
    """A whole number within bounds."""
    # JSON has one kind of number: 3.0 is 3. A bool is an int to Python alone.
    found = number(name, value, low, high)
    if found != int(found):
        raise CalrecError(f"expected a whole number as {name}, found {found}; round it")
    return int(found)


def number(name: str, value: Any, low: float, high: float) -> float:
    """A finite number within bounds."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not math.isfinite(value)
        or not low <= value <= high
    ):
        raise CalrecError(
            f"expected as {name} a number from {low:,} to {high:,}, found {shortened(value)}; "
            "give one in that range"
        )
    return value


def flag(name: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise CalrecError(f"expected true or false as {name}, found {shortened(value)}; give one")
    return value


def _checked(check: Callable[..., Any], *bounds: Any) -> PlainValidator:
    def named(value: Any, info: ValidationInfo) -> Any:
        return check(info.field_name, value, *bounds)

    return PlainValidator(named)


def _shop(value: Any, info: ValidationInfo) -> str:
    return one_of("shop", value, (info.context or {})["shops"])


def _recommender(value: Any, info: ValidationInfo) -> str:
    return one_of("recommender", value, ("calrec", *register.rivals()))


Shop = Annotated[str, PlainValidator(_shop)]
RecommenderId = Annotated[str, PlainValidator(_recommender)]
Text = Annotated[str, _checked(text)]
Seed = Annotated[int, _checked(whole, 0, LARGEST_SEED)]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def of(cls, shops: Iterable[str], **given: Any) -> Self:
        """The checked request.

        Args:
          shops: names of those that can be asked.
          **given: every argument, as it arrived.

        Raises:
          CalrecError: if one of them is refused.
        """
        return cls.model_validate(given, context={"shops": tuple(shops)})


class _Ranked(_Request):
    """By which rules to rank."""

    bought: Annotated[Bought, _checked(one_of, get_args(Bought))]
    count: Annotated[Count, _checked(one_of, get_args(Count))]

    @property
    def rules(self) -> Rules:
        """Both of them."""
        return Rules(bought=self.bought, count=self.count)


class SearchRequest(_Request):
    """Of `search`."""

    shop: Shop
    query: Text
    category: Annotated[list[str], _checked(texts, MOST_LEVELS)]
    limit: Annotated[int, _checked(whole, 1, MOST_ITEMS)]
    offset: Annotated[int, _checked(whole, 0, LATEST_OFFSET)]


class ExploreRequest(_Request):
    """Of `explore`."""

    shop: Shop
    history: Annotated[list[str], _checked(texts, MOST, 1)]
    items: Annotated[list[str], _checked(texts, MOST_ASKED)]
    depth: Annotated[str, _checked(one_of, tuple(DEPTHS))]


class RecommendRequest(_Ranked):
    """Of `recommend`; whether the shop has a checkpoint of a trained one is not checked here."""

    shop: Shop
    history: Annotated[list[str], _checked(texts, MOST, 1)]
    seed: Seed
    samples: Annotated[int, _checked(whole, 1, MOST_SAMPLES)]
    temperature: Annotated[float, _checked(number, *TEMPERATURES)]
    top: Annotated[int, _checked(whole, 1, MOST_ITEMS)]
    recommender: RecommenderId
    decoder: Annotated[Decoder, _checked(one_of, tuple(DECODERS))]

    @model_validator(mode="after")
    def _decodes_texts(self) -> Self:
        if self.decoder != "sample" and not register.entry(self.recommender).generative:
            raise CalrecError(
                f"expected no decoder for {self.recommender}, which writes no texts, found"
                f" {self.decoder}; leave it out, or ask calrec"
            )
        return self


class EvaluateRequest(_Ranked):
    """Of `evaluate`; see `RecommendRequest`."""

    shop: Shop
    user: Text
    split: Annotated[str, _checked(one_of, SPLITS)]
    seed: Seed
    recommender: RecommenderId

    @model_validator(mode="after")
    def _counts_no_target(self) -> Self:
        if self.split == "validation" and self.count == "all":
            raise CalrecError(
                "expected training as count for the validation split, whose very purchases are "
                "among all, found all; leave it out, or choose the test split"
            )
        return self


class AttributeRequest(_Request):
    """Of `attribute`."""

    shop: Shop
    history: Annotated[list[str], _checked(texts, MOST, 2)]
    items: Annotated[list[str], _checked(texts, MOST_TEXTS)]
    texts: Annotated[list[str], _checked(texts, MOST_TEXTS)]
    pairs: Annotated[bool, _checked(flag)]
    swaps: Annotated[bool, _checked(flag)]

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if not self.items and not self.texts:
            raise CalrecError("expected at least one of items or texts, found none; give one")
        if self.pairs and len(self.history) > MOST_PAIRED:
            raise CalrecError(
                f"expected a history of at most {MOST_PAIRED} purchases for pairs, found"
                f" {len(self.history)}; leave pairs out, or shorten it"
            )
        return self
