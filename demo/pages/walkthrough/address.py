"""What a visitor may set of a recommendation, to and from the address."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, get_args

from calrec.errors import CalrecError
from calrec.ranking.rules import Bought, Count, Rules
from calrec.recommenders import register
from calrec.records.decoders import DECODERS
from calrec.records.settings import Decoder, Pooling, RankingSettings, Retrieval
from calrec.text import TEMPLATES
from demo.inspect import url
from demo.inspect.decoding import candidates
from demo.inspect.exploring import DEPTH, DEPTHS
from demo.inspect.generations import GenerationKey
from demo.inspect.shop import FIRST_STAGE, Shop
from demo.inspect.side_by_side import RankedBy
from demo.inspect.url import Query

_NAMES = {
    "n_pred": "kept",
    "others": "with",
    "modulation": "weighed",
}
"""Names in the address that differ from the field's."""


@dataclass(frozen=True, kw_only=True)
class WalkthroughAddress:
    """All settings of the walkthrough.

    Attributes:
      seed: of the samples.
      temperature: of the samples.
      samples: texts to write.
      template: of the prompt.
      decoder: how texts are written.
      n_pred: texts kept.
      epsilon: weight of a text's log-probability, per nat.
      k1: of BM25.
      b: of BM25.
      pooling: how the columns become one score.
      modulation: whether texts are weighed by their probability.
      retrieval: how texts become items; the decoder's own where none is named.
      first: the recommender whose best items are ranked, where the retrieval is `rerank`, or
        scored, where the decoder cannot score all of a large shop.
      bought: where items of the history stand, in all rankings.
      count: what the simple rules that count purchases count.
      others: recommenders beside.
      text: the text that is shown token by token, by its place in the order drawn; -1 for none.
      explored: whether the search over the whole catalogue is shown.
      depth: how far that goes, a key of `demo.inspect.exploring.DEPTHS`.
      asked: id of an item that it is asked about besides the true one; empty for none.
    """

    seed: int = 0
    temperature: float = 0.5
    samples: int = 32
    template: str = "calrec"
    decoder: Decoder = "sample"
    n_pred: int = 10
    epsilon: float = 1 / 5000
    k1: float = 1.5
    b: float = 0.75
    pooling: Pooling = "max"
    modulation: bool = True
    retrieval: Retrieval = "bm25"
    first: str = FIRST_STAGE
    bought: Bought = "ranked"
    count: Count = "training"
    others: tuple[str, ...] = ("lir",)
    text: int = -1
    explored: bool = False
    depth: str = DEPTH
    asked: str = ""

    def ranking(self) -> RankingSettings:
        """How the samples become a ranking.

        Raises:
          CalrecError: if a value is out of its range.
        """
        try:
            return RankingSettings(
                n_pred=self.n_pred,
                epsilon=self.epsilon,
                pooling=self.pooling,
                modulation=self.modulation,
                retrieval=self.retrieval,
            )
        except ValueError as error:
            raise CalrecError(str(error)) from None

    @property
    def rules(self) -> Rules:
        """The same for all rankings on the page."""
        return Rules(bought=self.bought, count=self.count)

    def ranked_by(self) -> RankedBy:
        """How the samples become a ranking, and what stands beside it.

        Raises:
          CalrecError: if a value is out of its range.
        """
        return RankedBy(
            settings=self.ranking(),
            rules=self.rules,
            k1=self.k1,
            b=self.b,
            first_stage=self.first,
            others=self.others,
        )

    def generation_key(self, shop: Shop, history: tuple[str, ...]) -> GenerationKey:
        """Names the texts that these settings ask for after a history."""
        draws, limited = DECODERS[self.decoder].draws, candidates(shop, self.decoder)
        return GenerationKey(
            domain=shop.domain,
            fingerprint=shop.fingerprint,
            history=history,
            # What has no say makes no other texts.
            seed=self.seed if draws else DEFAULT.seed,
            temperature=self.temperature if draws else DEFAULT.temperature,
            samples=DEFAULT.samples if self.decoder == "likelihood" else self.samples,
            template=self.template,
            decoder=self.decoder,
            first="" if limited is None else self.first,
        )

    def with_texts_of(self, key: GenerationKey) -> WalkthroughAddress:
        """The settings by which texts were written, whatever the controls say of that by now."""
        return replace(
            self,
            decoder=key.decoder,
            first=key.first or self.first,
            seed=key.seed,
            temperature=key.temperature,
            samples=key.samples,
            template=key.template,
        )

    def controls(self) -> dict[str, Any]:
        """The values of the page's controls, by field."""
        return {
            **{field.name: getattr(self, field.name) for field in fields(self)},
            "others": list(self.others),
        }

    def query(self) -> dict[str, Any]:
        """What differs from the defaults, by name in the address."""
        changed = url.changed(self, replace(DEFAULT, retrieval=DECODERS[self.decoder].retrieval))
        if "modulation" in changed:
            changed["modulation"] = "no"
        if "explored" in changed:
            changed["explored"] = "1"
        if changed.get("others") == ():
            changed["others"] = "none"
        return {_NAMES.get(name, name): value for name, value in changed.items()}


DEFAULT = WalkthroughAddress()


def from_query(query: Query) -> WalkthroughAddress:
    """The settings of an address; what is missing, or none of ours, is the default."""

    def whole(name: str, low: int, high: int) -> int:
        key = _NAMES.get(name, name)
        return int(url.number(query, key, getattr(DEFAULT, name), low, high))

    def real(name: str, low: float, high: float) -> float:
        return url.number(query, name, getattr(DEFAULT, name), low, high)

    def one_of(name: str, known: Any) -> Any:
        value = url.one(query, name)
        return value if value in known else getattr(DEFAULT, name)

    others, rivals = query.get("with"), register.rivals()
    decoder: Decoder = one_of("decoder", DECODERS)
    retrieval: Any = url.one(query, "retrieval")
    return WalkthroughAddress(
        decoder=decoder,
        seed=whole("seed", 0, 2**32 - 1),
        temperature=real("temperature", 0.1, 1.5),
        samples=whole("samples", 1, 64),
        template=one_of("template", TEMPLATES),
        n_pred=whole("n_pred", 1, 32),
        epsilon=real("epsilon", 0.0, 1.0),
        k1=real("k1", 0.0, 5.0),
        b=real("b", 0.0, 1.0),
        pooling=one_of("pooling", get_args(Pooling)),
        modulation=url.one(query, "weighed") != "no",
        retrieval=retrieval if retrieval in get_args(Retrieval) else DECODERS[decoder].retrieval,
        first=one_of("first", rivals),
        bought=one_of("bought", get_args(Bought)),
        count=one_of("count", get_args(Count)),
        others=DEFAULT.others
        if others is None
        else tuple(name for name in register.rivals() if name in others),
        text=whole("text", -1, 63),
        explored=url.one(query, "explored") == "1",
        depth=one_of("depth", DEPTHS),
        asked=url.one(query, "asked"),
    )


def chosen(*values: Any) -> WalkthroughAddress:
    """The settings of the page's controls, in the order of `WalkthroughAddress`'s fields.

    A value that the control does not offer is the default.
    """
    names = [field.name for field in fields(WalkthroughAddress)]
    given = dict(zip(names, values, strict=True))
    query = {
        _NAMES.get(name, name): [str(value)]
        for name, value in given.items()
        if value is not None and name != "others"
    }
    query["weighed"] = ["yes" if given["modulation"] else "no"]
    query["explored"] = ["1" if given["explored"] else ""]
    query["with"] = [str(name) for name in given["others"] or ()]
    return from_query(query)
