"""The Embeddings page: items and a shopper on a map, and how near shoppers lie to what they buy."""

from demo.pages.embeddings.layout import TITLE, build

__all__ = ["TITLE", "build"]
