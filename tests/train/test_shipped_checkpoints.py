"""What holds for every checkpoint of the package, and what the gift shop's promises."""

import json

import pytest
from commands import evaluate

from calrec.model import checkpoint
from catalog.build import build
from catalog.ingest.sources.two_tables import TwoTables
from catalog.sources import ONLINE_RETAIL_II
from train import model_card

SHIPPED = sorted(path.name for path in checkpoint.SHIPPED.iterdir() if path.is_dir())
DOMAIN = "online-retail-ii"
USERS = 60


@pytest.fixture(scope="module")
def shop(shared_data, tmp_path_factory):
    """A workspace with the gift shop, and its fingerprint."""
    tables = shared_data.parent / "retail" / "online_retail_ii"
    if not tables.is_dir():
        pytest.skip("needs the retail data in ../shared/data, which is not here")
    workspace = tmp_path_factory.mktemp("retail")
    items, interactions = (tables / f"{name}.parquet" for name in ("items", "interactions"))
    info = build(workspace, DOMAIN, TwoTables(items=items, interactions=interactions))
    return workspace, info.fingerprint


def test_these_come_with_the_package():
    assert SHIPPED == ["online-retail", "sample"]


@pytest.mark.parametrize("name", SHIPPED)
def test_it_is_small_and_whole_and_carries_its_log_card_and_figures(name):
    folder = checkpoint.resolve(name)
    assert checkpoint.check(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 12_000_000
    described = checkpoint.describe(folder)
    lines = (folder / "training_log.jsonl").read_text().splitlines()
    stages = {stage["stage"] for stage in described.training["stages"]}
    assert {json.loads(line)["stage"] for line in lines} == stages
    assert (folder / model_card.FILE).read_text("utf-8") == model_card.text(described)
    for domain in described.data:
        for rule in ("", ", bought last, count training"):
            assert f"{domain} test calrec{rule}" in described.figures


def test_the_card_names_the_licence_of_real_purchases():
    text = (checkpoint.resolve("online-retail") / model_card.FILE).read_text("utf-8")
    assert ONLINE_RETAIL_II in text


@pytest.mark.slow
def test_the_real_shops_model_writes_its_items_and_beats_the_last_item_repeater(shop, tmp_path):
    workspace, fingerprint = shop
    assert checkpoint.describe(checkpoint.resolve("online-retail")).data == {DOMAIN: fingerprint}
    given = ("--workspace", workspace, "--domain", DOMAIN, "--users", USERS)
    lir = evaluate(tmp_path / "lir", *given, "--recommender", "lir")
    calrec = ("--recommender", "calrec", "--checkpoint", "online-retail")
    model = evaluate(tmp_path / "calrec", *given, *calrec)
    ndcg = [run["metrics"]["ndcg@10"]["pessimistic"] for run in (model, lir)]
    assert ndcg[0] > ndcg[1]
    generation = model["generation"]
    assert generation["samples"] == 32 * USERS
    assert generation["format_error_rate"] <= 0.02
    assert generation["match_rate"]["all"]["4"] >= 0.95
