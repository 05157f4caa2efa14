"""The Embeddings page: items and a shopper on a map, and how near shoppers lie to what they buy."""

from demo.pages.embeddings.handlers import build
from demo.pages.embeddings.parts import TITLE

__all__ = ["TITLE", "build"]
