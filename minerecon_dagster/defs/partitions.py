"""The partitions: settlement days in London time, from the first one that is kept through today."""

from __future__ import annotations

import datetime as dt

import dagster as dg

from minerecon_dagster.core.calendar import LONDON

DAY_FORMAT = "%Y-%m-%d"
MONTH_FORMAT = "%Y-%m"
YEAR_FORMAT = "%Y"


def daily_partitions(start: dt.date) -> dg.DailyPartitionsDefinition:
    """A partition a settlement day, ``2025-03-28``; today's is there while it is in progress."""
    return dg.DailyPartitionsDefinition(start.isoformat(), timezone=LONDON.key, end_offset=1, fmt=DAY_FORMAT)


def monthly_partitions(start: dt.date) -> dg.MonthlyPartitionsDefinition:
    """A partition a calendar month, ``2025-03``, from that of ``start`` through the present one."""
    # Floored: Dagster drops a month that begins before the start.
    return dg.MonthlyPartitionsDefinition(
        start.strftime(MONTH_FORMAT), timezone=LONDON.key, end_offset=1, fmt=MONTH_FORMAT
    )


def yearly_partitions(start: dt.date) -> dg.TimeWindowPartitionsDefinition:
    """A partition a calendar year, ``2025``, from that of ``start`` through the present one."""
    return dg.TimeWindowPartitionsDefinition(
        start=start.strftime(YEAR_FORMAT),
        cron_schedule="0 0 1 1 *",
        timezone=LONDON.key,
        end_offset=1,
        fmt=YEAR_FORMAT,
    )
