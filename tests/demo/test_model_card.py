"""The model card: against the model itself, and records that lack or falsify things."""

from __future__ import annotations

import dataclasses
import json

import pytest

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.model.backbone.config import DecoderConfig, Rope
from calrec.model.backbone.lora_settings import LoraSettings
from calrec.report.model_card import parameters
from demo.html.model_card_text import to_html, to_markdown
from demo.inspect.model_card import card, read, seen_words

HOSTILE = "<script>alert(1)</script>|`x`\n# y"


@pytest.fixture(scope="module")
def record():
    return checkpoint.describe(checkpoint.resolve("sample"))


def section(shown, title):
    return next(one for one in shown.sections if one.title == title)


def weights(config) -> int:
    """The model's own weights, counted."""
    import jax
    from flax import nnx

    from calrec.model.backbone.decoder import Decoder

    model = nnx.eval_shape(lambda: Decoder(config, rngs=nnx.Rngs(0)))
    return sum(leaf.size for leaf in jax.tree.leaves(nnx.state(model)))


SMALL = {
    "vocab_size": 40,
    "hidden_size": 12,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 6,
    "max_position_embeddings": 32,
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tie_word_embeddings": False},
        {"rope": None, "norm": "layer", "gated_mlp": False, "mlp_bias": True},
        {"attention_bias": True, "output_bias": True, "mlp_bias": True},
        {"norm_queries_and_keys": True, "norm_outputs": True, "norm": "rms_offset"},
        {"rope": Rope(), "norm": "layer", "norm_queries_and_keys": True, "norm_outputs": True},
    ],
)
def test_the_number_of_parameters_is_that_of_the_model(more):
    config = DecoderConfig(**SMALL | more)
    assert parameters(config) == weights(config)


def test_the_shipped_card_says_what_the_record_says(record):
    shops = dict(record.data)
    first = next(iter(shops))
    shown = read(checkpoint.resolve("sample"), {**shops, "other": "f00"}, first)
    assert "trained from scratch on the invented shops" in shown.lead
    assert ("Parameters", f"{weights(record.decoder):,}") in section(shown, "Size and shape").facts
    rows = {row[0]: row[1] for row in section(shown, "Training data").rows}
    assert rows == {name: "in training, as it is here" for name in shops} | {
        "other": "never seen in training"
    }
    figures = section(shown, "Measured figures").rows
    assert len(figures) == len(record.figures)
    name, metrics = figures[0][0], record.figures[figures[0][0]]["metrics"]["ndcg@10"]
    assert figures[0][4] == f"{metrics['optimistic']:.4f} / {metrics['pessimistic']:.4f}", name
    assert "tokenizer of 3,072 tokens" in dict(section(shown, "Size and shape").facts)["Vocabulary"]
    training = section(shown, "Training").rows
    assert training[0][5:8] == ("–", "–", "–")
    assert training[1][5:8] == ("0.125", "-0.025", "0.5")
    assert any("invented" in one for one in section(shown, "Intended use and limits").remarks)


@pytest.mark.parametrize(
    ("then", "now", "words"),
    [
        ("a", "a", "in training, as it is here"),
        ("a", "b", "in training, in another state"),
        (None, "b", "never seen in training"),
        ("a", None, "in training; not in this workspace"),
    ],
)
def test_whether_a_shop_was_seen(record, then, now, words):
    assert seen_words(then, now) == words
    data = {"shop": then} if then else {}
    shown = card("m", dataclasses.replace(record, data=data), {"shop": now} if now else {}, "shop")
    rows = section(shown, "Training data").rows
    assert [row[:2] for row in rows] == [("shop", words)]


def trained(record, role, fingerprint="a", domain="shop"):
    data = {domain: {"fingerprint": fingerprint, "role": role}}
    training = {"stages": [{"stage": "stage1", "data": data}]}
    return dataclasses.replace(record, data={domain: fingerprint}, training=training)


@pytest.mark.parametrize(
    ("role", "test", "validation"),
    [
        ("evaluation", "neither trained nor", "selected on the very purchases"),
        ("selection", "selected on the very purchases", "trained on the very purchases"),
        ("training", "trained on the very purchases", "trained on the very purchases"),
    ],
)
def test_the_card_says_what_the_model_may_know_of_held_out_purchases(
    record, role, test, validation
):
    data = section(card("m", trained(record, role), {"shop": "a"}, "shop"), "Training data")
    assert data.rows[0][2] == role
    told = " ".join(data.remarks)
    if role == "training":
        assert f"Its held-out purchases: {test}" in told
    else:
        assert f"Its test purchases: {test}" in told
        assert f"Its validation purchases: {validation}" in told


def test_a_record_without_roles_says_that_it_is_not_known(record):
    old = dataclasses.replace(record, data={"shop": "a"}, training={"stages": [{"stage": "x"}]})
    data = section(card("m", old, {"shop": "a"}, "shop"), "Training data")
    assert data.rows[0][2] == "not known"
    assert any("is not known" in remark for remark in data.remarks)


def test_a_shop_in_another_state_is_warned_of(record):
    shown = card("m", dataclasses.replace(record, data={"shop": "a"}), {"shop": "b"}, "shop")
    assert "may be too good" in section(shown, "Training data").remarks[0]
    assert "invented" not in shown.lead


@pytest.mark.parametrize(
    "damage",
    [
        {"training": {}},
        {"training": {"stages": "none"}},
        {"training": {"stages": [3, {}, {"stage": None, "settings": 4, "seconds": "x"}]}},
        {"training": {"stages": [{"stage": "stage1", "settings": {"objective": 3}}]}},
        {"figures": {"a": 3, "b": {"metrics": 4}, "c": {"metrics": {"mrr": {"optimistic": "x"}}}}},
        {"sampling": {}, "data": {}, "figures": {}},
    ],
)
def test_a_record_that_lacks_or_falsifies_things_still_gives_a_card(record, damage):
    shown = card("m", dataclasses.replace(record, **damage), {}, "")
    assert len(to_html(shown)) > 1000
    assert to_markdown(shown).startswith("# Model card: m\n")
    if not damage.get("training", True):
        assert "from scratch" not in shown.lead


def test_nothing_in_a_record_is_markup(record):
    hostile = dataclasses.replace(
        record,
        data={HOSTILE: "a"},
        training={"stages": [{"stage": HOSTILE, "best_step": HOSTILE}]},
        figures={HOSTILE: {"users": HOSTILE, "metrics": {}}},
        sampling={"samples": HOSTILE},
    )
    shown = card(HOSTILE, hostile, {HOSTILE: "b"}, HOSTILE)
    assert "<script" not in to_html(shown)
    text = to_markdown(shown)
    assert "<script" not in text
    for table in text.split("\n\n"):
        rows = [line for line in table.splitlines() if line.startswith("|")]
        counts = {line.replace("\\|", "").count("|") for line in rows}
        assert len(counts) <= 1
    assert [line for line in text.splitlines() if line.startswith("# ")] == [text.splitlines()[0]]


def test_a_pretrained_model_and_adapters_are_named(record):
    begun = {"stages": [{"stage": "pretrained", "settings": {"folder": "smol|<i>"}}]}
    plain = dataclasses.replace(record, training=begun, data={}, begin_id=3)
    shown = card("m", plain, {})
    assert "parameters, pretrained elsewhere (smol|<i>) and left as it is." in shown.lead
    assert "<i>" not in to_html(shown)
    assert dict(section(shown, "How it reads").facts)["In front of it"] == "the model's begin token"
    lora = LoraSettings(rank=16, layers=2)
    added = checkpoint.Adapters(name="smol", digest="0123456789abcdef", tokens=9, lora=lora)
    shown = card("m", dataclasses.replace(record, training=begun, adapters=added), {})
    assert "parameters, smol with adapters of rank 16, trained on" in shown.lead
    facts = dict(section(shown, "Size and shape").facts)
    assert facts["Adapters"] == "rank 16, in the last 2 of 4 layers"
    assert facts["Beside"] == "smol, tensors of digest 0123456789ab"


def test_a_folder_without_a_record_is_refused(tmp_path):
    with pytest.raises(CalrecError):
        read(tmp_path, {})


def test_an_unreadable_tokenizer_leaves_its_size_out(tmp_path, record):
    (tmp_path / "calrec.json").write_text(record.to_text())
    (tmp_path / "tokenizer").mkdir()
    (tmp_path / "tokenizer" / "tokenizer.json").write_text(json.dumps({"model": 3}))
    facts = dict(section(read(tmp_path, {}), "Size and shape").facts)
    assert facts["Vocabulary"] == "3,072 places"
