import re
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calrec.errors import CalrecError
from calrec.ranking.rules import Rules
from demo.inspect import url
from demo.inspect.application import Application
from demo.inspect.generations import Generations
from demo.inspect.session import Session
from demo.pages.walkthrough import address
from demo.pages.walkthrough.address import DEFAULT
from demo.pages.walkthrough.assembling import stale
from demo.pages.walkthrough.handlers import WalkthroughHandlers
from demo.pages.walkthrough.switching import controls

EMPTY = Session(domain="lamps")


def click(**data):
    return SimpleNamespace(**data)


def add(handlers, session, item_id):
    return handlers.assembling.click_catalogue(
        session, "", "", "", "", "relevance", click(act="add", id=item_id)
    )


def test_a_click_adds_the_item(handlers):
    update = add(handlers, EMPTY, "lamps-004")
    updated = update["session"]
    assert updated.history == ("lamps-004",)
    assert "Desk lamp number 0" in handlers.assembling.assembly(updated, None, "calrec")["history"]
    assert list(update) == ["session"]


def test_a_click_on_another_shops_old_list_changes_nothing(handlers):
    assert add(handlers, EMPTY, "tools-001") == {}


def test_turning_the_page_leaves_the_history_and_the_query_alone(handlers):
    update = handlers.assembling.click_catalogue(
        EMPTY, "", "", "", "", "title", click(act="page", id="40")
    )
    assert list(update) == ["browse"]
    assert "41–60 of 60" in update["browse"]


def test_the_corrected_query_is_taken_with_a_click(handlers):
    listing = browse(handlers, query="scrpit lamp")
    assert 'data-act="search" data-id="script lamp"' in listing["browse"]
    update = handlers.assembling.click_catalogue(
        EMPTY, "scrpit lamp", "", "", "", "relevance", click(act="search", id="script lamp")
    )
    assert update == {"query": "script lamp"}


def browse(handlers, query="", category="", brand="", price="", sort="relevance"):
    return handlers.assembling.browse(EMPTY, query, category, brand, price, sort)


def test_search_and_filters_narrow_the_list(handlers):
    found = browse(handlers, query="script")
    assert "1–1 of 1" in found["browse"]
    assert "<mark>script</mark>" in found["browse"]
    assert "Nothing found" in browse(handlers, query="zebra")["browse"]
    everything = browse(handlers)
    for name in ("category", "brand", "price"):
        (first, nothing), (label, value), *_ = everything[name]["choices"]
        assert (first[:4], nothing) == ("All ", "")
        listed = browse(handlers, **{name: value})["browse"]
        number = int(re.search(r"\((\d+)\)$", label)[1])
        assert f"of {number}<" in listed
        assert number < 60 or name == "category"


def test_a_chosen_category_offers_what_is_below_it_and_the_way_back(handlers):
    choices = browse(handlers)["category"]["choices"]
    assert choices == [("All categories", ""), ("Home (60)", '["Home"]')]
    choices = browse(handlers, category='["Home"]')["category"]["choices"]
    assert [label for label, _ in choices] == [
        "All categories", "Home (60)", "› <i>Lighting</i> (30)", "› Lighting (30)"
    ]  # fmt: skip
    choices = browse(handlers, category=choices[-1][1], query="script")["category"]["choices"]
    assert choices == [
        ("All categories", ""),
        ("Home", '["Home"]'),
        ("Home › Lighting (1)", '["Home", "Lighting"]'),
    ]


def test_what_is_chosen_stays_among_the_choices(handlers):
    brand = browse(handlers)["brand"]["choices"][1][1]
    found = browse(handlers, query="zebra", brand=brand, price="[10.0, 25.0]")
    assert found["brand"]["choices"] == [("All brands", ""), (f"{brand} (0)", brand)]
    assert ("10 to 25 (0)", "[10.0, 25.0]") in found["price"]["choices"]


@pytest.mark.parametrize("value", [None, 7, [], "[", "{}", "[1]", "null", "[[]]", '["a", 1]', {}])
def test_what_the_browser_makes_up_filters_nothing(handlers, value):
    brand = "" if isinstance(value, str) else value
    listed = handlers.assembling.browse(EMPTY, "", value, brand, value, "title")["browse"]
    assert "1–20 of 60" in listed
    assert "cr-error" in handlers.assembling.browse(EMPTY, "", "", "", "", value)["browse"]


def test_a_hostile_query_ends_in_a_list_and_not_in_an_error(handlers):
    for query in ("\"'(((", "a OR", "title:[", "*" * 400, "\x00", None):
        assert "cr-error" not in browse(handlers, query=query)["browse"]


@pytest.mark.parametrize(
    ("act", "position", "expected"),
    [("up", "1", "bac"), ("down", "1", "acb"), ("remove", "1", "ac"), ("up", "0", "abc")],
)
def test_history_clicks(handlers, act, position, expected):
    ids = dict(zip("abc", ("lamps-001", "lamps-002", "lamps-003"), strict=True))
    session = Session(domain="lamps", history=tuple(ids.values()))
    at = session.history[int(position)]
    update = handlers.assembling.click_history(session, click(act=act, position=position, id=at))
    assert update["session"].history == tuple(ids[x] for x in expected)


def test_clear(handlers):
    session = Session(domain="lamps", history=("lamps-001",), target="lamps-002", user_id="user-1")
    update = handlers.assembling.click_history(session, click(act="clear"))["session"]
    assert update == EMPTY
    assert "No purchases yet" in handlers.assembling.assembly(update, None, "calrec")["history"]


def test_a_shopper_brings_history_and_target(handlers, application):
    case = application.shop("lamps").catalogue.case("user-2")
    update = handlers.assembling.load_shopper(EMPTY, "user-2")
    session = update["session"]
    assert update["message"] == ""
    assert session.history == tuple(item.item_id for item in case.history)
    assert session.target == case.target.item_id
    shown = handlers.assembling.assembly(session, None, "calrec")
    assert session.target not in shown["history"]
    assert case.target.title in shown["target"]["value"]
    assert case.target.title not in shown["prompt"]


def test_an_unknown_shopper_is_one_line(handlers):
    update = handlers.assembling.load_shopper(EMPTY, "<b>nobody</b>")
    assert list(update) == ["message"]
    assert "cr-error" in update["message"]
    assert "&lt;b&gt;nobody" in update["message"]


def test_a_random_shopper_has_a_held_out_purchase(handlers):
    session = handlers.assembling.random_shopper(EMPTY)["session"]
    assert session.target is not None
    assert session.user_id is not None


def offered(update):
    return re.findall(r'<option value="(.*?)">', update["shoppers"])


def test_typing_narrows_the_shoppers(handlers):
    update = handlers.assembling.search_shoppers(EMPTY, "user-3")
    assert offered(update) == ["user-3"]
    assert len(offered(handlers.assembling.search_shoppers(EMPTY))) == 4


def test_a_part_of_an_id_stands_for_the_first_that_holds_it(handlers):
    assert handlers.assembling.load_shopper(EMPTY, "R-2")["session"].user_id == "user-2"
    assert handlers.assembling.load_shopper(EMPTY, "user")["session"].user_id == "user-0"


def test_an_id_that_no_shopper_has_says_so(handlers):
    update = handlers.assembling.search_shoppers(EMPTY, "<b>ser-3")
    assert offered(update) == []
    assert "&lt;b&gt;ser-3" in update["beside"]
    known = handlers.assembling.search_shoppers(EMPTY, "SER-3")
    assert (offered(known), known["beside"]) == (["user-3"], "")


def values(**changes):
    """The page's controls as they come from the browser."""
    return tuple((DEFAULT.__dict__ | changes).values())


def test_the_empty_history_is_one_plain_line(handlers):
    updates = list(handlers.recommending.recommend(EMPTY, *values()))
    assert len(updates) == 1
    assert "The history is empty" in updates[0]["beside"]
    assert "message" not in updates[0]


def test_samples_stream_and_the_result_is_whole(handlers, model):
    session = Session(domain="lamps", history=("lamps-000", "lamps-001"), target="lamps-020")
    updates = list(handlers.recommending.recommend(session, *values(samples=16, seed=3)))
    streamed = [u for u in updates if "Decoding step" in str(u.get("status"))]
    assert len(streamed) == 10
    assert streamed[0]["texts"].count("<li ") == 16
    finished = [int(re.search(r"(\d+) of 16 texts", u["status"])[1]) for u in streamed]
    assert finished == sorted(finished)
    assert finished[-1] == 16
    last = updates[-1]
    assert "Done: 16 texts written" in last["status"]
    assert "cr-matrix" in last["matrix"]
    assert last["shown"].session == session
    assert "Last Item Repeater" in last["ranks"]
    assert "This is the summary" in last["prompt"]
    # The target is the one thing that the model must not see.
    assert model.histories == [("lamps-000", "lamps-001")]


def test_the_ranks_shown_are_those_of_the_records(handlers, application, model):
    session = Session(domain="lamps", history=("lamps-000", "lamps-007"), target="lamps-020")
    last = list(handlers.recommending.recommend(session, *values(samples=8, seed=3)))[-1]
    items = application.shop("lamps").items(session.history)
    for name, record in (
        ("CALRec", application.shop("lamps").calrec().recommend(items, seed=3, samples=8)),
        ("Last Item Repeater", application.shop("lamps").recommenders()["lir"].recommend(items)),
    ):
        optimistic = 1 + (record.ranking.scores > record.ranking.scores[20] + 1e-9).sum()
        pessimistic = (record.ranking.scores >= record.ranking.scores[20] - 1e-9).sum()
        card = last["ranks"].split(f">{name}<")[1]
        wanted = f"{optimistic}" if optimistic == pessimistic else f"{optimistic} to {pessimistic}"
        assert f'class="cr-rank">{wanted}<small>' in card


def test_closing_the_stream_stops_the_model(handlers, model):
    session = Session(domain="lamps", history=("lamps-000",))
    running = handlers.recommending.recommend(session, *values(samples=8))
    for _ in range(3):
        next(running)
    assert not model.closed.is_set()
    running.close()
    assert model.closed.is_set()


def test_after_stop_the_finished_texts_are_ranked_and_the_others_stay_stopped(handlers):
    recommending = handlers.recommending
    session = Session(domain="lamps", history=("lamps-000", "lamps-001"), target="lamps-020")
    running = recommending.recommend(session, *values(samples=8))
    begun = next(running)
    assert "Press Recommend" not in begun["texts"]
    while "finished</span>" not in (last := next(running))["texts"]:
        pass
    finished = last["texts"].count("finished</span>")
    running.close()
    stopped = recommending.stopped(begun["writing"], begun["shown"])
    assert f"Stopped: {finished} of 8 texts were finished" in stopped["status"]["value"]
    assert stopped["texts"].count("stopped</span>") == 8 - finished > 0
    assert "writing</span>" not in stopped["texts"]
    assert stopped["ranks"]
    # Switches rank what there is; the same press again writes all.
    fewer = recommending.again(stopped["shown"], *values(samples=8, n_pred=1))
    assert fewer["matrix"].count('<th scope="col"') == 1
    whole = list(recommending.recommend(session, *values(samples=8)))[-1]
    assert "8 texts written" in whole["status"]


def test_an_early_stop_leaves_a_status_and_what_was_there(handlers):
    recommending = handlers.recommending
    assert "Stopped before" in recommending.stopped(None, None)["status"]["value"]
    session = Session(domain="lamps", history=("lamps-000",))
    last = list(recommending.recommend(session, *values(samples=4)))[-1]
    kept = recommending.stopped(last["writing"], last["shown"])
    assert (kept["rankings"].split("Time")[0], kept["shown"]) == (
        last["rankings"].split("Time")[0],
        last["shown"],
    )
    assert "results from before" in kept["message"]


def test_a_kept_result_stands_beside_the_next(handlers, application, model):
    keeping, recommend = handlers.keeping, handlers.recommending.recommend
    assert "press Recommend" in keeping.keep(None, None)["versus"]
    session = Session(domain="lamps", history=("lamps-000", "lamps-007"), target="lamps-020")
    first = list(recommend(session, *values(samples=8, seed=3)))[-1]["shown"]
    held = keeping.keep(first, None)["held"]
    assert keeping.beside(first, held) == {}
    now = list(recommend(session, *values(samples=8, seed=4)))[-1]["shown"]
    shown = keeping.beside(now, held)["versus"]
    items = application.shop("lamps").items(session.history)
    old, new = (
        application.shop("lamps").calrec().recommend(items, seed=seed, samples=8) for seed in (3, 4)
    )
    texts = [{" ".join(sample.text.split()) for sample in one.samples} for one in (old, new)]
    assert f"{len(texts[1] - texts[0])} new in B, {len(texts[0] - texts[1])} gone" in shown
    assert "seed (3 in A, 4 in B)" in shown
    ranks = [sorted(one.ranking.scores, reverse=True) for one in (old, new)]
    places = [r.index(one.ranking.scores[20]) + 1 for r, one in zip(ranks, (old, new), strict=True)]
    assert re.search(rf"rank {places[0]}( to \d+)? in A, {places[1]}( to \d+)? in B", shown)
    assert keeping.keep(now, held)["held"] is None


def test_a_history_longer_than_what_is_read_is_said_beside_all_steps(handlers, model):
    prompt = model.prompt
    model.with_template = lambda _: SimpleNamespace(
        prompt=lambda items: replace(prompt(items), items_cut=2)
    )
    handlers.assembling._app.served.get()
    session = Session(domain="lamps", history=("lamps-000", "lamps-001", "lamps-002"))
    shown = handlers.assembling.assembly(session, None, "calrec")
    assert "reads the last 1 of these 3 purchases: the 2 oldest do not fit" in shown["cut"]


def test_undo_brings_the_history_and_its_seed(handlers):
    undone = handlers.assembling.undone("shop=lamps&item=lamps-001&item=lamps-000&seed=5&n_pred=3")
    assert undone == {
        "session": Session(domain="lamps", history=("lamps-001", "lamps-000")),
        "seed": 5,
    }
    assert list(handlers.assembling.undone("shop=lamps&item=gone")) == ["message"]


def test_orders_that_make_no_difference_are_not_offered(handlers):
    labels = [[label for label, _ in browse(handlers, q)["sort"]["choices"]] for q in ("", "lamp")]
    assert labels[0] == ["Most sold", "Title, A to Z", "Price, low to high"]
    assert labels[1] == ["Best match", *labels[0]]


def test_a_changed_history_is_said_above_the_results(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    shown = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    assert stale(session, None) == stale(session, shown) == {"stale": ""}
    changed = Session(domain="lamps", history=("lamps-001",))
    assert "changed" in stale(changed, shown)["stale"]
    assert "changed" in handlers.assembling.assembly(changed, shown, "calrec")["stale"]


@pytest.mark.slow
def test_a_switch_ranks_the_shown_texts_whatever_the_seed_says_by_now(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    first = list(handlers.recommending.recommend(session, *values(seed=1)))[-1]
    list(handlers.recommending.recommend(session, *values(seed=2)))
    again = handlers.recommending.again(first["shown"], *values(seed=2, n_pred=3))
    assert "seed=1" in again["address"]
    wanted = list(handlers.recommending.recommend(session, *values(seed=1, n_pred=3)))[-1]
    assert again["texts"] == wanted["texts"]


def test_a_switch_moved_while_the_model_wrote_counts(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    last = list(handlers.recommending.recommend(session, *values()))[-1]
    assert handlers.recommending.settled(last["shown"], *values()) == {}
    moved = handlers.recommending.settled(last["shown"], *values(n_pred=2))
    assert moved["matrix"].count('scope="col"') == 2


def test_texts_that_are_no_longer_kept_are_one_line(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    shown = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    handlers.recommending._generations = Generations()
    assert "press Recommend" in handlers.recommending.again(shown, *values(n_pred=2))["message"]


@pytest.mark.slow
def test_switches_rank_the_same_texts_again_without_the_model(handlers, model):
    session = Session(domain="lamps", history=("lamps-000", "lamps-009"), target="lamps-020")
    first = list(handlers.recommending.recommend(session, *values()))[-1]
    assert len(model.histories) == 1
    fewer = handlers.recommending.again(first["shown"], *values(n_pred=3))
    assert len(model.histories) == 1
    assert fewer["texts"].split("<details")[0].count('data-act="text"') == 3
    assert fewer["matrix"].count('scope="col"') == 3
    for changed in ({"k1": 0.0}, {"pooling": "mean"}, {"retrieval": "hierarchical"}):
        other = handlers.recommending.again(first["shown"], *values(**changed))
        assert other["rankings"] != first["rankings"], changed
    plain = handlers.recommending.again(first["shown"], *values(modulation=False))["matrix"]
    tip = r"Scaled: ([\d.]+)&#10;Weighed: ([\d.]+)"
    assert all(scaled == weighed for scaled, weighed in re.findall(tip, plain))
    assert any(scaled != weighed for scaled, weighed in re.findall(tip, first["matrix"]))


def test_both_rules_are_of_all_rankings_and_part_of_the_link(handlers, application, model):
    session = Session(domain="lamps", history=("lamps-000", "lamps-009"), target="lamps-009")
    names = ("lir", "item-knn", "markov", "popular")
    first = list(handlers.recommending.recommend(session, *values(others=names)))[-1]
    assert "(bought ranked)" in first["ranks"]
    assert "(count training)" in first["ranks"]
    ruled = handlers.recommending.again(
        first["shown"], *values(others=names, bought="last", count="all")
    )
    assert len(model.histories) == 1
    assert "(bought last)" in ruled["ranks"]
    assert "(count all)" in ruled["ranks"]
    # Of sixty items the two of the history are the last two, whoever ranks.
    ranks = re.findall(r'class="cr-rank">(\d+)(?: to (\d+))?<small> of 60', ruled["ranks"])
    assert len(ranks) == 1 + len(names)
    assert all(int(best) >= 59 for best, _ in ranks)
    assert ruled["rankings"].count("bought before</span>") == 1 + len(names)
    query = url.read(ruled["address"])
    assert (query["bought"], query["count"]) == (["last"], ["all"])
    assert address.from_query(query).rules == Rules(bought="last", count="all")


def test_an_item_that_no_text_matches_stands_behind_all_others(handlers, application):
    session = Session(domain="lamps", history=("lamps-000",), target="lamps-020")
    drawn = {"samples": 1, "seed": 1}  # the one text has no labels and matches nothing
    list(handlers.recommending.recommend(session, *values(**drawn)))
    last = list(
        handlers.recommending.recommend(session, *values(**drawn, retrieval="hierarchical"))
    )[-1]
    card = last["ranks"].split(">CALRec<")[1]
    assert 'class="cr-rank">not found<small>: no text names it<' in card
    assert "in the figures it counts as rank 60" in card


def test_what_the_model_may_know_of_the_target_is_said(handlers, application, model):
    session = Session(domain="lamps", history=("lamps-000",), target="lamps-020")
    first = list(handlers.recommending.recommend(session, *values()))[-1]
    assert "the very purchases" not in first["ranks"]
    fingerprint = application.shop("lamps").fingerprint
    data = {"lamps": {"fingerprint": fingerprint, "role": "training"}}
    model.description = SimpleNamespace(training={"stages": [{"stage": "stage1", "data": data}]})
    again = handlers.recommending.again(first["shown"], *values())
    assert "CALRec: trained on the very purchases that it is asked for" in again["ranks"]
    model.description = SimpleNamespace(training={})
    assert "is not known" in handlers.recommending.again(first["shown"], *values())["ranks"]


def test_the_same_draw_is_taken_from_what_was_kept_and_says_so(handlers, model):
    session = Session(domain="lamps", history=("lamps-000",))
    first = list(handlers.recommending.recommend(session, *values(seed=5)))[-1]
    again = list(handlers.recommending.recommend(session, *values(seed=5)))[-1]
    assert len(model.histories) == 1
    assert "computed live" in first["status"]
    assert "earlier run of the same seed" in again["status"]
    assert again["texts"] == first["texts"]
    list(handlers.recommending.recommend(session, *values(seed=6)))
    assert len(model.histories) == 2


def test_other_recommenders_can_stand_beside(handlers):
    session = Session(domain="lamps", history=("lamps-000",), target="lamps-020")
    names = ("lir", "item-knn", "markov", "popular")
    last = list(handlers.recommending.recommend(session, *values(others=names)))[-1]
    assert last["ranks"].count("cr-rank") == 1 + len(names)
    assert last["rankings"].count("<table") == 1 + len(names)
    alone = handlers.recommending.again(last["shown"], *values(others=()))
    assert alone["rankings"].count("<table") == 1


def test_a_trained_one_without_a_checkpoint_is_one_line_beside_the_rest(handlers):
    session = Session(domain="lamps", history=("lamps-000",), target="lamps-020")
    last = list(handlers.recommending.recommend(session, *values(others=("lir", "sasrec"))))[-1]
    assert last["rankings"].count("<table") == 2
    assert last["message"].count("cr-notice") == 1
    assert "no checkpoint for this shop; train one with: calrec-train sasrec" in last["message"]
    assert "Done: 32 texts written" in last["status"]
    assert handlers.recommending.again(last["shown"], *values())["message"] == ""


def test_the_first_stage_is_a_choice_of_rerank_and_part_of_the_link(handlers, monkeypatch):
    ranking = address.WalkthroughAddress.ranking
    # Of few candidates, as over all of them the first stage has no say.
    few = lambda chosen: replace(ranking(chosen), candidates=5)  # noqa: E731
    monkeypatch.setattr(address.WalkthroughAddress, "ranking", few)
    session = Session(domain="lamps", history=("lamps-000", "lamps-009"), target="lamps-020")
    shown = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    by_lir, by_popular = (
        handlers.recommending.again(shown, *values(retrieval="rerank", first=first))
        for first in ("lir", "popular")
    )
    views = [ended["rankings"].split("Time taken")[0] for ended in (by_lir, by_popular)]
    assert views[0] != views[1]
    assert url.one(url.read(by_lir["address"]), "first") == ""
    query = url.read(by_popular["address"])
    assert url.one(query, "first") == "popular"
    assert address.from_query(query) == replace(DEFAULT, retrieval="rerank", first="popular")
    # Where nothing asks it, a first stage without a checkpoint is no matter.
    for retrieval, said in (("rerank", "calrec-train sasrec"), ("bm25", "")):
        other = handlers.recommending.again(shown, *values(retrieval=retrieval, first="sasrec"))
        assert said in other["message"]
        assert bool(other["message"]) == bool(said)
    assert [controls("sample", one)["first"]["visible"] for one in ("rerank", "bm25")] == [
        True,
        False,
    ]


def test_a_link_shows_the_same_settings_and_starts_the_model(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    last = list(handlers.recommending.recommend(session, *values(seed=7, k1=0.5, n_pred=4)))[-1]
    query = url.read(last["address"])
    shown = handlers.show(session, query)
    assert ("start" in shown, shown["address"]) == (True, last["address"])
    assert "start" not in handlers.show(EMPTY, query)
    assert address.from_query(query) == replace(DEFAULT, seed=7, k1=0.5, n_pred=4)


def test_what_the_catalogue_is_searched_for_is_part_of_the_link(handlers, monkeypatch):
    session = Session(domain="lamps", history=("lamps-000",), target="lamps-020")
    asked = []
    refused = lambda shop, *given, **named: asked.append((*given, named)) or 1 / 0  # noqa: E731
    monkeypatch.setattr("demo.pages.walkthrough.exploring.explore", refused)
    assert "Recommend first" in handlers.exploring.look_through(None, *values())["explorer"]
    shown = list(handlers.recommending.recommend(session, *values(seed=3)))[-1]["shown"]
    assert list(handlers.exploring.explore_again(shown, *values())) == ["address"]
    looked = handlers.exploring.look_through(shown, *values(depth="10"))
    assert "found a failure in the model (ZeroDivisionError)" in looked["explorer"]
    pressed = click(act="ask", id="lamps-030")
    update = handlers.exploring.look_at_item(pressed, shown, *values(depth="10"))
    link = address.from_query(url.read(update["address"]))
    assert link == replace(DEFAULT, seed=3, explored=True, depth="10", asked="lamps-030")
    handlers.exploring.explore_again(shown, *link.controls().values())
    how = {"depth": "10", "template": "calrec"}
    assert asked == [
        (("lamps-000",), ["lamps-020"], how),
        (("lamps-000",), ["lamps-020", "lamps-030"], how),
        (("lamps-000",), ["lamps-020", "lamps-030"], how),
    ]


def test_opening_a_text_is_part_of_the_link(handlers):
    session = Session(domain="lamps", history=("lamps-000",))
    shown = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    press = handlers.recommending.click_text
    opened = press(click(act="text", id="3"), shown, *values())
    assert opened["text"] == 3
    assert url.one(url.read(opened["address"]), "text") == "3"
    closed = press(click(act="text", id="3"), shown, *values(text=3))
    assert closed["text"] == -1
    assert "cr-token" not in closed["texts"]
    for made_up in ("x", "99", ""):
        press(click(act="text", id=made_up), shown, *values())


@pytest.mark.slow
@given(
    st.dictionaries(
        st.sampled_from([*DEFAULT.__dataclass_fields__, "kept", "with", "weighed", "written"]),
        st.lists(st.text(max_size=8) | st.floats().map(str) | st.integers().map(str), max_size=2),
    )
)
def test_any_address_gives_settings_that_can_be_ranked_with(query):
    read = address.from_query(url.read(url.write(query)))
    read.ranking()
    assert address.from_query(url.read(url.write(read.query()))) == read


def test_a_model_that_cannot_be_loaded_is_one_line(workspace):
    def broken(name):
        raise CalrecError(f"checkpoint {name}: expected weights/, found none; export it again")

    handlers = WalkthroughHandlers(Application(workspace, "<i>x</i>", load_model=broken))
    session = Session(domain="lamps", history=("lamps-000",))
    last = list(handlers.recommending.recommend(session, *values(samples=8)))[-1]
    assert "expected weights/" in last["message"]
    assert "&lt;i&gt;" in last["message"]


def test_the_model_is_loaded_once_for_all_shops(workspace, model):
    loaded = []
    application = Application(workspace, "m", load_model=lambda name: loaded.append(name) or model)
    assert not application.served.is_loaded
    assert application.shop("lamps").calrec().corpus is application.shop("lamps").calrec().corpus
    assert (
        application.shop("lamps").calrec().corpus is not application.shop("tools").calrec().corpus
    )
    assert application.shop("lamps").calrec().model is application.shop("tools").calrec().model
    assert loaded == ["m"]


def test_an_empty_workspace_and_an_unknown_shop_are_one_line(tmp_path, workspace):
    for place, first in ((tmp_path, None), (workspace, "shoes")):
        with pytest.raises(CalrecError) as error:
            Application(place, "m", first=first)
        assert "\n" not in str(error.value)
        assert "expected" in str(error.value)


def test_the_first_shop_can_be_chosen(workspace):
    assert list(Application(workspace, "m", first="tools").domains) == ["tools", "lamps"]


def test_handlers_hold_nothing_of_a_visitor(handlers):
    names = ["assembling", "recommending", "exploring", "explaining", "keeping"]
    names += ["saving", "sureness"]
    assert list(vars(handlers)) == names
    assert list(vars(handlers.assembling)) == ["_app"]
    assert list(vars(handlers.recommending)) == ["_app", "_generations"]
    assert list(vars(handlers.exploring)) == ["_app"]
    application = handlers.assembling._app
    before = dict(vars(application))
    session = Session(domain="lamps", history=("lamps-000",))
    list(handlers.recommending.recommend(session, *values(samples=4)))
    changed = {name for name, value in vars(application).items() if value is not before[name]}
    assert changed <= {"_stamp", "_shops", "domains"}
