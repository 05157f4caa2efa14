"""A scripted model with the surface of `calrec.generation.model.GenerativeModel`.

The tests in this folder are of the page, not of the model: the script writes texts of the shop's
own items as slowly as a test wants, so that streaming, stopping and two visitors can be seen.
"""

from __future__ import annotations

import copy
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from calrec.generation.model import Progress
from calrec.records import Alternative, Generation, Item, Sample
from calrec.records.attribution import Attribution
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings, item_text, parse, prompt_text
from calrec.text.prompt import Prompt

CRASH = "crash"
"""A history with this word in a title makes the model fail in the middle of its work."""


class ScriptedModel:
    """Writes texts of items drawn by seed.

    Attributes:
      shops: whose items it knows; in any other it writes of the history alone.
    """

    description = SimpleNamespace(
        training={"stages": [{"stage": "scripted", "data": {}}]},
        to_text=lambda: "scripted",
        ranking=RankingSettings(),
        max_prompt_tokens=1024,
    )
    sampling = SimpleNamespace(max_new_tokens=80)

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.closed = threading.Event()
        self.histories: list[tuple[str, ...]] = []
        self.text = TextSettings()
        self.shops: list[Sequence[Item]] = []

    def _shop(self, history: Sequence[Item]) -> Sequence[Item]:
        return next((shop for shop in self.shops if history[0] in shop), history)

    def settings(self, **_) -> dict:
        return {}

    def with_template(self, name: str) -> ScriptedModel:
        model = copy.copy(self)
        model.text = TextSettings(template=name)
        return model

    def prompt(self, history: Sequence[Item]) -> Prompt:
        text = prompt_text(history, self.text)
        return Prompt(token_ids=tuple(range(len(text.split()))), items_cut=0, text=text)

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        temperature: float | None = None,
        samples: int | None = None,
        alternatives: int | None = None,
    ) -> Iterator[Progress | Generation]:
        self.histories.append(tuple(item.item_id for item in history))
        rng = np.random.default_rng([seed, len(history)])
        items = self._shop(history)
        near = [*history, *(items[i] for i in rng.integers(len(items), size=9))]
        texts = [item_text(near[i]) for i in rng.integers(len(near), size=samples or 32)]
        texts[0] = "no labels at all <i>raw</i> & more"
        if len(texts) > 1:
            texts[1] += " or so"
        drawn = tuple(self._sample(k, text, rng, alternatives or 0) for k, text in enumerate(texts))
        self.closed.clear()
        try:
            for step in range(1, 11):
                time.sleep(self.pause)
                if step == 3 and any(CRASH in (item.title or "") for item in history):
                    raise RuntimeError("a part of the model that nobody wrote")
                yield Progress(step=4 * step, limit=80, samples=self._partial(drawn, step))
            yield self._generation(history, drawn, seed)
        finally:
            self.closed.set()

    def generate_many(self, histories, seeds, *, width: int = 8, **given):
        for user, (history, seed) in enumerate(zip(histories, seeds, strict=True)):
            *_, generation = self.stream(history, seed=seed, **given)
            yield user, generation

    def attribution(self, history, texts, *, pairs: bool = False, swaps: bool = False):
        """The oldest purchase is not read; the later one was bought, the more it matters."""
        read = len(history) - 1
        without = -2.0 - np.arange(read)[:, None] - np.arange(len(texts)) / 10
        return Attribution(
            items_cut=1,
            texts=tuple(
                one if isinstance(one, str) else one.text if isinstance(one, Sample) else one.title
                for one in texts
            ),
            totals=np.full(len(texts), -2.0),
            without=without,
            pairs=without[:, None] + without[None] if pairs else None,
            swapped=without[1:] - 7 if swaps else None,
        )

    def embedder(self, *, batch_tokens: int = 2048):
        from scripted_embedding import Embedding

        return Embedding()

    def _sample(self, order: int, text: str, rng: np.random.Generator, alternatives: int) -> Sample:
        pieces = tuple(re.findall(r"\S+\s*", text))
        log_probs = tuple(-float(p) for p in rng.uniform(0.01, 3, size=len(pieces)))
        return Sample(
            text=text,
            token_ids=tuple(range(len(pieces))),
            token_texts=pieces,
            log_probs=log_probs,
            tempered_log_probs=log_probs,
            alternatives=tuple(
                tuple(
                    Alternative(token_id=1000 + k, text=f" other {k}", log_prob=-1.0 - k)
                    for k in range(alternatives)
                )
                for _ in pieces
            )
            if alternatives
            else (),
            score=sum(log_probs),
            order=order,
            finished=True,
            attributes=parse(text),
        )

    def _partial(self, drawn: tuple[Sample, ...], step: int) -> tuple[Sample, ...]:
        def so_far(sample: Sample) -> Sample:
            length = 25 * step + sample.order
            if length >= len(sample.text):
                return sample
            return replace(
                sample,
                text=sample.text[:length],
                finished=False,
                attributes=None,
                score=sample.score * length / len(sample.text),
            )

        return tuple(map(so_far, drawn))

    def _generation(
        self, history: Sequence[Item], drawn: tuple[Sample, ...], seed: int
    ) -> Generation:
        prompt = self.prompt(history)
        return Generation(
            history=tuple(history),
            prompt=prompt.text,
            prompt_tokens=len(prompt.token_ids),
            items_cut=0,
            samples=drawn,
            settings={"seed": seed},
            seconds=10 * self.pause,
        )
