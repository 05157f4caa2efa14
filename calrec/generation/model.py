"""The generative model: a history in, texts of the next purchase out; it knows no catalogue."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from calrec.errors import CalrecError
from calrec.generation.samples import samples_of
from calrec.records import Generation, Item, Sample, check_history
from calrec.records.settings import SamplingSettings
from calrec.text import TextSettings, item_text
from calrec.text.prompt import Prompt, build_prompt

if TYPE_CHECKING:
    from calrec.generation.sampler import Sampler
    from calrec.generation.trie.likelihood import Likelihoods
    from calrec.generation.trie.reading import TrieReader
    from calrec.generation.trie.trie import Trie
    from calrec.model.backbone.config import Dtype
    from calrec.model.checkpoint import Description
    from calrec.model.embeddings import Embedder
    from calrec.records.attribution import Attribution
    from calrec.tokenizer import Tokenizer


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


@dataclass(frozen=True, kw_only=True, eq=False)
class GenerativeModel:
    """Weights, tokenizer and text; safe to share between users.

    Attributes:
      sampler: draws tokens with the weights.
      tokenizer: between texts and tokens.
      description: what the checkpoint says of itself.
      sampling: how texts are drawn where nothing else is asked for.
      text: how items become text.
    """

    sampler: Sampler
    tokenizer: Tokenizer
    description: Description
    sampling: SamplingSettings
    text: TextSettings

    @classmethod
    def from_checkpoint(
        cls,
        path_or_name: str | Path,
        *,
        dtype: Dtype | None = "float32",
        models: Path | None = None,
    ) -> GenerativeModel:
        """Loads an exported folder, or a shipped checkpoint by name (`sample`).

        Args:
          path_or_name: which.
          dtype: what the model computes in; None is what its weights are stored in. bfloat16 saves
            memory, and time on an accelerator; on a CPU it saves none.
          models: where the base of adapters lies (`calrec.model.checkpoint.load`).

        Raises:
          CalrecError: if there is none, or it is damaged, or a base is missing.
        """
        from calrec.generation.sampler import Sampler
        from calrec.model import checkpoint

        folder = checkpoint.resolve(path_or_name)
        model, tokenizer, description = checkpoint.load(folder, dtype=dtype, models=models)
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
        return cls(
            sampler=Sampler(model, tokenizer.end_id),
            tokenizer=tokenizer,
            description=description,
            sampling=sampling,
            text=description.text,
        )

    def with_template(self, name: str) -> GenerativeModel:
        """The same model with another prompt template than it was trained on (paper, Table 6).

        `description` remains that of the checkpoint; `settings` name the template.

        Args:
          name: a key of `calrec.text.TEMPLATES`.

        Raises:
          CalrecError: if there is no such template.
        """
        try:
            text = dataclasses.replace(self.text, template=name)
        except ValueError as error:
            raise CalrecError(f"{error}; choose one of them") from None
        return dataclasses.replace(self, text=text)

    def settings(self, **given: Any) -> dict[str, Any]:
        """Every setting that shapes a generation, seed aside; JSON-able.

        `begin` is the model's token in front of every prompt; it is absent where it has none.

        Args:
          given: fields of `SamplingSettings` in place of the checkpoint's; `None` leaves them.

        Raises:
          CalrecError: for a value out of range.
        """
        begin = self.tokenizer.begin_id
        return {
            "text": dataclasses.asdict(self.text),
            "max_prompt_tokens": self.description.max_prompt_tokens,
            "sampling": dataclasses.asdict(self._sampling(given)),
            **({} if begin is None else {"begin": self.tokenizer.piece(begin)}),
        }

    def prompt(self, history: Sequence[Item]) -> Prompt:
        """The prompt that the model reads for a history, oldest item first.

        Raises:
          CalrecError: if the history is empty, or the token budget too small for any item.
        """
        check_history(history)
        texts = [item_text(item, self.text) for item in history]
        budget = self.description.max_prompt_tokens
        try:
            return build_prompt(texts, self.tokenizer, self.text, budget)
        except ValueError as error:
            raise CalrecError(str(error)) from None

    def embedder(self, *, batch_tokens: int = 2048) -> Embedder:
        """Embeds items and histories with this model, as it reads them to recommend.

        Args:
          batch_tokens: see `Embedder`.
        """
        from calrec.model.embeddings import Embedder

        return Embedder(
            self.sampler.model,
            self.tokenizer,
            self.text,
            max_prompt_tokens=self.description.max_prompt_tokens,
            max_target_tokens=self.sampling.max_new_tokens,
            batch_tokens=batch_tokens,
        )

    def trie(self, items: Sequence[Item]) -> Trie:
        """The trie of the items' texts, cut as a target is in training: to the most new tokens.

        Takes a second for 100,000 items; whoever ranks a shop keeps it.

        Args:
          items: at least one; they are numbered by their place.

        Raises:
          CalrecError: if there is none.
        """
        from calrec.generation.trie.trie import Trie

        texts = [item_text(item, self.text) for item in items]
        distinct = list(dict.fromkeys(texts))
        ids = dict(zip(distinct, self.tokenizer.encode(distinct), strict=True))
        room = self.sampling.max_new_tokens - 1
        return Trie.of([ids[text][:room] for text in texts], self.tokenizer.end_id)

    @cached_property
    def reader(self) -> TrieReader:
        """Reads tries with the same weights."""
        from calrec.generation.trie.reading import TrieReader

        return TrieReader(self.sampler.model)

    def likelihoods(
        self, history: Sequence[Item], candidates: Sequence[Item] | Trie
    ) -> Likelihoods:
        """The exact log-probability of each candidate's text after a history, and of its tokens.

        Nothing is drawn: the candidates are read behind the one prompt, what they share once.

        Args:
          history: oldest item first; at least one.
          candidates: items, or what `trie` made of them.

        Raises:
          CalrecError: if the history is empty, or there is no candidate.
        """
        from calrec.generation.trie.likelihood import likelihoods
        from calrec.generation.trie.trie import Trie

        trie = candidates if isinstance(candidates, Trie) else self.trie(candidates)
        return likelihoods(self.reader, self.prompt(history).token_ids, trie)

    def attribution(
        self,
        history: Sequence[Item],
        texts: Sequence[Item | Sample | str],
        *,
        pairs: bool = False,
        swaps: bool = False,
    ) -> Attribution:
        """Which purchases caused some texts: their log-probabilities with purchases left out.

        Exact: each shortened history is scored as if it were the whole one. What it has in common
        with the whole one is read once.

        Args:
          history: oldest item first; the model has to read at least two of them.
          texts: what the model wrote, items, or texts as `calrec.text.item_text` writes them.
          pairs: also with each two of the purchases left out; at least three are needed.
          swaps: also with each two neighbours in the other order.

        Raises:
          CalrecError: if the history is empty or too short, or there is no text.
        """
        from calrec.generation.attribution import attribute

        return attribute(self, history, texts, pairs=pairs, swaps=swaps)

    def stream(
        self, history: Sequence[Item], *, seed: int = 0, **given: Any
    ) -> Generator[Progress | Generation, None, None]:
        """Writes texts after a history, showing them as they grow.

        The same seed, history and checkpoint give the same texts, whatever else runs. Closing the
        iterator stops the work.

        Args:
          history: oldest item first; at least one.
          seed: of the samples.
          given: `temperature`, `samples` or `alternatives` (most probable tokens to keep beside
            each drawn one) in place of the checkpoint's; `None` leaves them.

        Yields:
          `Progress` every few tokens, and at the end the `Generation`.

        Raises:
          CalrecError: for an empty history or a setting out of range.
        """
        sampling = self._sampling(given)
        prompt = self.prompt(history)
        start = time.perf_counter()
        samples: tuple[Sample, ...] = ()
        for drawn in self.sampler.stream(prompt.token_ids, seed, sampling):
            samples = samples_of(drawn, self.tokenizer, self.text)
            yield Progress(step=drawn.step, limit=sampling.max_new_tokens, samples=samples)
        seconds = time.perf_counter() - start
        yield self._generation(history, prompt, samples, {**given, "seed": seed}, seconds)

    def generate_many(
        self,
        histories: Sequence[Sequence[Item]],
        seeds: Sequence[int],
        *,
        width: int = 8,
        **given: Any,
    ) -> Generator[tuple[int, Generation], None, None]:
        """Writes texts for many users, several at a time; each as `stream` would.

        Args:
          histories: one per user, oldest item first.
          seeds: one per user.
          width: users whose samples are drawn side by side.
          given: as of `stream`.

        Yields:
          each user's number and generation, in the order of finishing; as its time, what has passed
          since the one before.

        Raises:
          CalrecError: for an empty history or a setting out of range.
        """
        sampling = self._sampling(given)
        prompts = [self.prompt(history) for history in histories]
        ids = [prompt.token_ids for prompt in prompts]
        start = time.perf_counter()
        for user, drawn in self.sampler.many(ids, seeds, sampling, width=width):
            seconds = time.perf_counter() - start
            samples = samples_of(drawn, self.tokenizer, self.text)
            seeded = {**given, "seed": seeds[user]}
            yield user, self._generation(histories[user], prompts[user], samples, seeded, seconds)
            start = time.perf_counter()

    def _sampling(self, given: Mapping[str, Any]) -> SamplingSettings:
        try:
            return dataclasses.replace(
                self.sampling, **{name: value for name, value in given.items() if value is not None}
            )
        except ValueError as error:
            raise CalrecError(str(error)) from None

    def _generation(
        self,
        history: Sequence[Item],
        prompt: Prompt,
        samples: tuple[Sample, ...],
        given: Mapping[str, Any],
        seconds: float,
    ) -> Generation:
        sampling = {name: value for name, value in given.items() if name != "seed"}
        return Generation(
            history=tuple(history),
            prompt=prompt.text,
            prompt_tokens=len(prompt.token_ids),
            items_cut=prompt.items_cut,
            samples=samples,
            settings={**self.settings(**sampling), "seed": given["seed"]},
            seconds=seconds,
        )
