"""Drives the sampler: one user's samples as they grow, or many users' with the hardware kept busy.

Shapes: N samples, S token slots, A alternatives.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import jax
import numpy as np
from flax import nnx
from jaxtyping import Bool, Float, Int, UInt32

from calrec.errors import CalrecError
from calrec.generation.sampling import State, decode, insert, prefill, reseed
from calrec.model.backbone.decoder import Decoder
from calrec.model.backbone.layers import SAME_BITS
from calrec.records.settings import SamplingSettings

BUCKETS = (128, 256, 384, 512, 768, 1024)
"""Prompts are padded to one of these lengths, or a multiple of the last: few shapes to compile."""


def bucket(length: int) -> int:
    """The padded length, in tokens, of a prompt of so many."""
    return next((b for b in BUCKETS if b >= length), -(-length // BUCKETS[-1]) * BUCKETS[-1])


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One user's samples so far, on the host. Log-probabilities are in nats.

    Attributes:
      tokens: ids; slots behind a sample's length hold zeros, here and below.
      log_probs: each token's at temperature 1.
      tempered: the same at the sampling temperature.
      top_tokens: the A most probable tokens in each token's place, best first.
      top_log_probs: theirs, at temperature 1.
      lengths: tokens of each sample so far, end token included.
      finished: whether the end token was drawn.
      step: steps decoded.
    """

    tokens: Int[np.ndarray, "N S"]
    log_probs: Float[np.ndarray, "N S"]
    tempered: Float[np.ndarray, "N S"]
    top_tokens: Int[np.ndarray, "N S A"]
    top_log_probs: Float[np.ndarray, "N S A"]
    lengths: Int[np.ndarray, " N"]
    finished: Bool[np.ndarray, " N"]
    step: int


class Sampler:
    """Draws samples from one model; holds no state between calls.

    Attributes:
      model: the decoder.
    """

    def __init__(self, model: Decoder, end_id: int) -> None:
        self.model = model
        self._graph, self._weights = nnx.split(model)
        self._end_id = end_id

    def stream(
        self, prompt: Sequence[int], seed: int, settings: SamplingSettings
    ) -> Iterator[Drawn]:
        """Yields one user's samples every `stride` tokens, the last time complete.

        Closing the iterator stops the work and frees the caches. The same model, prompt, seed and
        settings give the same samples, whatever else runs.

        Args:
          prompt: token ids, at least one.
          seed: of the samples; a whole number, of which the lowest 32 bits count.
          settings: how to draw.

        Raises:
          CalrecError: if the seed is no whole number, or prompt and samples need more positions
            than the model has.
        """
        state = self._prefill(prompt, seed, settings)
        while True:
            state = self._decode(state, settings, settings.stride)
            drawn = self._drawn(state, 0, settings)
            yield drawn
            if drawn.finished.all() or drawn.step >= settings.max_new_tokens:
                return

    def many(
        self,
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        settings: SamplingSettings,
        *,
        width: int = 8,
    ) -> Iterator[tuple[int, Drawn]]:
        """Yields each user's complete samples with the user's number, in the order of finishing.

        `width` users are decoded side by side, prompts of one length bucket together; who is done
        gives the slot to the next. A prompt that comes several times in turn is read once.
        Samples are those of `stream`: in float32 on a CPU the same tokens, with log-probabilities
        up to their last bits. In bfloat16, and on hardware whose matrix products round a row
        otherwise in other company, a draw at the very border between two tokens may fall to the
        other.

        Args:
          prompts: token ids of each user.
          seeds: one per user.
          settings: how to draw.
          width: users side by side.

        Raises:
          CalrecError: as `stream`, for another number of seeds than prompts, or a width below 1.
        """
        if width < 1 or len(seeds) != len(prompts):
            raise CalrecError(
                f"expected a seed for each of {len(prompts)} users and a width of at least 1, found"
                f" {len(seeds)} and {width}; give as many seeds as prompts"
            )
        by_bucket = sorted(range(len(prompts)), key=lambda i: (bucket(len(prompts[i])), i))
        for _, users in itertools.groupby(by_bucket, key=lambda i: bucket(len(prompts[i]))):
            yield from self._together(list(users), prompts, seeds, settings, width)

    def _together(
        self,
        users: list[int],
        prompts: Sequence[Sequence[int]],
        seeds: Sequence[int],
        settings: SamplingSettings,
        width: int,
    ) -> Iterator[tuple[int, Drawn]]:
        """`many` for users of one bucket."""
        waiting = iter(users)
        # Powers of two, so that few numbers of users are compiled.
        slots: list[int | None] = [None] * min(width, 1 << (len(users) - 1).bit_length())
        state: State | None = None
        read: tuple[Sequence[int], State] | None = None  # the last prompt: often the next one's
        while True:
            for slot, user in enumerate(slots):
                if user is None and (user := next(waiting, None)) is not None:
                    slots[slot] = user
                    if read is not None and prompts[user] == read[0]:
                        new = reseed(read[1], _of_seed(seeds[user]))
                    else:
                        new = self._prefill(prompts[user], seeds[user], settings)
                        read = prompts[user], new
                    batch = _vacant(new, len(slots)) if state is None else state
                    state = insert(batch, new, slot)
            if state is None or all(user is None for user in slots):
                return
            state = self._decode(state, settings, settings.max_new_tokens)
            for slot in np.flatnonzero(jax.device_get(state.done())):
                if (user := slots[slot]) is not None:
                    slots[slot] = None
                    yield user, self._drawn(state, int(slot), settings)

    def _prefill(self, prompt: Sequence[int], seed: int, settings: SamplingSettings) -> State:
        seeds = _of_seed(seed)
        limit = self.model.config.max_position_embeddings
        if len(prompt) + settings.max_new_tokens > limit:
            raise CalrecError(
                f"expected prompt and new tokens within the model's {limit} positions, found"
                f" {len(prompt)} and {settings.max_new_tokens}; lower max_prompt_tokens or"
                " max_new_tokens"
            )
        tokens = np.zeros((1, bucket(len(prompt))), np.int32)
        tokens[0, : len(prompt)] = prompt
        return prefill(
            self._graph,
            self._weights,
            tokens,
            np.asarray([len(prompt)], np.int32),
            seeds,
            np.int32(settings.samples),
            # Fewer would have other last bits than in a batch of users; each number of them would
            # be compiled by itself.
            samples=-(-settings.samples // SAME_BITS) * SAME_BITS,
            slots=settings.max_new_tokens,
            alternatives=min(settings.alternatives, self.model.config.vocab_size),
        )

    def _decode(self, state: State, settings: SamplingSettings, steps: int) -> State:
        return decode(
            self._graph,
            self._weights,
            state,
            np.float32(settings.temperature),
            np.int32(steps),
            end_id=self._end_id,
        )

    def _drawn(self, state: State, slot: int, settings: SamplingSettings) -> Drawn:
        parts = (
            state.tokens,
            state.log_probs,
            state.tempered,
            state.top_tokens,
            state.top_log_probs,
            state.finished,
            state.step,
        )
        *of_samples, step = (part[slot] for part in jax.device_get(parts))
        tokens, log_probs, tempered, top_tokens, top_log_probs, finished = (
            part[: settings.samples] for part in of_samples
        )
        first_end = np.argmax(tokens == self._end_id, axis=1) + 1
        return Drawn(
            tokens=tokens,
            log_probs=log_probs,
            tempered=tempered,
            top_tokens=top_tokens,
            top_log_probs=top_log_probs,
            lengths=np.where(finished, first_end, int(step)),
            finished=finished,
            step=int(step),
        )


def _of_seed(seed: int) -> UInt32[np.ndarray, " 1"]:
    """As the sampler takes it; raises `CalrecError` if it is no whole number."""
    if not isinstance(seed, int | np.integer):
        raise CalrecError(f"expected a whole number as the seed, found {seed!r}; give one")
    return np.asarray([int(seed) % 2**32], np.uint32)


def _vacant(one: State, users: int) -> State:
    """A state of so many users, shaped as that of `one`, in which all are done."""

    def empty(x: jax.Array) -> jax.Array:
        return jax.device_put(np.zeros((users * x.shape[0], *x.shape[1:]), x.dtype))

    steps = jax.device_put(np.full(users, one.tokens.shape[2], np.int32))
    return replace(jax.tree.map(empty, one), step=steps)
