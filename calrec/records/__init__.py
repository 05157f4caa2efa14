"""What the rooms hand to each other: frozen records, their files, and nothing of ours beneath."""

from calrec.records.generation import Alternative, Generation, Sample
from calrec.records.item import Attributes, Item
from calrec.records.ranking import Outcome, Ranking
from calrec.records.recommendation import Recommendation, check_history

__all__ = [
    "Alternative",
    "Attributes",
    "Generation",
    "Item",
    "Outcome",
    "Ranking",
    "Recommendation",
    "Sample",
    "check_history",
]
