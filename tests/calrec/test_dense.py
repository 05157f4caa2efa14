"""Dense retrieval against products of vectors that are worked out a text at a time."""

from types import SimpleNamespace

import numpy as np
import pytest
from tiny import ITEMS, hidden_of, tiny_decoder, tiny_tokenizer

from calrec.errors import CalrecError
from calrec.model.embeddings import Embedder
from calrec.recommenders import register
from calrec.recommenders.dense import ALONE, item_vectors
from calrec.recommenders.entry import Inputs
from calrec.recommenders.protocol import Scorer, StoredShop
from calrec.records import Item
from calrec.text import DEFAULT_TEXT, item_text
from calrec.text.prompt import build_prompt

PROMPT, TARGET = 150, 30
TWIN = Item(item_id="twin", title=ITEMS[3].title, category=ITEMS[3].category, brand="Aroma")
SHOP = (*ITEMS, TWIN)
HISTORIES = [np.array(history) for history in ([0, 1, 2, 3], [4], [11, 4, 4], [2])]


@pytest.fixture(scope="module")
def model():
    """Stands for `GenerativeModel`; says how often items were embedded."""
    tokenizer = tiny_tokenizer()
    decoder = tiny_decoder(tokenizer.vocab_size)
    model = SimpleNamespace(
        tokenizer=tokenizer,
        decoder=decoder,
        text=DEFAULT_TEXT,
        description=SimpleNamespace(max_prompt_tokens=PROMPT, to_text=lambda: "tiny"),
        sampling=SimpleNamespace(max_new_tokens=TARGET),
        embedded=0,
    )

    def embedder(*, batch_tokens=2048):
        made = Embedder(
            decoder,
            tokenizer,
            DEFAULT_TEXT,
            max_prompt_tokens=PROMPT,
            max_target_tokens=TARGET,
            batch_tokens=batch_tokens,
        )
        model.embedded += batch_tokens != ALONE
        return made

    model.embedder = embedder
    return model


@pytest.fixture(scope="module")
def dense(model):
    return register.build("dense", Inputs(shop=SimpleNamespace(items=SHOP), model=model))


def mean(model, ids):
    """Of the final hidden states of one text; behind it is room, so that all have one shape."""
    tokens = np.zeros((1, PROMPT + TARGET), np.int32)
    tokens[0, : len(ids)] = ids
    mask = np.arange(PROMPT + TARGET)[None] < len(ids)
    return np.asarray(hidden_of(model.decoder, tokens, mask))[0, : len(ids)].mean(axis=0)


def cosines(model, history):
    """v_U · v_T of unit vectors, item by item."""
    texts = [item_text(item) for item in history]
    user = mean(model, build_prompt(texts, model.tokenizer, DEFAULT_TEXT, PROMPT).token_ids)
    found = []
    for item in SHOP:
        [ids] = model.tokenizer.encode([item_text(item)])
        vector = mean(model, [*ids[: TARGET - 1], model.tokenizer.end_id])
        found.append(user @ vector / np.linalg.norm(user) / np.linalg.norm(vector))
    return found


def test_scores_are_the_plain_product(model, dense):
    assert isinstance(dense, Scorer)
    scores = dense.scores(HISTORIES)
    for row, history in zip(scores, HISTORIES, strict=True):
        expected = cosines(model, [SHOP[i] for i in history])
        np.testing.assert_allclose(row, expected, atol=1e-5)
    assert np.ptp(scores, axis=1).min() > 0.01  # or all would agree with anything


def test_a_history_is_scored_alike_alone_and_among_others(dense):
    together = dense.scores(HISTORIES)
    for row, history in zip(together, HISTORIES, strict=True):
        np.testing.assert_array_equal(dense.scores([history])[0], row)


def test_it_reads_items_that_the_shop_lacks(model, dense):
    foreign = Item(item_id="elsewhere", title="Crest Grinder, matt", brand="Crest")
    record = dense.recommend([ITEMS[0], foreign])
    assert record.recommender == "dense"
    assert record.ranking.item_ids == tuple(item.item_id for item in SHOP)
    expected = cosines(model, [ITEMS[0], foreign])
    np.testing.assert_allclose(record.ranking.scores, expected, atol=1e-5)
    with pytest.raises(CalrecError, match="history"):
        dense.recommend([])


def test_items_of_equal_texts_tie(dense):
    assert item_text(TWIN) == item_text(ITEMS[3])
    record = dense.recommend(ITEMS[:2])
    best, worst = record.ranking.ranks("twin")
    assert worst - best == 1
    assert record.ranking.ranks(ITEMS[3].item_id) == (best, worst)


def test_vectors_are_kept_with_the_shop_and_read_the_next_time(model, tmp_path):
    def shop(fingerprint="a"):
        return SimpleNamespace(
            workspace=tmp_path,
            domain="tiny",
            fingerprint=fingerprint,
            items=SHOP,
            item_ids=[item.item_id for item in SHOP],
            corpus=lambda: None,
            sequences=lambda: None,
        )

    assert isinstance(shop(), StoredShop)
    before = model.embedded
    computed = item_vectors(model, shop())
    assert len(computed) == len(SHOP)  # what was never bought included
    np.testing.assert_array_equal(item_vectors(model, shop()), computed)
    assert model.embedded == before + 1
    item_vectors(model, shop("of other data"))
    assert model.embedded == before + 2
    [path, _] = sorted((tmp_path / "embeddings").iterdir())
    path.write_bytes(b"damaged")
    np.testing.assert_array_equal(item_vectors(model, shop()), computed)


def test_it_is_no_checkpoint_of_its_own():
    entry = register.entry("dense")
    assert entry.trained
    assert entry.reads_model
    assert not entry.generative
