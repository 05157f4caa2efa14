"""A snapshot of a shop: one value while a visitor's event lasts, whatever is built meanwhile."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from scripted import ScriptedModel
from shops import write_domain

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from calrec.recommenders import register
from demo.inspect import shop as module
from demo.inspect.application import Application


@pytest.fixture
def lamps(application):
    return application.shop("lamps")


def test_the_shop_is_the_same_as_long_as_its_data_are(application, lamps):
    assert application.shop("lamps") is lamps
    assert application.shop("tools") is not lamps
    assert lamps.identity == ("lamps", lamps.catalogue.info.fingerprint)


@pytest.mark.slow
def test_a_rebuilt_shop_is_another_and_the_old_one_stays_whole(tmp_path):
    place = tmp_path / "workspace"
    write_domain(tmp_path / "first", place, "lamps", [f"Lamp {i}" for i in range(12)])
    application = Application(place, "scripted", load_model=lambda _: ScriptedModel())
    before = application.shop("lamps")
    write_domain(tmp_path / "second", place, "lamps", [f"Candle {i}" for i in range(15)])
    after = application.shop("lamps")
    assert after is not before
    assert after.fingerprint != before.fingerprint
    # What was not read yet is still of the data that the snapshot was taken of.
    assert {item.title for item in before.by_id.values()} == {f"Lamp {i}" for i in range(12)}
    assert before.corpus(0.5, 0.1) is not after.corpus(0.5, 0.1)
    assert len(after.by_id) == 15


def test_what_is_made_of_it_is_made_once_by_all_who_ask_at_once(lamps, monkeypatch):
    made = []

    def slow(*arguments):
        time.sleep(0.1)
        made.append(arguments)
        return object()

    monkeypatch.setattr(module, "AttributeIndex", slow)
    lamps._caches["attributes"].clear()
    found = []
    threads = [threading.Thread(target=lambda: found.append(lamps.attributes())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len({id(one) for one in found}) == 1
    lamps._caches["attributes"].clear()


def test_what_fails_is_tried_again(lamps, monkeypatch):
    def failing(*_):
        raise CalrecError("expected memory, found none; wait")

    with monkeypatch.context() as patch:
        patch.setattr(module, "AttributeIndex", failing)
        lamps._caches["attributes"].clear()
        with pytest.raises(CalrecError, match="memory"):
            lamps.attributes()
    assert lamps.attributes() is lamps.attributes()


def test_no_number_of_settings_fills_the_memory(lamps):
    for k in range(1, 3 * module.CORPORA):
        lamps.corpus(k / 10, 0.5)
    assert len(lamps._caches["corpora"]) == module.CORPORA
    assert lamps.corpus(0.1, 0.5) is lamps.corpus(0.1, 0.5)


def test_recommenders_by_other_rules_of_ranking_are_counted_once(lamps):
    ranked, last = (lamps.recommenders(Rules(bought=bought)) for bought in ("ranked", "last"))
    assert ranked.keys() == last.keys()
    for name in ranked:
        same = ranked[name].recommender is last[name].recommender
        assert same != register.entry(name).chooses, name


def test_dense_retrieval_reads_the_served_model_and_is_made_when_it_is_asked_for(lamps):
    assert "dense" not in lamps.recommenders()
    items = lamps.catalogue.items
    record = lamps.recommender("dense", Rules(bought="last")).recommend(items[:2])
    assert (record.recommender, record.settings["bought"]) == ("dense", "last")
    embedder = lamps.served.get().embedder()
    user, vectors = embedder.histories([items[:2]])[0], embedder.items(items)
    product = vectors @ user / np.linalg.norm(vectors, axis=1) / np.linalg.norm(user)
    # Of what was not bought before; the two others stand last.
    np.testing.assert_allclose(record.ranking.scores[2:], product[2:], atol=1e-5)
    assert set(record.ranking.order()[-2:].tolist()) == {0, 1}
