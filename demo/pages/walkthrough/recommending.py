"""What the results' side of the walkthrough does: each event returns the parts that it changes."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import gradio as gr
from markupsafe import Markup

from calrec.errors import CalrecError
from calrec.generation.model import Progress
from calrec.records import Generation, Item, Sample
from calrec.records.decoders import DECODERS
from demo.html import walkthrough, widgets
from demo.inspect import checkpoints
from demo.inspect.application import Application
from demo.inspect.decoding import Texts, prepared, write
from demo.inspect.generations import GenerationKey, Generations
from demo.inspect.session import Session
from demo.inspect.shop import Shop
from demo.inspect.side_by_side import SideBySide, ranked, side_by_side
from demo.pages import failures
from demo.pages.named import Update
from demo.pages.walkthrough import results
from demo.pages.walkthrough.address import WalkthroughAddress, chosen
from demo.pages.walkthrough.results import Shown


class Recommending:
    """The events of steps three to five over one `Application`; holds nothing of a visitor."""

    def __init__(self, application: Application) -> None:
        self._app = application
        self._generations = Generations()

    def speaker(self) -> Markup:
        """Which model writes."""
        return walkthrough.speaker(self._app.checkpoint, checkpoints.served(self._app))

    def prepare(self, session: Session, *values: Any) -> Generator[Update, None, None]:
        """Waits for what the decoder needs of the shop, before a turn at the model is taken.

        Its last update has the turn taken; closing it does not.
        """
        choice, start = chosen(*values), time.monotonic()
        try:
            shop = self._app.shop(session.domain)
            for _ in prepared(shop, choice.decoder) if session.history else ():
                yield results.preparing(shop, time.monotonic() - start)
        except Exception as error:
            # The recommendation that follows tries itself, and tells the visitor.
            logging.getLogger(__name__).info("not prepared: %s", error)
        yield {"ready": str(time.time_ns())}

    def recommend(self, session: Session, *values: Any) -> Generator[Update, None, None]:
        """Streams the samples, then all rankings; closing it stops the model.

        The last update gives the button Recommend back; an earlier job that was stopped says no
        more, so that it takes nothing from the one after it.
        """
        if not session.history:
            yield results.failed(
                "The history is empty: add an item from the catalogue or load a shopper.", "beside"
            )
            return
        try:
            yield from self._recommended(session, chosen(*values))
        except Exception as error:
            yield results.failed(failures.line(error, "a recommendation"))

    def _recommended(
        self, session: Session, choice: WalkthroughAddress
    ) -> Generator[Update, None, None]:
        shop = self._app.shop(session.domain)
        key = choice.generation_key(shop, session.history)
        shown = Shown(session=session, choice=choice.with_texts_of(key), key=key)
        if (kept := self._generations.known(key)) is not None:
            texts = Texts(generation=kept, decoding=self._generations.decoding(key))
            of_seed = " of the same seed" if DECODERS[key.decoder].draws else ""
            yield results.written(shop, texts, shown, f"kept from an earlier run{of_seed}")
            return
        waiting = "Reading the history" if shop.served.is_loaded else "Loading the model"
        status = widgets.notice(f"{waiting}.")
        self._generations.begin(key)
        yield {**results.no_results(waiting), "beside": "", "status": status, "writing": shown}
        with closing(write(shop, key)) as stream:
            for update in stream:
                if isinstance(update, Texts):
                    self._generations.end(key)
                    self._generations.put(key, update.generation, update.decoding)
                    yield results.written(shop, update, shown, "computed live")
                else:
                    if isinstance(update, Progress):
                        self._generations.begin(key, update.samples)
                    yield results.progress(update)

    @failures.told_in("message")
    def stopped(self, writing: Shown | None, shown: Shown | None) -> Update:
        """What a stopped job leaves: its finished texts, ranked, and the others as they are."""
        samples = self._generations.end(writing.key) if writing is not None else ()
        if writing is None and shown is not None:
            shop = self._app.shop(shown.session.domain)
            said = widgets.notice("Stopped before it began: these are the results from before.")
            return {**results.ranked_anew(shop, self.kept(shown), shown), "message": said}
        finished = [sample for sample in samples if sample.finished]
        if writing is None or not finished:
            said = "Stopped before a text was finished: there is nothing to rank. Press Recommend."
            return results.unfinished(samples, said) | {"message": ""}
        shop = self._app.shop(writing.session.domain)
        items = shop.items(writing.session.history)
        generation = self._of_finished(shop, items, writing.choice, finished)
        key = replace(writing.key, finished=len(finished))
        self._generations.put(key, generation)
        left = [sample for sample in samples if not sample.finished]
        return results.stopped(shop, generation, left, replace(writing, key=key))

    def _of_finished(
        self, shop: Shop, items: Sequence[Item], choice: WalkthroughAddress, finished: list[Sample]
    ) -> Generation:
        """The finished texts as if no others had been asked for."""
        model = shop.served.get().with_template(choice.template)
        prompt = model.prompt(items)
        given = {"temperature": choice.temperature, "samples": choice.samples}
        return Generation(
            history=tuple(items),
            prompt=prompt.text,
            prompt_tokens=len(prompt.token_ids),
            items_cut=prompt.items_cut,
            samples=tuple(replace(one, order=place) for place, one in enumerate(finished)),
            settings={**model.settings(**given), "seed": choice.seed, "finished": len(finished)},
        )

    @failures.told_in("message")
    def again(self, shown: Shown | None, *values: Any) -> Update:
        """The shown texts ranked with the settings as they are now; nothing is sampled."""
        choice = chosen(*values)
        if shown is None:
            return {"address": results.address(choice, shown)}
        shown = replace(shown, choice=choice.with_texts_of(shown.key))
        shop = self._app.shop(shown.session.domain)
        return results.ranked_anew(shop, self.kept(shown), shown)

    def settled(self, shown: Shown | None, *values: Any) -> Update:
        """Nothing, unless a switch was moved while the model wrote."""
        if shown is None or chosen(*values).with_texts_of(shown.key) == shown.choice:
            return {}
        return self.again(shown, *values)

    def click_text(self, click: gr.EventData, shown: Shown | None, *values: Any) -> Update:
        """Opens a text token by token, or closes it."""
        if shown is None:
            return {}
        choice = chosen(*values).with_texts_of(shown.key)
        try:
            order = int(click.id)
            choice = replace(choice, text=-1 if order == choice.text else order)
            shop = self._app.shop(shown.session.domain)
            record = ranked(shop, self.kept(shown), choice.ranked_by())
        except ValueError:
            return {}
        except CalrecError as error:
            return {"message": widgets.notice(str(error), "error")}
        return {
            "text": choice.text,
            "texts": walkthrough.texts_view(shop, record, choice.text),
            "address": results.address(choice, shown),
            "message": "",
        }

    def compared(self, shown: Shown) -> tuple[Shop, SideBySide]:
        """The shop and the rankings of the shown texts.

        Raises:
          CalrecError: if the texts have been given up for those of others.
        """
        shop, by = self.shop(shown), shown.choice.ranked_by()
        return shop, side_by_side(shop, shown.session.history, self.kept(shown), by)

    def shop(self, shown: Shown) -> Shop:
        """The shop of a result."""
        return self.shop_of(shown.session)

    def shop_of(self, session: Session) -> Shop:
        """The shop of a visitor."""
        return self._app.shop(session.domain)

    def texts(self, shop: Shop, key: GenerationKey) -> Texts:
        """What a key names: kept, or else written now.

        Raises:
          CalrecError: if the model cannot write it.
        """
        if (kept := self._generations.known(key)) is not None:
            return Texts(generation=kept, decoding=self._generations.decoding(key))
        for _ in prepared(shop, key.decoder):
            pass
        *_, texts = write(shop, key)
        if not isinstance(texts, Texts):
            raise RuntimeError("a decoder ended without its texts")
        self._generations.put(key, texts.generation, texts.decoding)
        return texts

    def kept(self, shown: Shown) -> Generation:
        """The shown texts.

        Raises:
          CalrecError: if they have been given up for those of others.
        """
        generation = self._generations.known(shown.key)
        if generation is None:
            raise CalrecError(
                "expected the texts on this page among those that are kept for a while, found them "
                "gone; press Recommend, and the same seed writes them again"
            )
        return generation
