"""Settings beside the families' usual ones: the same as in torch, or refused; never silently other.

The list holds what `config.json` may say, covered or not; the test does not mind which.
"""

import decoding
import hub_forms
import numpy as np
import pytest
from families import FAMILIES
from hub_forms import GOLDEN

from calrec.errors import CalrecError
from calrec.model import hf

pytest.importorskip("torch", reason="torch is the oracle here; test_golden.py does without it")

import oracle
from oracle import TOLERANCE, Case
from safetensors.torch import load_file, save_file

pytestmark = pytest.mark.slow

SETTINGS = [
    ("gpt2", {"n_inner": 20}),
    ("gpt2", {"tie_word_embeddings": False}),
    ("gpt2", {"activation_function": "gelu"}),
    ("gpt2", {"activation_function": "relu"}),
    ("gpt2", {"scale_attn_weights": False}),
    ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
    ("gpt2", {"reorder_and_upcast_attn": True}),
    ("gpt2", {"add_cross_attention": True}),
    ("llama", {"is_causal": False}),
    ("llama", {"hidden_act": "gelu"}),
    ("llama", {"hidden_act": "relu"}),
    ("llama", {"sliding_window": 8, "use_sliding_window": True}),
    ("llama", {"sliding_window": 8, "layer_types": ["sliding_attention"] * 2}),
    ("llama", {"query_pre_attn_scalar": 3, "final_logit_softcapping": 2.0}),
    ("llama_bias", {"mlp_bias": False}),
    ("llama_bias", {"attention_bias": False}),
    ("mistral", {"attention_bias": True}),
    ("mistral", {"layer_types": ["full_attention"] * 3}),
    ("mistral", {"sliding_window": 1}),
    ("mistral", {"tie_word_embeddings": True, "hidden_act": "gelu_pytorch_tanh"}),
    ("mistral", {"rope_parameters": FAMILIES["llama3"]["rope_parameters"]}),
    ("qwen2", {"tie_word_embeddings": False, "attention_bias": False}),
    ("qwen2", {"rope_parameters": FAMILIES["llama_linear"]["rope_parameters"]}),
    ("qwen2_window", {"layer_types": ["sliding_attention", "full_attention"] * 2}),
    ("qwen2_window", {"max_window_layers": 0}),
    ("qwen2_window", {"sliding_window": None}),
    ("qwen3", {"rope_parameters": FAMILIES["llama3"]["rope_parameters"], "head_dim": 8}),
    ("qwen3", {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}),
    ("gemma", {"attention_bias": True}),
    ("gemma", {"hidden_act": "gelu"}),
    ("gemma", {"hidden_act": "silu", "tie_word_embeddings": False}),
    ("gemma", {"hidden_activation": "silu"}),
    ("gemma", {"sliding_window": 8, "query_pre_attn_scalar": 3}),
    ("gemma", {"sliding_window": 8, "layer_types": ["sliding_attention"] * 2}),
    ("gemma2", {"final_logit_softcapping": None}),
    ("gemma2", {"rope_parameters": FAMILIES["llama_linear"]["rope_parameters"]}),
    ("gemma2", {"attn_logit_softcapping": None, "final_logit_softcapping": None}),
    ("gemma2", {"layer_types": ["full_attention", "full_attention", "sliding_attention"] * 2}),
    ("gemma2", {"attention_bias": True}),
    ("gemma2", {"hidden_activation": "gelu"}),
    ("gemma2", {"hidden_act": "silu"}),
    ("gemma2", {"use_bidirectional_attention": True}),
    ("gemma3_text", {"attention_bias": True}),
    ("gemma3_text", {"attn_logit_softcapping": 2.0}),
    ("gemma3_text", {"final_logit_softcapping": 2.0}),
    ("gemma3_text", {"tie_word_embeddings": False}),
    ("gemma3_text", {"use_bidirectional_attention": True}),
    ("gemma3_text", {"layer_types": ["full_attention"] * 4}),
    ("gemma3_text", {"layer_types": ["sliding_attention"] * 4}),
    (
        "gemma3_text",
        {
            "rope_parameters": {
                "sliding_attention": {"rope_type": "linear", "rope_theta": 100.0, "factor": 2.0},
                "full_attention": {"rope_type": "default", "rope_theta": 1000.0},
            }
        },
    ),
]


def load_or_line(folder):
    """The decoder and no line, or no decoder and the error's line."""
    try:
        return hf.load(folder), None
    except CalrecError as error:
        return None, str(error)


@pytest.mark.parametrize(("family", "change"), SETTINGS, ids=str)
def test_the_same_or_refused(family, change, tmp_path):
    """Loaded, it says what torch says; saved again, torch still says it."""
    settings = FAMILIES[family] | change
    if "layer_types" in change:
        settings["num_hidden_layers"] = len(change["layer_types"])
    case = Case(settings, tmp_path)
    model, line = load_or_line(tmp_path)
    if not model:
        assert "\n" not in line
        return
    case.assert_agrees(decoding.run(model, *case.rows))
    hf.save_pretrained(tmp_path / "saved", model)
    found = oracle.run(oracle.load(tmp_path / "saved"), *case.rows)[1]
    np.testing.assert_allclose(found, case.said()[1], rtol=0, atol=1e-5)


def test_a_stored_head_that_differs_is_not_taken_for_the_tied_one(tmp_path):
    """Torch then leaves the tie; ours does too or refuses."""
    hub_forms.write(tmp_path, "Qwen/Qwen3-0.6B")
    weights = load_file(tmp_path / "model.safetensors")
    weights["lm_head.weight"] *= -1
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    said = np.load(GOLDEN / "qwen3" / "golden.npz")
    mask = said["mask"]
    theirs = oracle.run(oracle.load(tmp_path), said["tokens"], mask)[1]
    assert np.abs(theirs - said["logits"]).max() > 1
    model, line = load_or_line(tmp_path)
    if not model:
        assert "lm_head.weight" in line
        return
    ours = decoding.run(model, said["tokens"], mask)[1]
    np.testing.assert_allclose(ours[mask], theirs[mask], rtol=0, atol=TOLERANCE)
