"""A record whose texts are items' own, as the decoders over a shop's items write them."""

import re

import pytest

from calrec.records import Generation, Recommendation, Sample
from calrec.records.settings import RankingSettings
from calrec.text import item_text, parse
from demo.html.record import matching, ranking, texts

SCORES = (-0.5, -1.25, -3.0, -900.0)


@pytest.fixture
def shop(application):
    return application.shop("lamps")


@pytest.fixture
def record(shop):
    """The last items of the shop, the last one first."""
    written = [item_text(item) for item in shop.catalogue.items[:-5:-1]]
    samples = tuple(
        Sample(
            text=text,
            token_ids=(1, 2),
            log_probs=(score, 0.0),
            score=score,
            order=order,
            finished=True,
            attributes=parse(text),
        )
        for order, (text, score) in enumerate(zip(written, SCORES, strict=True))
    )
    generation = Generation(
        history=tuple(shop.catalogue.items[:2]),
        prompt="",
        prompt_tokens=9,
        items_cut=0,
        samples=samples,
        settings={"decoder": "trie-beam", "seed": 0},
    )
    return shop.calrec().rank(generation, RankingSettings(retrieval="exact", n_pred=3))


def test_it_is_shown_as_any_other(shop, record):
    items = shop.catalogue.items
    view = texts.view(record, items, shop.attributes())
    assert view.count("exact item") >= 4
    by_id = {item.item_id: item for item in items}
    picture = matching.matrix(record, by_id, items[-2])
    names = re.findall(r"<span>\d ([^<]+)</span></label>", picture)
    assert names == ["Own text", "Probability", "Beside the best"]
    assert picture.count("popover class") == 15 * 3
    table = ranking.rankings_view(record, [], by_id, items[-1])
    assert "-0.50000" in table
    assert "Text probability: 29% against 61%" in table


def test_what_was_not_written_stands_behind_in_one_tie(shop, record):
    items = shop.catalogue.items
    ranks = [record.ranking.ranks(item.item_id) for item in items[:-5:-1]]
    assert ranks == [(place, place) for place in (1, 2, 3, 4)]
    assert record.ranking.ranks(items[0].item_id) == (5, len(items))
    back = Recommendation.from_json(record.to_json(target=items[0].item_id))
    assert back.ranking.ranks(items[0].item_id) == (5, len(items))
