"""Speed and memory of the sampler beside transformers' `generate`, and what long histories cost.

    python tests/benchmarks/sampler.py

Both sides load one folder of random weights and draw 32 texts of 80 tokens after a prompt of 512,
each in a process of its own, one after the other. `pip install -e '.[benchmarks,oracle]'` first.
`--side rows` alone measures a step of the shipped checkpoint by its number of rows, in turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

SIZES = {
    "8M": {
        "vocab_size": 8192,
        "hidden_size": 256,
        "intermediate_size": 1024,
        "num_hidden_layers": 6,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
    },
    "42M": {
        "vocab_size": 16384,
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 8,
    },
}
SAMPLES, NEW_TOKENS, PROMPT = 32, 80, 512
ROWS = (8, 16, 32)
LENGTHS = (64, 128, 256, 384, 512, 768, 1024)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What to measure.

    Attributes:
      sizes: parameters of the models.
      rounds: measured runs of each side, after one that compiles.
      side: one side alone, for the processes that this one starts.
      folder: the model's, for these; `rows` takes the shipped checkpoint where none is given.
    """

    sizes: tuple[str, ...] = ("8M", "42M")
    rounds: int = 5
    side: Literal["ours", "torch", "lengths", "rows"] | None = None
    folder: Path | None = None


def peak_megabytes() -> float:
    """The most memory that this process ever held."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def prompt(length: int) -> list[int]:
    return np.random.default_rng(0).integers(1, 8000, length).tolist()


def timed(draw: Any, rounds: int) -> dict[str, Any]:
    """Seconds of the first run and the median of the others; memory; tokens drawn."""
    seconds = []
    for number in range(rounds + 1):
        start = time.perf_counter()
        tokens = draw(number)
        seconds.append(time.perf_counter() - start)
    return {
        "first": seconds[0],
        "seconds": median(seconds[1:]),
        "tokens": tokens,
        "megabytes": peak_megabytes(),
    }


def ours(folder: Path, rounds: int) -> dict[str, Any]:
    from calrec.generation.sampler import Sampler
    from calrec.model import hf
    from calrec.records.settings import SamplingSettings

    # No token ends a text: both sides draw all 80.
    sampler = Sampler(hf.load(folder), end_id=-1)
    settings = SamplingSettings(samples=SAMPLES, max_new_tokens=NEW_TOKENS)

    def draw(seed: int) -> int:
        *_, drawn = sampler.stream(prompt(PROMPT), seed, settings)
        return int(drawn.lengths.sum())

    return timed(draw, rounds)


def with_torch(folder: Path, rounds: int) -> dict[str, Any]:
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    tokens = torch.tensor([prompt(PROMPT)])

    def draw(seed: int) -> int:
        torch.manual_seed(seed)
        drawn = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=True,
            temperature=0.5,
            top_k=0,
            num_return_sequences=SAMPLES,
            min_new_tokens=NEW_TOKENS,
            max_new_tokens=NEW_TOKENS,
            pad_token_id=0,
        )
        return drawn[:, PROMPT:].numel()

    with torch.no_grad():
        return timed(draw, rounds)


def lengths(folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds until the first token, and of each token after it, by the prompt's length."""
    import jax

    from calrec.generation.sampler import Sampler
    from calrec.model import hf
    from calrec.records.settings import SamplingSettings

    sampler = Sampler(hf.load(folder), end_id=-1)
    found = {}
    for length in LENGTHS:
        settings = SamplingSettings(samples=SAMPLES, max_new_tokens=NEW_TOKENS, stride=NEW_TOKENS)

        def prefill(seed: int, length: int = length, settings: Any = settings) -> int:
            jax.block_until_ready(sampler._prefill(prompt(length), seed, settings))
            return 1

        def draw(seed: int, length: int = length, settings: Any = settings) -> int:
            *_, drawn = sampler.stream(prompt(length), seed, settings)
            return int(drawn.lengths.sum())

        reading, whole = timed(prefill, rounds)["seconds"], timed(draw, rounds)["seconds"]
        found[str(length)] = {"prefill": reading, "step": (whole - reading) / NEW_TOKENS}
    return found


def rows(folder: Path | None, rounds: int) -> dict[str, float]:
    """Milliseconds of a step by its rows."""
    import jax
    from flax import nnx

    from calrec.generation.model import GenerativeModel
    from calrec.generation.sampling import State, decode, prefill
    from calrec.model import hf

    shipped = GenerativeModel.from_checkpoint("sample").sampler.model
    model = shipped if folder is None else hf.load(folder)
    graph, weights = nnx.split(model)
    tokens = np.asarray([prompt(PROMPT)], np.int32) % model.config.vocab_size
    length = np.asarray([PROMPT], np.int32)
    seconds: dict[int, list[float]] = {count: [] for count in ROWS}

    def empty(count: int) -> State:
        seed, wanted = np.zeros(1, np.uint32), np.int32(count)
        drawn = {"samples": count, "slots": NEW_TOKENS}
        return prefill(graph, weights, tokens, length, seed, wanted, **drawn)

    for number in range(rounds + 1):
        for count, of_count in seconds.items():
            state = jax.block_until_ready(empty(count))
            start = time.perf_counter()
            jax.block_until_ready(
                decode(graph, weights, state, np.float32(0.5), np.int32(NEW_TOKENS), end_id=-1)
            )
            if number:
                of_count.append(time.perf_counter() - start)
    return {str(count): median(found) / NEW_TOKENS * 1e3 for count, found in seconds.items()}


def child(side: str, folder: Path, rounds: int) -> dict[str, Any]:
    """One side in a process of its own."""
    command = [sys.executable, __file__, "--side", side, "--folder", str(folder)]
    command += ["--rounds", str(rounds)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        sys.exit(f"error: {side}: {shown.stderr.strip().splitlines()[-1]}")
    return json.loads(shown.stdout.splitlines()[-1])


def make_model(size: str, folder: Path) -> int:
    """A Hugging Face folder of random weights; how many there are."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES[size],
        max_position_embeddings=1_152,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
    )
    model = LlamaForCausalLM(config)
    model.save_pretrained(folder)
    return sum(weight.numel() for weight in model.parameters())


def main(benchmark: Benchmark) -> None:
    """Prints the tables."""
    sides = {"ours": ours, "torch": with_torch, "lengths": lengths}
    if benchmark.side == "rows":
        print(json.dumps(rows(benchmark.folder, benchmark.rounds)))
        return
    if benchmark.side is not None:
        print(json.dumps(sides[benchmark.side](benchmark.folder, benchmark.rounds)))
        return
    console = Console(width=110)
    beside = Table(title=f"{SAMPLES} texts of {NEW_TOKENS} tokens after a prompt of {PROMPT}")
    for name in ("parameters", "side", "first run", "seconds", "tokens/s", "peak memory"):
        beside.add_column(name, justify="right")
    by_length = Table(title="milliseconds by prompt length")
    for name in ("parameters", "", *map(str, LENGTHS)):
        by_length.add_column(name, justify="right")
    for size in benchmark.sizes:
        with tempfile.TemporaryDirectory() as folder:
            count = f"{make_model(size, Path(folder)) / 1e6:.1f} M"
            found = {s: child(s, Path(folder), benchmark.rounds) for s in sides}
        for side in ("torch", "ours"):
            one = found[side]
            ratio = found["torch"]["seconds"] / one["seconds"]
            beside.add_row(
                count,
                side if side == "torch" else f"ours ({ratio:.1f} x)",
                f"{one['first']:.1f} s",
                f"{one['seconds']:.2f} s",
                f"{one['tokens'] / one['seconds']:,.0f}",
                f"{one['megabytes']:,.0f} MB",
            )
        for what, shown in (("prefill", "prefill"), ("step", "a token of all 32")):
            values = [f"{found['lengths'][str(n)][what] * 1e3:.1f}" for n in LENGTHS]
            by_length.add_row(count, shown, *values)
    console.print(beside)
    console.print(by_length)


if __name__ == "__main__":
    main(tyro.cli(Benchmark, description=__doc__))
