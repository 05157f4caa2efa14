import hashlib
import json
import math
import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from safetensors.numpy import load_file, save_file

from calrec.errors import CalrecError
from calrec.recommenders.sasrec.description import describe
from calrec.recommenders.sasrec.model import SASRecModel
from calrec.recommenders.sasrec.recommender import SASRec
from calrec.recommenders.sasrec.settings import SASRecSettings, SASRecTraining
from calrec.records import Item, digests

SETTINGS = SASRecSettings(hidden_size=8, heads=2, layers=2, max_length=12)
IDS = tuple(f"i{i:02}" for i in range(40))
HISTORIES = [np.random.default_rng(n).integers(0, 40, n) for n in (0, 1, 2, 7, 8, 9, 12, 13, 30, 3)]


@pytest.fixture(scope="module")
def recommender():
    """Weights far from their start, so that each of them, biases too, shows in the scores."""
    model = SASRecModel(len(IDS), SETTINGS, rngs=nnx.Rngs(0))
    graph, state = nnx.split(model)
    generator = np.random.default_rng(0)
    state = jax.tree.map(
        lambda x: jnp.asarray(x + generator.normal(0, 0.4, x.shape), jnp.float32), state
    )
    return SASRec(IDS, nnx.merge(graph, state), SETTINGS)


@pytest.fixture(scope="module")
def saved(recommender, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    recommender.save(folder, {"domain": "shop"})
    return folder


def oracle(weights, history):
    """Scores after one history, by NumPy in float64, place after place."""
    w = {name: x.astype(float) for name, x in weights.items()}

    def norm(x, name):
        x = x - x.mean()
        return x / math.sqrt((x**2).mean() + 1e-6) * w[f"{name}.scale"] + w[f"{name}.bias"]

    def linear(x, name):
        return w[f"{name}.weight"] @ x + w[f"{name}.bias"]

    def gelu(x):
        return np.array([v * (1 + math.erf(v / math.sqrt(2))) / 2 for v in x])

    xs = [norm(w["items"][item] + w["positions"][t], "norm") for t, item in enumerate(history)]
    for i in range(2):
        layer = f"layers.{i}"
        queries, keys, values = (
            [linear(x, f"{layer}.{name}") for x in xs] for name in ("query", "key", "value")
        )
        after = []
        for t, x in enumerate(xs):
            heads = []
            for part in (slice(0, 4), slice(4, 8)):
                a = np.exp([queries[t][part] @ keys[s][part] / 2 for s in range(t + 1)])
                heads.append(sum(a[s] * values[s][part] for s in range(t + 1)) / a.sum())
            mixed = linear(np.concatenate(heads), f"{layer}.out")
            x = norm(x + mixed, f"{layer}.attention_norm")
            inner = linear(gelu(linear(x, f"{layer}.up")), f"{layer}.down")
            after.append(norm(x + inner, f"{layer}.feed_forward_norm"))
        xs = after
    return w["items"] @ xs[-1]


@pytest.mark.slow
def test_scores_are_those_of_a_plain_computation(recommender, saved):
    weights = load_file(saved / "weights.safetensors")
    found = recommender.scores(HISTORIES)
    assert found.dtype == np.float64
    for history, row in zip(HISTORIES[1:], found[1:], strict=True):
        np.testing.assert_allclose(row, oracle(weights, history[-12:]), rtol=1e-4, atol=1e-4)
    assert np.ptp(found[1:], axis=1).min() > 1
    assert not found[0].any()


def test_a_row_is_the_same_whatever_the_others_are(recommender):
    together = recommender.scores(HISTORIES * 5)
    for place in (3, 6, 27, 49):
        alone = recommender.scores([HISTORIES[place % 10]])[0]
        np.testing.assert_array_equal(alone, together[place])
    assert recommender.scores([]).shape == (0, 40)


def test_the_record_names_items_and_settings(recommender):
    found = recommender.recommend([Item(item_id="i03"), Item(item_id="elsewhere")])
    assert found.recommender == "sasrec"
    assert found.settings["max_length"] == recommender.reads == 12
    np.testing.assert_array_equal(found.ranking.scores, recommender.scores([np.array([3])])[0])


@pytest.mark.slow
def test_an_item_sees_its_own_history_up_to_itself_and_nothing_else(recommender):
    """By gradient: two histories in a row, then padding; every place holds another item."""
    items = jnp.arange(7)[None]
    position = jnp.array([[0, 1, 2, 0, 1, -1, -1]])
    graph, state = nnx.split(recommender.model)

    @jax.jit
    @jax.jacobian
    def gradient(state):
        return nnx.merge(graph, state).hidden(items, position)[0]

    by_vector = np.asarray(gradient(state)["items"][...])  # [T, D, N, D]
    depends = np.abs(by_vector).max(axis=(1, 3)) > 0
    expected = np.zeros((5, 40), bool)
    for place, seen in enumerate([(0,), (0, 1), (0, 1, 2), (3,), (3, 4)]):
        expected[place, list(seen)] = True
    np.testing.assert_array_equal(depends[:5], expected)


@pytest.mark.slow
def test_dropout_needs_a_key_and_obeys_it(recommender):
    rows = jnp.arange(6)[None]
    graph, state = nnx.split(recommender.model)

    @jax.jit
    def hidden(key):
        return nnx.merge(graph, state).hidden(rows, rows, key)

    plain, again = hidden(None), hidden(None)
    one, same, other = (hidden(jax.random.key(n)) for n in (1, 1, 2))
    np.testing.assert_array_equal(plain, again)
    np.testing.assert_array_equal(one, same)
    assert not np.allclose(one, other)
    assert not np.allclose(one, plain)


def test_a_folder_gives_the_same_scores(recommender, saved):
    loaded = SASRec.load(saved, list(IDS))
    assert loaded.settings == recommender.settings
    assert describe(saved)["domain"] == "shop"
    np.testing.assert_array_equal(loaded.scores(HISTORIES), recommender.scores(HISTORIES))


def edit(folder, change, sign):
    content = json.loads((folder / "sasrec.json").read_text())
    change(content)
    if sign:
        content["digest"] = digests.of_record(content)
    (folder / "sasrec.json").write_text(json.dumps(content))


def reweigh(folder, change):
    """Other weights under a right digest."""
    path = folder / "weights.safetensors"
    arrays = load_file(path)
    change(arrays)
    save_file(arrays, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    edit(folder, lambda content: content.update(weights=digest), True)


DAMAGES = {
    "no SASRec": (lambda f: (f / "sasrec.json").unlink(), "found no sasrec.json"),
    "no JSON": (
        lambda f: (f / "sasrec.json").write_text("{"),
        "expected JSON, found a damaged file",
    ),
    "a list": (
        lambda f: (f / "sasrec.json").write_text("[]"),
        "expected a JSON object, found list",
    ),
    "before the rules had names": (
        lambda f: edit(f, lambda c: c.update(version=1, settings={"rank_seen": False}), True),
        "found calrec-sasrec 1",
    ),
    "another version": (lambda f: edit(f, lambda c: c.update(version=9), True), "calrec-sasrec 9"),
    "edited": (
        lambda f: edit(f, lambda c: c["settings"].update(heads=4), False),
        "an edited or damaged one",
    ),
    "bad setting": (
        lambda f: edit(f, lambda c: c["settings"].update(heads=3), True),
        "3 heads divide",
    ),
    "unknown setting": (
        lambda f: edit(f, lambda c: c["settings"].update(more=3), True),
        "unknown field 'more'",
    ),
    "no weights": (lambda f: (f / "weights.safetensors").unlink(), "No such file"),
    "cut weights": (
        lambda f: (f / "weights.safetensors").write_bytes(b"x"),
        "changed since they were saved",
    ),
    "other shapes": (lambda f: reweigh(f, lambda w: w.pop("norm.bias")), "other shapes"),
    "other dtype": (
        lambda f: reweigh(f, lambda w: w.update(items=w["items"].astype(np.float16))),
        "other shapes",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_folders_are_refused_in_one_line(saved, tmp_path, name):
    folder = tmp_path / "copy"
    shutil.copytree(saved, folder)
    damage, message = DAMAGES[name]
    damage(folder)
    with pytest.raises(CalrecError) as error:
        SASRec.load(folder, IDS)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert "calrec-train sasrec" in str(error.value)


@pytest.mark.parametrize("ids", [IDS[:-1], (*IDS[:-1], "other"), IDS[::-1]])
def test_another_catalogue_is_refused(saved, ids):
    with pytest.raises(CalrecError, match=f"catalogue's {len(ids)} items, found one of 40 others"):
        SASRec.load(saved, ids)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (SASRecSettings, {"heads": 5}),
        (SASRecSettings, {"layers": 0}),
        (SASRecSettings, {"max_length": 2.5}),
        (SASRecSettings, {"dropout": 1.0}),
        (SASRecSettings, {"dropout": math.nan}),
        (SASRecTraining, {"learning_rate": 0.0}),
        (SASRecTraining, {"learning_rate": math.inf}),
        (SASRecTraining, {"weight_decay": -1.0}),
        (SASRecTraining, {"epochs": 0}),
        (SASRecTraining, {"seed": -1}),
        (SASRecTraining, {"bought": "first"}),
    ],
)
def test_settings_out_of_range_say_what_to_change(kind, wrong):
    with pytest.raises(CalrecError, match=r"expected .*, found .*; (change --|choose one)"):
        kind(**wrong)
