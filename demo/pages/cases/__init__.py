"""The Cases page: an evaluation's cases, filtered, compared, looked into, labelled, exported."""

from demo.pages.cases.layout import TITLE, build

__all__ = ["TITLE", "build"]
