"""Each case in exactly one band; bands against NumPy written out."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calrec.evaluation import slices
from calrec.evaluation.cases import Cases
from calrec.evaluation.metrics import METRICS
from calrec.evaluation.statistics import NO_INTERVAL, Bootstrap, mean_intervals

QUICK = Bootstrap(resamples=20)
DIMENSIONS = (*slices.OF_THE_CASE, slices.by_tie_width)


@st.composite
def any_cases(draw):
    n = draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    optimistic = generator.integers(1, 60, n)
    last = generator.random(n) < 0.2
    popularity = generator.integers(0, 130, n) * (generator.random(n) < 0.8)
    names = [*"abcdefghijklmn", None]
    return Cases(
        user_ids=pa.array([str(i) for i in range(n)]),
        target_item_ids=pa.array(["x"] * n),
        optimistic=optimistic,
        pessimistic=optimistic + generator.choice([0, 1, 9, 10, 99, 100, 5000], n),
        history_length=generator.integers(1, 30, n),
        target_popularity=popularity,
        target_in_history=last | (generator.random(n) < 0.3),
        target_is_last=last,
        target_cold=popularity == 0,
        target_category=tuple(generator.choice(np.array(names, dtype=object), n)),
        generated={},
        target_age=draw(st.sampled_from([None, generator.integers(-1, 400, n)])),
    )


@given(any_cases())
@settings(max_examples=40)
def test_every_case_lies_in_exactly_one_band(cases):
    for dimension in DIMENSIONS:
        found = dimension(cases)
        places = [found.places(band) for band in range(len(found.bands))]
        assert sorted(np.concatenate(places).tolist()) == list(range(len(cases)))
        assert len(set(found.bands)) == len(found.bands)


@pytest.mark.slow
@given(any_cases(), st.sampled_from(sorted(METRICS)))
@settings(max_examples=25)
def test_the_bands_weighted_by_their_users_give_the_total(cases, metric):
    for dimension in DIMENSIONS:
        figures = slices.slice_figures(cases, dimension(cases), metric, QUICK)
        assert sum(figure.users for figure in figures) == len(cases)
        assert sum(figure.share for figure in figures) == pytest.approx(1)
        for side in ("optimistic", "pessimistic"):
            mean = sum(f.share * getattr(f.value, side) for f in figures)
            assert mean == pytest.approx(cases.values[metric, side].mean())
        for figure in figures:
            assert figure.value.optimistic >= figure.value.pessimistic
            optimistic, pessimistic = (
                getattr(figure.value, f"{side}_interval") for side in ("optimistic", "pessimistic")
            )
            if figure.users == 1:
                assert optimistic == pessimistic == NO_INTERVAL
            else:
                assert optimistic.low >= pessimistic.low - 1e-12
                assert optimistic.high >= pessimistic.high - 1e-12


def _age_bands(cases):
    if (age := cases.target_age) is None:
        return {"not recorded": np.ones(len(cases), bool)}
    return {
        "never sold": age == -1,
        "0-6": (age >= 0) & (age < 7),
        "7-29": (age >= 7) & (age < 30),
        "30-89": (age >= 30) & (age < 90),
        "90-364": (age >= 90) & (age < 365),
        "365+": age >= 365,
    }


@given(any_cases())
@settings(max_examples=25)
def test_bands_written_out(cases):
    length, bought = cases.history_length, cases.target_popularity
    of = {
        slices.by_history_length: {
            "1-2": length <= 2,
            "3-4": (length >= 3) & (length <= 4),
            "5-9": (length >= 5) & (length <= 9),
            "10-19": (length >= 10) & (length <= 19),
            "20+": length >= 20,
        },
        slices.by_target_seen: {"seen": ~cases.target_cold, "cold": cases.target_cold},
        slices.by_repeat: {
            "new to the person": ~cases.target_in_history,
            "bought before": cases.target_in_history & ~cases.target_is_last,
            "bought last": cases.target_is_last,
        },
        slices.by_popularity: {
            "0": bought == 0,
            "1-4": (bought >= 1) & (bought <= 4),
            "5-9": (bought >= 5) & (bought <= 9),
            "10-19": (bought >= 10) & (bought <= 19),
            "20-49": (bought >= 20) & (bought <= 49),
            "50-99": (bought >= 50) & (bought <= 99),
            "100+": bought >= 100,
        },
        slices.by_age: _age_bands(cases),
        slices.by_tie_width: {
            "0": cases.tie_width == 0,
            "1-9": (cases.tie_width >= 1) & (cases.tie_width <= 9),
            "10-99": (cases.tie_width >= 10) & (cases.tie_width <= 99),
            "100+": cases.tie_width >= 100,
        },
    }
    for dimension, bands in of.items():
        found = dimension(cases)
        assert found.bands == tuple(bands)
        for band, mask in enumerate(bands.values()):
            np.testing.assert_array_equal(found.places(band), np.flatnonzero(mask))


@given(any_cases())
@settings(max_examples=25)
def test_the_ten_most_frequent_categories(cases):
    found = slices.by_category(cases)
    names = [name for name in cases.target_category if name is not None]
    assert found.bands[-2:] == ("(other)", "(without)")
    assert len(found.bands) - 2 == min(10, len(set(names)))
    least = min((names.count(name) for name in found.bands[:-2]), default=0)
    for name in set(names) - set(found.bands):
        assert names.count(name) <= least
    for place, name in enumerate(cases.target_category):
        band = found.bands[found.codes[place]]
        assert band == ("(without)" if name is None else name if name in found.bands else "(other)")


@given(any_cases())
@settings(max_examples=10)
def test_a_run_without_ages_is_not_cut_by_them(cases):
    assert (slices.by_age in slices.recorded(cases)) == (cases.target_age is not None)
    assert {*slices.OF_THE_CASE} - {*slices.recorded(cases)} <= {slices.by_age}


@given(any_cases())
@settings(max_examples=10)
def test_figures_of_a_band_are_those_of_its_cases(cases):
    found = slices.by_history_length(cases)
    for figure in slices.slice_figures(cases, found, "ndcg@10", QUICK):
        own = cases.take(found.places(found.bands.index(figure.band)))
        sides = [own.values["ndcg@10", side] for side in ("optimistic", "pessimistic")]
        assert figure.users == len(own)
        assert figure.value.pessimistic == pytest.approx(sides[1].mean())
        drawn = mean_intervals(np.column_stack(sides), QUICK)
        assert (figure.value.optimistic_interval, figure.value.pessimistic_interval) == drawn
