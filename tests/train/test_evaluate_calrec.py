import json

import pyarrow.parquet as pq
import pytest

from catalog.store import Catalogue
from train.outcomes import case_seed


@pytest.fixture(scope="module")
def checkpoint(tiny_workspace, tmp_path_factory):
    """An exported model of random weights: it writes rubbish, all the way through the chain."""
    from flax import nnx

    from calrec.backbone.config import DecoderConfig
    from calrec.backbone.decoder import Decoder
    from calrec.checkpoint import Description, save
    from calrec.ranking import RankingSettings
    from calrec.text import TextSettings, item_text
    from calrec.tokenizer import Tokenizer

    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        tokenizer = Tokenizer.train([item_text(item) for item in catalogue.items], 400)
    config = DecoderConfig(
        vocab_size=tokenizer.vocab_size,
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
    )
    description = Description(
        decoder=config,
        dtype="float32",
        text=TextSettings(),
        max_prompt_tokens=128,
        sampling={"samples": 4, "max_new_tokens": 8},
        ranking=RankingSettings(n_pred=3),
    )
    folder = tmp_path_factory.mktemp("checkpoint") / "rubbish"
    save(folder, Decoder(config, rngs=nnx.Rngs(0)), tokenizer, description)
    return folder


@pytest.mark.slow
def test_calrec_end_to_end(run_evaluate, tiny_workspace, checkpoint, tmp_path, capsys):
    def evaluate(name, *some):
        out = tmp_path / name
        arguments = ("--domain", "shop", "--recommender", "calrec", "--checkpoint", checkpoint)
        assert run_evaluate(*arguments, "--out", out, *some) == 0
        cases, samples = (
            pq.read_table(out / f"{table}.parquet").to_pylist() for table in ("cases", "samples")
        )
        return json.loads((out / "metrics.json").read_text()), cases, samples

    figures, rows, samples = evaluate("all")
    assert "texts with a format error" in capsys.readouterr().out
    assert figures["users"] == len(rows) == 12
    assert len(samples) == figures["generation"]["samples"] == 12 * 4
    assert figures["settings"]["sampling"]["max_new_tokens"] == 8
    assert figures["settings"]["ranking"]["n_pred"] == 3
    assert figures["generation"]["format_error_rate"] == 1
    assert [sample["order"] for sample in samples] == [0, 1, 2, 3] * 12
    assert all(sample["kept"] == (sample["why_not"] == "") for sample in samples)

    # The ranks are those of the recommender asked directly, with the user's seed.
    from calrec.recommender import CALRec

    with Catalogue.open(tiny_workspace, "shop") as catalogue:
        calrec = CALRec.from_checkpoint(checkpoint).with_corpus(catalogue.corpus(), catalogue.items)
        case = catalogue.case(rows[3]["user_id"])
        alone = calrec.recommend(case.history, seed=case_seed(0, case.user_id))
    ranks = (rows[3]["optimistic_rank"], rows[3]["pessimistic_rank"])
    assert alone.ranks(case.target.item_id) == ranks
    assert [s.text for s in alone.samples] == [s["text"] for s in samples[12:16]]

    # A user's samples do not depend on who else is evaluated.
    _, some_rows, some_samples = evaluate("some", "--users", 4)
    chosen = {row["user_id"] for row in some_rows}
    assert some_rows == [row for row in rows if row["user_id"] in chosen]
    expected = [sample for sample in samples if sample["user_id"] in chosen]
    for one, other in zip(some_samples, expected, strict=True):
        # So small a model's sums are rounded otherwise in another number of rows.
        assert one | {"score": 0} == other | {"score": 0}
        assert one["score"] == pytest.approx(other["score"], rel=1e-6)
