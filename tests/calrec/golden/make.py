"""Writes the golden files: what transformers' torch classes say of a small model per family.

    python tests/calrec/golden/make.py

Each family gets a folder with config.json and model.safetensors as transformers saves them, and
golden.npz: two padded rows with their final hidden states and logits, and samples decoded one
token at a time behind their prompts. Needs torch; the tests that read the files do not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import oracle  # noqa: E402
from families import FAMILIES  # noqa: E402


def write(folder: Path, family: str, seed: int) -> None:
    """Writes one family's folder."""
    model = oracle.random_model(FAMILIES[family], seed)
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    given = oracle.inputs(model.config.vocab_size, seed)
    hidden, logits = oracle.run(model, given["tokens"], given["mask"])
    steps = oracle.run_cached(model, given["prompts"], given["length"], given["drawn"])
    np.savez(
        folder / "golden.npz",
        **given,
        hidden=hidden,
        logits=logits,
        cached_hidden=steps[0],
        cached_logits=steps[1],
    )


if __name__ == "__main__":
    for seed, family in enumerate(FAMILIES):
        write(HERE / family, family, seed)
        print(family)
