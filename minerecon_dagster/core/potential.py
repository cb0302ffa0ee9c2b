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
from typing import Final, Literal, NamedTuple

Fault = Literal["gap", "overlap", "levels"]
"""Why a notification says nothing: it leaves a part of the period out, has one twice, or at two levels."""

MWH_DECIMALS: Final = Decimal("0.000001")
"""To so many decimals the MWh of a unit and period are rounded, once: every sum is of what is stored."""
_TICK = dt.timedelta(microseconds=1)
_TICKS_OF_TWO_HOURS = dt.timedelta(hours=2) // _TICK


@lru_cache(maxsize=65_536)
def _mwh_of(area: int) -> Decimal:
    """MWh of twice an area in MW and microseconds: of ten thousand notifications a day most have been seen before."""
    return (Decimal(area) / _TICKS_OF_TWO_HOURS).quantize(MWH_DECIMALS)


class Segment(NamedTuple):
    """A straight line of a notification: levels in MW at two instants."""

    time_from: dt.datetime
    time_to: dt.datetime
    level_from: int
    level_to: int


class Notified(NamedTuple):
    """What a notification comes to: MWh, or why it is not known."""

    mwh: Decimal | None
    fault: Fault | None = None


def notified(segments: Sequence[Segment], start: dt.datetime, end: dt.datetime) -> Notified:
    """The energy of a unit's period: the area under its segments, in MWh to 6 decimals.

    Segments come in no order. One that stands twice, equal in everything, counts once.

    Args:
        segments: of one unit and period.
        start: UTC start of the period.
        end: its end.

    Returns:
        The energy where the segments cover the period exactly once; else no energy, and the reason: it is then not
        known, and never 0.
    """
    # As a rule there is one.
    lines = sorted(set(segments)) if len(segments) > 1 else segments
    if len(lines) > 1 and len({(line.time_from, line.time_to) for line in lines}) < len(lines):
        return Notified(None, "levels")
    at, area = start, 0
    for line in lines:
        if line.time_from > at:
            return Notified(None, "gap")
        if line.time_from < at or line.time_to < at or line.time_to > end:
            return Notified(None, "overlap")
        # Twice the mean level, so that the two halves are whole.
        area += (line.level_from + line.level_to) * ((line.time_to - line.time_from) // _TICK)
        at = line.time_to
    if at != end:
        return Notified(None, "gap")
    return Notified(_mwh_of(area))


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
