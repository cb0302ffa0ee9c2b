"""Neighbours cut into ranges: one function for days, periods and numbered places, and how they are written."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core.spans import days_text, periods_text, span_text, spans

DAYS = [dt.date(2025, 3, n) for n in (28, 29, 31)]


@given(places=st.lists(st.integers(0, 60)), at_most=st.none() | st.integers(1, 5), kinds=st.integers(1, 4))
def test_each_place_is_in_one_range_and_no_two_ranges_could_be_one(
    places: list[int], at_most: int | None, kinds: int
) -> None:
    def kind(place: int) -> int:
        return place // 10 % kinds

    cut = spans(places, alike=kind, at_most=at_most)
    assert [place for first, last in cut for place in range(first, last + 1)] == sorted(set(places))
    for first, last in cut:
        assert len({kind(place) for place in range(first, last + 1)}) == 1
        assert at_most is None or last - first < at_most
    for (first, last), (after, _) in pairwise(cut):
        is_full = last - first + 1 == at_most
        assert after - last > 1 or is_full or kind(after) != kind(last)


def test_days_are_cut_by_the_calendar() -> None:
    assert spans(DAYS) == [(DAYS[0], DAYS[1]), (DAYS[2], DAYS[2])]
    assert spans([dt.date(2025, 1, 1), dt.date(2024, 12, 31)]) == [(dt.date(2024, 12, 31), dt.date(2025, 1, 1))]
    assert spans(DAYS, at_most=1) == [(day, day) for day in DAYS]


def test_neighbours_that_have_not_that_in_common_are_in_two_ranges() -> None:
    assert spans([8, 9, 10, 11], alike=lambda place: place // 10) == [(8, 9), (10, 11)]
    assert spans([8, 9, 10], alike=lambda place: place == 9, at_most=2) == [(8, 8), (9, 9), (10, 10)]


def test_ranges_are_written_as_a_reader_writes_them() -> None:
    assert periods_text([40, 41, 42, 7, 1, 2]) == "1-2, 7, 40-42"
    assert periods_text([]) == days_text([]) == ""
    assert days_text(DAYS) == "2025-03-28 to 2025-03-29, 2025-03-31"
    assert (span_text("2025-03", "2025-03"), span_text("2025-03", "2025-05")) == ("2025-03", "2025-03 to 2025-05")
