"""Store the price of Bitcoin: only of days that are over, only what a source said, and nothing in its place.

A day is a calendar day in UTC, as the source cuts them, and not the settlement day's hours in London.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, select

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.repairs import PRICES
from minerecon_dagster.core.spans import spans
from minerecon_dagster.warehouse.sample import refuse_to_mix
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.tables import bitcoin_price_gbp, daily_summaries
from minerecon_dagster.warehouse.warehouse import Warehouse

if TYPE_CHECKING:  # only the resources load the clients' libraries, when a run needs them
    from minerecon_dagster.prices.source import DailyPrice, PriceSource

RECENT_DAYS = 7
"""So many of the latest days are asked for again every night: the source may still correct them."""

PRICES_KNOWN = Property(
    "price",
    "prices_known",
    "WARN",
    "Every day that is stored or was asked for, and is over, has a price. Without one the day's values in GBP are "
    "NULL.",
    PRICES.from_to,
    "refresh of the prices",
    "all",
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PriceReport:
    """What a look at the source brought, of the days that were asked for.

    Args:
        prices: what the source says of them, which is now stored, by day.
        new: those that had no price before.
        changed: those that had another price before, with that in GBP.
        without: those that are over and that the source has no price of.
        not_over: those that are not over, and were not asked for.
    """

    prices: Mapping[dt.date, DailyPrice]
    new: Sequence[dt.date]
    changed: Mapping[dt.date, Decimal]
    without: Sequence[dt.date]
    not_over: Sequence[dt.date]


def is_over(day: dt.date, now: dt.datetime) -> bool:
    """Whether a calendar day in UTC is complete, and its price final."""
    return day < now.astimezone(dt.UTC).date()


def refresh_prices(engine: Engine, source: PriceSource, days: Iterable[dt.date], now: dt.datetime) -> PriceReport:
    """Ask a source for the prices of days, and store what is new or has changed, in one transaction.

    Args:
        engine: the warehouse.
        source: what is asked.
        days: calendar days, UTC; those that are not over are left out.
        now: the present instant.

    Raises:
        SourceError: the source could not be used; nothing was stored.
        SchemaDriftError: the source's answer cannot be right; nothing was stored.
        ConfigurationError: the warehouse is not migrated, or holds data of the other kind, synthetic or real.
    """
    asked = sorted(set(days))
    over = [day for day in asked if is_over(day, now)]
    warehouse = Warehouse(engine)
    warehouse.require_current()
    prices: dict[dt.date, DailyPrice] = {}
    for first, last in spans(over):
        prices |= _believable(source.fetch(first, last), first, last)
    with warehouse.transaction() as connection:
        before = _stored(connection, over)
        _store(connection, prices)
    changed = {day: before[day] for day, price in prices.items() if day in before and before[day] != price.price_gbp}
    for day, old in changed.items():
        _log.warning("%s: the price at the source changed from £%s to £%s", day, old, prices[day].price_gbp)
    return PriceReport(
        prices=prices,
        new=[day for day in prices if day not in before],
        changed=changed,
        without=[day for day in over if day not in prices],
        not_over=[day for day in asked if day not in set(over)],
    )


def days_to_price(engine: Engine, *, first_day: dt.date, now: dt.datetime) -> list[dt.date]:
    """The days from ``first_day`` on that are over and have no price, and the last `RECENT_DAYS`; oldest first.

    Raises:
        ConfigurationError: the warehouse is not migrated.
    """
    last_day = now.astimezone(dt.UTC).date() - dt.timedelta(days=1)
    with Warehouse(engine).connection(require_current=True) as connection:
        found = connection.execute(
            statement("schedule/days_to_price"),
            {"first_day": first_day, "last_day": last_day, "recent_days": RECENT_DAYS},
        )
        return list(found.scalars())


def prices_known(connection: Connection, days: Iterable[dt.date], now: dt.datetime) -> Result:
    """Which of ``days``, and of all stored ones, are over and have no price in the warehouse.

    All stored ones: a look at a few days would else be the last word of days that an earlier one has found without.
    """
    wanted = {*days, *connection.execute(select(daily_summaries.c.summary_date)).scalars()}
    over = sorted(day for day in wanted if is_over(day, now))
    stored = _stored(connection, over)
    without = [day for day in over if day not in stored]
    return result(
        PRICES_KNOWN,
        looked_at=len(over),
        expected=f"a price of each of {len(over)} days" if over else "a day that is over",
        actual=f"{len(without)} days without one" if over else "no day that is stored or was asked for is over",
        repair=PRICES_KNOWN.repair.over(without[0], without[-1]) if without else PRICES_KNOWN.repair,
        violations=[{"price_date": day.isoformat()} for day in without],
    )


def _believable(prices: Iterable[DailyPrice], first: dt.date, last: dt.date) -> dict[dt.date, DailyPrice]:
    """The prices by day, whatever the source: of the days asked for, one each, above zero."""
    found: dict[dt.date, DailyPrice] = {}
    for price in prices:
        problem = None
        if not first <= price.day <= last:
            problem = f"a price of {price.day}, and {first} to {last} were asked for"
        elif price.day in found:
            problem = f"two prices of {price.day}"
        elif not (price.price_gbp.is_finite() and price.price_gbp > 0):
            problem = f"a price of {price.price_gbp} GBP on {price.day}"
        if problem:
            raise SchemaDriftError(
                f"{price.url}: {problem}; nothing was stored: check BITCOIN_PRICE_BASE_URL, and try again later"
            )
        found[price.day] = price
    return found


def _stored(connection: Connection, days: Sequence[dt.date]) -> dict[dt.date, Decimal]:
    table = bitcoin_price_gbp
    rows = connection.execute(select(table.c.price_date, table.c.price_gbp).where(table.c.price_date.in_(days)))
    return {row.price_date: row.price_gbp for row in rows}


def _store(connection: Connection, prices: Mapping[dt.date, DailyPrice]) -> None:
    for kind in {is_synthetic(price.url) for price in prices.values()}:
        refuse_to_mix(connection, synthetic=kind)
    # In the order of the calendar, so that two runs never wait for each other in a circle.
    rows = [prices[day] for day in sorted(prices)]
    connection.execute(
        statement("price/upsert_prices"),
        {
            "days": [row.day for row in rows],
            "prices": [row.price_gbp for row in rows],
            "sources": [row.url for row in rows],
            "times": [row.fetched_at for row in rows],
            "synthetic": [is_synthetic(row.url) for row in rows],
        },
    )
