import numpy as np
import pytest
from flax import nnx
from hypothesis import given, settings
from hypothesis import strategies as st
from padded import Batch, encode
from tiny import ITEMS, hidden_of, tiny_decoder, tiny_tokenizer

from calrec.errors import CalrecError
from calrec.model import embeddings
from calrec.model.embeddings import Embedder
from calrec.records import Item
from calrec.text import DEFAULT_TEXT, TextSettings, item_text
from calrec.text.prompt import build_prompt

PROMPT, TARGET = 150, 30
LONG = Item(item_id="long", title="Aroma Kettle and more words " * 5, brand="Bellano")
HISTORIES = [ITEMS[:4], ITEMS[4:5], (LONG,), ITEMS, (*ITEMS[:6], LONG)]
TARGETS = [ITEMS[5], LONG, ITEMS[0], ITEMS[3], ITEMS[5]]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def model(tokenizer):
    return tiny_decoder(tokenizer.vocab_size)


@pytest.fixture(scope="module")
def embedder(model, tokenizer):
    return embedder_of(model, tokenizer)


def embedder_of(model, tokenizer, text=DEFAULT_TEXT, **changed):
    given = {"max_prompt_tokens": PROMPT, "max_target_tokens": TARGET, "batch_tokens": 300}
    return Embedder(model, tokenizer, text, **given | changed)


def prompt_ids(tokenizer, history):
    texts = [item_text(item) for item in history]
    return list(build_prompt(texts, tokenizer, DEFAULT_TEXT, PROMPT).token_ids)


def target_ids(tokenizer, item):
    [ids] = tokenizer.encode([item_text(item)])
    return [*ids[: TARGET - 1], tokenizer.end_id]


def states(model, ids):
    """Final hidden states of one text alone; behind it is room, so that all have one shape."""
    tokens = np.zeros((1, PROMPT + TARGET), np.int32)
    tokens[0, : len(ids)] = ids
    mask = np.arange(PROMPT + TARGET) < len(ids)
    return np.asarray(hidden_of(model, tokens, mask[None]))[0, : len(ids)]


def mean(rows):
    total = np.zeros(rows.shape[1])
    for row in rows:
        total += row
    return total / len(rows)


def test_a_begin_token_stands_in_front_of_items_and_histories(model, tokenizer):
    """Once in a row: a target behind its history has none of its own."""
    begun = tokenizer.beginning_with(0)
    embedder = embedder_of(model, begun)
    history, target = HISTORIES[0], target_ids(tokenizer, TARGETS[0])
    prompt = [0, *prompt_ids(tokenizer, history)]
    both = embedder.user_tower([history], [TARGETS[0]])
    whole = states(model, prompt + target)
    alone = mean(states(model, [0, *target]))
    np.testing.assert_allclose(embedder.items([TARGETS[0]])[0], alone, atol=1e-5)
    np.testing.assert_allclose(both.v_u[0], mean(whole[: len(prompt)]), atol=1e-5)
    np.testing.assert_allclose(both.v_tu[0], mean(whole[len(prompt) :]), atol=1e-5)


def test_every_vector_is_the_mean_of_its_own_tokens(embedder, model, tokenizer):
    """The oracle runs one case at a time; the lengths need several widths and both budgets cut."""
    prompts = [prompt_ids(tokenizer, history) for history in HISTORIES]
    targets = [target_ids(tokenizer, item) for item in TARGETS]
    lengths = [len(p) + len(t) for p, t in zip(prompts, targets, strict=True)]
    assert len(set(map(embeddings._width, lengths))) > 2
    assert max(map(len, targets)) == TARGET < len(tokenizer.encode([item_text(LONG)])[0])
    assert build_prompt([item_text(i) for i in ITEMS], tokenizer, DEFAULT_TEXT, PROMPT).items_cut

    v_t, v_u = embedder.items(TARGETS), embedder.histories(HISTORIES)
    both = embedder.user_tower(HISTORIES, TARGETS)
    for i, (prompt, target) in enumerate(zip(prompts, targets, strict=True)):
        whole = states(model, prompt + target)
        np.testing.assert_allclose(v_t[i], mean(states(model, target)), atol=1e-5)
        np.testing.assert_allclose(v_u[i], mean(states(model, prompt)), atol=1e-5)
        np.testing.assert_allclose(both.v_u[i], mean(whole[: len(prompt)]), atol=1e-5)
        np.testing.assert_allclose(both.v_tu[i], mean(whole[len(prompt) :]), atol=1e-5)
    np.testing.assert_array_equal(embedder.pairs(HISTORIES, TARGETS), both.v_tu)
    for vectors in (v_t, v_u, both.v_u, both.v_tu):
        assert vectors.shape == (len(TARGETS), model.config.hidden_size)
        assert vectors.dtype == np.float32


@pytest.mark.slow
def test_training_sees_the_same_vectors(embedder, model, tokenizer):
    prompts = [prompt_ids(tokenizer, history) for history in HISTORIES]
    targets = [target_ids(tokenizer, item) for item in TARGETS]
    tokens = np.zeros((len(prompts), PROMPT + TARGET), np.int32)
    target = np.zeros((len(prompts), TARGET), np.int32)
    for i, (p, t) in enumerate(zip(prompts, targets, strict=True)):
        tokens[i, : len(p) + len(t)] = p + t
        target[i, : len(t)] = t
    encoded = nnx.jit(encode)(
        model,
        Batch(
            tokens=tokens,
            history_length=np.array([len(p) for p in prompts]),
            target=target,
            target_length=np.array([len(t) for t in targets]),
        ),
    )
    both = embedder.user_tower(HISTORIES, TARGETS)
    np.testing.assert_allclose(embedder.items(TARGETS), encoded.v_t, atol=1e-5)
    np.testing.assert_allclose(both.v_u, encoded.v_u, atol=1e-5)
    np.testing.assert_allclose(both.v_tu, encoded.v_tu, atol=1e-5)


def test_a_history_has_the_same_vector_whatever_follows(embedder):
    alone = embedder.histories(HISTORIES)
    for shift in range(3):
        targets = TARGETS[shift:] + TARGETS[:shift]
        followed = embedder.user_tower(HISTORIES, targets).v_u
        np.testing.assert_allclose(followed, alone, atol=1e-5)


@pytest.mark.slow
@settings(max_examples=20)
@given(chosen=st.lists(st.integers(0, len(HISTORIES) - 1), max_size=20))
def test_order_and_company_change_nothing(embedder, chosen):
    """Any selection, in any order, with repeats: rows of the vectors of all."""
    every = embedder.user_tower(HISTORIES, TARGETS)
    some = embedder.user_tower([HISTORIES[i] for i in chosen], [TARGETS[i] for i in chosen])
    np.testing.assert_allclose(some.v_u, every.v_u[chosen], atol=1e-5)
    np.testing.assert_allclose(some.v_tu, every.v_tu[chosen], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("batch_tokens", [1, 64, 5000])
def test_the_size_of_batches_changes_nothing(embedder, model, tokenizer, batch_tokens):
    other = embedder_of(model, tokenizer, batch_tokens=batch_tokens)
    np.testing.assert_allclose(other.items(ITEMS), embedder.items(ITEMS), atol=1e-5)
    np.testing.assert_allclose(other.histories(HISTORIES), embedder.histories(HISTORIES), atol=1e-5)


def test_equal_texts_get_equal_vectors(embedder):
    twin = Item(item_id="twin", **{k: getattr(ITEMS[3], k) for k in ("title", "category", "brand")})
    assert item_text(twin) == item_text(ITEMS[3])
    vectors = embedder.items([*ITEMS, twin])
    np.testing.assert_array_equal(vectors[-1], vectors[3])


def test_items_read_the_text_settings_of_the_model(model, tokenizer):
    short = embedder_of(model, tokenizer, TextSettings(title_words=2))
    cut = Item(item_id="x", title="Aroma Kettle", category=ITEMS[0].category, brand="Aroma")
    assert ITEMS[0].title == "Aroma Kettle 0"
    np.testing.assert_array_equal(*short.items([ITEMS[0], cut]))


@pytest.mark.slow
def test_few_shapes_are_compiled(embedder):
    embeddings._means.clear_cache()
    for count in range(1, len(ITEMS) + 1):
        embedder.items(ITEMS[:count])
        embedder.histories([ITEMS[:count]] * count)
        embedder.pairs([ITEMS[:count]] * count, ITEMS[:count])
    widths = {embeddings._width(length) for length in range(1, PROMPT + TARGET + 1)}
    assert embeddings._means._cache_size() <= len(widths)


@given(length=st.integers(1, 5000))
def test_widths_hold_a_row_and_waste_at_most_a_third(length):
    width = embeddings._width(length)
    assert width >= length
    assert width == 32 or length > width * 2 / 3
    assert width & (width - 1) == 0 or (width // 3) & (width // 3 - 1) == 0


def test_progress_counts_every_row_once(embedder):
    for run, count in (
        (lambda tick: embedder.items([*ITEMS, *ITEMS[:3]], tick=tick), len(ITEMS) + 3),
        (lambda tick: embedder.histories([*HISTORIES, HISTORIES[0]], tick=tick), 6),
        (lambda tick: embedder.pairs(HISTORIES, TARGETS, tick=tick), 5),
    ):
        told = []
        run(told.append)
        assert len(told) > 1
        assert sum(told) == count


def test_nothing_gives_no_rows(embedder, model):
    none = (0, model.config.hidden_size)
    both = embedder.user_tower([], [])
    for vectors in (embedder.items([]), embedder.histories([]), both.v_u, both.v_tu):
        assert vectors.shape == none
        assert vectors.dtype == np.float32


def test_bad_input_ends_in_one_line(embedder, model, tokenizer):
    with pytest.raises(CalrecError, match="at least one item, found an empty one"):
        embedder.histories([ITEMS[:2], ()])
    with pytest.raises(CalrecError, match="at least one item, found an empty one"):
        embedder.pairs([()], ITEMS[:1])
    with pytest.raises(CalrecError, match="for each of 2 histories, found 1"):
        embedder.pairs([ITEMS[:1], ITEMS[:2]], ITEMS[:1])
    with pytest.raises(CalrecError, match="at least 1 target token"):
        embedder_of(model, tokenizer, max_target_tokens=0)
