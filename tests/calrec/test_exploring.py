"""A search as a tree of attribute values, and the ways of items, against sums over all items.

The probabilities are made up; that a model's are read rightly is `test_likelihood`'s and
`test_beam`'s.
"""

import dataclasses
import math
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import ITEMS, tiny_config, tiny_tokenizer
from tiny_shop import PlainCorpus

from calrec.errors import CalrecError
from calrec.generation.model import GenerativeModel
from calrec.generation.trie.reading import Reading
from calrec.model.checkpoint import Description
from calrec.recommenders.calrec import CALRec
from calrec.records import codec
from calrec.records.exploration import IN_TEXT, Exploration
from calrec.records.settings import RankingSettings, SamplingSettings
from calrec.text import TextSettings, item_text

TWIN = dataclasses.replace(ITEMS[4], item_id="twin")
SHOP = (*ITEMS, TWIN)
HISTORY = ITEMS[:2]
NEAR = 1e-4
"""What probabilities may differ by, as a part of them."""
IDS = [item.item_id for item in SHOP]


class MadeUp(Reading):
    """Reads a trie of which everything is made up: a hundredth of each node is no item's."""

    def __init__(self, trie):
        self.trie, self.tokens_read = trie, 0
        self.log_probs = np.full(len(trie), np.nan, np.float32)
        weights = np.random.default_rng(0).random(len(trie)) ** 2
        self._truth = np.log(0.99 * weights / np.bincount(trie.parents, weights)[trie.parents])
        self._note(np.zeros(1, int), None)

    def _make_room(self, count, *needed):
        pass

    def _logits(self, block):
        return None

    def _note(self, nodes, logits):
        children, _ = self.trie.children_of(nodes)
        self.log_probs[children] = self._truth[children]


def made_up(items, max_new_tokens):
    described = Description(
        decoder=tiny_config(400),
        dtype="float32",
        text=TextSettings(),
        max_prompt_tokens=60,
        sampling={},
        ranking=RankingSettings(),
    )
    model = GenerativeModel(
        sampler=None,
        tokenizer=tiny_tokenizer(),
        description=described,
        sampling=SamplingSettings(max_new_tokens=max_new_tokens),
        text=described.text,
    )
    model.__dict__["reader"] = SimpleNamespace(begin=lambda _, trie: MadeUp(trie))
    return CALRec.over(model, PlainCorpus(items), items)


@pytest.fixture(scope="module")
def calrec():
    return made_up(SHOP, max_new_tokens=40)


@pytest.fixture(scope="module")
def exact(calrec):
    """Of each item's text, its tokens and their log-probabilities."""
    found = calrec.model.likelihoods(HISTORY, SHOP)
    return [(found.tokens(i).tolist(), found.of_tokens(i).tolist()) for i in range(len(SHOP))]


@pytest.fixture(scope="module")
def some(calrec):
    """The first three texts of thirteen items, and every item's way."""
    return calrec.explore(HISTORY, IDS, count=3, first=3)


def probability(exact, chosen):
    """Of the distinct texts of some items."""
    texts = {item_text(SHOP[i]): math.exp(sum(exact[i][1])) for i in chosen}
    return sum(texts.values())


def branches(branch, chosen, levels):
    """Each branch below one, with the items that have its values."""
    yield branch, chosen
    for one in branch.branches:
        assert one.attribute == levels[0]
        below = [i for i in chosen if getattr(SHOP[i], one.attribute) == one.value]
        yield from branches(one, below, levels[1:])


@pytest.mark.parametrize("levels", [("category", "brand", "title", "price"), ("brand", "price")])
def test_a_branch_has_what_its_items_have(calrec, exact, levels):
    whole = calrec.explore(HISTORY, count=None, levels=levels)
    part = calrec.explore(HISTORY, count=1, levels=levels, first=1)
    for branch, items in branches(whole.tree, range(len(SHOP)), levels):
        assert branch.items == len(items)
        assert (branch.open, branch.rest) == (0, None)
        assert branch.known == pytest.approx(probability(exact, items), rel=NEAR)
        best = max(items, key=lambda i: (sum(exact[i][1]), -i))
        assert item_text(SHOP[IDS.index(branch.best)]) == item_text(SHOP[best])
        assert [one.known for one in branch.branches] == sorted(
            (one.known for one in branch.branches), reverse=True
        )
        last = not branch.branches
        assert branch.item_ids == (tuple(IDS[i] for i in items) if last else ())
    assert part.tree.open > 0.01
    assert any(branch.rest for branch, _ in branches(part.tree, range(len(SHOP)), levels))
    found = {item_id for one in part.found for item_id in one.item_ids}
    for branch, items in branches(part.tree, range(len(SHOP)), levels):
        certain = probability(exact, [i for i in items if IDS[i] in found])
        assert branch.known >= certain * (1 - NEAR)
        in_it = probability(exact, items)
        assert branch.known / (1 + NEAR) <= in_it <= branch.most * (1 + NEAR)
        shown = [
            i
            for one in branch.branches
            for i in items
            if getattr(SHOP[i], one.attribute) == one.value
        ]
        rest = [i for i in items if i not in shown]
        if branch.branches and rest:
            assert branch.rest.items == len(rest)
            assert probability(exact, rest) <= branch.rest.open * (1 + NEAR)
            attribute = branch.branches[0].attribute
            assert branch.rest.branches == len({getattr(SHOP[i], attribute) for i in rest})
        elif branch.branches:
            assert branch.rest is None
    assert whole.outside == pytest.approx([1 - whole.tree.known] * 2, abs=1e-5)


def test_the_way_of_every_item(some, exact, calrec):
    assert some.exact
    for way, (tokens, log_probs) in zip(some.ways, exact, strict=True):
        assert [step.token_id for step in way.steps] == tokens
        assert [step.log_prob for step in way.steps] == pytest.approx(log_probs, abs=1e-4)
        assert way.log_prob == pytest.approx(sum(log_probs), abs=1e-4)
        assert way.dearest == log_probs.index(min(log_probs))
        for place, step in enumerate(way.steps):
            assert step.total == pytest.approx(sum(log_probs[: place + 1]), abs=1e-4)
            same = [i for i, (other, _) in enumerate(exact) if other[:place] == tokens[:place]]
            others = {}
            for i in same:
                others.setdefault(exact[i][0][place], []).append(i)
            assert step.items == len(others.pop(tokens[place]))
            assert len(step.turns) + step.others == len(others)
            for turn in step.turns:
                below = others[turn.token_id]
                assert turn.items == len(below)
                assert turn.log_prob == pytest.approx(exact[below[0]][1][place], abs=1e-4)
                found = [one.item_ids[0] for one in some.found]
                assert turn.best == next((i for i in found if IDS.index(i) in below), None)
            taken = [step.log_prob, *(turn.log_prob for turn in step.turns)]
            assert taken[1:] == sorted(taken[1:], reverse=True)
            if not step.others:
                assert step.outside == pytest.approx(1 - sum(map(math.exp, taken)), abs=1e-5)


def test_where_an_item_fell_out_of_the_first_ones(some, exact):
    totals = [sum(log_probs) for _, log_probs in exact]
    needed = sorted(totals, reverse=True)[2]
    assert some.needed == pytest.approx(needed, abs=1e-4)
    lost = 0
    for item, way in zip(SHOP, some.ways, strict=True):
        total = sum(exact[IDS.index(item.item_id)][1])
        assert (way.lost is not None) == (total < needed - 1e-6)
        if way.lost is not None:
            lost += 1
            upto = [sum(exact[IDS.index(item.item_id)][1][: n + 1]) for n in range(way.lost + 1)]
            assert upto[-1] < needed
            assert all(one >= needed for one in upto[:-1])
    assert lost


def test_a_way_part_by_part(some, exact):
    for item, way in zip(SHOP, some.ways, strict=True):
        parts = way.parts()
        assert [part.attribute for part in parts] == list(IN_TEXT)
        assert [part.value for part in parts] == list(item.values())
        assert sum(part.log_prob for part in parts) == pytest.approx(way.log_prob)
        text = ["".join(s.text for s in way.steps[p.first : p.behind]) for p in parts]
        assert "".join(text).startswith(item_text(item))
        for part, written in zip(parts, text, strict=True):
            assert (part.value or "Unknown") in written
        words = [step.word for step in way.steps if step.attribute == "title"]
        assert set(item.title.split()) <= set(words)
        assert [b.value for b in some.tree.along(way.shown)] == [
            item.category,
            item.brand,
            item.title,
            item.price,
        ]


def test_it_can_be_kept_as_json(some):
    assert codec.decode(Exploration, codec.from_text(codec.to_text(codec.encode(some)))) == some


def test_ranks_count_items_and_texts_cut_to_be_equal_stand_together():
    """Seven tokens do not reach to the price."""
    shop = (*SHOP, dataclasses.replace(ITEMS[4], item_id="dear", price="$999"))
    cut = made_up(shop, max_new_tokens=8)
    found = cut.explore(HISTORY, ["I4", "dear"], count=None)
    assert found.ways[0].ranks == found.ways[1].ranks
    assert found.ways[0].ranks[1] - found.ways[0].ranks[0] == 2
    assert found.tree.along(found.ways[1].shown)[-1].item_ids == ("I4", "twin", "dear")
    assert [part.attribute for part in found.ways[1].parts()][-1] != "price"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"item_ids": ["none"]}, "an item of the shop, found 'none'"),
        ({"count": 0}, "numbers from 1 up"),
        ({"first": 0}, "numbers from 1 up"),
        ({"levels": ("colour",)}, "each once, found colour"),
        ({"levels": ()}, "each once, found none"),
    ],
)
def test_what_cannot_be_is_one_line(calrec, given, message):
    with pytest.raises(CalrecError, match=message):
        calrec.explore(HISTORY, **given)
