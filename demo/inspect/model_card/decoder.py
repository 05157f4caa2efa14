"""What a card says of the model itself: its size, how it reads and how it recommends."""

from __future__ import annotations

import json
from pathlib import Path

from calrec.model.backbone.config import DecoderConfig
from calrec.model.checkpoint import Description
from demo.inspect.model_card.section import Section, shown


def parameters(shape: DecoderConfig) -> int:
    """How many weights a decoder of this shape has."""
    width, inner, head = shape.hidden_size, shape.intermediate_size, shape.head_dim
    queries, shared = shape.num_attention_heads * head, shape.num_key_value_heads * head
    layered = 2 if shape.norm == "layer" else 1  # a bias beside the weight
    norm = width * layered
    attention = width * (2 * queries + 2 * shared)
    attention += shape.attention_bias * (queries + 2 * shared) + shape.output_bias * width
    attention += shape.norm_queries_and_keys * 2 * head * layered
    wide = 1 + shape.gated_mlp
    mlp = (wide + 1) * width * inner + shape.mlp_bias * (wide * inner + width)
    layer = attention + mlp + norm * (4 if shape.norm_outputs else 2)
    tables = 1 + (not shape.tie_word_embeddings)
    positions = shape.max_position_embeddings * width if shape.rope is None else 0
    return tables * shape.vocab_size * width + positions + shape.num_hidden_layers * layer + norm


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
        ),
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
