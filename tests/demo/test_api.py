"""The public API: what it answers, what it refuses, and how."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace

import gradio as gr
import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from running import API, Events, Tab, running

from calrec.records.settings import RankingSettings
from demo.inspect.session import MOST
from demo.server import api

HOSTILE = "<script>window.hacked = 1</script> lamp"


@pytest.fixture
def functions(application):
    return api.functions(application)


def last(answers):
    *_, answer = answers
    return answer


def test_each_says_what_it_takes_and_gives(functions):
    assert set(functions) == {"search", "recommend", "evaluate", "explore", "attribute"}
    for function in functions.values():
        assert "Args:" in function.__doc__
        assert "Returns:" in function.__doc__


def test_search_pages_through_all_items_once(functions, application):
    search = functions["search"]
    pages = [search("lamps", "", None, 25, offset) for offset in (0, 25, 50, 75)]
    ids = [item["item_id"] for page in pages for item in page["items"]]
    assert sorted(ids) == sorted(application.shop("lamps").catalogue.item_ids)
    assert {page["total"] for page in pages} == {60}
    assert search("lamps", "script")["items"][0]["title"] == HOSTILE  # plain text, not HTML


def test_search_within_a_category(functions, application):
    inside = functions["search"]("lamps", "lamp", ["Home"], 100)
    assert inside["total"] == len(inside["items"]) > 0
    assert functions["search"]("lamps", "lamp", ["Garden"], 100)["total"] == 0


def test_recommend_says_how_far_it_is_and_then_what_the_model_said(functions, application, model):
    ids = ["lamps-007", "lamps-011"]
    *steps, answer = functions["recommend"]("lamps", ids, 3, 8, 0.7, 5)
    assert [step["step"] for step in steps] == sorted(step["step"] for step in steps)
    assert steps[-1]["step"] <= steps[-1]["limit"]
    expected = (
        application.shop("lamps")
        .calrec()
        .recommend(application.shop("lamps").items(ids), seed=3, samples=8, temperature=0.7)
    )
    order = sorted(range(60), key=lambda row: (-expected.ranking.scores[row], row))[:5]
    assert [item["item_id"] for item in answer["ranking"]] == [
        expected.ranking.item_ids[i] for i in order
    ]
    for item in answer["ranking"]:
        above = sum(expected.ranking.scores > item["score"])
        tied = sum(expected.ranking.scores == item["score"])
        assert item["optimistic_rank"] <= above + 1 <= above + tied == item["pessimistic_rank"]
    kept = dict(zip(expected.ranking.columns, expected.ranking.column_scores, strict=True))
    assert {t["text"]: t["log_probability"] for t in answer["texts"]} == kept
    nats = [t["log_probability"] for t in answer["texts"]]
    assert nats == sorted(nats, reverse=True)
    assert [item["item_id"] for item in answer["history"]] == ids


def test_the_model_is_closed_when_the_caller_leaves(functions, model):
    answers = functions["recommend"]("lamps", ["lamps-001"])
    next(answers)
    assert not model.closed.is_set()
    answers.close()
    assert model.closed.is_set()


@pytest.mark.parametrize("recommender", ["calrec", "lir", "popular", "markov", "item-knn"])
def test_evaluate_ranks_what_was_really_bought(functions, application, recommender):
    case = application.shop("lamps").catalogue.case("user-2")
    answer = last(functions["evaluate"]("lamps", "user-2", recommender))
    assert answer["target"]["item_id"] == case.target.item_id
    assert [item["item_id"] for item in answer["history"]] == [i.item_id for i in case.history]
    if recommender == "calrec":
        record = application.shop("lamps").calrec().recommend(case.history, seed=0)
    else:
        record = application.shop("lamps").recommenders()[recommender].recommend(case.history)
    mine = record.ranking.scores[record.ranking.item_ids.index(case.target.item_id)]
    assert answer["optimistic_rank"] <= sum(record.ranking.scores > mine) + 1
    assert answer["pessimistic_rank"] == sum(record.ranking.scores >= mine)
    assert answer["recommender"] == recommender


@pytest.mark.parametrize("recommender", ["calrec", "lir", "popular", "markov", "item-knn"])
def test_items_bought_before_stand_last_where_that_is_the_rule(functions, recommender):
    ids = ["lamps-007", "lamps-011", "lamps-007"]
    options = {"samples": 8, "top": 60, "recommender": recommender}
    plain = last(functions["recommend"]("lamps", ids, **options))
    ruled = last(functions["recommend"]("lamps", ids, **options, bought="last", count="all"))
    assert (plain["bought"], plain["count"]) == ("ranked", "training")
    assert (ruled["bought"], ruled["count"]) == ("last", "all")
    assert ruled["settings"]["bought"] == "last"
    assert {item["item_id"] for item in ruled["ranking"][-2:]} == set(ids)
    assert all(item["optimistic_rank"] >= 59 for item in ruled["ranking"][-2:])
    if recommender in ("calrec", "lir"):  # which count nothing
        before = [item["item_id"] for item in plain["ranking"] if item["item_id"] not in ids]
        assert [item["item_id"] for item in ruled["ranking"][:-2]] == before


def test_counting_recommenders_count_what_the_rule_says(functions, application):
    sequences = application.shop("lamps").catalogue.sequences()
    for count, held_out in (("training", 2), ("all", 1)):
        answer = last(functions["evaluate"]("lamps", "user-2", "popular", count=count))
        assert answer["settings"]["purchases"] == len(sequences.items) - 4 * held_out


def test_validation_is_not_asked_of_what_has_counted_it(functions):
    for recommender in ("lir", "markov", "item-knn"):
        assert last(functions["evaluate"]("lamps", "user-2", recommender, "validation"))["ranking"]
        with pytest.raises(gr.Error, match="whose very purchases are among all"):
            last(functions["evaluate"]("lamps", "user-2", recommender, "validation", count="all"))


def test_an_evaluation_says_how_the_model_may_know_the_target(functions, model, application):
    info = application.shop("lamps").catalogue.info
    data = {"lamps": {"fingerprint": info.fingerprint, "role": "evaluation"}}
    training = {"stages": [{"stage": "stage1", "data": data}]}
    model.description = SimpleNamespace(training=training, ranking=RankingSettings())
    assert last(functions["evaluate"]("lamps", "user-2"))["may_know"] == []
    (line,) = last(functions["evaluate"]("lamps", "user-2", split="validation"))["may_know"]
    assert line.startswith("selected on the very purchases")
    assert last(functions["evaluate"]("lamps", "user-2", "lir"))["may_know"] == []


def test_attribute_gives_each_purchase_its_change_of_each_text(functions, application, model):
    ids = ["lamps-007", "lamps-011", "lamps-002"]
    answer = functions["attribute"]("lamps", ids, ["lamps-004"], ["Title: lamp"], True, True)
    shop = application.shop("lamps")
    asked = [*shop.items(["lamps-004"]), "Title: lamp"]
    found = model.attribution(shop.items(ids), asked, pairs=True, swaps=True)
    assert [one["log_probability"] for one in answer["texts"]] == found.totals.tolist()
    assert [one["item_id"] for one in answer["purchases"]] == ids
    # The script reads all but the oldest.
    changes = (found.without - found.totals).tolist()
    assert [one["changes"] for one in answer["purchases"]] == [None, *changes]
    (pair,) = answer["pairs"]
    assert pair == {"places": [1, 2], "changes": (found.pairs[0, 1] - found.totals).tolist()}
    assert answer["swaps"] == [{"place": 1, "changes": (found.swapped[0] - found.totals).tolist()}]
    plain = functions["attribute"]("lamps", ids, ["lamps-004"])
    assert "pairs" not in plain
    assert "swaps" not in plain


GOOD = {
    "search": {"shop": "lamps", "query": "lamp", "category": None, "limit": 2, "offset": 0},
    "recommend": {
        "shop": "lamps",
        "history": ["lamps-001"],
        "seed": 0,
        "samples": 2,
        "temperature": 0.5,
        "top": 2,
        "recommender": "lir",
        "bought": "ranked",
        "count": "training",
    },
    "evaluate": {
        "shop": "lamps",
        "user": "user-1",
        "recommender": "lir",
        "split": "test",
        "seed": 0,
        "bought": "last",
        "count": "all",
    },
    "attribute": {
        "shop": "lamps",
        "history": ["lamps-001", "lamps-002", "lamps-003"],
        "items": ["lamps-004"],
        "texts": ["Title: lamp"],
        "pairs": True,
        "swaps": True,
    },
}
BAD = [
    *(("search", "limit", value) for value in (0, 101, -1, 2.5, math.nan, "5", None, True, [1])),
    *(("search", "offset", value) for value in (-1, 10**30, "0")),
    *(("search", "query", value) for value in ("x" * 501, None, 3, ["a"], "a\0b", "\ud800")),
    *(("search", "category", value) for value in ("Home", [1], ["x"] * 11, [["Home"]], {"a": 1})),
    *(
        ("recommend", "history", value)
        for value in ([], "lamps-001", ["lamps-001"] * (MOST + 1), [None])
    ),
    *(("recommend", "history", value) for value in (["no such"], ["../../etc/passwd"], [{}])),
    *(("recommend", "samples", value) for value in (0, 65, 1.5)),
    *(("recommend", "temperature", value) for value in (0.0, 1.6, math.inf, "hot")),
    *(("recommend", "seed", value) for value in (-1, 2**32, None)),
    *(("recommend", "top", value) for value in (0, 101)),
    *(("recommend", "recommender", value) for value in ("sasrec", "hybrid", "", None, "../lir")),
    *(("recommend", "decoder", value) for value in ("beam", None, [], "trie-beam")),
    *(("evaluate", "user", value) for value in ("nobody", "", None, "../user-1", "u" * 501)),
    *(("evaluate", "split", value) for value in ("train", None, [])),
    *(("attribute", "history", value) for value in (["lamps-001"], ["lamps-001"] * 21)),
    *(("attribute", "items", value) for value in (["no such"], ["lamps-001"] * 21, "lamps-001")),
    *(("attribute", "pairs", value) for value in (1, None, "yes")),
    *((name, "bought", value) for name in ("recommend", "evaluate") for value in ("first", None)),
    *((name, "count", value) for name in ("recommend", "evaluate") for value in ("", ["all"])),
    *((name, "shop", value) for name in GOOD for value in ("", "Lamps", "../lamps", None, 1, [])),
]


def asked(functions, name, arguments):
    result = functions[name](**arguments)
    return result if isinstance(result, dict) else last(result)


@pytest.mark.parametrize(("name", "argument", "value"), BAD)
def test_bad_input_is_one_line_without_a_trace(functions, name, argument, value):
    asked(functions, name, GOOD[name])
    with pytest.raises(gr.Error) as refusal:
        asked(functions, name, {**GOOD[name], argument: value})
    message = refusal.value.message
    assert message.startswith("expected")
    assert "found" in message
    assert message.isprintable()
    assert len(message) < 700
    assert not refusal.value.print_exception


def test_what_a_page_can_hold_can_be_asked_for(functions):
    longest = {**GOOD["recommend"], "recommender": "calrec", "history": ["lamps-001"] * MOST}
    answer = asked(functions, "recommend", {**longest, "seed": 2**32 - 1})
    assert len(answer["history"]) == MOST
    assert answer["settings"]["seed"] == 2**32 - 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["lamps", "lamps-001", "user-1", "lir", "test", "Home"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@pytest.mark.slow
@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_json_is_answered_or_refused(functions, data):
    name = data.draw(st.sampled_from(sorted(GOOD)))
    argument = data.draw(st.sampled_from(sorted(GOOD[name])))
    with suppress(gr.Error):
        asked(functions, name, {**GOOD[name], argument: data.draw(JSON)})


@pytest.fixture(scope="module")
def served(workspace):
    with running(workspace) as server:
        yield server


@pytest.mark.slow
def test_only_these_are_listed(served):
    found = httpx.get(f"{served.address}{API}/info").json()
    names = ("search", "recommend", "evaluate", "explore", "attribute")
    assert set(found["named_endpoints"]) == {f"/{name}" for name in names}
    assert found["unnamed_endpoints"] == {}
    for endpoint in found["named_endpoints"].values():
        assert len(endpoint["description"]) > 40


CLIENT = """
import json, sys
from gradio_client import Client
from gradio_client.exceptions import AppError
client = Client(sys.argv[1], verbose=False, analytics_enabled=False)
ids = [i["item_id"] for i in client.predict("lamps", "warm", limit=3, api_name="/search")["items"]]
ranking = client.predict("lamps", ids, top=4, api_name="/recommend")["ranking"]
job = client.submit("lamps", "user-1", api_name="/evaluate")
user = job.result()["user"]
try:
    client.predict("lamps", limit=1000, api_name="/search")
except AppError as error:
    refusal = str(error)
steps = [answer["step"] for answer in job.outputs()[:-1]]
print(json.dumps([ids, len(ranking), user, steps, refusal]))
"""


@pytest.mark.slow
def test_a_program_asks_through_gradios_client(served):
    # In a process of its own: the client leaves connections open.
    result = subprocess.run(
        [sys.executable, "-c", CLIENT, served.address], capture_output=True, text=True, timeout=60
    )
    ids, ranked, user, steps, refusal = json.loads(result.stdout)
    assert len(ids) == 3
    assert ranked == 4
    assert user == "user-1"
    assert steps == sorted(steps) != []
    assert refusal == (
        "expected as limit a number from 1 to 100, found 1000; give one in that range"
    )
    assert "Traceback" not in served.logged()


@pytest.mark.slow
def test_oversized_input_is_one_line(served):
    event = Events(served.address).number("search", "public")
    with Tab(served.address) as tab:
        long = tab.run(event, ["lamps", "x" * 1_000_000, None, 20, 0])
    assert long["output"]["error"].startswith("expected at most 500 characters as query")
    for content in (b"x" * 3_000_000, b'{"data": ["' + b"x" * 3_000_000):
        answer = httpx.post(f"{served.address}{API}/call/search", content=content)
        assert answer.status_code == 413
        assert answer.text.startswith("expected a request of at most")
        assert answer.text.count("\n") == 1
    chunks = (b"x" * 100_000 for _ in range(30))  # without a length beforehand
    assert httpx.post(f"{served.address}{API}/call/search", content=chunks).status_code == 413
    assert "Traceback" not in served.logged()


@pytest.mark.slow
def test_an_unknown_endpoint_is_one_line(served):
    answer = httpx.post(f"{served.address}{API}/call/nothing", json={"data": []})
    assert answer.status_code == 400
    assert answer.text.count("\n") == 1
    assert "Traceback" not in served.logged()


@pytest.mark.slow
def test_the_queue_cannot_be_gone_around(served):
    for name in ("recommend", "search"):
        place = f"{served.address}{API}/run/{name}"
        assert httpx.post(place, json={"data": ["lamps", ["lamps-001"]]}).status_code == 404
