"""Sum days into months and years, and find the sums that are not what their days say.

All sums come from the daily tables alone: a year is not the sum of its months, so that no error of one
can hide in the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.warehouse.migrate import require_current
from minerecon_dagster.warehouse.store import execute_script, statement

Grain = Literal["month", "year"]

TIME_TO_FOLLOW = dt.timedelta(hours=1)
"""How long sums may lag behind a day before they count as stale: the update chain and its queue need a while."""

SWEEP_COMMAND = "dagster job execute -m minerecon_dagster.definitions -j rollup_sweep"
"""Brings all sums up to date, but those that wait for a failing day."""
START_COMMAND = "minerecon reingest FROM TO"


@dataclass(frozen=True)
class RollUp:
    """The sums of a month or a year: energy in MWh, money in GBP, Bitcoin in BTC per model."""

    key: str
    curtailed_mwh: Decimal
    payment_gbp: Decimal
    days_present: int
    days_expected: int
    days_final: int
    is_complete: bool
    is_synthetic: bool
    mined_btc: Mapping[str, Decimal]


@dataclass(frozen=True)
class Comparison:
    """A month or year that has a stored day or a sum.

    Args:
        key: ``2025-03`` or ``2025``.
        problem: what is wrong with its sums; None where nothing is.
        newest_day_built_at: when the newest of its days was built; None where no day is stored.
        waits_for: its days with a failing check: the update chain leaves it alone until they are mended.
    """

    key: str
    problem: str | None
    newest_day_built_at: dt.datetime | None
    waits_for: Sequence[dt.date]


def roll_up_months(engine: Engine, months: Iterable[str], now: dt.datetime) -> list[RollUp]:
    """Make the sums of months anew from their days, in one transaction.

    A month without any stored day gets no row, and loses the one it had. Days that fail a check are
    taken as they are stored, or are missing: whether a month should wait for them is for the caller
    to decide (`months_to_update`).

    Args:
        engine: the warehouse.
        months: calendar months, as in ``2025-03``.
        now: the time of summing.

    Returns:
        The new sums, of the months that have a stored day, in order.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    return _roll_up(engine, "month", {"months": sorted(set(months)), "now": now})


def roll_up_years(engine: Engine, years: Iterable[int], now: dt.datetime) -> list[RollUp]:
    """Make the sums of calendar years anew from their days; else as `roll_up_months`."""
    return _roll_up(engine, "year", {"years": sorted(set(years)), "now": now})


def months_to_update(connection: Connection) -> list[str]:
    """The months whose sums are missing, older than a day in them, or not the sums of their days.

    A month with a day that fails a check is left out: it waits, and is listed again when that day is mended.
    """
    return [m.key for m in compare(connection, "month") if m.problem and not m.waits_for]


def years_to_update(connection: Connection) -> list[int]:
    """The years whose sums are missing, older than a day in them, or not the sums of their days; else as months."""
    return [int(y.key) for y in compare(connection, "year") if y.problem and not y.waits_for]


def compare(connection: Connection, grain: Grain) -> list[Comparison]:
    """Compare the sums of every month (or year) that has a stored day or a sum with its days, in order."""
    found = connection.execute(statement(f"rollup/compare_{grain}s"))
    return [
        Comparison(str(r[0]), problem=r.problem, newest_day_built_at=r.newest_day_built_at, waits_for=r.waits_for)
        for r in found
    ]


def sums_not_older_than_parts(connection: Connection, grain: Grain, now: dt.datetime) -> Result:
    """Find the months (or years) whose sums are stale: missing, older than a day in them, or not their days' sums.

    One that waits for a failing day is stale too: what it shows is not what its days say, and the result
    names the days. Sums have `TIME_TO_FOLLOW` before they count. It looks at every month that has a stored
    day or a sum; in a warehouse without any it has looked at nothing, and fails like every other check:
    an installation that stores nothing is not well.
    """
    compared = compare(connection, grain)
    stale = [
        x
        for x in compared
        if x.problem and (x.newest_day_built_at is None or x.newest_day_built_at <= now - TIME_TO_FOLLOW)
    ]
    waited_for = [day for x in stale for day in x.waits_for]
    return result(
        c.SUMS_NOT_OLDER_THAN_PARTS,
        looked_at=len(compared),
        expected=f"{len(compared)} {grain}s, each the sum of its days" if compared else f"a {grain} with a stored day",
        actual=f"{len(stale)} stale" if compared else "nothing is stored",
        repair=f"minerecon reingest {waited_for[0]}" if waited_for else SWEEP_COMMAND if compared else START_COMMAND,
        violations=[
            {grain: x.key, "problem": x.problem, "waits_for": [day.isoformat() for day in x.waits_for]} for x in stale
        ],
    )


def _roll_up(engine: Engine, grain: Grain, parameters: dict[str, Any]) -> list[RollUp]:
    with engine.connect() as connection:
        require_current(connection)
    # One snapshot for energy and Bitcoin: a day that is replaced meanwhile is in both or in neither. The script
    # begins with its lock, and the snapshot is taken after that.
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        execute_script(connection, f"rollup/{grain}s", parameters)
        return [
            RollUp(
                key=str(r[0]),
                curtailed_mwh=r.curtailed_mwh,
                payment_gbp=r.payment_gbp,
                days_present=r.days_present,
                days_expected=r.days_expected,
                days_final=r.days_final,
                is_complete=r.is_complete,
                is_synthetic=r.is_synthetic,
                mined_btc={model: Decimal(btc) for model, btc in sorted((r.mined_btc or {}).items())},
            )
            for r in connection.execute(statement(f"rollup/{grain}_figures"), parameters)
        ]
