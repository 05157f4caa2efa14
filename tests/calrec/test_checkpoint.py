import dataclasses
import json
import shutil

import numpy as np
import orbax.checkpoint as ocp
import pytest
from flax import nnx
from tiny import tiny_decoder, tiny_tokenizer

from calrec.errors import CalrecError
from calrec.model import checkpoint
from calrec.records import digests
from calrec.records.settings import RankingSettings
from calrec.text import TextSettings


def description(model, **changes):
    return checkpoint.Description(
        decoder=model.config,
        dtype="float32",
        text=TextSettings(title_words=7),
        max_prompt_tokens=99,
        sampling={"samples": 4, "temperature": 0.7, "max_new_tokens": 9, "stride": 3},
        ranking=RankingSettings(n_pred=3),
        data={"shop": "abc"},
        figures={"ndcg@10": 0.5},
        **changes,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    tokenizer = tiny_tokenizer()
    model = tiny_decoder(tokenizer.vocab_size)
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    checkpoint.save(
        folder, model, tokenizer, description(model), files={"training_log.jsonl": "text"}
    )
    return folder, model


@pytest.fixture
def copied(saved, tmp_path):
    return shutil.copytree(saved[0], tmp_path / "copy")


def test_everything_comes_back(saved):
    folder, model = saved
    loaded, tokenizer, described = checkpoint.load(folder)
    assert described == description(model, files=described.files)
    assert {"tokenizer/tokenizer.json", "weights/_METADATA"} <= set(described.files)
    assert tokenizer.vocab_size == model.config.vocab_size
    ours, theirs = nnx.to_flat_state(nnx.state(loaded)), nnx.to_flat_state(nnx.state(model))
    for (path, a), (same, b) in zip(ours, theirs, strict=True):
        assert path == same
        np.testing.assert_array_equal(a[...], b[...])
    assert (folder / "training_log.jsonl").read_text() == "text"


def test_a_begin_token_is_kept_in_the_checkpoint(saved, tmp_path):
    """By `calrec.json`: what was trained before there were any goes on without one."""
    folder, model = saved
    assert json.loads((folder / "calrec.json").read_text())["version"] == 2
    begun = tmp_path / "begun"
    checkpoint.save(begun, model, tiny_tokenizer().beginning_with(0), description(model))
    content = json.loads((begun / "calrec.json").read_text())
    assert (content["version"], content["begin_id"]) == (3, 0)
    _, tokenizer, described = checkpoint.load(begun)
    assert tokenizer.begin_id == described.begin_id == 0

    # As an earlier release wrote it: the tokenizer's files ask for one, the model never saw it.
    del content["begin_id"]
    earlier = content | {"version": 2}
    earlier["digest"] = digests.of_record(earlier)
    (begun / "calrec.json").write_text(json.dumps(earlier))
    assert checkpoint.load(begun)[1].begin_id is None


@pytest.mark.slow
def test_bfloat16_is_stored_as_such_and_close(saved, tmp_path):
    _, model = saved
    small = tmp_path / "small"
    tokenizer = tiny_tokenizer()
    half = dataclasses.replace(description(model), dtype="bfloat16")
    checkpoint.save(small, model, tokenizer, half)
    loaded, *_ = checkpoint.load(small)
    a, b = loaded.embed_tokens[...], model.embed_tokens[...]
    assert a.dtype == np.float32
    np.testing.assert_allclose(a, b, rtol=2**-8)

    assert checkpoint.load(small, dtype=None)[0].dtype == "bfloat16"

    with ocp.StandardCheckpointer() as checkpointer:
        stored = checkpointer.metadata((small / "weights").resolve()).item_metadata.tree
    assert stored["embed_tokens"].dtype == "bfloat16"


def break_json(folder):
    (folder / "calrec.json").write_text("{")


def other_version(folder):
    content = json.loads((folder / "calrec.json").read_text())
    (folder / "calrec.json").write_text(json.dumps(content | {"version": 99}))


def no_json(folder):
    (folder / "calrec.json").unlink()


def list_json(folder):
    (folder / "calrec.json").write_text("[]")


def no_weights(folder):
    shutil.rmtree(folder / "weights")


def no_tokenizer(folder):
    shutil.rmtree(folder / "tokenizer")


def other_shape(folder):
    content = json.loads((folder / "calrec.json").read_text())
    content["decoder"]["num_hidden_layers"] = 3
    content["digest"] = digests.of_record(content)
    (folder / "calrec.json").write_text(json.dumps(content))


def truncated(folder):
    largest = max(
        (f for f in (folder / "weights").rglob("*") if f.is_file()), key=lambda f: f.stat().st_size
    )
    largest.write_bytes(largest.read_bytes()[:100])


def edited_tokenizer(folder):
    path = folder / "tokenizer" / "tokenizer.json"
    path.write_text(path.read_text().replace("<eos>", "<end>"))


def missing_setting(folder):
    content = json.loads((folder / "calrec.json").read_text())
    del content["ranking"]
    content["digest"] = digests.of_record(content)
    (folder / "calrec.json").write_text(json.dumps(content))


def edited_setting(folder):
    content = json.loads((folder / "calrec.json").read_text())
    content["sampling"]["temperature"] = 0.9
    (folder / "calrec.json").write_text(json.dumps(content))


def foreign_file(folder):
    (folder / "weights" / "more.pkl").write_bytes(b"cos\nsystem\n(S'touch here'\ntR.")


def earlier_version(folder):
    content = json.loads((folder / "calrec.json").read_text())
    (folder / "calrec.json").write_text(json.dumps(content | {"version": 1}))


@pytest.mark.parametrize(
    ("damage", "word"),
    [
        (break_json, "damaged"),
        (other_version, "found calrec-checkpoint 99"),
        (no_json, "calrec.json"),
        (list_json, "JSON object"),
        (no_weights, "weights"),
        (no_tokenizer, "tokenizer"),
        (other_shape, "weights"),
        (truncated, "weights/"),
        (edited_tokenizer, "tokenizer/tokenizer.json"),
        (missing_setting, "ranking"),
        (edited_setting, "edited"),
        (foreign_file, "weights/more.pkl"),
        (earlier_version, "found calrec-checkpoint 1; train and export it again"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(copied, damage, word):
    damage(copied)
    with pytest.raises(CalrecError) as error:
        checkpoint.load(copied)
    assert word in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_names_list_what_there_is():
    with pytest.raises(CalrecError, match="expected a folder, or a shipped name"):
        checkpoint.resolve("no-such-checkpoint")


def test_export_replaces_a_checkpoint_and_nothing_else(saved, copied, tmp_path):
    _, model = saved
    checkpoint.save(copied, model, tiny_tokenizer(), description(model))
    assert not (copied / "training_log.jsonl").exists()
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter1").write_text("!")
    with pytest.raises(CalrecError, match="something else"):
        checkpoint.save(other, model, tiny_tokenizer(), description(model))
    assert (other / "chapter1").read_text() == "!"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy", "thesis"]
