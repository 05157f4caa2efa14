import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from train import evaluate as command

sys.path.insert(0, str(Path(__file__).parent))  # the helpers beside the tests

WORDS = (
    "steel",
    "brass",
    "oak",
    "rose",
    "blue",
    "red",
    "pen",
    "lamp",
    "hose",
    "glove",
    "nib",
    "box",
)


@pytest.fixture(scope="session")
def tiny_workspace(tmp_path_factory):
    """Twelve items, some of equal text, one never trained on; 14 users of 1 to 9 purchases."""
    generator = np.random.default_rng(1)
    titles = [f"{WORDS[i % 5]} {WORDS[5 + i % 7]} {WORDS[i % 3]}" for i in range(12)]
    titles[8] = titles[2]
    items = pa.table(
        {
            "item_id": [f"i{i:02}" for i in range(12)],
            "title": titles,
            "category": ["Office" if i % 2 else None for i in range(12)],
            "brand": [None if i % 3 else "Acme" for i in range(12)],
            "price": [None] * 12,
        }
    )
    events = [
        (f"u{u:02}", f"i{item:02}", place)
        for u in range(14)
        for place, item in enumerate(generator.integers(0, 11, 1 + u % 9))
    ]
    events.append(("u13", "i11", 50))
    interactions = pa.table(
        {
            "user_id": [user for user, _, _ in events],
            "item_id": [item for _, item, _ in events],
            "timestamp": [1_500_000_000 + 250_000 * place for _, _, place in events],
            "position": [place for _, _, place in events],
        }
    )
    path = tmp_path_factory.mktemp("workspace")
    for domain, role in (("shop", "evaluation"), ("others", "training")):
        build(path, domain, TwoTables(items=items, interactions=interactions), role=role)
    return path


@pytest.fixture
def run_evaluate(tiny_workspace, monkeypatch):
    """Runs the command line; gives its exit status."""

    monkeypatch.setattr("os._exit", sys.exit)  # what Ctrl-C ends in

    def run(*arguments):
        line = ["calrec-evaluate", "--workspace", tiny_workspace, *arguments]
        monkeypatch.setattr(sys, "argv", [str(part) for part in line])
        try:
            command.main()
        except SystemExit as stop:
            return stop.code
        return 0

    return run


@pytest.fixture(scope="session")
def rubbish_checkpoint(tiny_workspace, tmp_path_factory):
    """An exported model of random weights: it writes rubbish, all the way through the chain."""
    from flax import nnx

    from calrec.model.backbone.config import DecoderConfig
    from calrec.model.backbone.decoder import Decoder
    from calrec.model.checkpoint import Description, save
    from calrec.records.settings import RankingSettings
    from calrec.text import TextSettings, item_text
    from calrec.tokenizer import Tokenizer
    from catalog.store import Catalogue

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
