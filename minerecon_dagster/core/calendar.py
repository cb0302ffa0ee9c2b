"""The settlement calendar: London days cut into half-hours, and when each can be known.

Source of the rules: Elexon's Balancing and Settlement Code (a settlement day is a Europe/London
calendar day) and the publication times that were observed at the Insights API.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
UTC = dt.UTC
PERIOD = dt.timedelta(minutes=30)
DUE_AFTER_END = dt.timedelta(minutes=30)
"""A period is due, and its absence a fault, this long after its end."""
RERUN_AFTER_LAST_START = dt.timedelta(hours=24, minutes=44) + dt.timedelta(minutes=30)
"""Elexon runs each period again 24 h 44 min after its start; 30 min are margin."""

StackSide = Literal["bid", "offer"]
STACK_SIDES: tuple[StackSide, ...] = ("bid", "offer")


def day_start(day: dt.date) -> dt.datetime:
    """The UTC instant of 00:00 London of ``day``."""
    return dt.datetime.combine(day, dt.time(), LONDON).astimezone(UTC)


@lru_cache(maxsize=4096)
def period_starts(day: dt.date) -> tuple[dt.datetime, ...]:
    """The UTC start of each settlement period of ``day``: 48 of them, or 46 or 50 when clocks change."""
    first, end = day_start(day), day_start(day + dt.timedelta(days=1))
    return tuple(first + n * PERIOD for n in range((end - first) // PERIOD))


def period_count(day: dt.date) -> int:
    """How many settlement periods ``day`` has: 46, 48 or 50."""
    return len(period_starts(day))


def period_start(day: dt.date, period: int) -> dt.datetime:
    """The UTC start of ``period`` (counted from 1).

    Raises:
        ValueError: the day has no such period.
    """
    starts = period_starts(day)
    if not 1 <= period <= len(starts):
        raise ValueError(f"{day} has settlement periods 1 to {len(starts)}, not {period}")
    return starts[period - 1]


def period_end(day: dt.date, period: int) -> dt.datetime:
    """The UTC end of ``period``."""
    return period_start(day, period) + PERIOD


def is_due(day: dt.date, period: int, now: dt.datetime) -> bool:
    """Whether Elexon should have published ``period`` by ``now``."""
    return now >= period_end(day, period) + DUE_AFTER_END


def due_periods(day: dt.date, now: dt.datetime) -> tuple[int, ...]:
    """The periods of ``day`` that should have been published by ``now``."""
    return tuple(p for p in range(1, period_count(day) + 1) if is_due(day, p, now))


def ended_periods(day: dt.date, now: dt.datetime) -> tuple[int, ...]:
    """The periods of ``day`` that are over by ``now``: the ones worth asking for."""
    return tuple(p for p in range(1, period_count(day) + 1) if now >= period_end(day, p))


def rerun_done_at(day: dt.date) -> dt.datetime:
    """The instant after which an answer for any period of ``day`` counts as after the re-run."""
    return period_starts(day)[-1] + RERUN_AFTER_LAST_START


def settlement_date(instant: dt.datetime) -> dt.date:
    """The settlement day in which ``instant`` (with a time zone) falls."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone has no settlement date")
    return instant.astimezone(LONDON).date()
