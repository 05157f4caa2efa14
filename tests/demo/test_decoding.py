"""The decoder as a switch: what it leaves to be set, what is kept of it, the trie made once."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from calrec.errors import CalrecError
from calrec.generation.trie.progress import Searching
from calrec.records import Generation, Sample
from calrec.records.decoders import DECODERS
from calrec.records.settings import RankingSettings
from calrec.text import item_text, parse
from demo.html.record import decoding as view
from demo.html.wording import percent
from demo.inspect import decoding, url
from demo.inspect.generations import KEPT, GenerationKey, Generations
from demo.inspect.session import Session
from demo.pages.walkthrough import address, results
from demo.pages.walkthrough.address import DEFAULT
from demo.pages.walkthrough.switching import OF_DRAWS, OF_WORDS, controls, decoder_chosen

SESSION = Session(domain="lamps", history=("lamps-000",), target="lamps-020")


@pytest.fixture
def shop(application):
    return application.shop("lamps")


def values(**changes):
    return tuple((DEFAULT.__dict__ | changes).values())


def generation_of(items, decoder="trie-beam") -> Generation:
    """Texts of items, each twice as probable as the next, the first with a half."""
    samples = tuple(
        Sample(
            text=item_text(item),
            token_ids=(7, place),
            log_probs=(score := float(np.log(0.5 ** (place + 1))),),
            score=score,
            order=place,
            finished=True,
            attributes=parse(item_text(item)),
        )
        for place, item in enumerate(items)
    )
    return Generation(
        history=tuple(items[:1]),
        prompt="",
        prompt_tokens=1,
        items_cut=0,
        samples=samples,
        settings={"decoder": decoder},
    )


def test_the_decoder_is_part_of_the_link_and_brings_its_retrieval():
    chosen = address.chosen(*values(decoder="trie-beam", retrieval="exact", seed=5))
    assert chosen.query() == {"decoder": "trie-beam", "seed": 5}
    assert address.from_query(url.read(url.write(chosen.query()))) == chosen
    by_words = replace(chosen, retrieval="bm25")
    assert by_words.query()["retrieval"] == "bm25"
    assert address.from_query(url.read(url.write(by_words.query()))) == by_words
    assert address.from_query({"decoder": ["no such"]}) == DEFAULT


def test_what_has_no_say_makes_no_other_texts(shop):
    def keys(decoder, **changes):
        return {
            replace(DEFAULT, decoder=decoder, **one).generation_key(shop, ("lamps-000",))
            for one in ({}, changes)
        }

    drawn, number = {"seed": 9, "temperature": 1.0}, {"samples": 3}
    assert [len(keys(decoder, **drawn)) for decoder in DECODERS] == [2, 2, 2, 1, 1]
    assert [len(keys(decoder, **number)) for decoder in DECODERS] == [2, 2, 2, 2, 1]
    assert len({one for decoder in DECODERS for one in keys(decoder)}) == len(DECODERS)


def test_controls_without_a_say_go_and_a_line_says_why():
    free, beam, every = (
        controls(decoder, DECODERS[decoder].retrieval)
        for decoder in ("sample", "trie-beam", "likelihood")
    )
    for name in (*OF_DRAWS, *OF_WORDS):
        assert (free[name]["visible"], beam[name]["visible"]) == (True, False)
    assert [one["samples"]["visible"] for one in (free, beam, every)] == [True, True, False]
    assert free["no_draws"] == free["no_words"] == ""
    assert "nothing is drawn" in beam["no_draws"]
    assert "its own text" in beam["no_words"]
    assert controls("trie-beam", "bm25")["k1"]["visible"]


def test_another_decoder_starts_at_once_where_results_are_shown(shop):
    key = DEFAULT.generation_key(shop, SESSION.history)
    shown = results.Shown(session=SESSION, choice=DEFAULT, key=key)
    assert decoder_chosen("trie-beam", "bm25", None) == {"retrieval": "exact"}
    assert decoder_chosen("sample", "hierarchical", None) == {}
    started = decoder_chosen("sample", "exact", shown)
    assert (started["retrieval"], started["text"]) == ("bm25", -1)
    assert started["start"] != decoder_chosen("sample", "exact", shown)["start"]


def test_where_the_probability_is_adds_up(shop):
    generation = generation_of(shop.catalogue.items[:2])
    record = shop.calrec().rank(generation, RankingSettings(retrieval="exact"))
    facts = {"outside": [0.05, 0.2], "exact": False, "tokens_read": 40}
    record = replace(record, parts={"decoding": facts})
    # 1/2 and 1/4 found; 1 - 0.75 - 0.2 on other items, 0.2 - 0.05 on what was not looked into.
    assert view.shares(record) == pytest.approx((0.75, 0.05, 0.15, 0.05))
    html = view.view(record)
    for said in ("75%", "15%", "cut short", "whatever the seed", "40 tokens read"):
        assert said in html
    assert view.shares(replace(record, parts={})) is None
    assert view.view(replace(record, parts={})) == ""
    assert (percent(1e-9), percent(1 - 1e-9)) == ("less than 0.1%", "more than 99.9%")


def test_texts_of_items_are_shown_with_what_is_known_of_them(handlers, shop, model, monkeypatch):
    texts = generation_of(shop.catalogue.items[:3])
    facts = {"outside": (0.1, 0.125), "exact": True, "tokens_read": 12}
    recommendation = shop.calrec().rank(texts, RankingSettings(retrieval="exact"))
    steps = [Searching(found=1, wanted=3, tokens_read=8)]

    class Decoding:
        def with_template(self, name):
            return self

        def stream(self, history, **given):
            assert given["samples"] == DEFAULT.samples
            yield from steps
            yield replace(recommendation, parts={"decoding": facts})

    monkeypatch.setattr(decoding, "over", lambda *_: Decoding())
    monkeypatch.setattr(decoding, "BETWEEN", -1.0)
    asked = values(decoder="trie-beam", retrieval="exact", seed=7)
    model.trie = lambda items: "the trie"
    *_, ready = handlers.recommending.prepare(SESSION, *asked)
    assert list(ready) == ["ready"]
    *_, step, last = handlers.recommending.recommend(SESSION, *asked)
    assert "1 of 3 item texts found" in step["status"]
    assert "12.5%" not in last["decoding"]
    assert "10%" in last["decoding"]
    assert "decoder=trie-beam" in last["address"]
    assert "seed" not in last["address"]
    (again,) = handlers.recommending.recommend(SESSION, *asked)
    assert again["decoding"] == last["decoding"]
    assert "kept from an earlier run" in again["status"]
    assert "same seed" not in again["status"]
    moved = handlers.recommending.again(last["shown"], *values(decoder="sample", bought="last"))
    assert moved["decoding"] == last["decoding"]
    assert results.no_results()["decoding"] == ""


def test_the_trie_is_made_once_and_nobody_else_waits_for_it(shop, application, model):
    goes_on, made = threading.Event(), []

    def trie(items):
        made.append(len(items))
        assert goes_on.wait(10)
        return "the trie"

    model.trie = trie
    waiting = [decoding.prepared(shop, "trie-beam") for _ in range(3)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "LOOK", 0.01)
        for one in waiting:
            assert next(one, "done") is None
        patch.setattr(decoding, "PATIENCE", 0.0)
        with pytest.raises(CalrecError, match="ask again in some seconds"):
            decoding.check_prepared(shop, "trie-beam")
        # Meanwhile other shops, and what needs no trie, go on.
        assert list(decoding.prepared(shop, "sample")) == []
        assert application.shop("tools").calrec().texts.has_trie is False
        goes_on.set()
        for one in waiting:
            list(one)
    assert made == [60]
    assert shop.calrec().with_decoder("trie-beam").texts.trie == "the trie"


def test_a_trie_that_failed_is_made_again(shop, model):
    def broken(items):
        raise CalrecError("expected items, found none")

    model.trie = broken
    with pytest.raises(CalrecError, match="found none"):
        list(decoding.prepared(shop, "trie-beam"))
    model.trie = lambda items: "the trie"
    assert list(decoding.prepared(shop, "trie-beam")) == []


def test_generations_are_kept_by_the_number_of_their_texts(shop):
    kept, items = Generations(), shop.catalogue.items

    def key(seed):
        return GenerationKey(
            domain="lamps",
            fingerprint="",
            history=(),
            seed=seed,
            temperature=0.5,
            samples=32,
            template="calrec",
        )

    one = generation_of(items[:32])
    for seed in range(KEPT // 32 + 1):
        kept.put(key(seed), one, {"exact": True})
    assert (kept.known(key(0)), kept.decoding(key(0))) == (None, None)
    assert (kept.known(key(1)), kept.decoding(key(1))) == (one, {"exact": True})
