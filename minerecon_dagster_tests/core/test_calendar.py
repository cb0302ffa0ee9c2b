"""The settlement calendar, against what a reader can count on a London clock."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import LONDON, STACK_SIDES, UTC, StackSide

DAYS = st.dates(dt.date(2016, 1, 1), dt.date(2035, 12, 31))


@pytest.mark.parametrize(
    ("day", "count"),
    [
        ("2025-03-28", 48),
        ("2025-03-30", 46),
        ("2026-03-29", 46),
        ("2025-10-26", 50),
        ("2026-10-25", 50),
        ("2025-07-01", 48),
    ],
)
def test_a_day_has_48_periods_and_46_or_50_when_the_clocks_change(day: str, count: int) -> None:
    assert calendar.period_count(dt.date.fromisoformat(day)) == count


def test_in_summer_period_1_starts_at_23_utc_of_the_day_before() -> None:
    assert calendar.period_start(dt.date(2025, 7, 1), 1) == dt.datetime(2025, 6, 30, 23, tzinfo=UTC)
    assert calendar.period_start(dt.date(2025, 1, 1), 1) == dt.datetime(2025, 1, 1, tzinfo=UTC)


def test_the_hour_that_stands_twice_in_october_has_four_periods_of_its_own() -> None:
    local = [s.astimezone(LONDON).strftime("%H:%M") for s in calendar.period_starts(dt.date(2025, 10, 26))]
    assert local[2:6] == ["01:00", "01:30", "01:00", "01:30"]


@given(DAYS)
def test_periods_of_neighbouring_days_meet_without_gap_or_overlap(day: dt.date) -> None:
    last, following = calendar.period_starts(day)[-1], calendar.period_starts(day + dt.timedelta(days=1))[0]
    assert following - last == dt.timedelta(minutes=30)
    assert all(calendar.settlement_date(start) == day for start in calendar.period_starts(day))


@pytest.mark.parametrize(
    ("day", "period"), [("2025-03-30", 47), ("2025-03-28", 49), ("2025-10-26", 51), ("2025-03-28", 0)]
)
def test_a_period_that_the_day_has_not_got_is_an_error_that_says_how_many_it_has(day: str, period: int) -> None:
    with pytest.raises(ValueError, match=f"{day} has settlement periods 1 to "):
        calendar.period_start(dt.date.fromisoformat(day), period)


def test_a_period_is_due_half_an_hour_after_its_end() -> None:
    day = dt.date(2025, 3, 28)
    assert not calendar.is_due(day, 1, dt.datetime(2025, 3, 28, 0, 59, 59, tzinfo=UTC))
    assert calendar.is_due(day, 1, dt.datetime(2025, 3, 28, 1, 0, tzinfo=UTC))
    assert calendar.due_periods(day, dt.datetime(2025, 3, 28, 12, 0, tzinfo=UTC)) == tuple(range(1, 24))
    assert calendar.ended_periods(day, dt.datetime(2025, 3, 28, 12, 0, tzinfo=UTC)) == tuple(range(1, 25))


def test_of_a_day_that_is_over_every_period_has_ended_and_is_due() -> None:
    for day, count in ((dt.date(2025, 3, 28), 48), (dt.date(2025, 3, 30), 46), (dt.date(2025, 10, 26), 50)):
        later = dt.datetime.combine(day + dt.timedelta(days=2), dt.time(), UTC)
        assert calendar.due_periods(day, later) == calendar.ended_periods(day, later) == tuple(range(1, count + 1))
        end = calendar.period_end(day, count)
        assert calendar.ended_periods(day, end)[-1] == count
        assert calendar.due_periods(day, end)[-1] == count - 1


def test_the_rerun_of_a_day_is_done_24_h_44_min_and_a_margin_after_its_last_period_began() -> None:
    assert calendar.rerun_done_at(dt.date(2025, 3, 28)) == dt.datetime(2025, 3, 30, 0, 44, tzinfo=UTC)


def test_the_stack_has_two_sides_in_the_order_in_which_they_are_listed() -> None:
    assert STACK_SIDES == get_args(StackSide) == ("bid", "offer")


def test_an_instant_without_a_time_zone_has_no_settlement_date() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        calendar.settlement_date(dt.datetime(2025, 3, 28))  # noqa: DTZ001


def test_a_machine_without_time_zone_data_of_its_own_knows_londons_clock() -> None:
    """FR-52: slim images have none; the project brings them."""
    code = (
        "import datetime as dt; from minerecon_dagster.core.calendar import period_count\n"
        "print([period_count(dt.date(2025, *day)) for day in ((3, 30), (6, 15), (10, 26))])"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env={**os.environ, "PYTHONTZPATH": ""}, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[46, 48, 50]"
