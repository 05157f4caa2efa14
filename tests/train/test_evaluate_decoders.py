"""`calrec-evaluate --decoder`: what it writes, and what does not go together."""

import json

import pyarrow.parquet as pq
import pytest

from calrec.text import item_text
from catalog.store import Catalogue


@pytest.fixture
def evaluate(run_evaluate, rubbish_checkpoint, tmp_path):
    def evaluate(name, *some):
        common = ("--domain", "shop", "--recommender", "calrec", "--out", tmp_path / name)
        again = "--samples-from" in some
        checkpoint = () if again else ("--checkpoint", rubbish_checkpoint)
        return run_evaluate(*common, *checkpoint, *some)

    return evaluate


def written(folder):
    tables = (
        pq.read_table(folder / f"{name}.parquet").to_pylist() for name in ("cases", "samples")
    )
    return json.loads((folder / "meta.json").read_text()), *tables


@pytest.mark.slow
def test_a_run_of_the_trie_names_its_decoder_and_writes_items_alone(
    evaluate, tiny_workspace, tmp_path, capsys
):
    assert evaluate("beam", "--decoder", "trie-beam") == 0
    assert "trie-beam: exact for 100.0% of the users; probability" in capsys.readouterr().out
    figures = json.loads((tmp_path / "beam" / "metrics.json").read_text())["decoding"]
    assert figures["exact"] == 1
    meta, rows, samples = written(tmp_path / "beam")
    assert meta["settings"]["decoder"] == "trie-beam"
    assert meta["settings"]["ranking"]["retrieval"] == "exact"
    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        texts = {item_text(item) for item in catalogue.items}
    assert {sample["text"] for sample in samples} <= texts
    assert all(sample["match_level"] == 4 for sample in samples)
    assert all(row["target_generated"] == (row["optimistic_rank"] <= 4) for row in rows)
    naming = {sample["user_id"] for sample in samples if sample["names_target"]}
    assert naming == {row["user_id"] for row in rows if row["target_generated"]} != set()

    assert evaluate("all", "--decoder", "likelihood") == 0
    assert evaluate("some", "--decoder", "likelihood", "--candidates", 3) == 0
    _, whole, _ = written(tmp_path / "all")
    outside = json.loads((tmp_path / "all" / "metrics.json").read_text())["decoding"]["outside"]
    assert figures["outside"]["least"] <= outside["least"] + 1e-6
    assert outside["least"] == pytest.approx(outside["most"])
    assert outside["most"] <= figures["outside"]["most"] + 1e-6
    first = {row["user_id"]: row["optimistic_rank"] for row in whole}
    for row in rows:
        if row["target_generated"]:
            assert row["optimistic_rank"] == first[row["user_id"]]
    meta, _, samples = written(tmp_path / "some")
    assert meta["settings"]["candidates"]["count"] == 3
    assert meta["settings"]["candidates"]["recommender"] == "item-knn"
    assert meta["settings"]["candidates"]["settings"]["count"] == "training"
    assert len(samples) <= 3 * len(whole)

    assert evaluate("unique", "--decoder", "trie-unique", "--samples", 3) == 0
    _, rows, _ = written(tmp_path / "unique")
    assert {row["distinct_texts"] for row in rows} == {3}

    # Its texts can be ranked otherwise, and the run still says how they were written.
    assert evaluate("again", "--samples-from", tmp_path / "beam", "--retrieval", "bm25") == 0
    meta, _, _ = written(tmp_path / "again")
    assert meta["settings"]["decoder"] == "trie-beam"
    assert meta["settings"]["ranking"]["retrieval"] == "bm25"


@pytest.mark.parametrize(
    ("some", "message"),
    [
        (("--decoder", "trie-beam", "--temperature", 0.7), "--temperature has no effect"),
        (("--decoder", "trie-beam", "--candidates", 3), "--candidates has no effect"),
        (("--decoder", "trie-beam", "--epsilon", 0.1), "--epsilon has no effect"),
        (("--decoder", "likelihood", "--first-stage", "markov"), "say how many"),
        (("--decoder", "likelihood", "--candidates", 0), "--candidates must be at least 1"),
    ],
)
def test_what_does_not_go_together_is_one_line(evaluate, capsys, some, message):
    assert evaluate("out", *some) == 2
    shown = capsys.readouterr().err.strip()
    assert message in shown
    assert "\n" not in shown


def test_texts_that_are_ranked_again_have_their_decoder(evaluate, capsys, tmp_path):
    assert evaluate("out", "--samples-from", tmp_path / "x", "--decoder", "trie-beam") == 2
    assert "--decoder trie-beam" in capsys.readouterr().err
