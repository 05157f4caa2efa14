import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import ITEMS, tiny_tokenizer

from calrec.text import TextSettings, item_text, prompt_text
from calrec.text.prompt import Connectors, build_prompt, prompt_tokens

C = Connectors(prefix=(1, 2, 3), first=(4,), next=(5, 6), last=(5, 6))
items = st.lists(st.lists(st.integers(10, 20), min_size=1, max_size=9), min_size=1, max_size=8)


def by_dropping_one_by_one(items, budget):
    """The rule told literally: build the whole prompt, drop the oldest item until it fits."""
    for cut in range(len(items)):
        tokens = list(C.prefix)
        for i, item in enumerate(items[cut:]):
            tokens += [*(C.next if i else C.first), *item]
        tokens += C.last
        if len(tokens) <= budget:
            return tokens, cut
    room = budget - len(C.prefix) - len(C.first) - len(C.last)
    return [*C.prefix, *C.first, *items[-1][:room], *C.last], len(items) - 1


@given(items, st.integers(7, 80))
def test_oldest_items_go_first_and_whole(items, budget):
    tokens, cut = prompt_tokens(items, C, budget)
    assert (tokens, cut) == by_dropping_one_by_one(items, budget)
    assert len(tokens) <= budget


def test_no_room_for_an_item_is_refused():
    with pytest.raises(ValueError, match="more than 6 tokens"):
        prompt_tokens([[1]], C, 6)


def test_tokens_decode_to_the_prompt_s_text():
    tokenizer = tiny_tokenizer()
    prompt = build_prompt([item_text(i) for i in ITEMS[:3]], tokenizer, TextSettings(), 1024)
    assert prompt.text == prompt_text(ITEMS[:3])
    assert tokenizer.decode(prompt.token_ids) == prompt.text
    assert prompt.items_cut == 0


def test_an_item_has_the_same_tokens_wherever_it_stands():
    tokenizer = tiny_tokenizer()
    text = item_text(ITEMS[0])
    (alone,) = tokenizer.encode([text])
    prompt = build_prompt([text, text], tokenizer, TextSettings(), 1024)
    shown = "".join(chr(t) for t in prompt.token_ids)
    assert shown.count("".join(chr(t) for t in alone)) == 2


def test_a_cut_item_is_shown_as_the_model_reads_it():
    tokenizer = tiny_tokenizer()
    whole = build_prompt([item_text(ITEMS[0])], tokenizer, TextSettings(), 1024)
    cut = build_prompt([item_text(ITEMS[0])], tokenizer, TextSettings(), len(whole.token_ids) - 2)
    assert tokenizer.decode(cut.token_ids) == cut.text
    assert len(cut.text) < len(whole.text)


def test_a_begin_token_stands_first_and_counts():
    plain = tiny_tokenizer()
    tokenizer = plain.beginning_with(0)
    texts = [item_text(i) for i in ITEMS[:3]]
    without = build_prompt(texts, plain, TextSettings(), 1024)
    prompt = build_prompt(texts, tokenizer, TextSettings(), 1024)
    assert prompt.token_ids == (0, *without.token_ids)
    assert prompt.text == "<pad>" + without.text
    # Where the prompt alone would just fit, one item less does with the token in front.
    budget = len(without.token_ids)
    assert build_prompt(texts, plain, TextSettings(), budget).items_cut == 0
    cut = build_prompt(texts, tokenizer, TextSettings(), budget)
    assert cut.items_cut == 1
    assert cut.token_ids[0] == 0
    assert len(cut.token_ids) <= budget
