"""transformers' torch classes as the oracle: random models, and what they say. Needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForCausalLM, DynamicCache

TOLERANCE = 1e-4
"""What float32 may differ by, in hidden states and in logits of up to 10."""


def random_model(config: Mapping[str, Any], seed: int = 0) -> Any:
    """A model of this config with random weights: no norm is left at one, no bias at zero."""
    settings = dict(config)
    full = AutoConfig.for_model(settings.pop("model_type"), **settings)
    # Only the plain implementation knows soft-caps.
    model = AutoModelForCausalLM.from_config(full, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if weight.ndim == 1:
                weight += 0.3 * noise
            else:
                weight.copy_(1.7 * noise * full.hidden_size**-0.5)
    return model


def inputs(vocab_size: int, seed: int) -> dict[str, np.ndarray]:
    """Random tokens: rows padded left and right, prompts padded right, samples behind them."""
    rng = np.random.default_rng(seed)
    mask = np.ones((2, 20), bool)
    mask[0, :5] = False
    mask[1, -3:] = False
    return {
        "tokens": rng.integers(0, vocab_size, mask.shape, dtype=np.int32),
        "mask": mask,
        "prompts": rng.integers(0, vocab_size, (2, 12), dtype=np.int32),
        "length": np.array([12, 5], np.int32),
        # Ten steps carry a window of 8 from the prompt into the samples and past its start.
        "drawn": rng.integers(0, vocab_size, (2, 2, 10), dtype=np.int32),
    }


class Case:
    """A random model, its folder, and rows to read, padded both ways."""

    def __init__(self, settings: Mapping[str, Any], folder: Path) -> None:
        self.model = random_model(settings)
        self.model.save_pretrained(folder)
        self.folder = folder
        given = inputs(self.model.config.vocab_size, seed=0)
        self.mask = given["mask"]
        self.rows = given["tokens"], self.mask

    def said(self) -> tuple[np.ndarray, np.ndarray]:
        """What the model says of the rows; see `run`."""
        return run(self.model, *self.rows)

    def assert_agrees(self, found: tuple[np.ndarray, np.ndarray]) -> None:
        """Compares hidden states and logits of the rows, padding left out."""
        for ours, theirs in zip(found, self.said(), strict=True):
            np.testing.assert_allclose(ours[self.mask], theirs[self.mask], rtol=0, atol=TOLERANCE)


def load(folder: Path, **settings: Any) -> Any:
    """The model of a folder, in the dtype of its weights; no tensor may be missing or unknown."""
    model, report = AutoModelForCausalLM.from_pretrained(
        folder,
        attn_implementation="eager",
        local_files_only=True,
        output_loading_info=True,
        **settings,
    )
    # Not one of its own: the only thing of an old GPT-2 file that it tells of.
    report["unexpected_keys"] = {
        name for name in report["unexpected_keys"] if not name.endswith(".masked_bias")
    }
    assert not any(report.values()), report
    return model.eval()


def run(model: Any, tokens: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Final hidden states and logits of whole rows, in float32; positions count the mask."""
    return _call(model, torch.tensor(tokens), torch.tensor(mask), None)


def run_cached(
    model: Any, prompts: np.ndarray, length: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Hidden states and logits of drawn tokens, fed one by one behind their prompts.

    Args:
      model: a torch model.
      prompts: [U, P], padded right.
      length: [U], of the prompts.
      drawn: [U, N, S], tokens of N samples of each user.

    Returns:
      hidden [U, N, S + 1, D] and logits [U, N, S + 1, V], those of the prompt's last token first.
    """
    users, samples, steps = drawn.shape
    # As `generate` pads: left, so that a window of the last tokens is one of the last slots.
    slot = np.arange(prompts.shape[1]) - (prompts.shape[1] - length[:, None])
    left = np.take_along_axis(prompts, np.maximum(slot, 0), axis=1)
    tokens = torch.tensor(np.repeat(left, samples, axis=0))
    mask = torch.tensor(np.repeat(slot >= 0, samples, axis=0))
    cache = DynamicCache(config=model.config)
    said = [_call(model, tokens, mask, cache)]
    for step in range(steps):
        token = torch.tensor(drawn[:, :, step].reshape(-1, 1))
        mask = torch.cat([mask, torch.ones(len(mask), 1, dtype=torch.bool)], dim=1)
        said.append(_call(model, token, mask, cache))
    return tuple(
        np.stack([part[:, -1].reshape(users, samples, -1) for part in parts], axis=2)
        for parts in zip(*said, strict=True)
    )


def _call(model: Any, tokens: torch.Tensor, mask: torch.Tensor, cache: Any):
    position = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
    with torch.no_grad():
        said = model(
            tokens,
            attention_mask=mask.long(),
            position_ids=position,
            past_key_values=cache,
            use_cache=cache is not None,
            output_hidden_states=True,
        )
    # The last of `hidden_states` is the one after the final norm.
    return said.hidden_states[-1].float().numpy(), said.logits.float().numpy()
