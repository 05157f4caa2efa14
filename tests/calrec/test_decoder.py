import dataclasses
import json
import re

import decoding
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from tiny import hidden_of, tiny_config, tiny_decoder

from calrec.errors import CalrecError
from calrec.model.backbone.cache import SampleCache
from calrec.model.backbone.config import DecoderConfig, Rope

V = 50


def numpy_llama(config, weights, tokens):
    """Llama's forward pass for one row, loop by loop in float64: an independent oracle."""
    w = {"/".join(map(str, path)): np.asarray(x, np.float64) for path, x in flat(weights)}

    def norm(x, scale):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + config.norm_eps) * scale

    def rotate(x, position):
        half = len(x) // 2
        out = np.empty_like(x)
        for i in range(half):
            angle = position / config.rope.theta ** (i / half)
            out[i] = x[i] * np.cos(angle) - x[i + half] * np.sin(angle)
            out[i + half] = x[i + half] * np.cos(angle) + x[i] * np.sin(angle)
        return out

    x = w["embed_tokens"][tokens]
    share = config.num_attention_heads // config.num_key_value_heads
    for n in range(config.num_hidden_layers):
        at = f"layers/{n}/"
        h = norm(x, w[at + "input_layernorm/weight"])
        size = config.head_dim
        mixed = np.zeros((len(tokens), config.num_attention_heads * size))
        q, k, v = (h @ w[f"{at}self_attn/{name}_proj/weight"].T for name in "qkv")
        for t in range(len(tokens)):
            for head in range(config.num_attention_heads):
                group = slice(head // share * size, (head // share + 1) * size)
                mine = slice(head * size, (head + 1) * size)
                query = rotate(q[t, mine], t)
                score = np.array([query @ rotate(k[s, group], s) for s in range(t + 1)])
                weight = np.exp(score / np.sqrt(size) - (score / np.sqrt(size)).max())
                mixed[t, mine] = (weight / weight.sum()) @ v[: t + 1, group]
        x = x + mixed @ w[at + "self_attn/o_proj/weight"].T
        h = norm(x, w[at + "post_attention_layernorm/weight"])
        gate = h @ w[at + "mlp/gate_proj/weight"].T
        up = h @ w[at + "mlp/up_proj/weight"].T
        x = x + (gate / (1 + np.exp(-gate)) * up) @ w[at + "mlp/down_proj/weight"].T
    hidden = norm(x, w["norm/weight"])
    return hidden, hidden @ w["embed_tokens"].T


def flat(tree, path=()):
    if isinstance(tree, dict):
        for name, branch in tree.items():
            yield from flat(branch, (*path, name))
    else:
        yield path, tree


@pytest.fixture(scope="module")
def model():
    return tiny_decoder(V)


def test_forward_pass_equals_numpy(model):
    tokens = np.random.default_rng(0).integers(0, V, 11)
    hidden, logits = numpy_llama(model.config, nnx.to_pure_dict(nnx.state(model)), tokens)
    ours = hidden_of(model, tokens[None], np.ones((1, 11), bool))
    np.testing.assert_allclose(ours[0], hidden, atol=2e-4)
    np.testing.assert_allclose(model.logits(ours)[0], logits, atol=5e-3, rtol=1e-4)


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_nothing(model, side):
    tokens = np.random.default_rng(1).integers(0, V, 7)
    alone = hidden_of(model, tokens[None], np.ones((1, 7), bool))[0]
    pad = (5, 0) if side == "left" else (0, 5)
    mask = np.pad(np.ones(7, bool), pad)
    padded = hidden_of(model, np.pad(tokens, pad, constant_values=3)[None], mask[None])[0]
    np.testing.assert_allclose(padded[mask], alone, atol=1e-5)


def test_no_token_sees_the_future(model):
    """Causality by gradient: a state depends on the embeddings up to its own, on none behind."""
    tokens = jnp.arange(6)[None]
    graph, state = nnx.split(model)

    def third(weights):
        hidden = nnx.merge(graph, weights).hidden(tokens, jnp.ones((1, 6), bool))
        return (hidden[0, 2] ** 2).sum() + hidden[0, 2].sum()

    moved = np.abs(jax.jit(jax.grad(third))(state)["embed_tokens"][...]).sum(axis=1)
    assert (moved[:3] > 0).all()
    assert (moved[3:] == 0).all()


def test_cached_decoding_equals_the_whole_pass(model):
    rng = np.random.default_rng(2)
    lengths = np.array([9, 4])
    prompts = rng.integers(0, V, (2, 12))
    drawn = rng.integers(0, V, (2, 3, 5))
    last, prompt = nnx.jit(type(model).prefill)(model, prompts, lengths)
    cache = SampleCache.empty(model.config, 2, 3, 5, jnp.float32)
    steps = []
    for step in range(5):
        hidden, _, cache = decoding.feed(model, drawn[:, :, step], prompt, cache, jnp.full(2, step))
        steps.append(hidden)
    for u in range(2):
        for n in range(3):
            row = np.concatenate([prompts[u, : lengths[u]], drawn[u, n]])
            mask = np.arange(14) < len(row)  # one width, compiled once
            whole = hidden_of(model, np.resize(row, (1, 14)), mask[None])[0, : len(row)]
            np.testing.assert_allclose(last[u], whole[lengths[u] - 1], atol=1e-5)
            ours = np.stack([hidden[u, n] for hidden in steps])
            np.testing.assert_allclose(ours, whole[lengths[u] :], atol=1e-5)


def test_a_config_round_trips_through_json():
    config = dataclasses.replace(
        tiny_config(V), window=4, windowed=(True, False), windowed_rope=Rope(kind="linear")
    )
    assert DecoderConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_each_layer_has_its_window_and_positions():
    config = dataclasses.replace(
        tiny_config(V), window=4, windowed=(True, False), windowed_rope=Rope(theta=7.0)
    )
    assert [kind.window for kind in config.layer_kinds] == [4, None]
    assert [kind.rope.theta for kind in config.layer_kinds] == [7.0, 10_000.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "mamba"}, "family must be one of llama, .*, found 'mamba'"),
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads"),
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, found 0"),
        ({"hidden_size": 2.5}, "hidden_size must be a positive whole number, found 2.5"),
        ({"norm": "batch"}, "norm must be one of rms"),
        ({"head_dim": 5}, "must be even"),
        ({"windowed": (True,)}, "each of 2 layers"),
        ({"windowed": (True, False)}, "need a window"),
        ({"window": 0}, "window must be positive"),
    ],
)
def test_an_impossible_config_is_refused(change, message):
    with pytest.raises(CalrecError, match=message):
        dataclasses.replace(tiny_config(V), **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "yarn"}, "rope kind must be one of default, linear, llama3"),
        ({"factor": 0.0}, "rope factor must be positive, found 0.0"),
    ],
)
def test_impossible_rotary_positions_are_refused(change, message):
    with pytest.raises(CalrecError, match=message):
        Rope(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "mamba"}, "'mamba' - at `$.family`"),
        ({"num_key_value_heads": 3}, "multiple of num_key_value_heads"),
        ({"hidden_size": 0}, "hidden_size must be a positive whole number, found 0"),
        ({"hidden_size": 2.5}, "`int`, got `float` - at `$.hidden_size`"),
        ({"norm": "batch"}, "'batch' - at `$.norm`"),
        ({"rope": {"kind": "yarn"}}, "'yarn' - at `$.rope.kind`"),
        ({"rope": {"factor": 0.0}}, "rope factor must be positive, found 0.0"),
        ({"head_dim": 5}, "must be even"),
        ({"windowed": [True]}, "each of 2 layers"),
        ({"windowed": [True, False]}, "need a window"),
        ({"window": 0}, "window must be positive"),
        ({"experts": 8}, "unknown field 'experts'"),
    ],
)
def test_an_impossible_config_is_not_read(change, message):
    with pytest.raises(CalrecError, match=re.escape(message)):
        DecoderConfig.from_json(tiny_config(V).to_json() | change)


def test_a_config_without_a_size_names_it():
    content = tiny_config(V).to_json()
    del content["hidden_size"]
    with pytest.raises(CalrecError, match="hidden_size"):
        DecoderConfig.from_json(content)
