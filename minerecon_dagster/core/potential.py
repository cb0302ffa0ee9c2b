"""Notified potential: what a wind farm's physical notification (PN) of a settlement period comes to in MWh.

A notification is one to three straight lines of MW over time. They are the level that the farm expects to give in the
absence of any acceptance, and are what the settlement measures bids and offers from: notified, and not the wind that
there was. Source: Balancing and Settlement Code, section T3.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Final, Literal, NamedTuple, Protocol

Fault = Literal["gap", "overlap", "levels"]
"""Why a notification says nothing: it leaves a part of the period out, has one twice, or at two levels."""

MWH_DECIMALS: Final = Decimal("0.000001")
"""To so many decimals the MWh of a unit and period are rounded, once: every sum is of what is stored."""
_TICK = dt.timedelta(microseconds=1)
_of_line = attrgetter("time_from", "time_to", "level_from", "level_to")
_TICKS_OF_TWO_HOURS = dt.timedelta(hours=2) // _TICK


class Line(Protocol):
    """A straight line of a notification."""

    @property
    def time_from(self) -> dt.datetime:
        """When it begins."""

    @property
    def time_to(self) -> dt.datetime:
        """When it ends."""

    @property
    def level_from(self) -> int:
        """The level at its beginning, in MW."""

    @property
    def level_to(self) -> int:
        """The level at its end, in MW."""


class Segment(NamedTuple):
    """A `Line` by itself."""

    time_from: dt.datetime
    time_to: dt.datetime
    level_from: int
    level_to: int


class Notified(NamedTuple):
    """What a notification comes to: MWh, or why it is not known."""

    mwh: Decimal | None
    fault: Fault | None = None


@lru_cache(maxsize=65_536)
def _of_area(area: int) -> Notified:
    """What twice an area in MW and microseconds comes to: of ten thousand notifications a day most were seen before."""
    return Notified((Decimal(area) / _TICKS_OF_TWO_HOURS).quantize(MWH_DECIMALS))


def notified(lines: Sequence[Line], start: dt.datetime, end: dt.datetime) -> Notified:
    """The energy of a unit's period: the area under its lines, in MWh to 6 decimals.

    Lines come in no order. One that stands twice, equal in everything, counts once.

    Args:
        lines: of one unit and period.
        start: UTC start of the period.
        end: its end.

    Returns:
        The energy where the lines cover the period exactly once; else no energy, and the reason: it is then not
        known, and never 0.
    """
    if len(lines) == 1:
        (line,) = lines
        if line.time_from == start and line.time_to == end:  # as a rule
            return _of_area((line.level_from + line.level_to) * ((end - start) // _TICK))
    segments = sorted(set(map(_of_line, lines)))
    if len(segments) > len({(time_from, time_to) for time_from, time_to, _, _ in segments}):
        return Notified(None, "levels")
    at, area = start, 0
    for time_from, time_to, level_from, level_to in segments:
        if time_from > at:
            return Notified(None, "gap")
        if time_from < at or time_to < at or time_to > end:
            return Notified(None, "overlap")
        # Twice the mean level, so that the two halves are whole.
        area += (level_from + level_to) * ((time_to - time_from) // _TICK)
        at = time_to
    if at != end:
        return Notified(None, "gap")
    return _of_area(area)


@dataclass(slots=True)
class Volumes:
    """What was accepted of a unit in a period, in MWh.

    Args:
        bids: all accepted bids: not above 0.
        so_bids: the SO-flagged ones among them.
        offers: all accepted offers: not below 0. Beside a bid of the same period they take it back.
    """

    bids: Decimal = Decimal()
    so_bids: Decimal = Decimal()
    offers: Decimal = Decimal()


@dataclass(frozen=True)
class DayVolumes:
    """What was accepted of the wind units of a day.

    Args:
        by_unit: by unit and settlement period.
        has_offers: whether the offers are known, too: False where only the bids of the stack are fetched.
    """

    by_unit: Mapping[tuple[str, int], Volumes]
    has_offers: bool = True
