"""Days that a person has closed: how the decision comes into the warehouse, and what a day says that is closed.

The file is the master. Whatever runs on days, and the sweeps over all of them, makes the warehouse follow it first:
a day that is newly closed loses all its rows in one transaction, one that is no longer closed is missing.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from minerecon_dagster.core.errors import DayBusyError, DayFailedError
from minerecon_dagster.decisions.unavailable import ClosedDays, Unavailable
from minerecon_dagster.elexon.datasets import DATASETS, of_the_day
from minerecon_dagster.elexon.datasets.base import Dataset
from minerecon_dagster.warehouse.store import day_lock, execute_script, sql, statement

BUSY_AFTER_S = 5.0
"""A day that another run works on for so long is closed by the next run, or by that one itself."""

_log = logging.getLogger(__name__)


class DayClosedError(DayFailedError):
    """A day that a person has closed is not worked on; nothing is stored of it.

    Args:
        day: settlement date.
        entry: who has closed it, and why.
        answered: what Elexon answered where it was asked all the same; None where it was not.
        is_there: whether that is a day as any other: then somebody has to open it.
    """

    def __init__(
        self, day: dt.date, entry: Unavailable, *, answered: str | None = None, is_there: bool = False
    ) -> None:
        self.day = day
        self.entry = entry
        self.is_there = is_there
        said = f"{day}: unavailable, closed by a person: {entry}"
        if answered is not None:
            said += f"; asked all the same, Elexon answers: {answered}; nothing was published"
        if is_there:
            said += f"; the day is there: take the entry out of the file, then: minerecon reingest {day}"
        super().__init__(said)


@dataclass(frozen=True)
class Followed:
    """What the warehouse has just taken over: the days that it closed, each with its entry, and opened."""

    closed: tuple[tuple[dt.date, Unavailable], ...] = ()
    opened: tuple[dt.date, ...] = ()


def stored_closed_days(connection: Connection) -> dict[dt.date, tuple[str, str]]:
    """The days that are closed in the warehouse, with the reason and who has closed them."""
    found = connection.execute(statement("decisions/closed_days"))
    return {r.settlement_date: (r.reason, r.accepted_by) for r in found}


def follow(engine: Engine, closed: ClosedDays, *, now: dt.datetime) -> Followed:
    """Make the warehouse follow the file: close the days that it closes, open the others.

    Each day is closed whole, under its lock. One that another run holds is left to that run, or to the next.

    Args:
        engine: the warehouse, at the code's revision.
        closed: what the file says.
        now: the time of the decision's taking effect.
    """
    with engine.connect() as connection:
        stored = stored_closed_days(connection)
    wanted = {day: (entry.reason, entry.accepted_by) for day, entry in closed.by_day().items()}
    newly_closed, opened = [], []
    for day in sorted(day for day in wanted.keys() | stored.keys() if wanted.get(day) != stored.get(day)):
        try:
            with day_lock(engine, day, wait_s=BUSY_AFTER_S), engine.begin() as connection:
                if (entry := closed.of(day)) is None:
                    connection.execute(statement("decisions/open_day"), {"day": day})
                    opened.append(day)
                    _log.info("%s: no longer closed, and missing: minerecon reingest %s", day, day)
                else:
                    if close_day(connection, day, entry, now=now):
                        newly_closed.append((day, entry))
        except DayBusyError as error:
            _log.warning("%s: not closed yet: %s", day, error)
    return Followed(tuple(newly_closed), tuple(opened))


def close_day(connection: Connection, day: dt.date, entry: Unavailable, *, now: dt.datetime) -> bool:
    """Close a day, in the caller's transaction and under the day's lock: every row of it leaves the tables.

    Returns:
        Whether it was open before.
    """
    if is_closed(connection, day, entry):
        return False
    delete_day(connection, day, DATASETS)
    connection.execute(text("DELETE FROM minerecon.later_answers WHERE settlement_date = :day"), {"day": day})
    parameters = {"day": day, "reason": entry.reason, "accepted_by": entry.accepted_by, "now": now}
    execute_script(connection, "decisions/close_day", parameters)
    _log.info("%s: closed, what was stored of it left the tables and stays in the archive: %s", day, entry)
    return True


def delete_day(connection: Connection, day: dt.date, datasets: Iterable[Dataset] | None = None) -> None:
    """Delete what datasets have written of a day (None: those that it is built from), and all that is derived from it.

    What comes later has its own tables, which the building of a day leaves alone.
    """
    written = of_the_day() if datasets is None else datasets
    tables = [table.fullname for dataset in written for table in (dataset.table, *dataset.more_tables)]
    of_datasets = "".join(f"DELETE FROM {table} WHERE settlement_date = :day;\n" for table in tables)  # noqa: S608 - our own
    connection.execute(text(sql("day/delete_derived") + of_datasets), {"day": day})


def is_closed(connection: Connection, day: dt.date, entry: Unavailable | None = None) -> bool:
    """Whether the day is closed in the warehouse, by ``entry`` if one is given."""
    found = connection.execute(statement("decisions/closed_day"), {"day": day}).one_or_none()
    return found is not None and (entry is None or tuple(found) == (entry.reason, entry.accepted_by))
