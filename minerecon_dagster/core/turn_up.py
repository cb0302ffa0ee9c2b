"""What it would have cost, at least, to make elsewhere what wind farms were turned down by: the turn-up *estimate*.

The method is that of wastedwind.energy. In each settlement period the accepted offers are walked in the order of their
price, those that are not SO-flagged first, until they make up for the SO-flagged wind bids; of the last only what is
still wanting is taken. It prices the cheapest possible replacement among what was accepted, and not what the control
room has bought for it: it is an estimate, and never what was paid.

All of it is exact, and nothing is divided.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from functools import cache, partial
from typing import NamedTuple, Protocol, TypeVar

from minerecon_dagster.core.exact import EXACT

TRADE, UNKNOWN = "trade", "unknown"
"""What stands for the fuel of an action outside the Balancing Mechanism, and of a unit whose fuel nobody knows."""


class Offer(Protocol):
    """A row of the offer stack: volume in MWh, price in £/MWh, and its rank by price."""

    @property
    def id(self) -> str | None: ...  # noqa: D102 - BM unit, a number of a trade, or none
    @property
    def sequence_number(self) -> int: ...  # noqa: D102
    @property
    def so_flag(self) -> bool | None: ...  # noqa: D102
    @property
    def cadl_flag(self) -> bool | None: ...  # noqa: D102
    @property
    def volume(self) -> Decimal: ...  # noqa: D102
    @property
    def original_price(self) -> Decimal | None: ...  # noqa: D102


OfferT = TypeVar("OfferT", bound=Offer)


@dataclass(frozen=True, slots=True)
class PeriodTurnUp:
    """What makes up for a period's SO-flagged wind bids.

    Args:
        target_mwh: these bids.
        turn_up_mwh: what the offers cover of them.
        turn_up_estimate_gbp: the price of that: original price × what is taken.
        unflagged_mwh: what of it is of offers that are not SO-flagged.
        wind_offers_mwh: what of it is of wind units: as a rule a bid of the same unit taken back, and no energy from
            elsewhere.
        unpriced_offer_rows: offers without a price, which are never taken.
        flagged_offers_mwh, flagged_offers_gbp: all SO-flagged offers of others than wind units, whether taken or not,
            and their price: another, wider figure, for comparison.
        taken_mwh, taken_gbp: what is taken by BM unit, or number of a trade; None: rows without an id.
    """

    target_mwh: Decimal
    turn_up_mwh: Decimal
    turn_up_estimate_gbp: Decimal
    unflagged_mwh: Decimal
    wind_offers_mwh: Decimal
    unpriced_offer_rows: int
    flagged_offers_mwh: Decimal
    flagged_offers_gbp: Decimal
    taken_mwh: dict[str | None, Decimal] = field(default_factory=dict)
    taken_gbp: dict[str | None, Decimal] = field(default_factory=dict)

    @property
    def uncovered_mwh(self) -> Decimal:
        """What no offer covers."""
        return self.target_mwh - self.turn_up_mwh


def can_be_taken(offer: Offer) -> bool:
    """Whether a walk may take an offer: not where its acceptance is too short to be priced (CADL flag).

    A flag that is null is none.
    """
    return offer.cadl_flag is not True


def candidates(offers: Iterable[OfferT]) -> list[OfferT]:
    """The offers that can be taken, in the order in which they are: cheapest first, SO-flagged ones after all others.

    A flag that is null is none.
    """
    able = filter(can_be_taken, offers)
    return sorted(able, key=lambda offer: (offer.so_flag is True, offer.sequence_number))


def walk(target_mwh: Decimal, offers: Iterable[Offer], wind_units: Collection[str]) -> PeriodTurnUp:
    """Take offers until they make up for a period's SO-flagged wind bids, or none is left.

    Args:
        target_mwh: these bids, above 0.
        offers: all rows of the period's offer stack.
        wind_units: the ids of wind units.
    """
    taken_mwh: dict[str | None, Decimal] = {}
    taken_gbp: dict[str | None, Decimal] = {}
    used = gbp = unflagged = of_wind = flagged_mwh = flagged_gbp = Decimal()
    unpriced = 0
    with localcontext(EXACT):
        for offer in candidates(offers):
            is_flagged = offer.so_flag is True
            wanting = target_mwh - used
            if not wanting and not is_flagged:
                # All that comes yet can only be counted; of those without a price there are hardly any.
                unpriced += offer.original_price is None and offer.volume > 0
                continue
            volume, price = offer.volume, offer.original_price
            if volume <= 0:
                continue
            if price is None:
                unpriced += 1
                continue
            is_wind = offer.id in wind_units
            if is_flagged and not is_wind:
                flagged_mwh += volume
                flagged_gbp += volume * price
            if not wanting:
                continue
            mwh = min(volume, wanting)
            used += mwh
            gbp += mwh * price
            taken_mwh[offer.id] = taken_mwh.get(offer.id, Decimal()) + mwh
            taken_gbp[offer.id] = taken_gbp.get(offer.id, Decimal()) + mwh * price
            if not is_flagged:
                unflagged += mwh
            if is_wind:
                of_wind += mwh
        return PeriodTurnUp(
            target_mwh, used, gbp, unflagged, of_wind, unpriced, flagged_mwh, flagged_gbp, taken_mwh, taken_gbp
        )


class FuelTurnUp(NamedTuple):
    """What of a day's turn-up is of one fuel: MWh, GBP, and tonnes of CO2, None where its factor is not known."""

    turn_up_mwh: Decimal
    turn_up_estimate_gbp: Decimal
    co2_t: Decimal | None


def by_fuel(
    periods: Iterable[PeriodTurnUp],
    fuel_of: Callable[[str], str | None],
    factor_of: Callable[[str], Decimal | None],
) -> dict[str, FuelTurnUp]:
    """What is taken over periods, by fuel.

    Args:
        periods: of one day.
        fuel_of: the fuel of a unit in the register in force on the day; None where it has none.
        factor_of: the emission factor of a fuel in g/kWh, which is kg/MWh; None where there is none.
    """
    mwh: dict[str, Decimal] = {}
    gbp: dict[str, Decimal] = {}
    known = cache(partial(_fuel, fuel_of=fuel_of))  # a unit is taken in many periods
    with localcontext(EXACT):
        for period in periods:
            for bmu_id, taken in period.taken_mwh.items():
                fuel = known(bmu_id)
                mwh[fuel] = mwh.get(fuel, Decimal()) + taken
                gbp[fuel] = gbp.get(fuel, Decimal()) + period.taken_gbp[bmu_id]
        return {
            fuel: FuelTurnUp(
                mwh[fuel], gbp[fuel], None if (factor := factor_of(fuel)) is None else tonnes(mwh[fuel], factor)
            )
            for fuel in sorted(mwh)
        }


def tonnes(mwh: Decimal, g_per_kwh: Decimal) -> Decimal:
    """CO2 of energy, in tonnes, exact: 1 g/kWh is 1 kg/MWh."""
    with localcontext(EXACT):
        return mwh * g_per_kwh.scaleb(-3)


def _fuel(bmu_id: str | None, fuel_of: Callable[[str], str | None]) -> str:
    if bmu_id is None:
        return UNKNOWN
    return TRADE if bmu_id.isdigit() else fuel_of(bmu_id) or UNKNOWN


def simple_walk(target_mwh: Decimal, offers: Iterable[Offer]) -> tuple[Decimal, Decimal]:
    """The same again, to check `walk` by: MWh and GBP of the estimate, by another way.

    What is taken of an offer is the length that it has in common with the target, when both are laid along a line.
    """
    with localcontext(EXACT):
        line = [
            (offer.so_flag is True, offer.sequence_number, offer.volume, offer.original_price)
            for offer in offers
            if not offer.cadl_flag and offer.original_price is not None and offer.volume > 0
        ]
        mwh = gbp = start = Decimal()
        for flagged in (False, True):
            for _, _, volume, price in sorted((x for x in line if x[0] == flagged), key=lambda x: x[1]):
                assert price is not None
                overlap = max(min(start + volume, target_mwh) - min(start, target_mwh), Decimal())
                start += volume
                mwh += overlap
                gbp += overlap * price
        return mwh, gbp
