"""What the served model writes for a shop by any decoder, and the trie that most of them need.

The trie of a shop's item texts takes seconds for a large shop. It is made once for each shop and
model, in a thread of its own, before anybody takes a turn at the model.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, TimeoutError
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from calrec.errors import CalrecError
from calrec.generation.model import Progress
from calrec.generation.trie.progress import Searching
from calrec.recommenders.calrec import MOST, CALRec
from calrec.records import Generation, Recommendation
from calrec.records.decoders import DECODERS
from calrec.records.settings import Decoder
from demo.inspect.generations import GenerationKey
from demo.inspect.shop import FIRST_STAGE, Shop

CANDIDATES = 500
"""Items whose likelihoods are computed in a shop of more than `calrec.recommenders.calrec.MOST`."""
ALTERNATIVES = 5
"""Tokens kept beside each one that is freely drawn."""
LOOK = 0.5
"""Seconds between two looks at whether a trie is made."""
PATIENCE = 2.0
"""Seconds that `check_prepared` waits."""
BETWEEN = 0.2
"""Seconds between two words of a search."""

Update = TypeVar("Update")


@dataclass(frozen=True, kw_only=True, eq=False)
class Texts:
    """What the model wrote.

    Attributes:
      generation: the texts.
      decoding: what a decoder over the items' texts knows besides (`outside`, `exact`,
        `tokens_read`); `None` of the free one.
    """

    generation: Generation
    decoding: Mapping[str, Any] | None = None


def in_background(work: Callable[[], Any]) -> Future[Any]:
    """Work in a thread that ends with the process."""
    found: Future[Any] = Future()

    def done() -> None:
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=done, name="trie", daemon=True).start()
    return found


def candidates(shop: Shop, decoder: Decoder) -> int | None:
    """How many of a first stage's best items are scored; `None` where all are, or none need be."""
    return CANDIDATES if decoder == "likelihood" and len(shop.catalogue.items) > MOST else None


def prepared(shop: Shop, decoder: Decoder) -> Iterator[None]:
    """Waits until the shop's trie is there, if the decoder needs the whole one.

    Yields:
      a few times a second while it is not.

    Raises:
      CalrecError: if the checkpoint cannot be loaded, or the shop has no item.
    """
    if not DECODERS[decoder].bound or candidates(shop, decoder) is not None:
        return
    made = shop.trie(in_background)
    while True:
        try:
            made.result(timeout=LOOK)
        except TimeoutError:
            yield
        else:
            return


def check_prepared(shop: Shop, decoder: Decoder) -> None:
    """Waits a moment for what `prepared` waits for, which is being made in any case.

    For whoever has a turn at the model, behind which others wait.

    Raises:
      CalrecError: as `prepared`, or if it takes longer than `PATIENCE`.
    """
    start = time.monotonic()
    for _ in prepared(shop, decoder):
        if time.monotonic() - start > PATIENCE:
            raise CalrecError(
                f"expected the item texts of {shop.domain} to be there for {decoder}, found them"
                " being read, which is done once; ask again in some seconds"
            )


def over(shop: Shop, decoder: Decoder, first: str = "") -> CALRec:
    """The model over a shop with a decoder.

    Args:
      shop: whose items are written.
      decoder: how.
      first: whose best items are the candidates, where not all can be; `FIRST_STAGE` if empty.

    Raises:
      CalrecError: if the checkpoint cannot be loaded, or a first stage has none for this shop.
    """
    calrec = shop.calrec(first_stage=first or FIRST_STAGE)
    return calrec.with_decoder(decoder, candidates(shop, decoder))


def now_and_then(updates: Iterator[Update]) -> Iterator[Update]:
    """Without most of what a search says of itself: its steps are quicker than any eye."""
    said = time.monotonic()
    for update in updates:
        if not isinstance(update, Searching) or time.monotonic() - said > BETWEEN:
            said = time.monotonic()
            yield update


def write(shop: Shop, key: GenerationKey) -> Generator[Progress | Searching | Texts, None, None]:
    """Has the model write what a key names; closing the iterator stops the work.

    Yields:
      how far it is, and at the end the `Texts`.

    Raises:
      CalrecError: as `over`, for an item that the shop lacks, or a setting out of range.
    """
    history = shop.items(key.history)
    drawn = {"seed": key.seed, "temperature": key.temperature}
    if not DECODERS[key.decoder].bound:
        model = shop.served.get().with_template(key.template)
        how = {"samples": key.samples, "alternatives": ALTERNATIVES}
        with closing(model.stream(history, **drawn, **how)) as free:
            for update in free:
                yield Texts(generation=update) if isinstance(update, Generation) else update
        return
    # All candidates' where no number is given.
    samples = None if key.decoder == "likelihood" else key.samples
    calrec = over(shop, key.decoder, key.first).with_template(key.template)
    with closing(calrec.stream(history, **drawn, samples=samples)) as bound:
        for update in now_and_then(bound):
            yield _texts(update) if isinstance(update, Recommendation) else update


def _texts(record: Recommendation) -> Texts:
    if record.generation is None:
        raise RuntimeError("a decoder ended without its texts")
    return Texts(generation=record.generation, decoding=record.parts["decoding"])
