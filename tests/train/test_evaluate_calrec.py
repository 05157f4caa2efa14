import json

import pyarrow.parquet as pq
import pytest

from catalog.store import Catalogue
from train.evaluation.generating import case_seed


@pytest.mark.slow
def test_calrec_end_to_end(run_evaluate, tiny_workspace, rubbish_checkpoint, tmp_path, capsys):
    def evaluate(name, *some):
        out = tmp_path / name
        arguments = (
            "--domain",
            "shop",
            "--recommender",
            "calrec",
            "--checkpoint",
            rubbish_checkpoint,
        )
        assert run_evaluate(*arguments, "--out", out, *some) == 0
        cases, samples = (
            pq.read_table(out / f"{table}.parquet").to_pylist() for table in ("cases", "samples")
        )
        meta, figures = (json.loads((out / f"{n}.json").read_text()) for n in ("meta", "metrics"))
        return {**meta, **figures}, cases, samples

    figures, rows, samples = evaluate("all")
    assert "texts with a format error" in capsys.readouterr().out
    assert figures["users"] == len(rows) == 12
    assert len(samples) == figures["generation"]["samples"] == 12 * 4
    assert figures["settings"]["sampling"]["max_new_tokens"] == 8
    assert figures["settings"]["ranking"]["n_pred"] == 3
    assert figures["generation"]["format_error_rate"] == 1
    assert [sample["order"] for sample in samples] == [0, 1, 2, 3] * 12
    for sample in samples:
        assert sample["kept"] == (sample["why_not"] == "") == (sample["column"] is not None)
        assert sample["tokens"] == len(sample["token_ids"]) == len(sample["log_probs"])
        assert sample["score"] == pytest.approx(sum(sample["log_probs"]), rel=1e-5)
    for place, row in enumerate(rows):
        drawn = samples[4 * place : 4 * place + 4]
        assert {sample["user_id"] for sample in drawn} == {row["user_id"]}
        assert row["samples"] == row["format_errors"] == 4
        assert row["title_matches"] == row["exact_matches"] == row["top_match_level"] == 0
        assert row["distinct_texts"] == len({" ".join(s["text"].split()) for s in drawn})
        assert row["target_generated"] is False
        kept = sorted((s for s in drawn if s["kept"]), key=lambda s: s["column"])
        assert [s["column"] for s in kept] == list(range(len(kept)))
        assert [s["score"] for s in kept] == sorted((s["score"] for s in kept), reverse=True)

    # The ranks are those of the recommender asked directly, with the user's seed.
    from calrec.recommenders.calrec import CALRec

    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        calrec = CALRec.from_checkpoint(rubbish_checkpoint, catalogue.corpus(), catalogue.items)
        case = catalogue.case(rows[3]["user_id"])
        alone = calrec.recommend(case.history, seed=case_seed(0, case.user_id))
    ranks = (rows[3]["optimistic_rank"], rows[3]["pessimistic_rank"])
    assert alone.ranking.ranks(case.target.item_id) == ranks
    assert [s.text for s in alone.samples] == [s["text"] for s in samples[12:16]]

    # A user's samples do not depend on who else is evaluated, nor on how many at a time.
    _, some_rows, some_samples = evaluate("some", "--users", 4, "--width", 1)
    chosen = {row["user_id"] for row in some_rows}
    assert some_rows == [row for row in rows if row["user_id"] in chosen]
    expected = [sample for sample in samples if sample["user_id"] in chosen]
    rounded = {"score": 0, "log_probs": []}
    for one, other in zip(some_samples, expected, strict=True):
        # So small a model's sums are rounded otherwise in another number of rows.
        assert one | rounded == other | rounded
        assert one["score"] == pytest.approx(other["score"], rel=1e-6)
        assert one["log_probs"] == pytest.approx(other["log_probs"], rel=1e-5)
