"""A run's folder: what is written is what is read, and one package alone knows it."""

import ast
import dataclasses
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_runs import DATA, drawn_ranks, facts_of, user_ids, write_run

from calrec.errors import CalrecError
from calrec.evaluation.cases import Cases
from calrec.evaluation.metrics import summarise
from calrec.evaluation.run_folder import schema
from calrec.evaluation.run_folder.meta import (
    CheckpointMeta,
    DataMeta,
    RunMeta,
    content_of,
    meta_of,
)
from calrec.evaluation.run_folder.tables import (
    cases_of,
    cases_table,
    samples_table,
    timings_table,
    top_table,
)
from calrec.evaluation.run_folder.writing import (
    RunTables,
    check_out,
    run_folder,
    write_meta,
    write_tables,
)
from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.seeds import SeedRanks
from calrec.records import digests

ROOT = Path(__file__).resolve().parents[3]
META = RunMeta(
    recommender="calrec",
    domain="shop",
    split="test",
    bought="ranked",
    count="training",
    seed=3,
    users=4,
    cases=9,
    settings={"text": {"template": "calrec"}},
    data=DataMeta(**DATA),
    checkpoint=CheckpointMeta(name="m", digest="d", seen=[]),
)


def some_cases(count=4, *, texts=True, later=True):
    facts = facts_of(user_ids(count))
    optimistic, pessimistic = drawn_ranks(count)
    counts = np.arange(count)
    generated = {field.name: counts for field in (*schema.COUNTS, *schema.OF_THE_TEXTS)}
    return Cases(
        user_ids=pa.array(facts["user_id"]),
        target_item_ids=pa.array(facts["target_item_id"]),
        optimistic=optimistic,
        pessimistic=pessimistic,
        target_category=tuple(facts["target_category"].to_pylist()),
        shortcuts={field.name: counts % 2 == 0 for field in schema.SHORTCUTS},
        generated=generated | {"target_generated": counts % 2 == 0} if texts else {},
        target_age=counts - 1 if later else None,
        first_ten={
            name.removeprefix("top_"): counts / 8 for name in schema.FIRST_TEN.names if later
        },
        by_seed=SeedRanks(
            optimistic=np.column_stack([optimistic, optimistic + 1, counts + 1]),
            pessimistic=np.column_stack([pessimistic, pessimistic + 2, counts + 1]),
        )
        if later
        else None,
        **{
            name: np.asarray(facts[name])
            for name in (
                "history_length",
                "target_popularity",
                "target_in_history",
                "target_is_last",
                "target_cold",
            )
        },
    )


def tables_of(cases):
    users = cases.user_ids
    lists = pa.array([[1, 0]] * len(users), pa.list_(pa.int32()))
    texts = pa.table(
        {
            field.name: pa.array([[1, 2]] * len(users), field.type)
            if pa.types.is_list(field.type)
            else pa.array(["0"] * len(users)).cast(field.type)
            for field in (*schema.SAMPLE, schema.NAMES_TARGET)
        }
    )
    return RunTables(
        cases=cases_table(cases),
        top=top_table(
            user_ids=users,
            target_scores=np.zeros(len(users)),
            item_ids=["i0", "i1"],
            items=lists,
            scores=pa.array([[2.0, 1.0]] * len(users)),
        ),
        samples=samples_table(users, texts),
        timings=timings_table(users, {"sample": np.ones(4), "match": np.ones(4)}),
    )


def test_a_run_is_written_and_read(tmp_path):
    cases = some_cases()
    figures = {"users": 4, "metrics": summarise(cases.optimistic, cases.pessimistic)}
    with run_folder(tmp_path / "out") as folder:
        write_tables(folder, tables_of(cases), figures)
        write_meta(folder, META)
    assert {path.name for path in (tmp_path / "out").iterdir()} == schema.FILES
    run = EvaluationRun.load(tmp_path / "out")
    run.check()
    assert dataclasses.replace(run.meta, files=None, digest=None) == META
    assert run.figures == figures
    for field in dataclasses.fields(Cases):
        ours, theirs = getattr(cases, field.name), getattr(run.cases, field.name)
        if field.name in ("generated", "shortcuts", "first_ten"):
            assert ours.keys() == theirs.keys()
            assert all((ours[name] == theirs[name]).all() for name in ours)
        elif field.name == "by_seed":
            for side in ("optimistic", "pessimistic"):
                np.testing.assert_array_equal(getattr(ours, side), getattr(theirs, side))
        elif isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs)
        else:
            assert ours == theirs
    assert run.top()["item_ids"].to_pylist() == [["i1", "i0"]] * 4
    assert run.kept_texts()["user_id"].to_pylist() == []  # none of them was kept
    assert run.timings().schema.remove_metadata() == schema.SECONDS
    check_out(tmp_path / "out")  # an evaluation may be replaced


@pytest.mark.parametrize("later", [True, False])
@pytest.mark.parametrize("texts", [True, False])
def test_cases_and_back(texts, later):
    table = cases_table(some_cases(7, texts=texts, later=later))
    assert ("target_age_days" in table.column_names) == later
    assert ("further_optimistic_ranks" in table.column_names) == later
    assert cases_table(cases_of(table, Path("cases"))).equals(table)


def test_a_column_of_the_texts_may_be_missing():
    table = cases_table(some_cases()).drop_columns("distinct_texts")
    found = cases_of(table, Path("cases")).generated
    assert "seed" in found
    assert "distinct_texts" not in found
    with pytest.raises(CalrecError, match="no column title_matches"):
        cases_of(table.drop_columns("title_matches"), Path("cases"))


@given(
    label=st.none() | st.text(max_size=5),
    seed=st.none() | st.integers(0, 9),
    samples=st.none() | st.just("x"),
)
def test_meta_and_back(label, seed, samples):
    checkpoint = dataclasses.replace(META.checkpoint, samples=samples)
    meta = dataclasses.replace(META, label=label, samples_seed=seed, checkpoint=checkpoint)
    content = content_of(meta)
    assert ("samples_seed" in content) == (seed is not None)
    assert ("samples" in content["checkpoint"]) == (samples is not None)
    content = {n: v for n, v in content.items() if n not in ("files", "digest")}
    assert meta_of(json.loads(json.dumps(content)), Path("meta.json")) == meta


def test_what_a_later_release_adds_is_left_alone():
    content = content_of(META) | {"files": {}, "added": 1}
    content["digest"] = digests.of_record(content)
    assert meta_of(content, Path("meta.json")).users == 4
    with pytest.raises(CalrecError, match="edited or damaged"):
        meta_of(content | {"added": 2}, Path("meta.json"))


def test_a_wrong_entry_is_named(tmp_path):
    with pytest.raises(CalrecError, match=r"expected int, got str - at data\.items"):
        EvaluationRun.load(write_run(tmp_path / "a", data={"items": "many"}))


@pytest.mark.slow
def test_nobody_else_names_the_files():
    """Of prepared data, too, one file is called `meta.json`."""
    names = schema.FILES - {schema.META}
    for room in ("calrec", "catalog", "train", "demo"):
        for path in (ROOT / room).rglob("*.py"):
            if path.parts[-2:] == ("run_folder", "schema.py"):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    assert node.value not in names, f"{path}:{node.lineno}: {node.value}"
