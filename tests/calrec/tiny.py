"""A small random model, its tokenizer and a few items, for tests of the model package."""

from flax import nnx

from calrec.model.backbone.config import DecoderConfig
from calrec.model.backbone.decoder import Decoder
from calrec.records import Item
from calrec.text import LABELS, TEMPLATES, item_text
from calrec.tokenizer import Tokenizer

ITEMS = tuple(
    Item(
        item_id=f"I{i}",
        title=f"{maker} {thing} {i}",
        category=f"Kitchen, {thing}s",
        brand=maker,
        price=f"${i}.49" if i % 3 else None,
    )
    for i, (maker, thing) in enumerate(
        (maker, thing)
        for maker in ("Aroma", "Bellano", "Crest")
        for thing in ("Kettle", "Grinder", "Filter", "Scale")
    )
)


def tiny_tokenizer(vocab_size: int = 400) -> Tokenizer:
    template = TEMPLATES["calrec"]
    units = [*LABELS, template.prefix, template.first, template.next]
    return Tokenizer.train([item_text(item) for item in ITEMS], vocab_size, units=units)


def tiny_config(vocab_size: int) -> DecoderConfig:
    return DecoderConfig(
        vocab_size=vocab_size,
        hidden_size=24,
        intermediate_size=40,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=6,
    )


def tiny_decoder(vocab_size: int, seed: int = 0, scale: float = 8.0) -> Decoder:
    """Random weights, scaled up so that the next token is far from uniform."""
    model = Decoder(tiny_config(vocab_size), rngs=nnx.Rngs(seed))
    state = nnx.state(model)
    nnx.update(model, nnx.State(map_matrices(nnx.to_pure_dict(state), scale)))
    return model


def map_matrices(tree, scale):
    if isinstance(tree, dict):
        return {name: map_matrices(branch, scale) for name, branch in tree.items()}
    return tree * scale if tree.ndim == 2 else tree


@nnx.jit
def hidden_of(model, tokens, mask):
    """`Decoder.hidden`, compiled: an operation at a time, each would be for every new shape."""
    return model.hidden(tokens, mask)
