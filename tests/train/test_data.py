import dataclasses
import json
import shutil
from collections import Counter

import numpy as np
import pytest

from calrec.errors import CalrecError
from calrec.text import TextSettings, item_text, prompt_text
from catalog.store import Catalogue
from train.data import CalrecBatches, PackedRows, Prepared, Records
from train.prepare import check_same, prepare
from train.presets import StageSettings

SETTINGS = StageSettings(steps=12, batch_size=6, learning_rate=1.0, chunks=3, row_tokens=40)


@pytest.fixture(scope="module")
def data(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "data"
    prepare(tiny_workspace, ("shop", "others"), out, vocab_size=350)
    return Prepared.load(out)


@pytest.fixture(scope="module")
def shop(data):
    return Prepared.load(data.folder, ("shop",))


def users_of(batches, tokenizer):
    """Prompt and target texts of every row of some chunks."""
    for chunk in batches:
        for row in range(len(chunk.tokens)):
            length = chunk.history_length[row]
            answer = chunk.target[row, : chunk.target_length[row]].tolist()
            assert chunk.tokens[row, length : length + len(answer)].tolist() == answer
            assert answer[-1] == tokenizer.end_id
            yield tokenizer.decode(chunk.tokens[row, :length]), tokenizer.decode(answer)


def test_records_are_truncated_training_parts_and_nothing_later(tiny_workspace, shop):
    """Every row is a user's prompt, ending up to four items before the training part does."""
    catalogue = Catalogue.open(tiny_workspace, "shop")
    sequences = catalogue.sequences()
    possible = set()
    for user in range(len(sequences.user_ids)):
        part = [catalogue.items[i] for i in sequences.training(user)]
        for end in range(max(2, len(part) - 4), len(part) + 1):
            if len(part) >= 2:
                possible.add((prompt_text(part[: end - 1]), item_text(part[end - 1])))
    batches = CalrecBatches(shop, SETTINGS)
    seen = [row for step in range(12) for row in users_of(batches.batch(step), shop.tokenizer())]
    assert len(seen) == 12 * 6
    assert set(seen) <= possible
    assert len(set(seen)) > len(possible) / 2


def test_records_have_the_template_that_was_prepared(tiny_workspace, shop, tmp_path):
    text = TextSettings(template="gpt4rec")
    prepare(tiny_workspace, ("shop",), tmp_path / "data", vocab_size=350, text=text)
    other = Prepared.load(tmp_path / "data")
    rows, usual = (
        list(users_of(CalrecBatches(data, SETTINGS).batch(0), data.tokenizer()))
        for data in (other, shop)
    )
    assert all(prompt.startswith("Previously, the customer has bought: T") for prompt, _ in rows)
    assert all(prompt.endswith("\nIn the future, the customer wants to buy ") for prompt, _ in rows)
    assert Counter(target for _, target in rows) == Counter(target for _, target in usual)


def test_a_batch_is_a_function_of_seed_and_step(shop):
    one, two = CalrecBatches(shop, SETTINGS), CalrecBatches(shop, SETTINGS)
    two.batch(3)
    for a, b in zip(one.batch(7), two.batch(7), strict=True):
        np.testing.assert_array_equal(a.tokens, b.tokens)
    rows_one, rows_two = PackedRows(shop, SETTINGS), PackedRows(shop, SETTINGS)
    rows_two.batch(1)
    np.testing.assert_array_equal(rows_one.batch(5)[0], rows_two.batch(5)[0])


def test_an_epoch_shows_every_user_once(shop):
    users = sum(np.diff(shop.domains[0].offsets) >= 2)
    settings = StageSettings(steps=1, batch_size=int(users), learning_rate=1.0, chunks=1)
    chosen = [position for _, position in CalrecBatches(shop, settings)._chosen(0)]
    assert sorted(chosen) == list(range(users))


def test_chunks_are_sorted_by_length_and_keep_one_shape(data):
    batches = CalrecBatches(data, SETTINGS)
    shapes = [[chunk.tokens.shape for chunk in batches.batch(step)] for step in range(12)]
    assert all(shape == shapes[0] for shape in shapes)
    widths = [width for _, width in shapes[0]]
    assert widths == sorted(widths, reverse=True)


def test_packed_rows_hold_every_training_history(shop, tiny_workspace):
    rows = PackedRows(shop, StageSettings(steps=1, batch_size=1, learning_rate=1.0, row_tokens=16))
    tokens = np.concatenate([rows.batch(step)[0] for step in range(rows.rows)]).ravel()
    texts = shop.tokenizer()._fast.decode(tokens).split("<eos>")
    catalogue = Catalogue.open(tiny_workspace, "shop")
    sequences = catalogue.sequences()
    expected = {
        prompt_text([catalogue.items[i] for i in part]).rsplit("\n", 1)[0]
        for user in range(len(sequences.user_ids))
        if len(part := sequences.training(user))
    }
    # The last row is cut, so the last history may be too.
    assert set(texts[:-1]) <= expected
    assert len(set(texts[:-1])) >= len(expected) - 1


def test_validation_asks_for_the_validation_item(tiny_workspace, shop):
    catalogue = Catalogue.open(tiny_workspace, "shop")
    sequences = catalogue.sequences()
    expected = sorted(
        (
            prompt_text([catalogue.items[i] for i in sequences.training(user)]),
            item_text(catalogue.items[sequences.target(user, "validation")]),
        )
        for user in sequences.cases("validation")
    )
    batches = Records(shop, SETTINGS).validation()
    assert sorted(users_of(batches, shop.tokenizer())) == expected


def test_bad_input_is_one_line(data, tmp_path, tiny_workspace):
    with pytest.raises(CalrecError, match="calrec-train prepare"):
        Prepared.load(tmp_path)
    with pytest.raises(CalrecError, match="expected domains among"):
        Prepared.load(data.folder, ("nowhere",))
    with pytest.raises(CalrecError, match="multiple of 2"):
        CalrecBatches(data, StageSettings(steps=1, batch_size=5, chunks=2, learning_rate=1.0))
    with pytest.raises(CalrecError, match="at least one domain"):
        prepare(tiny_workspace, (), tmp_path / "x")
    with pytest.raises(CalrecError, match="rows of"):
        PackedRows(data, StageSettings(steps=1, batch_size=10_000, learning_rate=1.0))
    (tmp_path / "meta.json").write_text(
        json.dumps({"kind": "calrec-prepared", "format": 99, "domains": {}, "text": {}})
    )
    with pytest.raises(CalrecError, match="expected calrec-prepared 1, found calrec-prepared 99"):
        Prepared.load(tmp_path)


def test_damaged_shards_are_named(data, tmp_path):
    copy = shutil.copytree(data.folder, tmp_path / "copy")
    shard = copy / "shop.npz"
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(CalrecError, match=r"expected shop\.npz as it was prepared"):
        Prepared.load(copy)
    meta = json.loads((copy / "meta.json").read_text())
    older = {name: value for name, value in meta.items() if name not in ("files", "digest")}
    (copy / "meta.json").write_text(json.dumps(older))
    with pytest.raises(CalrecError, match=r"shop\.npz is damaged"):
        Prepared.load(copy)


def test_prepared_data_of_another_state_are_refused(data, tiny_workspace):
    check_same(tiny_workspace, ("others", "shop"), data.folder)
    with pytest.raises(CalrecError, match="expected data prepared from shop"):
        check_same(tiny_workspace, ("shop",), data.folder)


def test_validation_keeps_the_longest_records(shop):
    """A set that is cut to whole batches loses users at random, not those with long histories."""
    users = np.flatnonzero(shop.domains[0].validation >= 0)
    repeated = dataclasses.replace(
        shop.domains[0],
        offsets=np.concatenate([[0], np.cumsum(np.tile(np.diff(shop.domains[0].offsets), 5))]),
        items=np.tile(shop.domains[0].items, 5),
        validation=np.tile(shop.domains[0].validation, 5),
    )
    many = dataclasses.replace(shop, domains=(repeated,))
    lengths = np.concatenate([b.history_length for b in Records(many, SETTINGS).validation()])
    longest = max(
        len(Records(shop, SETTINGS).record(shop.domains[0], shop.domains[0].history(u), 0)[0])
        for u in users
    )
    assert len(lengths) == 32
    assert lengths.max() == longest
