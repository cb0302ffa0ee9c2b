"""The energy of a notification: what it comes to, and when it is not known."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.potential import DayVolumes, Notified, Segment, Volumes, notified

START = dt.datetime(2025, 3, 28, 4, tzinfo=dt.UTC)
END = START + dt.timedelta(minutes=30)


def line(first: int, last: int, level_from: int, level_to: int) -> Segment:
    return Segment(START + dt.timedelta(minutes=first), START + dt.timedelta(minutes=last), level_from, level_to)


def of(*segments: Segment) -> Notified:
    return notified(segments, START, END)


def test_a_level_in_mw_gives_half_of_itself_in_mwh() -> None:
    assert of(line(0, 30, 71, 71)) == (Decimal("35.5"), None)


def test_a_ramp_gives_the_area_under_it_to_six_decimals() -> None:
    assert of(line(0, 29, 50, 50), line(29, 30, 50, 61)) == (Decimal("25.091667"), None)


def test_segments_are_taken_by_their_times_and_not_in_the_order_in_which_they_come() -> None:
    lines = [line(0, 10, 5, 5), line(10, 20, 5, 9), line(20, 30, 9, 9)]
    assert {of(*order) for order in itertools.permutations(lines)} == {(Decimal("3.5"), None)}


@pytest.mark.parametrize("dropped", [0, 1, 2])
def test_a_segment_that_is_missing_leaves_the_energy_unknown(dropped: int) -> None:
    lines = [line(0, 10, 5, 5), line(10, 20, 5, 9), line(20, 30, 9, 9)]
    del lines[dropped]
    assert of(*lines) == (None, "gap")


def test_no_segment_at_all_is_no_zero() -> None:
    assert of() == (None, "gap")


def test_a_segment_that_stands_twice_counts_once_and_at_two_levels_leaves_the_energy_unknown() -> None:
    assert of(line(0, 30, 8, 8), line(0, 30, 8, 8)) == (Decimal(4), None)
    assert of(line(0, 30, 8, 8), line(0, 30, 15, 15)) == (None, "levels")


@pytest.mark.parametrize(
    "lines",
    [
        [line(0, 30, 8, 8), line(10, 20, 8, 8)],
        [line(0, 20, 8, 8), line(10, 30, 8, 8)],
        [line(-1, 30, 8, 8)],
        [line(0, 31, 8, 8)],
        [line(0, 20, 8, 8), line(20, 15, 8, 8), line(20, 30, 8, 8)],
    ],
)
def test_what_covers_a_part_twice_or_leaves_the_period_is_not_known(lines: list[Segment]) -> None:
    assert of(*lines) == (None, "overlap")


def test_a_segment_of_no_length_adds_nothing_wherever_it_stands() -> None:
    for at in (0, 12, 30):
        cut = [line(0, at, 8, 8), line(at, at, 8, 20), line(at, 30, 8, 8)]
        assert of(*(each for each in cut if each.time_to > each.time_from or each.level_to == 20)).mwh == Decimal(4)


def test_a_microsecond_counts_and_a_half_of_the_last_decimal_goes_to_the_even_one() -> None:
    at = START + dt.timedelta(microseconds=1)
    for level, mwh in ((5_000, "0.000001"), (1_800, "0.000000"), (5_400, "0.000002")):
        found = notified([Segment(START, at, level, level), Segment(at, END, 0, 0)], START, END)
        assert found.mwh == Decimal(mwh), level


def test_of_three_segments_two_may_not_have_the_same_times() -> None:
    assert of(line(0, 15, 8, 8), line(15, 30, 8, 8), line(15, 30, 8, 9)) == (None, "levels")
    assert of(line(0, 15, 8, 8), line(0, 15, 8, 8), line(15, 30, 8, 8)) == (Decimal(4), None)


def test_nothing_was_accepted_and_offers_are_known_unless_it_is_said_otherwise() -> None:
    volumes = Volumes()
    assert (volumes.bids, volumes.so_bids, volumes.offers) == (Decimal(0),) * 3
    volumes.bids -= 1  # they are added up in place
    assert DayVolumes({("T_SGRWO-1", 1): volumes}).has_offers
    assert not DayVolumes({}, has_offers=False).has_offers


def test_a_negative_level_is_not_clipped() -> None:
    assert of(line(0, 30, -3, -1)) == (Decimal(-1), None)


@given(
    cuts=st.lists(st.integers(1, 29), max_size=4, unique=True),
    levels=st.lists(st.tuples(st.integers(-50, 2000), st.integers(-50, 2000)), min_size=5, max_size=5),
)
def test_it_is_the_exact_area_rounded_once(cuts: list[int], levels: list[tuple[int, int]]) -> None:
    at = [0, *sorted(cuts), 30]
    lines = [line(a, b, *levels[n]) for n, (a, b) in enumerate(itertools.pairwise(at))]
    exact = sum(
        Fraction((b - a) * (levels[n][0] + levels[n][1]), 120) for n, (a, b) in enumerate(itertools.pairwise(at))
    )
    mwh = of(*reversed(lines)).mwh
    assert mwh is not None
    assert abs(Fraction(mwh) - exact) <= Fraction(1, 2_000_000)


@pytest.mark.parametrize(("microseconds", "mwh"), [(3600, "0.000000"), (3601, "0.000001"), (10_800, "0.000002")])
def test_half_a_watt_hour_is_rounded_to_the_even_one_and_a_microsecond_more_decides(
    microseconds: int, mwh: str
) -> None:
    step = START + dt.timedelta(microseconds=microseconds)
    found = of(Segment(START, step, 0, 1), Segment(step, END, 0, 0))
    assert (str(found.mwh.quantize(Decimal(mwh)) if found.mwh is not None else None), found.fault) == (mwh, None)


def test_a_line_without_a_length_is_a_step_and_counts_nothing() -> None:
    assert of(Segment(START, START, 99, 99), Segment(START, END, 10, 10)) == of(Segment(START, END, 10, 10))


def test_of_what_nothing_is_said_nothing_was_accepted_and_offers_are_known() -> None:
    nothing = Volumes()
    assert (nothing.bids, nothing.so_bids, nothing.offers) == (0, 0, 0)
    assert DayVolumes({}).has_offers is True
