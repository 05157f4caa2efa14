import dataclasses
import json
import shutil
from collections import Counter

import jax
import numpy as np
import pytest

from calrec.errors import CalrecError
from calrec.records import digests
from calrec.text import TextSettings, item_text, prompt_text
from catalog.store import Catalogue
from train.data.batches import PretrainingBatches, StageBatches, held_out_batches
from train.data.packing import Layout
from train.data.prepared import PREPARED, Prepared
from train.data.records import Records, UserSampler, augmented
from train.prepare import check_same, prepare
from train.settings import StageSettings
from train.stages import beyond_rows

SETTINGS = StageSettings(steps=12, batch_size=6, learning_rate=1.0)
ONE = Layout(tokens=1, places=1)


@pytest.fixture(scope="module")
def data(tiny_workspace, tmp_path_factory):
    out = tmp_path_factory.mktemp("prepared") / "data"
    prepare(tiny_workspace, ("shop", "others"), out, vocab_size=350)
    return Prepared.load(out)


@pytest.fixture(scope="module")
def shop(data):
    return Prepared.load(data.folder, ("shop",))


def users_of(batch, tokenizer, users=6):
    """Prompt and target texts of the users of a batch, read back from its rows."""
    rows = batch.rows
    for user in range(users):
        parts = [rows.tokens[rows.pool == kind * users + user].tolist() for kind in range(3)]
        alone, prompt, target = parts
        assert alone == target
        assert target[-1] == tokenizer.end_id
        yield tokenizer.decode(prompt), tokenizer.decode(target)


def texts_of(records, tokenizer):
    return sorted(
        (tokenizer.decode(prompt), tokenizer.decode(target)) for prompt, target in records
    )


@pytest.fixture(scope="module")
def begun(tiny_workspace, shop, tmp_path_factory):
    """The same data for a model with a begin token."""
    folder = tmp_path_factory.mktemp("begun")
    shop.tokenizer().beginning_with(0).save(folder / "tokenizer")
    prepare(tiny_workspace, ("shop",), folder / "data", tokenizer_folder=folder / "tokenizer")
    return Prepared.load(folder / "data")


@pytest.mark.parametrize("more", [{}, {"item_texts": 3}, {"every_item": True}])
def test_a_begin_token_stands_in_front_of_every_text(shop, begun, more):
    """Each segment of a step is the one of a model without it, with the token in front."""
    settings = dataclasses.replace(SETTINGS, **more)
    layout = Layout(tokens=512, places=512)
    plain, with_token = (
        StageBatches(data, settings, layout).batch(3).rows for data in (shop, begun)
    )

    def segments(rows):
        return sorted(
            (kinds[0] >= 6, tokens)
            for row in range(len(rows.tokens))
            for number in range(1, rows.segment[row].max() + 1)
            for inside in [rows.segment[row] == number]
            for tokens in [rows.tokens[row, inside].tolist()]
            for kinds in [rows.pool[row, inside]]
        )

    expected = sorted((joint, [0, *tokens]) for joint, tokens in segments(plain))
    assert segments(with_token) == expected


def test_a_begin_token_stands_in_front_of_held_out_texts_and_histories(shop, begun):
    records = Records(begun, SETTINGS)
    held_out = records.held_out("validation")
    plain = Records(shop, SETTINGS).held_out("validation")
    assert held_out == [([0, *prompt], target) for prompt, target in plain]
    batch = held_out_batches(held_out, 3, ONE, records.begin)[0]
    for user in range(3):
        alone = batch.rows.tokens[batch.rows.pool == user]
        behind = batch.rows.tokens[batch.rows.pool == 2 * 3 + user]
        assert alone.tolist() == [0, *behind.tolist()]
    settings = dataclasses.replace(SETTINGS, row_tokens=32, batch_size=2)
    pretraining = PretrainingBatches(begun, settings, ONE)
    tokens = np.concatenate([pretraining.batch(step).rows.tokens.ravel() for step in range(3)])
    begins, ends = np.flatnonzero(tokens == 0), np.flatnonzero(tokens == records.end)
    assert tokens[0] == 0
    assert begins[1:].tolist() == (ends + 1)[ends + 1 < len(tokens)].tolist()


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
    batches = StageBatches(shop, SETTINGS, ONE)
    seen = [row for step in range(12) for row in users_of(batches.batch(step), shop.tokenizer())]
    assert len(seen) == 12 * 6
    assert set(seen) <= possible
    assert len(set(seen)) > len(possible) / 2


def test_records_have_the_template_that_was_prepared(tiny_workspace, shop, tmp_path):
    text = TextSettings(template="gpt4rec")
    prepare(tiny_workspace, ("shop",), tmp_path / "data", vocab_size=350, text=text)
    other = Prepared.load(tmp_path / "data")
    rows, usual = (
        list(users_of(StageBatches(data, SETTINGS, ONE).batch(0), data.tokenizer()))
        for data in (other, shop)
    )
    assert all(prompt.startswith("Previously, the customer has bought: T") for prompt, _ in rows)
    assert all(prompt.endswith("\nIn the future, the customer wants to buy ") for prompt, _ in rows)
    assert Counter(target for _, target in rows) == Counter(target for _, target in usual)


def same(one, two):
    jax.tree.map(np.testing.assert_array_equal, one, two)


def test_a_batch_is_a_function_of_seed_and_step(shop):
    one, two = (StageBatches(shop, SETTINGS, ONE) for _ in range(2))
    two.batch(3)
    same(one.batch(7), two.batch(7))
    rows = dataclasses.replace(SETTINGS, row_tokens=40)
    one, two = (PretrainingBatches(shop, rows, ONE) for _ in range(2))
    two.batch(1)
    same(one.batch(5), two.batch(5))


def test_the_first_batch_of_a_long_run_is_there_at_once(shop):
    settings = dataclasses.replace(SETTINGS, steps=150_000_000)
    same(StageBatches(shop, settings, ONE).batch(3), StageBatches(shop, SETTINGS, ONE).batch(3))


def test_an_epoch_shows_every_user_once(shop):
    users = np.flatnonzero(np.diff(shop.domains[0].offsets) >= 2)
    settings = dataclasses.replace(SETTINGS, batch_size=len(users))
    chosen = [user for _, user in UserSampler(shop.domains, settings).chosen(0)]
    assert sorted(chosen) == users.tolist()


def test_a_share_of_the_users_is_always_the_same_part(data):
    half = dataclasses.replace(SETTINGS, users={"shop": 0.5})
    whole, some = UserSampler(data.domains, SETTINGS), UserSampler(data.domains, half)
    assert len(some.users[0]) == round(len(whole.users[0]) / 2)
    assert set(some.users[0]) < set(whole.users[0])
    np.testing.assert_array_equal(some.users[1], whole.users[1])
    seen = {user for step in range(40) for d, user in some.chosen(step) if d == 0}
    assert seen == set(some.users[0].tolist())


def test_items_are_left_out_of_histories_and_never_all_of_them(shop):
    settings = dataclasses.replace(SETTINGS, leave_out=0.5, truncate=0)
    whole, thinned = UserSampler(shop.domains, SETTINGS), UserSampler(shop.domains, settings)
    lengths = []
    for step in range(20):
        for (domain, history, target), (_, user) in zip(
            thinned.shown(step), thinned.chosen(step), strict=True
        ):
            *items, last = domain.history(user).tolist()
            assert target == last
            assert history
            rest = iter(items)
            assert all(item in rest for item in history)  # in their order
            lengths.append((len(history), len(items)))
    kept = sum(a for a, _ in lengths) / sum(b for _, b in lengths)
    assert 0.4 < kept < 0.8
    assert whole.chosen(1) == thinned.chosen(1)


def test_the_loss_can_predict_histories_and_texts_of_items_too(shop):
    every = dataclasses.replace(SETTINGS, every_item=True, item_texts=3)
    batch = StageBatches(shop, every, ONE).batch(0)
    for user in range(6):
        joint = (batch.rows.pool == 6 + user).sum() + (batch.rows.pool == 12 + user).sum()
        assert batch.predicted[user] == joint - 1
    texts = [
        [*shop.domains[0].text(i)[1:], shop.tokenizer().end_id]
        for i in range(len(shop.domains[0].item_offsets) - 1)
    ]
    found = batch.rows.next[batch.rows.owner == 6].tolist()
    assert len(found) == batch.predicted[6] > 0
    for _ in range(3):
        (text,) = {tuple(t) for t in texts if found[: len(t)] == t}
        found = found[len(text) :]
    assert not found


def test_a_domain_of_the_selection_role_chooses_and_is_never_trained_on(data):
    roles = {"shop": {"role": "selection"}, "others": {"role": "training"}}
    chosen = dataclasses.replace(data, meta=data.meta | {"domains": roles})
    assert [d.domain for d in chosen.trained] == ["others"]
    assert [d.domain for d in chosen.choosing] == ["shop"]
    names = {name for step in range(9) for name in StageBatches(chosen, SETTINGS, ONE).names(step)}
    assert all(name.startswith("others/") for name in names)


def test_packed_rows_hold_every_training_history(shop, tiny_workspace):
    settings = dataclasses.replace(SETTINGS, batch_size=1, row_tokens=16)
    rows = PretrainingBatches(shop, settings, ONE)
    tokens = np.concatenate([rows.batch(step).rows.tokens[0] for step in range(rows.rows)])
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


@pytest.mark.parametrize("change", [{"leave_out": 0.5}, {"shuffle": 1.0}])
def test_each_pass_of_pretraining_shows_histories_anew(shop, change):
    settings = dataclasses.replace(SETTINGS, batch_size=1, row_tokens=16)
    tokenizer = shop.tokenizer()

    def documents(run, **more):
        """The whole documents of a pass; its last row is cut."""
        rows = PretrainingBatches(shop, dataclasses.replace(settings, **more), ONE)
        steps = range(run * rows.rows, (run + 1) * rows.rows)
        tokens = np.concatenate([rows.batch(step).rows.tokens[0] for step in steps])
        return tokenizer._fast.decode(tokens).split("<eos>")[:-1]

    whole, again = documents(0), documents(1)
    first, second = documents(0, **change), documents(1, **change)
    assert len({*whole, *again} - {*whole}) <= 1  # every pass shows the same histories
    assert {*first} - {*whole}
    assert {*second} - {*first}
    # What is left out makes room for users once more.
    assert (len(first) > len(whole)) == ("leave_out" in change)


def test_a_history_in_another_order_keeps_its_items():
    settings = dataclasses.replace(SETTINGS, shuffle=0.5)
    rng = np.random.default_rng(0)
    shown = [tuple(augmented(range(9), settings, rng)) for _ in range(200)]
    assert {tuple(sorted(each)) for each in shown} == {tuple(range(9))}
    assert 70 < sum(each == tuple(range(9)) for each in shown) < 130


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
    records = Records(shop, SETTINGS).held_out("validation")
    assert texts_of(records, shop.tokenizer()) == expected


def test_the_test_item_comes_behind_the_validation_item(tiny_workspace, shop):
    catalogue = Catalogue.open(tiny_workspace, "shop")
    sequences = catalogue.sequences()
    expected = sorted(
        (
            prompt_text([catalogue.items[i] for i in sequences.history(user, "test")]),
            item_text(catalogue.items[sequences.target(user, "test")]),
        )
        for user in sequences.cases("test")
        if len(sequences.training(user))
    )
    assert texts_of(Records(shop, SETTINGS).held_out("test"), shop.tokenizer()) == expected


def test_prompts_beyond_the_rows_are_told(shop):
    longest = max(len(prompt) for prompt, _ in Records(shop, SETTINGS).held_out("validation"))
    assert beyond_rows(shop, dataclasses.replace(SETTINGS, row_tokens=longest)) is None
    told = beyond_rows(shop, dataclasses.replace(SETTINGS, row_tokens=longest - 1))
    assert told
    assert f"up to {longest} tokens" in told
    assert f"beyond {longest - 1}" in told


def test_bad_input_is_one_line(data, tmp_path, tiny_workspace):
    with pytest.raises(CalrecError, match="calrec-train prepare"):
        Prepared.load(tmp_path)
    with pytest.raises(CalrecError, match="expected domains among"):
        Prepared.load(data.folder, ("nowhere",))
    with pytest.raises(CalrecError, match="at least one domain"):
        prepare(tiny_workspace, (), tmp_path / "x")
    with pytest.raises(CalrecError, match="rows of"):
        PretrainingBatches(data, dataclasses.replace(SETTINGS, row_tokens=512), ONE)
    (tmp_path / "meta.json").write_text(
        json.dumps({"kind": "calrec-prepared", "format": 99, "domains": {}, "text": {}})
    )
    with pytest.raises(CalrecError, match="expected calrec-prepared 2, found calrec-prepared 99"):
        Prepared.load(tmp_path)


def test_damaged_shards_are_named(data, tmp_path):
    copy = shutil.copytree(data.folder, tmp_path / "copy")
    shard = copy / "shop.npz"
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(CalrecError, match=r"expected shop\.npz as it was prepared"):
        Prepared.load(copy)
    meta = json.loads((copy / "meta.json").read_text())
    fresh = {**meta, "files": digests.of_files(copy)}
    del fresh["files"]["meta.json"], fresh["digest"]
    (copy / "meta.json").write_text(json.dumps(PREPARED.seal(fresh)))
    with pytest.raises(CalrecError, match=r"shop\.npz as it was prepared, found a damaged"):
        Prepared.load(copy)


def test_prepared_data_of_another_state_are_refused(data, tiny_workspace):
    check_same(tiny_workspace, ("others", "shop"), data.folder)
    with pytest.raises(CalrecError, match="expected data prepared from shop"):
        check_same(tiny_workspace, ("shop",), data.folder)


def test_losses_of_held_out_targets_are_over_batches_that_are_full(shop):
    records = Records(shop, SETTINGS).held_out("validation")
    batches = held_out_batches(records, 3, ONE)
    assert len(batches) == len(records) // 3
    lengths = [n for batch in batches for n in batch.pooled[1].tolist()]
    assert lengths == [len(prompt) for prompt, _ in records[: len(lengths)]]
    assert all((batch.predicted[:-1] > 0).all() for batch in batches)
