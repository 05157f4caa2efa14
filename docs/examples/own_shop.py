"""A shop of a few lines, built from two CSV files, searched and ranked."""

# %% [markdown]
# # A shop of one's own
#
# Two tables become a catalogue that can be searched, and that recommenders rank. Here they are two
# CSV files of a few lines; a real shop's exports are built in the same way, also by the command
# `calrec-catalog build` (see the README).

# %%
import tempfile
from pathlib import Path

from calrec import LastItemRepeater
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from catalog.store import Catalogue

ITEMS = """\
sku,title,category,brand,price
S01,Espresso machine with steam wand,Coffee > Machines,Barista,"199,00"
S02,Espresso beans dark roast 1 kg,Coffee > Beans,Montana,"14,90"
S03,Filter coffee beans light roast 1 kg,Coffee > Beans,Montana,"13,90"
S04,Milk jug 350 ml,Coffee > Accessories,Barista,"17,50"
S05,Green tea sencha 100 g,Tea > Leaves,Hana,"9,90"
S06,Teapot of cast iron,Tea > Pots,Hana,"49,00"
"""
ORDERS = """\
customer,sku,ordered_at
anna,S01,2024-01-03
anna,S02,2024-01-10
anna,S04,2024-02-01
anna,S02,2024-02-20
ben,S05,2024-01-05
ben,S06,2024-01-25
ben,S05,2024-03-02
cleo,S03,2024-01-08
cleo,S01,2024-02-08
cleo,S02,2024-02-18
"""

# %% [markdown]
# ## Build
#
# Columns of other names are mapped. The domain appears whole or not at all; its report tells what
# was read, decided and left out.

# %%
folder = Path(tempfile.mkdtemp())
(folder / "items.csv").write_text(ITEMS)
(folder / "orders.csv").write_text(ORDERS)
source = TwoTables(
    items=folder / "items.csv",
    interactions=folder / "orders.csv",
    columns={"item_id": "sku", "user_id": "customer", "timestamp": "ordered_at"},
)
info = build(folder / "workspace", "coffee-and-tea", source)
print(f"{info.items} items, {info.users} customers, {info.events} purchases")
print("bad lines:", info.report["bad_lines"])

# %% [markdown]
# ## Search and recommend
#
# Each customer's last purchase is held out as the test item.

# %%
with Catalogue.open(folder / "workspace", "coffee-and-tea") as catalogue:
    print([item.title for item in catalogue.page(query="beans").items])
    case = catalogue.case("anna")
    recommender = LastItemRepeater(catalogue.corpus(), catalogue.items)
    ranking = recommender.recommend(case.history).ranking
    for row in ranking.order()[:3]:
        print(f"{ranking.scores[row]:6.3f}  {catalogue.items[row].title}")
    print("really bought:", case.target.title, ranking.ranks(case.target.item_id))
