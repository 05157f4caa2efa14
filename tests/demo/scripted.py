"""A scripted model with the surface of `calrec.recommender.CALRec`, and a page served with it.

    python scripted.py WORKSPACE PORT PAUSE     serves until its standard input closes

The tests in this folder are of the page, not of the model: the script writes texts of the shop's
own items as slowly as a test wants, so that streaming, stopping and two visitors can be seen.
"""

from __future__ import annotations

import os

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_OFFLINE"] = "1"

import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from calrec.hierarchical import AttributeIndex
from calrec.ranking import RankingSettings, keep, match
from calrec.recommendation import Recommendation, Sample
from calrec.recommender import Progress
from calrec.text import Item, item_text, parse, prompt_text, query_words


class ScriptedModel:
    """Surface of `calrec.recommender.CALRec`; the texts are those of items drawn by seed."""

    name = "calrec"
    settings = {}  # noqa: RUF012

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.closed = threading.Event()
        self.histories: list[tuple[str, ...]] = []

    def with_corpus(self, corpus, items: Sequence[Item]) -> ScriptedModel:
        model = ScriptedModel(self.pause)
        model.closed, model.histories = self.closed, self.histories
        model.corpus, model.items, model.index = corpus, items, AttributeIndex(items)
        return model

    def stream(
        self,
        history: Sequence[Item],
        *,
        seed: int = 0,
        temperature: float | None = None,
        samples: int | None = None,
    ) -> Iterator[Progress | Recommendation]:
        self.histories.append(tuple(item.item_id for item in history))
        rng = np.random.default_rng([seed, len(history)])
        near = [i for i in history] + [self.items[i] for i in rng.integers(len(self.items), size=9)]
        texts = [item_text(near[i]) for i in rng.integers(len(near), size=samples or 32)]
        texts[0] = "no labels at all <i>raw</i> & more"
        if len(texts) > 1:
            texts[1] += " or so"
        drawn = tuple(self._sample(k, text, rng) for k, text in enumerate(texts))
        self.closed.clear()
        try:
            for step in range(1, 11):
                time.sleep(self.pause)
                yield Progress(step=4 * step, limit=80, samples=self._partial(drawn, step))
            yield self._final(history, drawn)
        finally:
            self.closed.set()

    def recommend(self, history, **options) -> Recommendation:
        *_, last = self.stream(history, **options)
        return last

    def _sample(self, order: int, text: str, rng: np.random.Generator) -> Sample:
        score = -float(rng.uniform(2, 40))
        attributes = parse(text)
        return Sample(
            text=text,
            token_ids=(1,),
            log_probs=(score,),
            tempered_log_probs=(score,),
            score=score,
            order=order,
            finished=True,
            attributes=attributes,
            match_level=self.index.level(attributes),
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
                match_level=0,
                score=sample.score * length / len(sample.text),
            )

        return tuple(map(so_far, drawn))

    def _final(self, history: Sequence[Item], drawn: tuple[Sample, ...]) -> Recommendation:
        kept, why_not = keep([s.text for s in drawn], [s.score for s in drawn], 10)
        samples = tuple(
            replace(s, kept=i in kept, why_not=why)
            for i, (s, why) in enumerate(zip(drawn, why_not, strict=True))
        )
        columns = tuple(drawn[i].text for i in kept)
        scores = tuple(drawn[i].score for i in kept)
        raw = self.corpus.scores([query_words(text) for text in columns])
        matched = match(raw, scores, RankingSettings())
        return Recommendation(
            recommender=self.name,
            settings={},
            history=tuple(history),
            prompt=prompt_text(history),
            prompt_tokens=len(prompt_text(history).split()),
            samples=samples,
            columns=columns,
            column_scores=scores,
            rows=np.arange(len(self.items)),
            item_ids=self.corpus.item_ids,
            raw=raw,
            scaled=matched.scaled,
            modulated=matched.modulated,
            scores=matched.scores,
            corpus_size=len(self.items),
            timings={"prefill": 0.1, "decode": 10 * self.pause, "match": 0.01},
        )


def serve(workspace: str, port: str, pause: str) -> None:
    from demo.app import launch
    from demo.application import Application

    model = ScriptedModel(float(pause))
    page = launch(
        Application(Path(workspace), "scripted", load_model=lambda _: model), "127.0.0.1", int(port)
    )
    print("ready", flush=True)
    sys.stdin.read()
    page.close(verbose=False)


if __name__ == "__main__":
    serve(*sys.argv[1:])
