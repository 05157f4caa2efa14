"""The protocol of recommenders, and CALRec: history in, ranking out, every step kept."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from jaxtyping import Float

from calrec.errors import CalrecError
from calrec.prompt import Prompt, build_prompt
from calrec.ranking import AttributeIndex, keep, match
from calrec.recommendation import Recommendation, Sample, check_history
from calrec.text import Item, item_text, parse, query_words

if TYPE_CHECKING:
    from calrec.checkpoint import Description
    from calrec.sampling import Drawn, Sampler, SamplingSettings
    from calrec.tokenizer import Tokenizer


class Corpus(Protocol):
    """What a recommender needs of a catalogue: BM25 scores of every item.

    Attributes:
      item_ids: the ids of its N items, in the order of the scores.
      settings: a dataclass of BM25's settings.
    """

    item_ids: tuple[str, ...]
    settings: Any

    def scores(self, queries: Sequence[Sequence[str]]) -> Float[np.ndarray, "N Q"]:
        """Raw BM25 of every item against each of Q word lists; higher is better."""
        ...


class Recommender(Protocol):
    """Anything that ranks a corpus for a history."""

    name: str
    settings: Mapping[str, Any]

    def recommend(self, history: Sequence[Item]) -> Recommendation:
        """The ranking for a history, oldest item first."""
        ...


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
        self._corpus: Corpus | None = None
        self._attributes: AttributeIndex | None = None
        self.description = description

    @classmethod
    def from_checkpoint(cls, path_or_name: str | Path) -> CALRec:
        """Loads an exported folder, or a shipped checkpoint by name (`sample`).

        Raises:
          CalrecError: if there is none, or it is damaged.
        """
        from calrec import checkpoint
        from calrec.sampling import Sampler, SamplingSettings

        folder = checkpoint.resolve(path_or_name)
        model, tokenizer, description = checkpoint.load(folder)
        try:
            sampling = SamplingSettings(**description.sampling)
        except (TypeError, ValueError) as error:
            raise CalrecError(f"{folder}/calrec.json: sampling settings: {error}") from None
        return cls(Sampler(model, tokenizer.end_id), tokenizer, description, sampling)

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting that shapes a recommendation, JSON-able."""
        settings = {
            "text": dataclasses.asdict(self.description.text),
            "max_prompt_tokens": self.description.max_prompt_tokens,
            "sampling": dataclasses.asdict(self._sampling),
            "ranking": dataclasses.asdict(self.description.ranking),
        }
        if self._corpus is not None:
            settings["bm25"] = dataclasses.asdict(self._corpus.settings)
        return settings

    def with_corpus(self, corpus: Corpus, items: Sequence[Item]) -> CALRec:
        """The same model over a corpus; the weights are shared.

        Args:
          corpus: scores of the N items.
          items: the same N items.

        Raises:
          CalrecError: if these are not as many.
        """
        if len(items) != len(corpus.item_ids):
            raise CalrecError(
                f"expected the corpus's {len(corpus.item_ids)} items, found {len(items)}"
            )
        other = copy.copy(self)
        other._corpus = corpus
        other._attributes = AttributeIndex(items, self.description.text)
        return other

    def prompt(self, history: Sequence[Item]) -> Prompt:
        """The prompt that the model reads for a history, oldest item first.

        Raises:
          CalrecError: if the history is empty.
        """
        check_history(history)
        settings = self.description.text
        texts = [item_text(item, settings) for item in history]
        return build_prompt(texts, self._tokenizer, settings, self.description.max_prompt_tokens)

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        temperature: float | None = None,
        samples: int | None = None,
    ) -> Iterator[Progress | Recommendation]:
        """Generates and ranks, showing the samples as they grow.

        The same seed, history and checkpoint give the same samples, whatever else runs. Closing
        the iterator stops the work.

        Args:
          history: oldest item first; at least one.
          seed: of the samples.
          temperature: in place of the checkpoint's.
          samples: texts to draw, in place of the checkpoint's.

        Yields:
          `Progress` every few tokens, and at the end the `Recommendation`.

        Raises:
          CalrecError: for an empty history, a setting out of range, or a missing corpus.
        """
        if self._corpus is None or self._attributes is None:
            raise CalrecError("expected a corpus to rank, found none: call with_corpus first")
        given = {"temperature": temperature, "samples": samples}
        try:
            sampling = dataclasses.replace(
                self._sampling, **{k: v for k, v in given.items() if v is not None}
            )
        except ValueError as error:
            raise CalrecError(str(error)) from None
        prompt = self.prompt(history)
        start = time.perf_counter()
        for drawn in self._sampler.stream([prompt.token_ids], [seed], sampling):
            texts = self._samples(drawn)
            yield Progress(step=drawn.step, limit=sampling.max_new_tokens, samples=texts)
        sampled = time.perf_counter()
        settings = {
            **self.settings,
            "sampling": dataclasses.asdict(sampling),
            "seed": seed,
        }
        yield self._rank(tuple(history), prompt, texts, settings, sampled - start)

    def recommend(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        temperature: float | None = None,
        samples: int | None = None,
    ) -> Recommendation:
        """The recommendation alone; see `stream`."""
        *_, last = self.stream(history, seed=seed, temperature=temperature, samples=samples)
        return last

    def _samples(self, drawn: Drawn) -> tuple[Sample, ...]:
        """The first user's samples as records, not yet ranked."""
        records = []
        for order, length in enumerate(drawn.lengths[0]):
            ids = drawn.tokens[0, order, :length].tolist()
            log_probs = drawn.log_probs[0, order, :length].astype(float)
            text = self._tokenizer.decode(ids)
            attributes = parse(text)
            records.append(
                Sample(
                    text=text,
                    token_ids=tuple(ids),
                    log_probs=tuple(log_probs.tolist()),
                    tempered_log_probs=tuple(
                        drawn.tempered[0, order, :length].astype(float).tolist()
                    ),
                    score=float(log_probs.sum()),
                    order=order,
                    finished=bool(drawn.finished[0, order]),
                    attributes=attributes,
                    match_level=self._attributes.level(attributes),
                )
            )
        return tuple(records)

    def _rank(
        self,
        history: tuple[Item, ...],
        prompt: Prompt,
        samples: tuple[Sample, ...],
        settings: Mapping[str, Any],
        seconds: float,
    ) -> Recommendation:
        """Algorithm 1 over the finished samples."""
        start = time.perf_counter()
        text, ranking = self.description.text, self.description.ranking
        kept, why_not = keep([s.text for s in samples], [s.score for s in samples], ranking.n_pred)
        columns = tuple(samples[i].text for i in kept)
        scores = tuple(samples[i].score for i in kept)
        raw = self._corpus.scores([query_words(column, text) for column in columns])
        matched = match(raw, scores, ranking)
        return Recommendation(
            recommender=self.name,
            settings=settings,
            history=history,
            prompt=prompt.text,
            prompt_tokens=len(prompt.token_ids),
            items_cut=prompt.items_cut,
            samples=tuple(
                dataclasses.replace(sample, kept=i in kept, why_not=why_not[i])
                for i, sample in enumerate(samples)
            ),
            columns=columns,
            column_scores=scores,
            rows=np.arange(len(matched.scores)),
            item_ids=self._corpus.item_ids,
            raw=matched.raw,
            scaled=matched.scaled,
            modulated=matched.modulated,
            scores=matched.scores,
            corpus_size=len(matched.scores),
            timings={"sample": seconds, "match": time.perf_counter() - start},
        )
