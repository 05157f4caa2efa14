"""Cases of finished runs made whole again, against the records that the runs were written from."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from case_runs import DOMAIN, USERS, build_shop, write_evaluations

from calrec.errors import CalrecError
from calrec.evaluation.runs import EvaluationRun
from calrec.records import Recommendation
from demo.inspect.stored import rebuild
from demo.inspect.stored_tables import Tables


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """An application over the shop, and the records of its runs."""
    from demo.inspect.application import Application

    folder = tmp_path_factory.mktemp("stored")
    workspace = folder / "work [1]*"  # signs that mean something in a pattern
    build_shop(folder / "data", workspace)
    application = Application(workspace, "none", load_model=lambda _: None)
    return application, write_evaluations(application, workspace / "evaluations")


def run_of(application, name):
    return EvaluationRun.load(application.workspace / "evaluations" / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "two"])
def test_a_rebuilt_case_is_the_one_that_was_evaluated(shop, name):
    application, records = shop
    run, tables = run_of(application, name), Tables()
    for place in range(0, len(USERS), 7):
        before = records[name][place]
        stored = rebuild(application.shop(DOMAIN), run, USERS[place], tables)
        assert stored.notes == ()
        assert stored.whole
        after = stored.record
        assert (after.ranking.scores == before.ranking.scores).all()
        assert (after.ranking.modulated == before.ranking.modulated).all()
        assert after.ranking.columns == before.ranking.columns
        assert [s.text for s in after.samples] == [s.text for s in before.samples]
        assert after.ranking.outcomes == before.ranking.outcomes
        case = application.shop(DOMAIN).catalogue.case(USERS[place])
        assert after.target == case.target.item_id
        assert after.history == case.history


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_a_case_is_made_whole_by_the_rules_of_its_run(shop, tmp_path, name):
    application, records = shop
    shutil.copytree(application.workspace / "evaluations" / name, tmp_path / name)
    meta = json.loads((tmp_path / name / "meta.json").read_text())
    (tmp_path / name / "meta.json").write_text(json.dumps(meta | {"bought": "last"}))
    run = EvaluationRun.load(tmp_path / name)
    for place in range(0, len(USERS), 9):
        found = rebuild(application.shop(DOMAIN), run, USERS[place], Tables()).record
        assert (found.settings["bought"], found.settings["count"]) == ("last", "training")
        if name == "three":  # its stored list, whatever the rules
            continue
        expected = run.rules.applied(records[name][place])
        assert (found.ranking.scores == expected.ranking.scores).all()
        history = {item.item_id for item in found.history}
        behind = found.ranking.order()[-len(history) :]
        assert {found.ranking.item_ids[row] for row in behind} == history


def test_the_prompt_leaves_out_what_was_cut(shop):
    application, records = shop
    stored = rebuild(application.shop(DOMAIN), run_of(application, "one"), USERS[2], Tables())
    whole = records["one"][2].generation.prompt
    cut = stored.record.generation.prompt
    assert stored.record.generation.items_cut == 2
    assert cut.count("item bought is") == whole.count("item bought is") - 2
    assert cut.split("\n")[1:] == whole.split("\n")[3:]
    assert stored.record.generation.prompt_tokens == records["one"][2].generation.prompt_tokens


def test_the_prompt_begins_with_the_model_s_begin_token(shop, tmp_path):
    application, records = shop
    folder = copied(application, tmp_path)
    meta = json.loads((folder / "meta.json").read_text())
    meta["settings"]["begin"] = "<bos>"
    (folder / "meta.json").write_text(json.dumps(meta))
    stored = rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), USERS[0], Tables())
    assert stored.record.generation.prompt == "<bos>" + records["one"][0].generation.prompt


def test_a_run_that_kept_its_best_items_shows_those(shop):
    application, records = shop
    stored = rebuild(application.shop(DOMAIN), run_of(application, "three"), USERS[5], Tables())
    before, after = records["three"][5], stored.record
    assert not stored.whole
    target = application.shop(DOMAIN).catalogue.case(USERS[5]).target.item_id
    assert after.ranking.ranks(target) == before.ranking.ranks(target)
    top = [before.ranking.item_ids[row] for row in before.ranking.order()[:20]]
    assert list(after.ranking.item_ids[:20]) == top
    assert after.ranking.ranks(top[0])[0] == 1
    assert [after.ranking.item_ids[r] for r in after.ranking.order()[:5]] == top[:5]


def test_a_hybrid_s_case_is_not_ranked_by_its_texts_alone(shop, tmp_path):
    application, records = shop
    folder = copied(application, tmp_path, "three")
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps(meta | {"recommender": "hybrid"}))
    stored = rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), USERS[5], Tables())
    assert stored.record.recommender == "hybrid"
    ranking = records["three"][5].ranking
    top = [ranking.item_ids[row] for row in ranking.order()[:20]]
    assert list(stored.record.ranking.item_ids[:20]) == top


def test_a_case_file_of_a_rebuilt_case_comes_back(shop):
    application, _ = shop
    record = rebuild(
        application.shop(DOMAIN), run_of(application, "one"), USERS[1], Tables()
    ).record
    again = Recommendation.from_json(record.to_json())
    assert again.ranking.ranks(record.target) == record.ranking.ranks(record.target)
    assert again.samples == record.samples
    top = np.argsort(-record.ranking.scores, kind="stable")[:200]
    assert (again.ranking.modulated[: len(top)] == record.ranking.modulated[top]).all()


def copied(application, tmp_path, name="one"):
    folder = tmp_path / name
    shutil.copytree(application.workspace / "evaluations" / name, folder)
    return folder


def test_other_ranks_or_data_are_said(shop, tmp_path):
    application, _ = shop
    folder = copied(application, tmp_path)
    cases = pq.read_table(folder / "cases.parquet")
    ranks = [rank % 40 + 1 for rank in cases["optimistic_rank"].to_pylist()]
    place = cases.column_names.index("optimistic_rank")
    pq.write_table(cases.set_column(place, "optimistic_rank", [ranks]), folder / "cases.parquet")
    meta = json.loads((folder / "meta.json").read_text())
    meta["data"]["fingerprint"] = "another"
    (folder / "meta.json").write_text(json.dumps(meta))
    stored = rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), USERS[0], Tables())
    assert len(stored.notes) == 2
    assert "built with other data" in stored.notes[0]
    assert f"{ranks[0]:,} to" in stored.notes[1]


@pytest.mark.parametrize("damage", ["cut", "gone", "settings", "nobody"])
def test_what_cannot_be_made_is_one_line(shop, tmp_path, damage):
    application, _ = shop
    folder = copied(application, tmp_path)
    samples = folder / "samples.parquet"
    if damage == "cut":
        samples.write_bytes(samples.read_bytes()[:400])
    elif damage == "gone":
        samples.unlink()
    elif damage == "settings":
        meta = json.loads((folder / "meta.json").read_text())
        meta["settings"]["ranking"]["surprise"] = 1
        (folder / "meta.json").write_text(json.dumps(meta))
    user = "' OR 1=1 --" if damage == "nobody" else USERS[0]
    with pytest.raises(CalrecError, match="expected") as error:
        rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), user, Tables())
    assert "\n" not in str(error.value)
    assert str(tmp_path) not in str(error.value)
    assert "one" in str(error.value)


@pytest.mark.parametrize(("last", "said"), [(5, ""), (3, "last 5 here, 3 in the run")])
def test_other_settings_of_a_simple_recommender_are_said(shop, tmp_path, last, said):
    application, _ = shop
    folder = copied(application, tmp_path, "two")
    meta = json.loads((folder / "meta.json").read_text())
    meta |= {"recommender": "item-knn", "settings": {"last": last, "decay": 0.8}}
    (folder / "meta.json").write_text(json.dumps(meta))
    stored = rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), USERS[0], Tables())
    lines = [note for note in stored.notes if "settings" in note]
    assert [said in note for note in lines] == [True] * bool(said)
    assert stored.source == (
        "ranked now, by this page's settings" if said else "ranked now, by its settings"
    )


def test_a_word_of_texts_is_only_about_a_recommender_that_writes_them(shop, tmp_path):
    application, _ = shop
    for name in ("one", "two", "three"):
        folder = copied(application, tmp_path, name)
        meta = json.loads((folder / "meta.json").read_text())
        meta["data"]["fingerprint"] = "another"
        (folder / "meta.json").write_text(json.dumps(meta))
        stored = rebuild(application.shop(DOMAIN), EvaluationRun.load(folder), USERS[0], Tables())
        assert "built with other data" in stored.notes[0]
        assert ("texts" in stored.notes[0]) == (name == "one")
