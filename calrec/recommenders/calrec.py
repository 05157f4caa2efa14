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
from calrec.ranking.corpus import Corpus, ItemCorpus
from calrec.ranking.rank import check_first_stage, described, rank
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.protocol import Recommender, Shop
from calrec.records import Generation, Item, Ranking, Recommendation
from calrec.records.settings import RankingSettings

if TYPE_CHECKING:
    from calrec.model.backbone.config import Dtype


@dataclass(frozen=True, kw_only=True, eq=False)
class CALRec:
    """The generative recommender: sampled item texts, matched to a shop's items by BM25.

    Attributes:
      model: writes the texts.
      corpus: the N items that are ranked.
      ranking: how texts become a ranking where nothing else is asked for.
      first_stage: a recommender over the same items, whose best ones the retrieval `rerank` ranks;
        the other retrievals need none.
    """

    model: GenerativeModel
    corpus: ItemCorpus
    ranking: RankingSettings
    first_stage: Recommender | None = None

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
        return dataclasses.replace(self, model=model, corpus=corpus)

    def settings_with(
        self, *, ranking: RankingSettings | None = None, **given: Any
    ) -> dict[str, Any]:
        """The settings of a recommendation with these in place of the checkpoint's, seed aside.

        Raises:
          CalrecError: for a setting out of range, or a missing first stage.
        """
        ranking, first = ranking or self.ranking, self.first_stage
        check_first_stage(ranking, first)
        named = None if first is None else (first.name, first.settings)
        return {**self.model.settings(**given), **described(self.corpus, ranking, named)}

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        ranking: RankingSettings | None = None,
        **given: Any,
    ) -> Generator[Progress | Recommendation, None, None]:
        """Generates and ranks, showing the samples as they grow.

        Args:
          history: oldest item first; at least one.
          seed: of the samples.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.
          given: as of `GenerativeModel.stream`.

        Yields:
          `Progress` every few tokens, and at the end the `Recommendation`.

        Raises:
          CalrecError: for an empty history, a setting out of range, or a missing first stage.
        """
        check_first_stage(ranking or self.ranking, self.first_stage)
        with closing(self.model.stream(history, seed=seed, **given)) as updates:
            for update in updates:
                yield self.rank(update, ranking) if isinstance(update, Generation) else update

    def recommend(self, history: Sequence[Item], **given: Any) -> Recommendation:
        """The recommendation alone; settings as of `stream`."""
        *_, last = self.stream(history, **given)
        if not isinstance(last, Recommendation):
            raise RuntimeError("a stream ended without its recommendation")
        return last

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
        check_first_stage(ranking or self.ranking, self.first_stage)
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
