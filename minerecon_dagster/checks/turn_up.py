"""The turn-up estimate of a day: what is stored of it against its answers, and against a second way to reckon it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from sqlalchemy import Connection

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.turn_up import PeriodTurnUp, can_be_taken, simple_walk
from minerecon_dagster.elexon.datasets.stack import Bid
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.elexon.turn_up import DayTurnUp, periods_with_offers, targets
from minerecon_dagster.warehouse.store import statement

OF_PERIOD = (
    "target_mwh", "turn_up_mwh", "uncovered_mwh", "turn_up_estimate_gbp", "unflagged_mwh", "wind_offers_mwh",
    "unpriced_offer_rows", "flagged_offers_mwh", "flagged_offers_gbp",
)  # fmt: skip
"""The figures of a period, as `PeriodTurnUp` and ``turn_up_by_period`` name them."""
OF_FUEL = ("turn_up_mwh", "turn_up_estimate_gbp", "co2_t")

Figures = tuple[Decimal | int | None, ...]
Prices = Mapping[int, tuple[Decimal, Decimal]]
"""By period the lowest and the highest price of offers, in GBP/MWh."""


def figures_of(period: PeriodTurnUp) -> Figures:
    """The figures of a period in the order of `OF_PERIOD`."""
    with localcontext(EXACT):
        return tuple(getattr(period, name) for name in OF_PERIOD)


def stored_periods(connection: Connection, day: dt.date) -> dict[int, Figures]:
    """What is stored of a day's turn-up, by period."""
    return _stored(connection, "turn_up_periods", day)


def turn_up(connection: Connection, reading: DayReading, walked: DayTurnUp, prices: Prices) -> list[Result]:
    """Compare what is stored of a day's turn-up with the walk over its answers, exactly, and with their prices.

    Args:
        connection: the warehouse.
        reading: the day.
        walked: the walk.
        prices: `offer_prices` of the day.
    """
    stored = stored_periods(connection, reading.day)
    fuels = _stored(connection, "turn_up_fuels", reading.day)
    wrong = _differing("settlement_period", OF_PERIOD, {p: figures_of(x) for p, x in walked.periods.items()}, stored)
    wrong += _differing("fuel", OF_FUEL, {f: tuple(x) for f, x in walked.fuels.items()}, fuels)
    known = connection.execute(statement("checks/turn_up_known"), {"day": reading.day}).scalar()
    if known is not None and known != walked.is_known:
        wrong.append({"figure": "turn_up_mwh of the day", "archive": walked.is_known, "stored": known})
    return [
        result(
            c.TURN_UP_MATCHES_ARCHIVE,
            looked_at=len(reading.rows),
            expected=f"the walk over the offers of {len(walked.periods)} periods"
            if walked.is_known
            else f"no turn-up of the day: {reading.left_aside or 'offers are not there'}",
            actual=f"{len(stored)} periods and {len(fuels)} fuels stored",
            repair=c.TURN_UP_MATCHES_ARCHIVE.repair_of(reading.day),
            violations=wrong,
        ),
        _within_prices(reading, stored, prices),
    ]


def offer_prices(reading: DayReading) -> Prices:
    """The lowest and the highest price of each period's offers that a walk can take."""
    found: dict[int, tuple[Decimal, Decimal]] = {}
    for (side, period), rows in reading.rows.items():
        if side == "offer":
            able = (row for row in rows if can_be_taken(row) and row.volume > 0)
            priced = [price for row in able if (price := row.original_price) is not None]
            if priced:
                found[period] = min(priced), max(priced)
    return found


def turn_up_reckoned_again(connection: Connection, reading: DayReading, bids: Sequence[Bid]) -> Result:
    """Compare the stored estimate with a second, plainer way to reckon it from the archive, exactly."""
    there = periods_with_offers(reading)
    again = {
        period: simple_walk(mwh, reading.rows.get(("offer", period), ()))
        for period, mwh in targets(bids).items()
        if period in there
    }
    stored = {period: (figures[1], figures[3]) for period, figures in stored_periods(connection, reading.day).items()}
    return result(
        c.TURN_UP_RECKONED_AGAIN,
        looked_at=len(reading.rows),
        expected=f"{sum((gbp for _, gbp in again.values()), Decimal()):,.2f} GBP in {len(again)} periods",
        actual=f"{len(stored)} periods",
        repair=c.TURN_UP_RECKONED_AGAIN.repair_of(reading.day),
        violations=_differing("settlement_period", ("turn_up_mwh", "turn_up_estimate_gbp"), again, stored),
    )


def _within_prices(reading: DayReading, stored: Mapping[Any, Figures], prices: Prices) -> Result:
    wrong = []
    with localcontext(EXACT):
        for period, figures in stored.items():
            target, mwh, _, gbp, *_ = figures
            assert mwh is not None
            assert target is not None
            assert gbp is not None
            lowest, highest = prices.get(period, (Decimal(), Decimal()))
            if mwh > target or not lowest * mwh <= gbp <= highest * mwh:
                wrong.append(
                    {
                        "settlement_period": period,
                        "target_mwh": str(target),
                        "turn_up_mwh": str(mwh),
                        "turn_up_estimate_gbp": str(gbp),
                        "lowest_price_gbp_per_mwh": str(lowest),
                        "highest_price_gbp_per_mwh": str(highest),
                    }
                )
    return result(
        c.TURN_UP_WITHIN_PRICES,
        looked_at=len(reading.rows),
        expected="each estimate between the lowest and the highest price of its period's offers",
        actual=f"{len(wrong)} that differ" if wrong else f"{len(stored)} periods are",
        repair=c.TURN_UP_WITHIN_PRICES.repair_of(reading.day),
        violations=wrong,
    )


def _stored(connection: Connection, name: str, day: dt.date) -> dict[Any, Figures]:
    return {key: tuple(figures) for key, *figures in connection.execute(statement(f"checks/{name}"), {"day": day})}


def _differing(
    key: str, names: Sequence[str], archive: Mapping[Any, Figures], stored: Mapping[Any, Figures]
) -> list[dict[str, Any]]:
    return [
        {key: each, "archive": _texts(names, archive.get(each)), "stored": _texts(names, stored.get(each))}
        for each in sorted(archive.keys() | stored.keys())
        if archive.get(each) != stored.get(each)
    ]


def _texts(names: Sequence[str], figures: Figures | None) -> dict[str, str | None] | None:
    if figures is None:
        return None
    return {n: None if f is None else str(f) for n, f in zip(names, figures, strict=True)}
