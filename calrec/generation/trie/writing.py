"""Texts of a catalogue's items, written after a history by one of the decoders over its trie."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from calrec.errors import CalrecError
from calrec.generation.trie.beam import Beam, Explored, beam
from calrec.generation.trie.grouping import Grouping
from calrec.generation.trie.progress import Searching, outcome
from calrec.generation.trie.search import ByProbability, steps
from calrec.records import Generation, Item, Sample
from calrec.records.exploration import WIDEST_FIRST
from calrec.records.settings import Decoder
from calrec.text import item_text, parse

if TYPE_CHECKING:
    from calrec.generation.model import GenerativeModel
    from calrec.generation.trie.reading import Reading
    from calrec.generation.trie.trie import Trie


class _Made:
    """A trie that is made once; of several who ask at once, one makes it.

    Not `functools.cached_property`, which in Python 3.11 has all others wait who make another one.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self.trie: Trie | None = None

    def once(self, make: Callable[[], Trie]) -> Trie:
        with self._lock:
            if self.trie is None:
                self.trie = make()
            return self.trie


@dataclass(frozen=True, kw_only=True, eq=False)
class ItemTexts:
    """Items as one model writes them; what follows from them is made when first needed, and kept.

    Attributes:
      model: whose tokens.
      items: of a shop, or some of them.
    """

    model: GenerativeModel
    items: Sequence[Item]
    _made: _Made = field(default_factory=_Made, repr=False)

    @property
    def trie(self) -> Trie:
        """Of their texts, cut as a target is in training."""
        return self._made.once(lambda: self.model.trie(self.items))

    @property
    def has_trie(self) -> bool:
        """Whether it is there already."""
        return self._made.trie is not None

    def behind(self, model: GenerativeModel) -> ItemTexts:
        """The same, the trie too, for the model with another template around the items."""
        return replace(self, model=model)

    @cached_property
    def grouping(self) -> Grouping:
        """The texts by the attributes of their items, the widest first."""
        return Grouping.of(self, WIDEST_FIRST)

    def only(self, chosen: Int[np.ndarray, " C"]) -> ItemTexts:
        """Those of some items, by index."""
        return ItemTexts(model=self.model, items=[self.items[i] for i in chosen.tolist()])

    def at(self, leaf: int) -> tuple[str, ...]:
        """The distinct texts that end at a node: one, but where cutting made several equal."""
        items = (self.items[i] for i in self.trie.items_at(leaf).tolist())
        return tuple(dict.fromkeys(item_text(item, self.model.text) for item in items))


@dataclass(frozen=True, kw_only=True, eq=False)
class Written:
    """Texts of items.

    Attributes:
      generation: the texts, each an item's own.
      outside: the least and the most probability of all texts that are no candidate's.
      exact: whether these are for certain the texts that the decoder looks for; not so where it
        had to leave a beam that might have led to one of them.
      tokens_read: how many tokens the model read for it, prompt aside.
    """

    generation: Generation
    outside: tuple[float, float]
    exact: bool
    tokens_read: int

    def facts(self) -> dict[str, Any]:
        """What the generation does not say itself, JSON-able."""
        return {
            "outside": list(self.outside),
            "exact": self.exact,
            "tokens_read": self.tokens_read,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Found:
    """K texts by their last nodes, what is known of the nodes on their ways, and, of what was
    drawn, the log-probability of the draw of each node."""

    leaves: Int[np.ndarray, " K"]
    known: Explored
    exact: bool
    tokens_read: int
    tempered: Callable[[Int[np.ndarray, " S"]], Float[np.ndarray, " S"]] | None = None


def write(
    texts: ItemTexts,
    history: Sequence[Item],
    *,
    decoder: Decoder,
    seed: int = 0,
    **given: Any,
) -> Written:
    """Texts of items after a history.

    Args:
      texts: of the candidates.
      history: oldest item first; at least one.
      decoder: how; not `sample`, which is not bound to items.
      seed: of what is drawn; `trie-beam` and `likelihood` draw nothing.
      given: fields of `SamplingSettings` in place of the checkpoint's, as of
        `GenerativeModel.stream`. `samples` is the number of texts; `likelihood` writes those of all
        candidates where it is not given.

    Raises:
      CalrecError: for an empty history, a setting out of range, or a decoder without a trie.
    """
    return outcome(stream(texts, history, decoder=decoder, seed=seed, **given))


def stream(
    texts: ItemTexts,
    history: Sequence[Item],
    *,
    decoder: Decoder,
    seed: int = 0,
    **given: Any,
) -> Generator[Searching, None, Written]:
    """`write` step by step; closing the generator ends it."""
    model = texts.model
    settings = model.settings(**given)
    prompt = model.prompt(history)
    start = time.perf_counter()
    found = yield from _decoded(texts, prompt.token_ids, decoder, seed, given, settings["sampling"])
    generation = Generation(
        history=tuple(history),
        prompt=prompt.text,
        prompt_tokens=len(prompt.token_ids),
        items_cut=prompt.items_cut,
        samples=_samples(found, texts),
        settings={**settings, "decoder": decoder, "seed": seed},
        seconds=time.perf_counter() - start,
    )
    return Written(
        generation=generation,
        outside=found.known.outside(),
        exact=found.exact,
        tokens_read=found.tokens_read,
    )


def best(texts: ItemTexts, history: Sequence[Item], count: int) -> Beam:
    """The beam of `trie-beam` after a history, for whoever wants to see the search itself."""
    model = texts.model
    return beam(model.reader.begin(model.prompt(history).token_ids, texts.trie), count=count)


def _decoded(
    texts: ItemTexts,
    prompt: Sequence[int],
    decoder: Decoder,
    seed: int,
    given: Mapping[str, Any],
    sampling: Mapping[str, Any],
) -> Generator[Searching, None, _Found]:
    model, trie = texts.model, texts.trie
    if decoder == "likelihood":
        return (yield from _likeliest(model, trie, prompt, given.get("samples")))
    if decoder == "trie-beam":
        reading = model.reader.begin(prompt, trie)
        found = yield from steps(reading, ByProbability(), count=sampling["samples"])
        return _Found(
            leaves=found.leaves,
            known=Explored.of(reading),
            exact=found.exact,
            tokens_read=reading.tokens_read,
        )
    if decoder not in ("trie-sample", "trie-unique"):
        raise CalrecError(
            f"expected a decoder over the items' texts, found {decoder!r}; choose trie-sample,"
            " trie-unique, trie-beam or likelihood"
        )
    reading = model.reader.begin(prompt, trie)
    return (yield from _draw(reading, decoder, seed, sampling))


def _draw(
    reading: Reading, decoder: Decoder, seed: int, sampling: Mapping[str, Any]
) -> Generator[Searching, None, _Found]:
    from calrec.generation.trie import drawing

    count, temperature, exact = sampling["samples"], sampling["temperature"], True
    if decoder == "trie-sample":
        leaves = yield from drawing.sampling(
            reading, seed=seed, count=count, temperature=temperature
        )
    else:
        rule = drawing.ByGumbel(seed=seed, temperature=temperature)
        found = yield from steps(reading, rule, count=count)
        leaves, exact = found.leaves, found.exact
    return _Found(
        leaves=leaves,
        known=Explored.of(reading),
        exact=exact,
        tokens_read=reading.tokens_read,
        tempered=partial(drawing.shares, reading, temperature=temperature),
    )


def _likeliest(
    model: GenerativeModel, trie: Trie, prompt: Sequence[int], count: int | None
) -> Generator[Searching, None, _Found]:
    from calrec.generation.trie import likelihood

    found = yield from likelihood.steps(model.reader, prompt, trie)
    leaves, first = np.unique(trie.leaves, return_index=True)
    order = np.lexsort((leaves, -found.totals[first]))[:count]
    return _Found(
        leaves=leaves[order],
        known=Explored.whole(trie, found.log_probs),
        exact=True,
        tokens_read=int(np.count_nonzero(trie.degrees[1:])),
    )


def _samples(found: _Found, texts: ItemTexts) -> tuple[Sample, ...]:
    """The texts as records, in the order found."""
    trie, known, model = texts.trie, found.known, texts.model
    samples: list[Sample] = []
    for leaf in found.leaves.tolist():
        path = trie.path(leaf)
        ids = tuple(trie.tokens[path].tolist())
        log_probs = known.log_probs[np.searchsorted(known.nodes, path)]
        tempered = tuple(found.tempered(path).tolist()) if found.tempered else ()
        for written in texts.at(leaf):
            one = Sample(
                text=written,
                token_ids=ids,
                token_texts=tuple(map(model.tokenizer.piece, ids)),
                log_probs=tuple(log_probs.tolist()),
                tempered_log_probs=tempered,
                score=float(log_probs.sum()),
                order=len(samples),
                finished=True,
                attributes=parse(written, model.text),
            )
            samples.append(one)
    return tuple(samples)
