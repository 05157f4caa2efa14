"""Which purchases caused a text, against plain forward passes of each shortened history."""

import dataclasses
import itertools

import numpy as np
import pytest
from decoding import run_compiled
from scipy.special import log_softmax
from tiny import ITEMS
from tiny_shop import tiny_recommender

from calrec.errors import CalrecError
from calrec.generation import attribution
from calrec.records import Recommendation, Sample
from calrec.records.attribution import PART, Attribution
from calrec.text import item_text

BUDGET, NEW = 120, 40
CALREC = tiny_recommender(max_new_tokens=NEW)
MODEL = dataclasses.replace(
    CALREC.model,
    description=dataclasses.replace(CALREC.model.description, max_prompt_tokens=BUDGET),
)
HISTORY = ITEMS[:9]  # the oldest ones do not fit
SHORT = Sample(
    text="", token_ids=(5, 9), log_probs=(), score=0.0, order=0, finished=False, attributes=None
)
TEXTS = [ITEMS[8], item_text(ITEMS[2]), SHORT]


def plain(*histories):
    """Log-probabilities of the three behind each history, each in a whole row of its own."""
    end = MODEL.tokenizer.end_id
    whole = MODEL.tokenizer.encode([item_text(ITEMS[8]), item_text(ITEMS[2])])
    texts = [*([*ids, end] for ids in whole), [5, 9]]  # the last one was cut before its end
    prompts = [list(MODEL.prompt(history).token_ids) for history in histories]
    rows = np.zeros((len(histories) * len(texts), BUDGET + NEW), int)
    cases = list(itertools.product(prompts, texts))
    for row, (prompt, text) in zip(rows, cases, strict=True):
        row[: len(prompt) + len(text)] = prompt + text
    logits = run_compiled(MODEL.sampler.model, rows, np.ones(rows.shape, bool))[1]
    log_probs = log_softmax(logits.astype(float), axis=-1)
    following = np.take_along_axis(log_probs[:, :-1], rows[:, 1:, None], axis=2)[..., 0]
    sums = [
        row[len(prompt) - 1 : len(prompt) + len(text) - 1].sum()
        for row, (prompt, text) in zip(following, cases, strict=True)
    ]
    return np.reshape(sums, (len(histories), len(texts)))


@pytest.mark.slow
@pytest.mark.parametrize("logits", [attribution.LOGITS, 1], ids=["together", "one by one"])
def test_each_shortened_history_as_in_a_forward_pass_of_its_own(monkeypatch, logits):
    monkeypatch.setattr(attribution, "LOGITS", logits)
    found = MODEL.attribution(HISTORY, TEXTS, pairs=True, swaps=True)
    cut = MODEL.prompt(HISTORY).items_cut
    read = list(HISTORY[cut:])
    count = len(read)
    assert found.items_cut == cut > 0
    assert count > 3
    assert found.texts == (item_text(ITEMS[8]), item_text(ITEMS[2]), "")

    both = list(itertools.combinations(range(count), 2))
    exact = plain(
        HISTORY,
        *([*read[:i], *read[i + 1 :]] for i in range(count)),
        *([item for k, item in enumerate(read) if k not in pair] for pair in both),
        *([*read[:i], read[i + 1], read[i], *read[i + 2 :]] for i in range(count - 1)),
    )
    totals, without, pairs, swapped = np.split(exact, np.cumsum([1, count, len(both)]))
    np.testing.assert_allclose(found.totals, totals[0], atol=1e-4)
    np.testing.assert_allclose(found.without, without, atol=1e-4)
    np.testing.assert_allclose(found.changes, without - totals, atol=2e-4)
    np.testing.assert_allclose(found.swapped, swapped, atol=1e-4)
    np.testing.assert_allclose(found.order_changes, swapped - totals, atol=2e-4)
    assert found.causes(0).tolist() == np.argsort(without[:, 0]).tolist()
    for (i, j), values in zip(both, pairs, strict=True):
        np.testing.assert_allclose(found.pairs[i, j], values, atol=1e-4)
        np.testing.assert_array_equal(found.pairs[j, i], found.pairs[i, j])
        joint = values - without[i] - without[j] + totals[0]
        np.testing.assert_allclose(found.joint_changes[i, j], joint, atol=4e-4)


@pytest.mark.slow
def test_what_the_model_wrote_has_the_probability_that_it_was_written_with():
    record = CALREC.recommend(HISTORY, seed=3)
    found = CALREC.model.attribution(HISTORY, record.samples)
    np.testing.assert_allclose(found.totals, [one.score for one in record.samples], atol=1e-4)
    assert found.pairs is found.swapped is found.joint_changes is found.order_changes is None

    part = dataclasses.replace(record, parts={PART: found.part(), "more": 1})
    back = Recommendation.from_json(part.to_json())
    again = Attribution.of_parts(back.parts)
    assert (again.items_cut, again.texts, back.parts["more"]) == (found.items_cut, found.texts, 1)
    np.testing.assert_array_equal(again.without, found.without)
    assert Attribution.of_parts(record.parts) is None


def test_nothing_to_leave_out_or_to_explain_is_one_line():
    with pytest.raises(CalrecError, match="expected at least 2 purchases that the model reads"):
        MODEL.attribution(HISTORY[:1], TEXTS)
    with pytest.raises(CalrecError, match="expected at least 3 purchases"):
        MODEL.attribution(HISTORY[:2], TEXTS, pairs=True)
    with pytest.raises(CalrecError, match="found none; name one"):
        MODEL.attribution(HISTORY, [])


@pytest.mark.parametrize("damage", [{"without": [[1.0]]}, {"totals": "x"}, {"items_cut": None}])
def test_a_damaged_part_of_a_case_file_is_one_line(damage):
    part = {"items_cut": 0, "texts": ["a", "b"], "totals": [-1, -2], "without": [[-1, -3]]}
    assert Attribution.of_parts({PART: part}).changes.tolist() == [[0, -1]]
    with pytest.raises(CalrecError, match="leave the part out"):
        Attribution.of_parts({PART: part | damage})
