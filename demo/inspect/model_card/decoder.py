"""What a card says of the model itself: its size, how it reads and how it recommends."""

from __future__ import annotations

import json
from pathlib import Path

from calrec.model.checkpoint import Description
from calrec.report.model_card import Rows, Section, parameters, shown


def vocabulary(folder: Path) -> int | None:
    """How many tokens a checkpoint's tokenizer knows; `None` where it cannot be read."""
    try:
        content = json.loads((folder / "tokenizer" / "tokenizer.json").read_text(encoding="utf-8"))
        known = set(content["model"]["vocab"])
        return len(known | {token["content"] for token in content.get("added_tokens", ())})
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def size(record: Description, tokens: int | None) -> Section:
    """How large the decoder is; `tokens` as for `card`."""
    shape = record.decoder
    heads = f"{shape.num_attention_heads} query, {shape.num_key_value_heads} key and value"
    return Section(
        title="Size and shape",
        facts=(
            ("Parameters", f"{parameters(shape):,}"),
            ("Stored as", record.dtype),
            ("Family", shape.family),
            ("Layers", f"{shape.num_hidden_layers:,}"),
            ("Width", f"{shape.hidden_size:,}, inside a layer {shape.intermediate_size:,}"),
            ("Attention heads", f"{heads}, {shape.head_dim:,} numbers each"),
            ("Longest text", f"{shape.max_position_embeddings:,} tokens"),
            (
                "Vocabulary",
                f"{shape.vocab_size:,} places"
                + ("" if tokens is None else f", tokenizer of {tokens:,} tokens"),
            ),
            *_beside(record),
        ),
    )


def _beside(record: Description) -> Rows:
    """The adapters that are all a checkpoint holds, and the model beside which they stand."""
    if (adapters := record.adapters) is None:
        return ()
    every = record.decoder.num_hidden_layers
    where = (
        f"the last {last:,} of {every:,}" if (last := adapters.lora.layers) else f"all {every:,}"
    )
    return (
        ("Adapters", f"rank {adapters.lora.rank:,}, in {where} layers"),
        ("Beside", f"{adapters.name}, tensors of digest {adapters.digest[:12]}"),
    )


def reading(record: Description) -> Section:
    """What it reads of a history."""
    title, category, brand, price = record.text.limits()
    return Section(
        title="How it reads",
        facts=(
            ("Text template", record.text.template),
            (
                "Words kept of an item",
                f"title {title}, category {category}, brand {brand}, price {price}",
            ),
            ("A history takes at most", f"{record.max_prompt_tokens:,} tokens"),
            *(() if record.begin_id is None else (("In front of it", "the model's begin token"),)),
        ),
    )


def recommending(record: Description) -> Section:
    """How it samples and ranks unless somebody says otherwise."""
    sampling, ranking = record.sampling, record.ranking
    return Section(
        title="How it recommends",
        facts=(
            ("Texts written", shown(sampling.get("samples"))),
            ("Temperature", shown(sampling.get("temperature"))),
            ("Longest text written", f"{shown(sampling.get('max_new_tokens'))} tokens"),
            ("Texts kept", f"{ranking.n_pred:,}"),
            ("From texts to items", ranking.retrieval),
            ("Weight of a text's probability", shown(ranking.epsilon)),
            ("Pooling over texts", ranking.pooling),
            ("Modulation by probability", "on" if ranking.modulation else "off"),
        ),
    )
