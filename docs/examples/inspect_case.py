"""One shopper's case, from the history to the ranks of what was really bought."""

# %% [markdown]
# # One shopper's case, step by step
#
# What was bought, the prompt that the model reads, the texts that it writes, the ranking that they
# become, and the ranks of the item that was really bought next. Run it as a script, or cell by cell
# in an editor that knows `# %%` (VS Code, PyCharm, Spyder, Jupyter with jupytext).
#
# It uses the sample shop in `$CALREC_WORKSPACE` (by default `workspace`), and builds its kitchen
# department there if it is missing. The checkpoint `sample` comes with the package.

# %%
import numpy as np

from calrec import CALRec, LastItemRepeater, RankingSettings
from calrec.evaluation.alignment import Alignment
from calrec.model.compilation import keep_compiled
from catalog.build import build_sample
from catalog.store import Catalogue, domains, workspace_path

SHOP, USER = "sample-kitchen", "kitchen-0024"

workspace = workspace_path(None)
if SHOP not in {info.domain for info in domains(workspace)}:
    build_sample(workspace, only={SHOP})
catalogue = Catalogue.open(workspace, SHOP)
corpus = catalogue.corpus()
case = catalogue.case(USER)
print(f"{len(catalogue.items):,} items; {USER} bought")
for item in case.history:
    print("  ", item.title)
print("and then", case.target.title)

# %% [markdown]
# ## A baseline
#
# Last Item Repeater matches the text of the last item to all items. Every recommender answers with
# the same record.

# %%
lir = LastItemRepeater(corpus, catalogue.items)
repeated = lir.recommend(case.history)
print("Last Item Repeater ranks it", repeated.ranking.ranks(case.target.item_id))

# %% [markdown]
# ## The model
#
# `alternatives` keeps what else might have stood in each token's place.

# %%
keep_compiled()  # a second run starts at once
calrec = CALRec.from_checkpoint("sample", corpus, catalogue.items, first_stage=lir)
record = calrec.recommend(case.history, seed=0, alternatives=3)
generation, ranking = record.generation, record.ranking
print(generation.prompt)
for text, score in zip(ranking.columns, ranking.column_scores, strict=True):
    print(f"{score:7.2f} nats  {text}")

# %%
best = max(generation.samples, key=lambda sample: sample.score)
for token, log_prob, others in zip(
    best.token_texts, best.log_probs, best.alternatives, strict=True
):
    print(f"{log_prob:7.3f}  {token!r:16}", *(repr(other.text) for other in others))

# %% [markdown]
# ## The ranking
#
# Two ranks, as items with equal scores leave it open which stands first. The same generation can be
# ranked otherwise; `rerank` ranks the 300 items that Last Item Repeater puts first.

# %%
print("CALRec ranks it", ranking.ranks(case.target.item_id))
for row in ranking.order()[:5]:
    print(f"{ranking.scores[row]:.4f}  {catalogue.items[row].title}")
for retrieval in ("bm25", "hierarchical", "rerank"):
    again = calrec.rank(generation, RankingSettings(retrieval=retrieval, candidates=300))
    print(f"{retrieval:12}", again.ranking.ranks(case.target.item_id))

# %% [markdown]
# ## The vectors behind the contrastive losses
#
# v_T of an item alone, v_TU of a target read behind its history. How much nearer is a shopper's
# v_TU to the item that was bought than to the others, as a cosine?

# %%
embedder = calrec.model.embedder()
cases = [catalogue.case(user_id) for user_id in catalogue.users(limit=50)]
users = embedder.user_tower([one.history for one in cases], [one.target for one in cases])
bought = np.array([catalogue.index[one.target.item_id] for one in cases])
alignment = Alignment.of(users.v_tu, embedder.items(catalogue.items), bought)
print(f"gap of the cosines: {alignment.summary()['gap']:.3f}")

# %% [markdown]
# ## A case file
#
# The whole record as JSON, for a colleague; of the matrices it keeps the rows of the best items.

# %%
text = record.to_json(target=case.target.item_id)
print(f"{len(text):,} characters")
catalogue.close()
