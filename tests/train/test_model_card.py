"""The model card of a checkpoint: against its record, and as the Hub reads it."""

import dataclasses
import re
import shutil

import jax
import pytest
from flax import nnx
from huggingface_hub import ModelCard

from calrec.model import checkpoint
from calrec.model.backbone.decoder import Decoder
from train import model_card
from train.evaluation import fingerprints

HOSTILE = "x | y\n---\n<script>`"


@pytest.fixture(scope="module")
def record():
    return checkpoint.describe(checkpoint.resolve("sample"))


@pytest.fixture(scope="module")
def card(record):
    return ModelCard(model_card.text(record))


def test_the_header_tells_the_hub_the_figures_of_the_model_alone(record, card):
    assert (card.data.license, card.data.library_name) == ("apache-2.0", "calrec")
    own = {name: figure for name, figure in record.figures.items() if "generation" in figure}
    found = {(r.dataset_name, r.metric_name): r.metric_value for r in card.data.eval_results}
    assert len(found) == len(card.data.eval_results) == 8 * len(own) > 0
    for name, figure in own.items():
        ndcg = figure["metrics"]["ndcg@10"]
        assert found[name, "NDCG@10, optimistic"] == ndcg["optimistic"]
        assert found[name, "NDCG@10, pessimistic"] == ndcg["pessimistic"]


def test_the_text_says_what_the_record_says(record, card):
    weights = nnx.state(nnx.eval_shape(lambda: Decoder(record.decoder, rngs=nnx.Rngs(0))))
    assert f"{sum(x.size for x in jax.tree.leaves(weights)):,} parameters" in card.text
    assert all(f"| {domain} | {data} |" in card.text for domain, data in record.data.items())
    for name, figure in record.figures.items():
        assert f"| {name} | {figure['bought']} | {figure['count']} |" in card.text
    assert "invented buyers only" in card.text
    assert "| Stage I, many shops | 200 | 200 | 32 | 0.0003 | 0.125 | -0.025 | 0.5 |" in card.text


def test_a_record_that_says_little_makes_a_card_that_says_so(record):
    text = model_card.text(dataclasses.replace(record, data={}, training={}, figures={}))
    card = ModelCard(text)
    assert card.data.eval_results is None
    assert "names no stage" in card.text
    assert "names no training data" in card.text
    assert "The record holds none" in card.text
    assert "invented" not in card.text
    assert "|" not in card.text


def test_what_began_elsewhere_keeps_the_licence_from_there(record):
    begun = {"stage": "pretrained", "settings": {"folder": HOSTILE, "family": "llama"}}
    stages = [{**begun, "best_step": None, "validation_nig": None}]
    card = ModelCard(model_card.text(dataclasses.replace(record, training={"stages": stages})))
    assert card.data.license == "other"
    assert "whose licence holds for it as well" in card.text
    assert "<script>" not in card.text.replace(r"\<", "")


def test_foreign_labels_are_no_markup(record):
    figure = next(figure for figure in record.figures.values() if "generation" in figure)
    odd = f"sample-kitchen test {HOSTILE}"
    card = ModelCard(model_card.text(dataclasses.replace(record, figures={odd: figure})))
    assert card.data.eval_results[0].dataset_name == odd
    (row,) = [line for line in card.text.splitlines() if line.startswith("| sample-kitchen test")]
    assert len(re.split(r"(?<!\\) \| ", row)) == 8


OTHER_FORMS = (None, 3, "x", [], [3], {}, {"stage": 3}, [{}], [{"stage": "stage1", "settings": 3}])


@pytest.mark.parametrize("other", OTHER_FORMS)
def test_a_record_in_another_form_is_taken_as_far_as_it_can_be_read(record, other):
    figures = {"one": other, "two words": {"generation": {}, "metrics": other}}
    figures["a b c"] = {"generation": {}, "metrics": {"mrr": {"optimistic": other}}}
    training = {"stages": other}
    found = dataclasses.replace(record, figures=figures, training=training)
    card = ModelCard(model_card.text(found))
    numbers = [result.metric_value for result in card.data.eval_results or ()]
    assert numbers == ([other] if other == 3 else [])


@pytest.mark.parametrize("other", OTHER_FORMS)
def test_a_checkpoint_whose_training_is_recorded_otherwise_has_an_identity(copied, record, other):
    written = dataclasses.replace(record, training={"stages": other}).to_text()
    (copied / "calrec.json").write_text(written)
    found = fingerprints.calrec_checkpoint(str(copied))
    assert found.seen is None
    assert all(stage["alpha"] is None for stage in found.training)


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(checkpoint.resolve("sample"), folder)
    return folder


def test_the_card_is_no_part_of_what_the_checkpoint_is(copied):
    before = fingerprints.calrec_checkpoint(str(copied))
    (copied / model_card.FILE).write_text("mine")
    assert fingerprints.calrec_checkpoint(str(copied)) == before
    assert checkpoint.check(copied)
    (copied / model_card.FILE).unlink()
    assert checkpoint.check(copied)
