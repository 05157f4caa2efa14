"""A recommender in one class, evaluated beside one of the package."""

# %% [markdown]
# # A recommender of one's own
#
# A recommender scores all items of a shop after a history. `Baseline` needs one method for that:
# histories of item indices in, a row of scores for each out. It adds `recommend`, the record that
# the pages and evaluations read.

# %%
from collections.abc import Sequence

import numpy as np

from calrec.evaluation.metrics import summarise
from calrec.recommenders.baseline import Baseline
from calrec.recommenders.counting import counting, purchases
from calrec.records.ranks import ranks_of
from catalog.build import build_sample
from catalog.store import Catalogue, domains, workspace_path

SHOP, USERS = "sample-kitchen", 300


class BuyAgain(Baseline):
    """Ranks what was bought before, the latest first, and behind it the most popular items."""

    name = "buy-again"
    reads = None  # all of a history counts

    def __init__(self, item_ids: Sequence[str], popularity: np.ndarray) -> None:
        super().__init__(item_ids)
        self.settings = {"purchases": int(popularity.sum())}
        self._popularity = popularity / (1 + popularity.max(initial=0))  # below 1

    def scores(self, histories: Sequence[np.ndarray]) -> np.ndarray:
        """Scores of all N items after each of Q histories, Q x N, higher is better."""
        scores = np.tile(self._popularity, (len(histories), 1))
        for row, history in zip(scores, histories, strict=True):
            for place, item in enumerate(history):
                row[item] = 1 + place
        return scores


# %% [markdown]
# ## One case
#
# It may count the training parts alone, as the trained models see no more.

# %%
workspace = workspace_path(None)
if SHOP not in {info.domain for info in domains(workspace)}:
    build_sample(workspace, only={SHOP})
with Catalogue.open(workspace, SHOP) as catalogue:
    sequences, item_ids = catalogue.sequences(), catalogue.item_ids
    training = sequences.counted("test", "training")
    again = BuyAgain(item_ids, purchases(training, len(item_ids)))
    case = catalogue.case("kitchen-0024")
    record = again.recommend(case.history)
    print([catalogue.items[row].title for row in record.order()[:3]])
    print("really bought:", case.target.title, record.ranks(case.target.item_id))

# %% [markdown]
# ## Many cases
#
# Beside a recommender of the package, on the same shoppers, by the same rules.

# %%
chosen = sequences.cases("test")[:USERS]
histories = [sequences.history(user, "test") for user in chosen]
targets = np.array([sequences.target(user, "test") for user in chosen])
for recommender in (again, counting("popular", item_ids, training)):
    optimistic, pessimistic = ranks_of(recommender.scores(histories), targets)
    figures = summarise(optimistic, pessimistic)["ndcg@10"]
    print(f"{recommender.name:10} NDCG@10 {figures['optimistic']:.4f} optimistic,", end=" ")
    print(f"{figures['pessimistic']:.4f} pessimistic")
