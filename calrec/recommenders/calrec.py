"""CALRec: history in, ranking out, every step kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.errors import CalrecError
from calrec.generation.model import GenerativeModel, Progress
from calrec.generation.trie.exploring import COUNT, FIRST, explore
from calrec.generation.trie.progress import Searching, outcome
from calrec.generation.trie.writing import ItemTexts, best
from calrec.generation.trie.writing import stream as written_by_steps
from calrec.ranking.corpus import Corpus, ItemCorpus
from calrec.ranking.rank import check_first_stage, described, rank
from calrec.ranking.rerank import candidates
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Recommender, Shop
from calrec.records import Generation, Item, Ranking, Recommendation
from calrec.records.decoders import DECODERS
from calrec.records.exploration import WIDEST_FIRST, Attribute, Exploration
from calrec.records.settings import Decoder, RankingSettings

if TYPE_CHECKING:
    from calrec.generation.trie.beam import Beam
    from calrec.model.backbone.config import Dtype

MOST = 2_000
"""Items of the largest shop all of whose likelihoods are computed where no candidates are named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class CALRec:
    """The generative recommender: texts of the next item, matched to a shop's items.

    In the paper they are drawn freely and matched by BM25. The other decoders write nothing but
    items' own texts, and rank the items by the exact log-probability of these.

    Attributes:
      model: writes the texts.
      corpus: the N items that are ranked.
      texts: the same items, for the decoders that are bound to them.
      ranking: how texts become a ranking where nothing else is asked for.
      first_stage: a recommender over the same items, whose best ones the retrieval `rerank` ranks,
        and the decoder `likelihood` if so asked; the others need none.
      decoder: how the texts are written.
      candidates: for `likelihood`, how many of the first stage's best items; `None` is all items.
    """

    model: GenerativeModel
    corpus: ItemCorpus
    texts: ItemTexts
    ranking: RankingSettings
    first_stage: Recommender | None = None
    decoder: Decoder = "sample"
    candidates: int | None = None

    @classmethod
    def from_checkpoint(
        cls,
        path_or_name: str | Path,
        corpus: Corpus,
        items: Sequence[Item],
        *,
        first_stage: Recommender | None = None,
        dtype: Dtype | None = "float32",
        models: Path | None = None,
    ) -> CALRec:
        """Loads a checkpoint (see `GenerativeModel.from_checkpoint`) to rank a shop's items.

        Raises:
          CalrecError: if there is no such checkpoint, or it is damaged.
        """
        model = GenerativeModel.from_checkpoint(path_or_name, dtype=dtype, models=models)
        return cls.over(model, corpus, items, first_stage=first_stage)

    @classmethod
    def over(
        cls,
        model: GenerativeModel,
        corpus: Corpus,
        items: Sequence[Item],
        *,
        first_stage: Recommender | None = None,
    ) -> CALRec:
        """A model over a shop; the weights are shared.

        Args:
          model: writes the texts.
          corpus: BM25 of the N items.
          items: the same N items.
          first_stage: see the class.

        Raises:
          CalrecError: if corpus and items are not as many.
        """
        return cls(
            model=model,
            corpus=ItemCorpus.of(corpus, items, model.text),
            texts=ItemTexts(model=model, items=items),
            ranking=model.description.ranking,
            first_stage=first_stage,
        )

    @property
    def name(self) -> str:
        """Its id among the recommenders."""
        return "calrec"

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shapes a recommendation, seed aside; JSON-able."""
        return self.settings_with()

    def with_template(self, name: str) -> CALRec:
        """The same over a model with another prompt template; see `GenerativeModel`."""
        model = self.model.with_template(name)
        corpus = dataclasses.replace(self.corpus, text=model.text)
        texts = self.texts.behind(model)
        return dataclasses.replace(self, model=model, corpus=corpus, texts=texts)

    def with_decoder(self, decoder: Decoder, candidates: int | None = None) -> CALRec:
        """The same with another decoder; the trie of the items is shared.

        All but `sample` then rank by exact match (`calrec.ranking.exact`) where nothing else is
        asked for.

        Args:
          decoder: how texts are written.
          candidates: for `likelihood`, how many of the first stage's best items are scored.
        """
        ranking = self.ranking
        if (kind := DECODERS[decoder]).bound:
            ranking = dataclasses.replace(ranking, retrieval=kind.retrieval)
        return dataclasses.replace(self, decoder=decoder, candidates=candidates, ranking=ranking)

    def settings_with(
        self, *, ranking: RankingSettings | None = None, **given: Any
    ) -> dict[str, Any]:
        """The settings of a recommendation with these in place of the checkpoint's, seed aside.

        Raises:
          CalrecError: for a setting out of range, or a missing first stage.
        """
        ranking, first = ranking or self.ranking, self.first_stage
        self._check(ranking)
        named = None if first is None else (first.name, first.settings)
        written = {**self.model.settings(**given), **self._decoding()}
        return {**written, **described(self.corpus, ranking, named)}

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        ranking: RankingSettings | None = None,
        **given: Any,
    ) -> Generator[Progress | Searching | Recommendation, None, None]:
        """Generates and ranks, showing how far it is. Closing the iterator stops the work.

        Args:
          history: oldest item first; at least one.
          seed: of the samples.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.
          given: as of `GenerativeModel.stream`.

        Yields:
          `Progress` every few tokens, or `Searching` of a decoder over the items' texts, and at the
          end the `Recommendation`.

        Raises:
          CalrecError: for an empty history, a setting out of range, or a missing first stage.
        """
        self._check(ranking or self.ranking)
        if self.decoder != "sample":
            yield (yield from self._decoded(history, seed, ranking, given))
            return
        with closing(self.model.stream(history, seed=seed, **given)) as updates:
            for update in updates:
                yield self.rank(update, ranking) if isinstance(update, Generation) else update

    def recommend(self, history: Sequence[Item], **given: Any) -> Recommendation:
        """The recommendation alone; settings as of `stream`."""
        *_, last = self.stream(history, **given)
        if not isinstance(last, Recommendation):
            raise RuntimeError("a stream ended without its recommendation")
        return last

    def beam(self, history: Sequence[Item], count: int = 10) -> Beam:
        """The search behind the decoder `trie-beam`, whatever this one's decoder is.

        It tells where an item left the beam, and holds all that is known of the trie.

        Args:
          history: oldest item first; at least one.
          count: how many texts to find.

        Raises:
          CalrecError: for an empty history.
        """
        return best(self.texts, history, count)

    def explore(
        self,
        history: Sequence[Item],
        item_ids: Sequence[str] = (),
        *,
        count: int | None = COUNT,
        first: int = FIRST,
        levels: Sequence[Attribute] = WIDEST_FIRST,
    ) -> Exploration:
        """The same search as a tree of attribute values, and what became of some items in it.

        Args:
          history: oldest item first; at least one.
          item_ids: of items whose ways are told token by token.
          count: how many texts to look for; `None` reads all, of at most `MOST` items.
          first: how many items count as the first ones.
          levels: by which attributes the tree branches.

        Raises:
          CalrecError: for an empty history, an unknown item, or a setting out of range.
        """
        index = {item_id: i for i, item_id in enumerate(self.corpus.item_ids)}
        for item_id in item_ids:
            if item_id not in index:
                raise CalrecError(
                    f"expected an item of the shop, found {item_id!r}; choose one of its catalogue"
                )
        if count is None and len(index) > MOST:
            raise CalrecError(
                f"expected a number of texts to look for in a shop of more than {MOST:,} items,"
                f" found {len(index):,} items and none; name one"
            )
        asked = [index[item_id] for item_id in item_ids]
        return explore(self.texts, history, levels=levels, asked=asked, count=count, first=first)

    def recommend_many(
        self,
        histories: Sequence[Sequence[Item]],
        seeds: Sequence[int],
        *,
        ranking: RankingSettings | None = None,
        width: int = 8,
        **given: Any,
    ) -> Generator[tuple[int, Recommendation], None, None]:
        """Recommends for many users, several at a time; each as `recommend` would.

        Args:
          histories: one per user, oldest item first.
          seeds: one per user.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.
          width: users whose samples are drawn side by side.
          given: as of `stream`.

        Yields:
          each user's number and recommendation, in the order of finishing.

        Raises:
          CalrecError: as `stream`.
        """
        self._check(ranking or self.ranking)
        if self.decoder != "sample":
            for user, (history, seed) in enumerate(zip(histories, seeds, strict=True)):
                yield user, outcome(self._decoded(history, seed, ranking, given))
            return
        written = self.model.generate_many(histories, seeds, width=width, **given)
        for user, generation in written:
            yield user, self.rank(generation, ranking)

    def rank(
        self,
        generation: Generation,
        ranking: RankingSettings | None = None,
        *,
        corpus: Corpus | None = None,
    ) -> Recommendation:
        """A generation ranked, with these settings; nothing is sampled.

        Args:
          generation: of any model.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.
          corpus: BM25 of the same items with other settings.

        Raises:
          CalrecError: for a generation without samples, a missing first stage, or a corpus of other
            items.
        """
        ranking, items = ranking or self.ranking, self.corpus
        if corpus is not None:
            if corpus.item_ids != items.item_ids:
                raise CalrecError(
                    f"expected BM25 of the same {len(items.item_ids)} items, found"
                    f" {len(corpus.item_ids)} other ones; make it from the same catalogue"
                )
            items = dataclasses.replace(items, bm25=corpus)
        return Recommendation(
            history=generation.history,
            generation=generation,
            ranking=rank(
                generation,
                items,
                ranking,
                first_stage=self._first_stage(generation.history, ranking),
            ),
        )

    def _decoded(
        self,
        history: Sequence[Item],
        seed: int,
        ranking: RankingSettings | None,
        given: Mapping[str, Any],
    ) -> Generator[Searching, None, Recommendation]:
        """That of a decoder over the items' texts, step by step."""
        texts = self.texts
        if self.candidates is not None and self.first_stage is not None:
            first = self.first_stage.recommend(history).ranking
            texts = texts.only(candidates(first.scores, self.candidates))
        written = yield from written_by_steps(
            texts, history, decoder=self.decoder, seed=seed, **given
        )
        settings = {**written.generation.settings, **self._decoding()}
        generation = dataclasses.replace(written.generation, settings=settings)
        record = self.rank(generation, ranking)
        return dataclasses.replace(record, parts={"decoding": written.facts()})

    def _decoding(self) -> dict[str, Any]:
        """What the settings say of the decoder; nothing of the paper's."""
        if self.decoder == "sample":
            return {}
        if self.candidates is None or self.first_stage is None:
            return {"decoder": self.decoder}
        first = {"recommender": self.first_stage.name, "settings": dict(self.first_stage.settings)}
        return {"decoder": self.decoder, "candidates": {"count": self.candidates, **first}}

    def _check(self, ranking: RankingSettings) -> None:
        """Refuses what lacks a first stage, or would take minutes."""
        check_first_stage(ranking, self.first_stage)
        items = len(self.texts.items)
        if self.candidates is not None and (self.decoder != "likelihood" or self.candidates < 1):
            raise CalrecError(
                f"expected a number of candidates from 1 up with the decoder likelihood, found"
                f" {self.candidates} with {self.decoder}; leave it out"
            )
        if self.candidates is not None and self.first_stage is None:
            raise CalrecError(
                "expected a first stage whose best items are the candidates, found none; give one"
                " as first_stage"
            )
        if self.decoder == "likelihood" and self.candidates is None and items > MOST:
            raise CalrecError(
                f"expected candidates for the likelihood of more than {MOST:,} items, found"
                f" {items:,} items; name a number of candidates, or choose trie-beam"
            )

    def _first_stage(self, history: Sequence[Item], ranking: RankingSettings) -> Ranking | None:
        if ranking.retrieval != "rerank" or self.first_stage is None:
            return None
        return self.first_stage.recommend(history).ranking


def _build(inputs: Inputs) -> CALRec:
    return CALRec.from_checkpoint(
        inputs.required_checkpoint(ENTRY),
        inputs.shop.corpus(),
        inputs.shop.items,
        first_stage=inputs.first_stage,
    )


def fits(folder: Path, shop: Shop) -> bool:
    """Whether a folder holds a checkpoint of the model, which serves any shop."""
    return (folder / "calrec.json").is_file()


ENTRY = Entry(
    id="calrec",
    label="CALRec",
    sentence="Looks for the items that the kept texts describe.",
    needs=frozenset({"checkpoint", "texts"}),
    build=_build,
    fits=fits,
    generative=True,
    reads_model=True,
    decimals=5,
)
