"""Every family against transformers' torch classes: what the golden files say, folders both ways.

That ours says the same as the golden files is `test_golden.py`'s to show.
"""

import decoding
import hub_forms
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from families import FAMILIES
from flax import nnx
from hub_forms import FORMS, GOLDEN

from calrec.model import hf

pytest.importorskip("torch", reason="torch is the oracle here; test_golden.py does without it")

import oracle
import torch
from oracle import TOLERANCE, Case
from safetensors.torch import load_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=FAMILIES)
def case(request, tmp_path_factory):
    return Case(FAMILIES[request.param], tmp_path_factory.mktemp(request.param))


def tensors(folder):
    """Name to dtype, shape and bytes, over all shards of a folder."""
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, x in load_file(path).items():
            found[name] = (x.dtype, x.shape, x.view(torch.uint8).numpy().tobytes())
    return found


def weights(model):
    return nnx.to_pure_dict(nnx.state(model))


def dtypes(model):
    return {str(x.dtype) for x in jax.tree.leaves(weights(model))}


def test_our_folder_loads_in_torch(case, tmp_path):
    """The same tensors bit for bit under the same names, and a config that says the same."""
    model = hf.load(case.folder)
    hf.save_pretrained(tmp_path / "saved", model)
    assert tensors(tmp_path / "saved") == tensors(case.folder)
    theirs = oracle.load(tmp_path / "saved")
    assert theirs.dtype == torch.float32
    np.testing.assert_allclose(oracle.run(theirs, *case.rows)[1], case.said()[1], rtol=0, atol=1e-5)
    assert hf.load(tmp_path / "saved").config == model.config


def test_shards_equal_one_file(case, tmp_path):
    case.model.save_pretrained(tmp_path, max_shard_size="5KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 2
    whole, sharded = weights(hf.load(case.folder)), weights(hf.load(tmp_path))
    jax.tree.map(np.testing.assert_array_equal, sharded, whole)


def test_bfloat16(case, tmp_path):
    """Loads as stored, computes as near to the truth as torch does, and is saved as it was."""
    oracle.load(case.folder).to(torch.bfloat16).save_pretrained(tmp_path / "theirs")
    # Not the model of the line above: `to` has coarsened its rotary frequencies, too.
    coarse = oracle.run(oracle.load(tmp_path / "theirs"), *case.rows)[1]
    truth = oracle.run(oracle.load(tmp_path / "theirs", dtype=torch.float32), *case.rows)[1]
    model = hf.load(tmp_path / "theirs")
    assert dtypes(model) == {"bfloat16"}

    def error(logits):
        return np.sqrt(np.mean((logits - truth)[case.mask] ** 2))

    # As it is used: by itself, each operation rounds what it gives to the next.
    assert error(decoding.run_compiled(model, *case.rows)[1]) < 1.5 * error(coarse)

    # With float32 asked for, the same weights give the truth itself.
    full = hf.load(tmp_path / "theirs", dtype="float32")
    assert dtypes(full) == {"float32"}
    found = decoding.run(full, *case.rows)[1]
    np.testing.assert_allclose(found[case.mask], truth[case.mask], rtol=0, atol=TOLERANCE)

    hf.save_pretrained(tmp_path / "ours", model)
    assert tensors(tmp_path / "ours") == tensors(tmp_path / "theirs")
    theirs = oracle.load(tmp_path / "ours")
    assert theirs.dtype == torch.bfloat16
    np.testing.assert_array_equal(oracle.run(theirs, *case.rows)[1], coarse)


def test_gradients_equal_torch_s(tmp_path):
    """The decoder is trained, too: the gradient of the language model's loss."""
    case = Case(FAMILIES["gemma2"], tmp_path)
    tokens, every = jnp.asarray(case.rows[0]), jnp.ones_like(case.mask)
    labels = torch.tensor(case.rows[0]).long()
    case.model(labels, labels=labels).loss.backward()
    graph, state = nnx.split(hf.load(tmp_path))

    def loss(state):
        model = nnx.merge(graph, state)
        said = jax.nn.log_softmax(model.logits(model.hidden(tokens, every))[:, :-1])
        return -jnp.take_along_axis(said, tokens[:, 1:, None], axis=-1).mean()

    found = jax.jit(jax.grad(loss))(state)["embed_tokens"][...]
    expected = case.model.base_model.embed_tokens.weight.grad.numpy()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_torch_reads_the_published_forms_as_we_say(form, tmp_path):
    """The forms are ours to write; that they mean the golden model is torch's to say."""
    said = np.load(GOLDEN / hub_forms.write(tmp_path, form) / "golden.npz")
    mask = said["mask"]
    found = oracle.run(oracle.load(tmp_path, dtype=torch.float32), said["tokens"], mask)
    np.testing.assert_allclose(found[1][mask], said["logits"][mask], rtol=0, atol=5e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_golden_files_are_what_torch_says(family):
    said = np.load(GOLDEN / family / "golden.npz")
    model = oracle.load(GOLDEN / family)
    found = (
        *oracle.run(model, said["tokens"], said["mask"]),
        *oracle.run_cached(model, said["prompts"], said["length"], said["drawn"]),
    )
    names = ("hidden", "logits", "cached_hidden", "cached_logits")
    for name, x in zip(names, found, strict=True):
        np.testing.assert_allclose(x, said[name], rtol=0, atol=5e-5)
