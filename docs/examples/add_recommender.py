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
from calrec.recommenders.entry import Entry, Inputs
from calrec.recommenders.popularity import purchases
from calrec.recommenders.register import entry
from calrec.records.ranks import ranks_of
from catalog.build import build_sample
from catalog.store import Catalogue, domains, workspace_path

SHOP, USERS = "sample-kitchen", 300


class BuyAgain(Baseline):
    """Ranks what was bought before, the latest first, and behind it the most popular items."""

    name = "buy-again"

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
# ## Its entry
#
# The register needs to know how it is called, what it needs and how it is built. `inputs.purchases`
# are those that may be counted: by default the training parts, as trained models see no more.
#
# A recommender of the package adds its entry to `calrec.recommenders.register`. One of another
# package names it in its `pyproject.toml`; commands, pages and the API then offer it as well:
#
# ```toml
# [project.entry-points."calrec.recommenders"]
# buy-again = "my_package.buy_again:ENTRY"
# ```


# %%
def build(inputs: Inputs) -> BuyAgain:
    """The recommender over a shop."""
    item_ids = inputs.shop.item_ids
    return BuyAgain(item_ids, purchases(inputs.purchases(), len(item_ids)))


ENTRY = Entry(
    id="buy-again",
    label="Buy again",
    sentence="Looks for what was bought before.",
    needs=frozenset({"purchases"}),
    build=build,
)

# %% [markdown]
# ## One case

# %%
workspace = workspace_path(None)
if SHOP not in {info.domain for info in domains(workspace)}:
    build_sample(workspace, only={SHOP})
catalogue = Catalogue.open(workspace, SHOP)
inputs = Inputs(shop=catalogue)
again = ENTRY.build(inputs)
case = catalogue.case("kitchen-0024")
ranking = again.recommend(case.history).ranking
print([catalogue.items[row].title for row in ranking.order()[:3]])
print("really bought:", case.target.title, ranking.ranks(case.target.item_id))

# %% [markdown]
# ## Many cases
#
# Beside recommenders of the package, on the same shoppers, by the same rules.

# %%
sequences = catalogue.sequences()
chosen = sequences.cases("test")[:USERS]
histories = [sequences.history(user, "test") for user in chosen]
targets = np.array([sequences.target(user, "test") for user in chosen])
for recommender in (again, entry("popular").build(inputs), entry("item-knn").build(inputs)):
    optimistic, pessimistic = ranks_of(recommender.scores(histories), targets)
    figures = summarise(optimistic, pessimistic)["ndcg@10"]
    print(f"{recommender.name:10} NDCG@10 {figures['optimistic']:.4f} optimistic,", end=" ")
    print(f"{figures['pessimistic']:.4f} pessimistic")
catalogue.close()
