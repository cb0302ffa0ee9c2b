"""Which settlement days have to be asked for, by what the warehouse holds and not by what ran when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from sqlalchemy import Engine

from minerecon_dagster.warehouse.migrate import require_current
from minerecon_dagster.warehouse.store import statement

CATCH_UP_DAYS = 14
"""How far back a day that was never attempted is noticed: as long as nobody looks after the machine."""


def days_to_ingest(engine: Engine, *, first_day: dt.date, today: dt.date) -> list[dt.date]:
    """The settlement days before ``today`` that are not final, oldest first.

    They are: the stored ones that may still change; the ones that were attempted and never stored; of
    the last `CATCH_UP_DAYS`, the ones that were never attempted, yesterday among them.

    Args:
        engine: the warehouse.
        first_day: the first day that is kept.
        today: the settlement day in progress.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    with engine.connect() as connection:
        require_current(connection)
        found = connection.execute(
            statement("schedule/days_to_ingest"),
            {"first_day": first_day, "today": today, "catch_up_days": CATCH_UP_DAYS},
        )
        return list(found.scalars())


def ranges(days: Iterable[dt.date], *, at_most: int) -> list[tuple[dt.date, dt.date]]:
    """Cut days into ranges without a gap, as (first, last), oldest first, of ``at_most`` days each."""
    cut: list[tuple[dt.date, dt.date]] = []
    for day in sorted(set(days)):
        if cut:
            first, last = cut[-1]
            if (day - last).days == 1 and (day - first).days < at_most:
                cut[-1] = first, day
                continue
        cut.append((day, day))
    return cut
