"""Samples of settlement periods: right on days of any length, reproducible, and honest about what they find."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.sampling import (
    FIXED_PERIODS,
    RANDOM_PERIODS,
    SAMPLINGS,
    Sampling,
    detection_share,
    dice,
    draws,
    first_step,
    fixed_periods,
    further_step,
)

SHORT, USUAL, LONG = dt.date(2025, 3, 30), dt.date(2025, 3, 28), dt.date(2025, 10, 26)


def periods_of(day: dt.date) -> range:
    return range(1, period_count(day) + 1)


@pytest.mark.parametrize(
    ("day", "expected"),
    [(SHORT, [1, 12, 24, 36, 46]), (USUAL, [1, 12, 24, 36, 48]), (LONG, [1, 12, 24, 36, 50])],
)
def test_the_fixed_periods_end_with_the_days_last(day: dt.date, expected: list[int]) -> None:
    assert fixed_periods(periods_of(day)) == expected
    assert first_step("fixed", periods_of(day), dice(1, day)) == expected
    assert first_step("progressive", periods_of(day), dice(1, day)) == expected


def test_the_fixed_periods_are_written_down_as_those_of_a_usual_day() -> None:
    assert tuple(fixed_periods(periods_of(USUAL))) == FIXED_PERIODS


def test_of_a_day_in_progress_the_last_is_the_latest_and_nothing_later_is_looked_at() -> None:
    assert fixed_periods(range(1, 31)) == [1, 12, 24, 30]
    assert fixed_periods(range(1, 2)) == [1]
    assert fixed_periods(range(0)) == []
    assert first_step("random", range(1, 4), dice(1, USUAL)) == [1, 2, 3]


@pytest.mark.parametrize("day", [SHORT, USUAL, LONG], ids=str)
@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_every_sample_is_of_the_days_own_periods_ascending_and_without_repeats(
    day: dt.date, sampling: Sampling
) -> None:
    periods = periods_of(day)
    for seed in range(50):
        rng = dice(seed, day)
        first = first_step(sampling, periods, rng)
        further = further_step(sampling, periods, first, rng)
        assert not set(first) & set(further)
        for step in (first, further):
            assert step == sorted(set(step))
            assert set(step) <= set(periods)


def test_how_many_each_takes() -> None:
    assert RANDOM_PERIODS == 10, "as docs and reports say"
    counted = {}
    for sampling in SAMPLINGS:
        rng = dice(7, USUAL)
        first = first_step(sampling, periods_of(USUAL), rng)
        counted[sampling] = len(first), len(further_step(sampling, periods_of(USUAL), first, rng))
    assert counted == {
        "full": (48, 0),
        "controls": (0, 48),
        "progressive": (5, RANDOM_PERIODS),
        "random": (RANDOM_PERIODS, 0),
        "fixed": (5, 0),
    }


def test_a_seed_gives_a_day_the_same_sample_and_another_seed_or_day_another() -> None:
    def sample(seed: int, day: dt.date) -> list[int]:
        return first_step("random", range(1, 47), dice(seed, day))

    assert sample(7, USUAL) == sample(7, USUAL)
    assert len({tuple(sample(seed, day)) for seed in range(5) for day in (SHORT, USUAL, LONG)}) == 15


def test_over_many_seeds_every_period_is_drawn() -> None:
    drawn = {period for seed in range(100) for period in first_step("random", periods_of(LONG), dice(seed, LONG))}
    assert drawn == set(periods_of(LONG))


def test_only_where_periods_are_drawn_a_seed_matters() -> None:
    assert [s for s in SAMPLINGS if draws(s)] == ["progressive", "random"]


@pytest.mark.parametrize(
    ("looked_at", "periods", "share"), [(48, 48, "1"), (12, 48, "0.25"), (5, 50, "0.1"), (0, 48, "0"), (0, 0, "0")]
)
def test_the_detection_share_is_that_of_the_periods(looked_at: int, periods: int, share: str) -> None:
    assert detection_share(looked_at, periods) == Decimal(share)


@pytest.mark.parametrize("sampling", ["random", "fixed"])
def test_a_fault_of_one_period_is_found_as_often_as_the_share_says(sampling: Sampling) -> None:
    found = sum(
        fault in first_step(sampling, periods_of(USUAL), dice(seed, USUAL))
        for fault in periods_of(USUAL)
        for seed in range(200)
    )
    share = detection_share(len(first_step(sampling, periods_of(USUAL), dice(0, USUAL))), 48)
    assert found == 200 * 48 * share
