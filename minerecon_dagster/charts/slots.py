"""Places on the time axis (half hours, days, weeks, months, years), what is known of each, and which to draw."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from typing import Literal

from minerecon_dagster.charts.colours import worst
from minerecon_dagster.core.calendar import LONDON, PERIOD, period_starts

Grain = Literal["half-hour", "day", "week", "month", "year"]
MOST_DAYS_DRAWN = 800
"""A longer range is drawn by week or month: a bar would be under a pixel wide."""
MOST_WEEKS_DRAWN = 320


@dataclass(frozen=True)
class Slot:
    """One place on the time axis.

    Args:
        grain: what it is.
        start: its (first) settlement date.
        label: the whole of it in words: ``Fri 28 March 2025``, ``07:30–08:00, period 16``.
        clock: the London time at which a half hour begins (``07:30``); empty for the others.
    """

    grain: Grain
    start: dt.date
    label: str
    clock: str = ""


@dataclass(frozen=True)
class Point:
    """What is known of one slot.

    Args:
        at: the place.
        values: figures by name, as the chart's function names them; None, or left out, where nothing is known.
        status: the word for how it stands; of several days the worst.
        text: what a tooltip says, a line each; made from the values where it is empty.
        is_restated: whether the source changed it afterwards.
        part: of several days, how many of them are stored; a line more of a tooltip, empty where all are.
    """

    at: Slot
    values: Mapping[str, Decimal | None]
    status: str = "complete"
    text: Sequence[str] = ()
    is_restated: bool = field(default=False)
    part: str = ""


def grain_of(first: dt.date, last: dt.date) -> Grain:
    """What a range of settlement days, both included, is drawn by: days; over 800, weeks; over 320 weeks, months."""
    days = (last - first).days + 1
    if days <= 1:
        return "half-hour"
    if days <= MOST_DAYS_DRAWN:
        return "day"
    return "week" if days / 7 <= MOST_WEEKS_DRAWN else "month"


def half_hour(day: dt.date, period: int) -> Slot:
    """A settlement period (from 1) of a day, by London's clocks.

    Raises:
        ValueError: the day has no such period.
    """
    clocks = _clocks(day)
    if not 1 <= period <= len(clocks):
        raise ValueError(f"{day} has {len(clocks)} settlement periods, and no {period}")
    begins, ends = clocks[period - 1]
    return Slot("half-hour", day, f"{begins}–{ends}, period {period}", begins)


@lru_cache(maxsize=64)
def _clocks(day: dt.date) -> tuple[tuple[str, str], ...]:
    """When each period of a day begins and ends, by the clock that it began by, also where that changes at its end."""
    begins = (at.astimezone(LONDON).replace(tzinfo=None) for at in period_starts(day))
    return tuple((f"{at:%H:%M}", f"{at + PERIOD:%H:%M}") for at in begins)


def day(date: dt.date) -> Slot:
    """A settlement day."""
    return Slot("day", date, f"{date:%a} {date.day} {date:%B %Y}")


def week(date: dt.date) -> Slot:
    """The week from the Monday at or before ``date``."""
    monday = _first_day(date, "week")
    return Slot("week", monday, f"week from {monday:%a} {monday.day} {monday:%B %Y}")


def month(date: dt.date) -> Slot:
    """The calendar month of ``date``."""
    first = _first_day(date, "month")
    return Slot("month", first, f"{first:%B %Y}")


def year(date: dt.date) -> Slot:
    """The calendar year of ``date``."""
    return Slot("year", _first_day(date, "year"), str(date.year))


def _first_day(date: dt.date, grain: Grain) -> dt.date:
    if grain == "week":
        return date - dt.timedelta(days=date.weekday())
    return date.replace(day=1) if grain == "month" else date.replace(month=1, day=1)


def regrouped(points: Sequence[Point], grain: Grain) -> list[Point]:
    """Days summed into weeks, months or years; as they are for any other grain.

    A sum is of the days that have the figure, and None where none has. Its status is the worst of its days; where some
    are known and others missing it is ``incomplete``, and beside days that a person has closed at best ``waived``. Text
    is left to be made anew, and ``share`` is left out: shares are no sums.
    """
    makers = {"week": week, "month": month, "year": year}
    if grain not in makers:
        return list(points)
    made = []
    for first, group in groupby(points, key=lambda p: _first_day(p.at.start, grain)):
        days = list(group)
        names = dict.fromkeys(name for p in days for name in p.values if name != "share")
        stored = sum(any(v is not None for v in p.values.values()) for p in days)
        sums = {n: [v for p in days if (v := p.values.get(n)) is not None] for n in names}
        made.append(
            Point(
                makers[grain](first),
                {name: sum(known, Decimal()) if known else None for name, known in sums.items()},
                _status_of_a_sum(days),
                is_restated=any(p.is_restated for p in days),
                part=f"{stored:,} of {len(days):,} days stored" if 0 < stored < len(days) else "",
            )
        )
    return made


def _status_of_a_sum(days: Sequence[Point]) -> str:
    statuses = [p.status for p in days]
    if any(value is not None for p in days for value in p.values.values()):
        part = {"missing": "incomplete", "unavailable": "waived"}
        statuses = [part.get(status, status) for status in statuses]
    return worst(statuses)
