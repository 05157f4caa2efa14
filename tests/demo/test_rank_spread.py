"""Ranks over several seeds: what is said and drawn of them, and the button that draws them."""

import re
from dataclasses import replace

import numpy as np
from case_runs import write_run
from synthetic_runs import user_ids
from test_walkthrough import EMPTY, values

from calrec.evaluation.runs import EvaluationRun
from calrec.evaluation.seeds import SeedRanks
from calrec.evaluation.statistics import Bootstrap
from calrec.report.comparison import Comparison
from demo.html.record import strip
from demo.html.seed_spread import seed_spread
from demo.inspect.rank_spread import SEEDS, RankSpread, stored
from demo.pages.walkthrough.address import DEFAULT


def test_the_strip_says_and_draws_the_ranks():
    ranks = SeedRanks(
        optimistic=np.array([[9, 9, 9, 9], [4, 1, 80, 10]]),
        pessimistic=np.array([[9, 9, 9, 9], [4, 1, 100, 12]]),
    )
    spread = stored(ranks, 1, seed=7, total=100)
    shown = str(strip.view(replace(spread, exact=(10, 10)), "this result"))
    lead, first, unfound, tied, own = strip.sentences(spread, "this result")
    assert (
        lead == "Drawn 4 times, its place goes from 1 to 10, where it is found; at"
        " least half of the time it is 4 or better."
    )
    assert first == "It is first in 1, and among the first ten in 3 of 4 draws."
    assert unfound.startswith("In 1 draw it is not found")
    assert tied.startswith("In 1 draw other items have the same score")
    assert own == "Its place in this result is 4."
    assert re.findall(r"seed (\d+): <b>([^<]+)", shown) == [
        ("7", "4"), ("8", "1"), ("9", "not found"), ("10", "10 to 12")
    ]  # fmt: skip
    piles = re.findall(r'class="cr-pile" style="left:([\d.]+)%">(.*?</span>)</span>', shown)
    places = [float(place) for place, _ in piles]
    # Of 100 items the tenth stands in the middle.
    expected = np.sort(np.log10([4, 1, 80, 10]) / 2 * 100)
    np.testing.assert_allclose(places, expected, atol=0.005)
    assert [dots.count("cr-dot") for _, dots in piles] == [1, 1, 1, 1]
    assert [place for place, dots in piles if "cr-own" in dots] == [piles[1][0]]
    assert 'class="cr-strip-exact" style="left:50.00%"' in shown


def test_equal_places_pile_up_and_one_that_nothing_names_is_found_nowhere():
    ranks = [(5, 9)] * 3
    lost = RankSpread(ranks=ranks, seeds=range(3), total=9, own=(5, 9))
    assert strip.sentences(lost, "x")[0].startswith("In none of 3 draws is it found")
    same = RankSpread(ranks=[(2, 2)] * 3, seeds=range(3), total=9, own=(2, 2))
    assert strip.sentences(same, "x")[0] == "All 3 draws give the same place: 2."
    shown = str(strip.view(same, "x"))
    assert "--dots:3" in shown
    assert shown.count('class="cr-pile"') == 1


def test_metrics_say_how_far_they_go_with_the_seed(tmp_path):
    further = {f"further_{side}_ranks": [[1], [1]] for side in ("optimistic", "pessimistic")}
    users = user_ids(2)
    write_run(tmp_path / "a", "calrec", users=users, optimistic=[1, 20], columns=further)
    write_run(tmp_path / "b", "lir", users=users, optimistic=[3, 4])
    runs = [EvaluationRun.load(tmp_path / name) for name in "ab"]
    shown = str(seed_spread(Comparison.of(runs, Bootstrap())))
    # By the one seed half of the users' items are among the ten, by the other all.
    assert "0.750 ± 0.354" in shown
    assert "0.500 to 1.000" in shown
    assert shown.count("2 seeds") == 1
    assert seed_spread(Comparison.of(runs[1:], Bootstrap())) == ""


def test_the_button_draws_each_seed_once_and_as_it_draws_alone(handlers, model, application):
    sureness, recommending = handlers.sureness, handlers.recommending
    session = replace(EMPTY, history=("lamps-001", "lamps-007"), target="lamps-004")
    of = list(recommending.recommend(session, *values(seed=3)))[-1]["shown"]
    drawn = len(model.histories)
    *steps, last = sureness.draw(of, None)
    assert len(model.histories) - drawn == SEEDS - 1, "the shown draw is there"
    assert "15 of 16 draws" in steps[-2]["sureness"]
    assert last["sure"]["visible"]
    assert not last["sure_stop"]["visible"]
    alone = [
        list(recommending.recommend(session, *values(seed=3 + k)))[-1]["shown"]
        for k in range(SEEDS)
    ]

    def ranks(item_id):
        made = [recommending.compared(one)[1].calrec.ranking.ranks(item_id) for one in alone]
        spread = RankSpread(ranks=made, seeds=range(3, 19), total=60, own=made[0])
        return [(str(3 + k), strip.words(spread, one)) for k, one in enumerate(made)]

    def found(update):
        return re.findall(r"seed (\d+): <b>([^<]+)", str(update["sureness"]))

    assert found(last) == ranks("lamps-004")
    assert len(set(ranks("lamps-004"))) > 1
    drawn = len(model.histories)
    (again,) = sureness.draw(of, "lamps-010")
    assert len(model.histories) == drawn, "the second click is free"
    assert found(again) == ranks("lamps-010") != found(last)


def test_a_stop_leaves_the_draws_that_were_finished(handlers):
    session = replace(EMPTY, history=("lamps-002", "lamps-007"))
    of = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    job = handlers.sureness.draw(of, None)
    assert "1 of 16" in next(job)["sureness"]
    next(job)
    assert "3 of 16" in next(job)["sureness"]
    job.close()
    left = handlers.sureness.stopped(of, None)
    assert "Stopped: 3 of 16 draws were finished." in left["sureness"]
    assert "the first item here" in left["sureness"]
    assert left["sure"]["visible"]


def test_what_draws_nothing_is_sure(handlers):
    session = replace(EMPTY, history=("lamps-001",))
    of = list(handlers.recommending.recommend(session, *values()))[-1]["shown"]
    key = replace(of.key, decoder="trie-beam")
    (said,) = handlers.sureness.draw(replace(of, key=key, choice=DEFAULT), None)
    assert "Nothing was drawn" in said["sureness"]
