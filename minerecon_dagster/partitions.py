"""The partitions: settlement days in London time, from the first one that is kept through today."""

from __future__ import annotations

import datetime as dt

import dagster as dg

DAY_FORMAT = "%Y-%m-%d"


def daily_partitions(start: dt.date) -> dg.DailyPartitionsDefinition:
    """A partition a settlement day, ``2025-03-28``; today's is there while it is in progress."""
    return dg.DailyPartitionsDefinition(start.isoformat(), timezone="Europe/London", end_offset=1, fmt=DAY_FORMAT)
