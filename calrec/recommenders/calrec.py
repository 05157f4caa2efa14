"""CALRec: history in, ranking out, every step kept."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from calrec.errors import CalrecError
from calrec.generation.samples import samples_of
from calrec.ranking.corpus import Corpus
from calrec.ranking.hierarchical import AttributeIndex
from calrec.ranking.retrieval import Retrieval
from calrec.recommenders.protocol import Recommender
from calrec.records import Item
from calrec.records.recommendation import Recommendation, Sample, check_history
from calrec.records.settings import RankingSettings
from calrec.text import item_text
from calrec.text.prompt import Prompt, build_prompt

if TYPE_CHECKING:
    from calrec.generation.sampler import Sampler
    from calrec.model.backbone.config import Dtype
    from calrec.model.checkpoint import Description
    from calrec.model.embeddings import Embedder
    from calrec.records.settings import SamplingSettings
    from calrec.tokenizer import Tokenizer


_NO_CORPUS = "expected a corpus to rank, found none: call with_corpus first"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a generation is.

    Attributes:
      step: tokens decoded of each sample.
      limit: the most that will be.
      samples: all samples as they stand, in the order drawn; unfinished ones with the text and
        score (nats) so far.
    """

    step: int
    limit: int
    samples: tuple[Sample, ...]


class CALRec:
    """The generative recommender: 32 sampled item texts, matched to the catalogue by BM25.

    Holds weights and settings only; safe to share between users.

    Attributes:
      name: "calrec".
      description: what the checkpoint says of itself.
    """

    name = "calrec"

    def __init__(
        self,
        sampler: Sampler,
        tokenizer: Tokenizer,
        description: Description,
        sampling: SamplingSettings,
    ) -> None:
        """See `from_checkpoint`."""
        self._sampler = sampler
        self._tokenizer = tokenizer
        self._sampling = sampling
        self._text = description.text
        self._corpus: Corpus | None = None
        self._attributes: AttributeIndex | None = None
        self._retrieval: Retrieval | None = None
        self.description = description

    @classmethod
    def from_checkpoint(
        cls, path_or_name: str | Path, *, dtype: Dtype | None = "float32"
    ) -> CALRec:
        """Loads an exported folder, or a shipped checkpoint by name (`sample`).

        Args:
          path_or_name: which.
          dtype: what the model computes in; None is what its weights are stored in. bfloat16 saves
            memory, and time on an accelerator; on a CPU it saves none.

        Raises:
          CalrecError: if there is none, or it is damaged.
        """
        from calrec.generation.sampler import Sampler
        from calrec.model import checkpoint
        from calrec.records.settings import SamplingSettings

        folder = checkpoint.resolve(path_or_name)
        model, tokenizer, description = checkpoint.load(folder, dtype=dtype)
        try:
            sampling = SamplingSettings(**description.sampling)
        except (TypeError, ValueError) as error:
            raise CalrecError(f"{folder}/calrec.json: sampling settings: {error}") from None
        positions = description.decoder.max_position_embeddings
        if description.max_prompt_tokens + sampling.max_new_tokens > positions:
            raise CalrecError(
                f"{folder}/calrec.json: expected prompt and new tokens within the model's"
                f" {positions} positions, found {description.max_prompt_tokens} and"
                f" {sampling.max_new_tokens}; train and export it again"
            )
        return cls(Sampler(model, tokenizer.end_id), tokenizer, description, sampling)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shapes a recommendation, JSON-able."""
        settings = {
            "text": dataclasses.asdict(self._text),
            "max_prompt_tokens": self.description.max_prompt_tokens,
            "sampling": dataclasses.asdict(self._sampling),
            "ranking": dataclasses.asdict(self.description.ranking),
        }
        if self._corpus is not None:
            settings["bm25"] = dataclasses.asdict(self._corpus.settings)
        return settings

    def with_corpus(
        self, corpus: Corpus, items: Sequence[Item], *, first_stage: Recommender | None = None
    ) -> CALRec:
        """The same model over a corpus; the weights are shared.

        Args:
          corpus: scores of the N items.
          items: the same N items.
          first_stage: a recommender over the same N items, whose best ones the retrieval `rerank`
            ranks; the other retrievals need none.

        Raises:
          CalrecError: if these are not as many.
        """
        if len(items) != len(corpus.item_ids):
            raise CalrecError(
                f"expected the corpus's {len(corpus.item_ids)} items, found {len(items)}"
            )
        other = copy.copy(self)
        other._corpus = corpus
        other._attributes = AttributeIndex(items, self._text)
        other._retrieval = Retrieval(
            corpus=corpus,
            attributes=other._attributes,
            text=self._text,
            first_stage=first_stage,
        )
        return other

    def with_first_stage(self, first_stage: Recommender) -> CALRec:
        """The same model and corpus with another recommender for the retrieval `rerank`.

        Raises:
          CalrecError: if there is no corpus.
        """
        if self._retrieval is None:
            raise CalrecError(_NO_CORPUS)
        other = copy.copy(self)
        other._retrieval = dataclasses.replace(self._retrieval, first_stage=first_stage)
        return other

    def with_template(self, name: str) -> CALRec:
        """The same model with another prompt template than it was trained on (paper, Table 6).

        Corpus and items stay; only what stands around the items of a history changes. `settings`
        name the template; `description` remains that of the checkpoint.

        Args:
          name: a key of `calrec.text.TEMPLATES`.

        Raises:
          CalrecError: if there is no such template.
        """
        other = copy.copy(self)
        try:
            other._text = dataclasses.replace(self._text, template=name)
        except ValueError as error:
            raise CalrecError(f"{error}; choose one of them") from None
        if self._retrieval is not None:
            other._retrieval = dataclasses.replace(self._retrieval, text=other._text)
        return other

    def prompt(self, history: Sequence[Item]) -> Prompt:
        """The prompt that the model reads for a history, oldest item first.

        Raises:
          CalrecError: if the history is empty, or the token budget too small for any item.
        """
        check_history(history)
        texts = [item_text(item, self._text) for item in history]
        budget = self.description.max_prompt_tokens
        try:
            return build_prompt(texts, self._tokenizer, self._text, budget)
        except ValueError as error:
            raise CalrecError(str(error)) from None

    def embedder(self) -> Embedder:
        """Embeds items and histories with this model, as it reads them to recommend."""
        from calrec.model.embeddings import Embedder

        return Embedder(
            self._sampler.model,
            self._tokenizer,
            self._text,
            max_prompt_tokens=self.description.max_prompt_tokens,
            max_target_tokens=self._sampling.max_new_tokens,
        )

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        temperature: float | None = None,
        samples: int | None = None,
        alternatives: int | None = None,
        ranking: RankingSettings | None = None,
    ) -> Iterator[Progress | Recommendation]:
        """Generates and ranks, showing the samples as they grow.

        The same seed, history and checkpoint give the same samples, whatever else runs. Closing
        the iterator stops the work.

        Args:
          history: oldest item first; at least one.
          seed: of the samples.
          temperature: in place of the checkpoint's.
          samples: texts to draw, in place of the checkpoint's.
          alternatives: most probable tokens to keep beside each drawn one.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.

        Yields:
          `Progress` every few tokens, and at the end the `Recommendation`.

        Raises:
          CalrecError: for an empty history, a setting out of range, a missing corpus or first
            stage.
        """
        ranking = ranking or self.description.ranking
        self._ready(ranking)
        sampling = self._sampling_with(
            temperature=temperature, samples=samples, alternatives=alternatives
        )
        prompt = self.prompt(history)
        start = time.perf_counter()
        for drawn in self._sampler.stream(prompt.token_ids, seed, sampling):
            texts = samples_of(drawn, self._tokenizer, self._attributes)
            yield Progress(step=drawn.step, limit=sampling.max_new_tokens, samples=texts)
        seconds = time.perf_counter() - start
        yield self._rank(history, prompt, texts, self._settings(sampling, seed), seconds, ranking)

    def recommend(self, history: Sequence[Item], **settings: Any) -> Recommendation:
        """The recommendation alone; settings as of `stream`."""
        *_, last = self.stream(history, **settings)
        return last

    def recommend_many(
        self,
        histories: Sequence[Sequence[Item]],
        seeds: Sequence[int],
        *,
        temperature: float | None = None,
        samples: int | None = None,
        ranking: RankingSettings | None = None,
        width: int = 8,
    ) -> Iterator[tuple[int, Recommendation]]:
        """Recommends for many users, several at a time; each as `recommend` would.

        Args:
          histories: one per user, oldest item first.
          seeds: one per user.
          temperature: in place of the checkpoint's.
          samples: texts to draw for each, in place of the checkpoint's.
          ranking: how the samples become a ranking, in place of the checkpoint's settings.
          width: users whose samples are drawn side by side.

        Yields:
          each user's number and recommendation, in the order of finishing; as the time of its
          samples, what has passed since the one before.

        Raises:
          CalrecError: for an empty history, a setting out of range, a missing corpus or first
            stage.
        """
        ranking = ranking or self.description.ranking
        self._ready(ranking)
        sampling = self._sampling_with(temperature=temperature, samples=samples)
        prompts = [self.prompt(history) for history in histories]
        ids = [prompt.token_ids for prompt in prompts]
        start = time.perf_counter()
        for user, drawn in self._sampler.many(ids, seeds, sampling, width=width):
            seconds = time.perf_counter() - start
            settings = self._settings(sampling, seeds[user])
            texts = samples_of(drawn, self._tokenizer, self._attributes)
            yield (
                user,
                self._rank(histories[user], prompts[user], texts, settings, seconds, ranking),
            )
            start = time.perf_counter()

    def rank_again(
        self,
        record: Recommendation,
        ranking: RankingSettings,
        *,
        corpus: Corpus | None = None,
    ) -> Recommendation:
        """A record's samples ranked with other settings; nothing is sampled.

        Args:
          record: of this model; one read from a case file becomes whole again.
          ranking: how the samples become a ranking.
          corpus: the same items with other settings of BM25.

        Raises:
          CalrecError: for a record without samples, a missing corpus or first stage, or a corpus of
            other items.
        """
        if not record.samples:
            raise CalrecError(
                "expected a record with samples to rank again, found one of "
                f"{record.recommender!r} without; rank one of {self.name!r}"
            )
        retrieval = self._ready(ranking)
        if corpus is not None:
            if corpus.item_ids != retrieval.corpus.item_ids:
                raise CalrecError(
                    f"expected BM25 of the same {len(retrieval.corpus.item_ids)} items, found"
                    f" {len(corpus.item_ids)} other ones; make it from the same catalogue"
                )
            retrieval = dataclasses.replace(retrieval, corpus=corpus)
        return retrieval.rank(record, ranking)

    def settings_with(
        self,
        *,
        temperature: float | None = None,
        samples: int | None = None,
        ranking: RankingSettings | None = None,
    ) -> Mapping[str, Any]:
        """The settings of a recommendation with these in place of the checkpoint's, seed aside.

        Raises:
          CalrecError: for a setting out of range, a missing corpus or first stage.
        """
        ranking = ranking or self.description.ranking
        sampling = self._sampling_with(temperature=temperature, samples=samples)
        return {
            **self.settings,
            "sampling": dataclasses.asdict(sampling),
            **self._ready(ranking).settings(ranking),
        }

    def _sampling_with(self, **given: Any) -> SamplingSettings:
        try:
            return dataclasses.replace(
                self._sampling, **{k: v for k, v in given.items() if v is not None}
            )
        except ValueError as error:
            raise CalrecError(str(error)) from None

    def _settings(self, sampling: SamplingSettings, seed: int) -> Mapping[str, Any]:
        return {**self.settings, "sampling": dataclasses.asdict(sampling), "seed": seed}

    def _rank(
        self,
        history: Sequence[Item],
        prompt: Prompt,
        samples: tuple[Sample, ...],
        settings: Mapping[str, Any],
        seconds: float,
        ranking: RankingSettings,
    ) -> Recommendation:
        """The record of the finished samples, ranked."""
        n_items = len(self._corpus.item_ids)
        none = np.zeros((n_items, 0))
        unranked = Recommendation(
            recommender=self.name,
            settings=settings,
            history=tuple(history),
            prompt=prompt.text,
            prompt_tokens=len(prompt.token_ids),
            items_cut=prompt.items_cut,
            samples=samples,
            rows=np.arange(n_items),
            item_ids=self._corpus.item_ids,
            raw=none,
            scaled=none,
            modulated=none,
            scores=np.zeros(n_items),
            corpus_size=n_items,
            timings={"sample": seconds},
        )
        return self._ready(ranking).rank(unranked, ranking)

    def _ready(self, ranking: RankingSettings) -> Retrieval:
        if self._retrieval is None:
            raise CalrecError(_NO_CORPUS)
        self._retrieval.check(ranking)
        return self._retrieval
