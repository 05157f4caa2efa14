"""The Metrics page: evaluations side by side, two of them compared, training and model card."""

from demo.pages.metrics.layout import TITLE, build

__all__ = ["TITLE", "build"]
