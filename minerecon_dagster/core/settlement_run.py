"""Which run of Elexon's a period's rows are of, by what they say themselves: when they were made.

Each period is run about 14 minutes after its end, and again about 24 h 44 min after its start; rows say when they were
made (``createdDateTime``; of a row of 2026-07-10 whose period began at 08:30 UTC: 09:14:32 of the next day). Our clock
says only when an answer was fetched: where the second run is late, an answer of after its time is still of the first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import StackSide

RERUN_NOT_BEFORE = dt.timedelta(hours=24, minutes=44) - dt.timedelta(minutes=30)
"""After a period's start: rows that were made earlier are of the first run. 24 h 44 min, and as much margin before as
`calendar.RERUN_AFTER_LAST_START` has after it; a first run that is so late cannot be told from the second."""


def newest(made_at: Iterable[dt.datetime | None]) -> dt.datetime | None:
    """When the newest of some rows was made; None where none says so."""
    return max(filter(None, made_at), default=None)


def slots_of_the_first_run(
    day: dt.date, newest_rows: Mapping[tuple[StackSide, int], dt.datetime | None]
) -> tuple[tuple[StackSide, int], ...]:
    """The sides and periods of which no row was made by the second run, in order.

    Args:
        day: settlement date.
        newest_rows: when the newest row of each side and period was made; None where no row says so, which is no
            evidence either way.
    """
    starts = calendar.period_starts(day)
    return tuple(
        sorted(
            slot for slot, at in newest_rows.items() if at is not None and at < starts[slot[1] - 1] + RERUN_NOT_BEFORE
        )
    )
