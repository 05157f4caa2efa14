"""The Metrics page: evaluations side by side, two of them compared, training and model card."""

from demo.pages.metrics.handlers import build
from demo.pages.metrics.parts import TITLE

__all__ = ["TITLE", "build"]
