"""The walkthrough: from a purchase history to two rankings, in five steps."""

from demo.pages.walkthrough.layout import TITLE, build

__all__ = ["TITLE", "build"]
