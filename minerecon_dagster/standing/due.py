"""Which settlement days have to be asked for, by what the warehouse holds and not by what ran when."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, Engine

from minerecon_dagster.day.later import days_due_later
from minerecon_dagster.elexon.datasets import of_the_day
from minerecon_dagster.verify.record import MENDABLE
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.warehouse import Warehouse

CATCH_UP_DAYS = 14
"""How far back a day that was never attempted is noticed: as long as nobody looks after the machine."""
TURN_UP_DAYS_PER_RUN = 93
"""So many days that lack a turn-up estimate are built again in one run: a quarter, some twenty seconds of work."""

FLAGS_SETTLED_AFTER_DAYS = 28
"""After so many days a day's SO-flags are as they stay.

The code allows corrections of them until the Initial Settlement Run, 16 working days after the day (BSCP18); four weeks
hold 16 working days and four bank holidays, more than there ever are.
"""
SCAN_REACHES_BACK_DAYS = 93
"""How far back the monthly scan makes good what earlier ones did not look at: a quarter.

A warehouse that is older when it is first scanned is not fetched whole for it.
"""


def days_to_ingest(engine: Engine, *, first_day: dt.date, today: dt.date) -> list[dt.date]:
    """The settlement days before ``today`` that are not final, oldest first.

    They are: the stored ones that may still change; the ones that were attempted and never stored; of
    the last `CATCH_UP_DAYS`, the ones that were never attempted, yesterday among them; some of those of which a
    dataset that comes later is due; and, oldest first, some of the final ones that were built before there was a
    turn-up estimate: the archive holds these, so that they are built again and nothing is asked.

    Args:
        engine: the warehouse.
        first_day: the first day that is kept.
        today: the settlement day in progress.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    unseen_as = [d.unseen_as.full_name for d in of_the_day() if d.unseen_as is not None]
    with Warehouse(engine).connection(require_current=True) as connection:
        found = connection.execute(
            statement("schedule/days_to_ingest"),
            {"first_day": first_day, "today": today, "catch_up_days": CATCH_UP_DAYS, "unseen_as": unseen_as},
        )
        without_turn_up = connection.execute(
            statement("schedule/days_without_turn_up"),
            {"first_day": first_day, "today": today, "most": TURN_UP_DAYS_PER_RUN},
        )
        due_later = days_due_later(connection, first_day=first_day, today=today)
        return sorted({*found.scalars(), *due_later, *without_turn_up.scalars()})


def days_to_retry(engine: Engine, *, first_day: dt.date, today: dt.date) -> list[tuple[dt.date, int]]:
    """The days before ``today`` that are wrong in what a repair may mend.

    First come those of which nothing was tried, then those whose last try is the longest ago; of the same morning the
    newest.

    Args:
        engine: the warehouse.
        first_day: the first day that is kept.
        today: the settlement day in progress.

    Returns:
        Each day, with the number of repairs in vain since it was last right.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    with Warehouse(engine).connection(require_current=True) as connection:
        found = connection.execute(
            statement("schedule/days_to_retry"),
            {"first_day": first_day, "today": today, "mendable": sorted(MENDABLE)},
        )
        return [(row.settlement_date, row.attempts) for row in found]


def days_to_scan(engine: Engine, *, first_day: dt.date, today: dt.date) -> list[dt.date]:
    """The stored days that the monthly scan compares with Elexon, every period of them, oldest first.

    They are all of the month before ``today``'s; and those before it, up to `SCAN_REACHES_BACK_DAYS`, that have not
    been compared or fetched whole since their flags were settled. The last scan was too early for most of its days: a
    flag may be corrected for `FLAGS_SETTLED_AFTER_DAYS`, and changes no control total.

    Args:
        engine: the warehouse.
        first_day: the first day that is kept.
        today: the settlement day in progress.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    last = today.replace(day=1) - dt.timedelta(days=1)
    with Warehouse(engine).connection(require_current=True) as connection:
        found = connection.execute(
            statement("schedule/days_to_scan"),
            {
                "first_day": first_day,
                "last_day": last,
                "month": last.replace(day=1),
                "earliest": today - dt.timedelta(days=SCAN_REACHES_BACK_DAYS),
                "settled_after": FLAGS_SETTLED_AFTER_DAYS,
            },
        )
        return list(found.scalars())


def stored_days(engine: Engine, *, first_day: dt.date, last_day: dt.date) -> list[dt.date]:
    """The stored days from ``first_day`` to ``last_day``, oldest first.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    with Warehouse(engine).connection(require_current=True) as connection:
        found = connection.execute(statement("schedule/stored_days"), {"first_day": first_day, "last_day": last_day})
        return list(found.scalars())


def failing_days(connection: Connection) -> list[dt.date]:
    """The settlement days that fail: an ERROR that is not waived, or a latest attempt that failed; oldest first."""
    return list(connection.execute(statement("schedule/failing_days")).scalars())
