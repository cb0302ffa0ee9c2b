"""A day's turn-up estimate, as its answers say it: nothing is asked for it that a day is not built from anyway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext

from minerecon_dagster.core.emissions import factor_on
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.turn_up import FuelTurnUp, PeriodTurnUp, by_fuel, walk
from minerecon_dagster.elexon.datasets.stack import Bid
from minerecon_dagster.elexon.reading import DayReading

FuelOf = Callable[[str], str | None]
"""The fuel of a unit in the register in force on the day; None where it has none."""


@dataclass(frozen=True)
class DayTurnUp:
    """The turn-up estimate of a day.

    Args:
        periods: of each period with SO-flagged wind bids whose offers are there.
        fuels: the same by fuel.
        is_known: whether that is all of the day as far as it is there: offers are fetched, and no period with
            SO-flagged wind bids lacks them. Else the day has no figure.
    """

    periods: Mapping[int, PeriodTurnUp]
    fuels: Mapping[str, FuelTurnUp]
    is_known: bool


def targets(bids: Iterable[Bid]) -> dict[int, Decimal]:
    """What the SO-flagged wind bids of each period come to, in MWh: what is to be made up for."""
    found: dict[int, Decimal] = {}
    with localcontext(EXACT):
        for _, period, row in bids:
            if row.so_flag:
                found[period] = found.get(period, Decimal()) - row.volume
    return dict(sorted(found.items()))


def periods_with_offers(reading: DayReading) -> set[int]:
    """The periods whose offers are there: with rows, or known to be empty."""
    looks = reading.looks.items()
    return {period for (side, period), look in looks if side == "offer" and look.status in ("rows", "empty")}


def turn_up_of(
    reading: DayReading, bids: Iterable[Bid], wind_units: Mapping[str, BmUnit], fuel_of: FuelOf
) -> DayTurnUp:
    """Walk the offers of a day.

    Args:
        reading: the day.
        bids: its accepted wind bids.
        wind_units: the wind farms in force on the day, by unit id.
        fuel_of: the fuel of any unit.
    """
    wanted, there = targets(bids), periods_with_offers(reading)
    periods = {
        period: walk(mwh, reading.rows.get(("offer", period), ()), wind_units)
        for period, mwh in wanted.items()
        if period in there
    }
    return DayTurnUp(
        periods,
        by_fuel(periods.values(), fuel_of, lambda fuel: factor_on(reading.day, fuel)),
        is_known=bool(there) and wanted.keys() <= there,
    )
