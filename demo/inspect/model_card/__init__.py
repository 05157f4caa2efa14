"""The model card of a checkpoint."""

from demo.inspect.model_card.cards import Card, card, lead, read
from demo.inspect.model_card.training import seen_words

__all__ = ["Card", "card", "lead", "read", "seen_words"]
