"""What the rooms hand to each other: frozen records, their files, and nothing of ours beneath."""

from calrec.records.item import Attributes, Item

__all__ = ["Attributes", "Item"]
