"""Synthetic settlement days in the shape of Elexon's answers, the same on every machine.

Each day is made when it is first asked for, from a random generator seeded with its date, so there
are no data files that could drift from the code. Only operations whose results are the same on every
platform and Python are used: no ``sum`` of floats (it changed in 3.12), no logarithms, no sines.

What an Elexon day can hold and a client must survive is in each windy day: several acceptances and
bid-offer pairs of a unit in a period, every state of the flags, rows without a final price, a bid of
2e-06 MWh, a farm that pays to be turned down, adjustment actions with a number or nothing for a unit,
and one row that stands twice, equal in everything.

``python -m minerecon_dagster.sample.generate`` prints the days and their totals.
"""

from __future__ import annotations

import datetime as dt
import sys
import threading
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil, fsum
from random import Random
from typing import Any

from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, period_starts
from minerecon_dagster.sample import SAMPLE_DAYS
from minerecon_dagster.sample.units import MAPPED_WIND, OTHER_FUELS, UNITS, UNMAPPED_WIND, SampleUnit, register_rows

Row = dict[str, Any]
"""A row of an answer, by Elexon's field names."""

WINDLESS_DAYS = frozenset({dt.date(2025, 6, 15)})
"""Sample days on which no wind farm's bid is accepted."""

_RERUN = dt.timedelta(hours=24, minutes=44, seconds=18)
"""From a period's start to the settlement run that the answers are of: the second, on the next day."""
_FIRST_PUBLISHED = dt.timedelta(hours=1)
_KINDS = ("onshore", "offshore")
_MAPPED = frozenset(unit.bmu_id for unit in MAPPED_WIND)


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the settlement stack. Volume in MWh (bids below zero), prices in GBP/MWh.

    A balancing action on a BM unit has an acceptance and a pair; an adjustment action has neither.
    """

    bmu_id: str | None
    acceptance_id: int | None
    pair_id: int | None
    volume_mwh: float
    original_price_gbp_per_mwh: float | None
    final_price_gbp_per_mwh: float | None
    so_flag: bool | None
    cadl_flag: bool | None
    sequence_number: int = 0

    @property
    def is_mapped_wind(self) -> bool:
        """Whether it is on a unit that the register maps as a wind farm."""
        return self.bmu_id in _MAPPED


@dataclass(frozen=True, slots=True)
class SampleDay:
    """All that happened on a made-up settlement day.

    ``stack`` is by side and period (from 1); ``output_mw`` holds, for each period in order, the mean
    output in MW after curtailment by Elexon's ``psrType``.
    """

    stack: Mapping[tuple[StackSide, int], tuple[Action, ...]]
    output_mw: tuple[Mapping[str, float], ...]
    transmission_loss_multiplier: float


class _DayMaker:
    """Makes one day; every draw comes from one generator, so their order is part of the result."""

    def __init__(self, day: dt.date) -> None:
        self._rng = Random(day.isoformat())  # noqa: S311 - made-up data, not secrets
        self._last_acceptance = self._rng.randrange(10_000, 90_000)
        self._periods = range(1, len(period_starts(day)) + 1)
        self._price = {unit.bmu_id: -round(self._between(2, 70), 2) for unit in (*MAPPED_WIND, *UNMAPPED_WIND)}

    def make(self, *, windless: bool, unpriced: bool) -> SampleDay:
        level = self._between(0.04, 0.15) if windless else self._between(0.6, 0.9)
        load_factor = {period: level * self._between(0.85, 1.1) for period in self._periods}
        wind_bids = {period: [] if windless else self._wind_bids(load_factor[period]) for period in self._periods}
        twice = None if windless else self._put_in_rarities(wind_bids, unpriced=unpriced)
        stack: dict[tuple[StackSide, int], tuple[Action, ...]] = {}
        for period in self._periods:
            bids = _in_sequence([*wind_bids[period], *self._other_bids(period)], "bid")
            if twice is not None:
                bids = [bid for bid in bids for _ in range(2 if bid.acceptance_id == twice else 1)]
            stack["bid", period] = tuple(bids)
            stack["offer", period] = tuple(_in_sequence(self._offers(windless=windless), "offer"))
        output = tuple(self._output_mw(load_factor[period], wind_bids[period]) for period in self._periods)
        return SampleDay(stack, output, round(self._between(0.972, 0.999), 7))

    def _between(self, low: float, high: float) -> float:
        return low + (high - low) * self._rng.random()

    def _acceptance(self) -> int:
        self._last_acceptance += self._rng.randrange(1, 40)
        return self._last_acceptance

    def _final_price(self, price: float) -> float | None:
        return None if self._rng.random() < 0.05 else price

    def _wind_bids(self, load_factor: float) -> list[Action]:
        """A period's wind bids; the energy of a unit is at most seven tenths of what it could have generated."""
        bids: list[Action] = []
        for unit in (*MAPPED_WIND, UNMAPPED_WIND[0]):
            if self._rng.random() < (0.8 if unit.bmu_id in _MAPPED else 0.2):
                available_mwh = unit.capacity_mw * 0.5 * load_factor
                bids += self._bids_of(unit, available_mwh * self._between(0.05, 0.7))
        return bids

    def _bids_of(self, unit: SampleUnit, curtailed_mwh: float) -> list[Action]:
        pieces = [
            (acceptance_id, pair_id, self._between(0.3, 1.0))
            for acceptance_id in [self._acceptance() for _ in range(self._rng.choice((1, 1, 2, 3)))]
            for pair_id in self._rng.choice(((-1,), (-1,), (-1, -2)))
        ]
        whole = fsum(weight for _, _, weight in pieces)
        bids = []
        for acceptance_id, pair_id, weight in pieces:
            dice = self._rng.random()
            so_flag = True if dice < 0.9 else False if dice < 0.97 else None
            cadl_flag = self._rng.choice((False,) * 12 + (True, None))
            price = round(self._price[unit.bmu_id] + (pair_id + 1) * 5, 2)
            volume_mwh = -curtailed_mwh * weight / whole
            bids.append(
                Action(
                    unit.bmu_id, acceptance_id, pair_id, volume_mwh, price, self._final_price(price), so_flag, cadl_flag
                )
            )
        return bids

    def _put_in_rarities(self, wind_bids: Mapping[int, list[Action]], *, unpriced: bool) -> int:
        """Change a few SO-flagged bids in place; the acceptance whose only row shall stand twice is returned."""
        places = [
            (period, place)
            for period, bids in wind_bids.items()
            for place, bid in enumerate(bids)
            if bid.so_flag and bid.is_mapped_wind and [b.acceptance_id for b in bids].count(bid.acceptance_id) == 1
        ]
        tiny, paying, without_price, twice = self._rng.sample(places, 4)

        def change(where: tuple[int, int], **values: float | None) -> None:
            period, place = where
            wind_bids[period][place] = replace(wind_bids[period][place], **values)  # type: ignore[arg-type]

        change(tiny, volume_mwh=-2e-06)
        change(paying, original_price_gbp_per_mwh=12.5, final_price_gbp_per_mwh=12.5)
        if unpriced:
            change(without_price, original_price_gbp_per_mwh=None, final_price_gbp_per_mwh=None)
        acceptance_id = wind_bids[twice[0]][twice[1]].acceptance_id
        assert acceptance_id is not None
        return acceptance_id

    def _other_bids(self, period: int) -> list[Action]:
        bids = [
            self._of_another_fuel(-self._between(0.004, 60), (-20, 110)) for _ in range(self._rng.randrange(12, 28))
        ]
        for number in range(1, self._rng.randrange(2, 4)):
            price = round(self._between(-60, 90), 2)
            volume_mwh = -round(self._between(1, 120))
            bmu_id = None if period == number == 1 else str(number)
            so_flag = self._rng.choice((True, True, False))
            bids.append(Action(bmu_id, None, None, volume_mwh, price, self._final_price(price), so_flag, None))
        return bids

    def _offers(self, *, windless: bool) -> list[Action]:
        offers = [
            self._of_another_fuel(self._between(0.004, 90), (60, 320)) for _ in range(self._rng.randrange(15, 35))
        ]
        if not windless and self._rng.random() < 0.2:
            farm, price = self._rng.choice(MAPPED_WIND).bmu_id, round(self._between(0, 60), 2)
            offers.append(Action(farm, self._acceptance(), 1, self._between(0.1, 5), price, price, True, None))
        return offers

    def _of_another_fuel(self, volume_mwh: float, price_range: tuple[float, float]) -> Action:
        unit, price = self._rng.choice(OTHER_FUELS), round(self._between(*price_range), 2)
        return Action(
            unit.bmu_id,
            self._acceptance(),
            self._rng.choice((1, 1, 1, 2)) * (-1 if volume_mwh < 0 else 1),
            volume_mwh,
            price,
            self._final_price(price),
            self._rng.choice((True, False, False, False, None)),
            self._rng.choice((False,) * 8 + (True, None)),
        )

    def _output_mw(self, load_factor: float, wind_bids: Iterable[Action]) -> dict[str, float]:
        """What the farms could have generated, less what they were turned down by."""
        curtailed_mwh: dict[str, list[float]] = defaultdict(list)
        for bid in wind_bids:
            if bid.is_mapped_wind:
                curtailed_mwh[str(UNITS[str(bid.bmu_id)].wind)].append(-bid.volume_mwh)
        output = {"Solar": round(self._between(0, 4000), 3)}
        for technology in ("onshore", "offshore"):
            capacity_mw = fsum(unit.capacity_mw for unit in MAPPED_WIND if unit.wind == technology)
            output[f"Wind {technology.title()}"] = round(
                capacity_mw * load_factor - fsum(curtailed_mwh[technology]) / 0.5, 3
            )
        return output


def _in_sequence(actions: Iterable[Action], side: StackSide) -> list[Action]:
    """Ranked as a settlement stack is: the dearest bid and the cheapest offer first, no price last."""

    def rank(action: Action) -> tuple[bool, float, float]:
        price = action.original_price_gbp_per_mwh
        sign = -1 if side == "bid" else 1
        return price is None, sign * (price or 0.0), action.volume_mwh

    return [replace(action, sequence_number=n) for n, action in enumerate(sorted(actions, key=rank), 1)]


class SampleWorld:
    """Settlement days that can be asked for what Elexon would answer.

    Args:
        days: the settlement dates that it has; any date will do.
        windless: those of them on which no wind bid is accepted.
        unpriced: those of them on which one SO-flagged wind bid has no original price.
    """

    def __init__(
        self,
        days: Iterable[dt.date] = SAMPLE_DAYS,
        *,
        windless: Collection[dt.date] = WINDLESS_DAYS,
        unpriced: Collection[dt.date] = (),
    ) -> None:
        self.days = tuple(sorted(set(days)))
        self._windless = windless
        self._unpriced = unpriced
        self._made: dict[dt.date, SampleDay] = {}
        self._lock = threading.Lock()

    def day(self, day: dt.date) -> SampleDay:
        """The made-up day, made once.

        Raises:
            KeyError: the world has no such day.
        """
        if day not in self.days:
            raise KeyError(day)
        with self._lock:
            if day not in self._made:
                self._made[day] = _DayMaker(day).make(windless=day in self._windless, unpriced=day in self._unpriced)
            return self._made[day]

    def stack(self, day: dt.date, side: StackSide, period: int) -> list[Row]:
        """The rows of ISPSTACK for one period.

        Raises:
            KeyError: the world has no such day, or the day no such period.
        """
        made = self.day(day)
        return [
            {
                **_when(day, period),
                "sequenceNumber": action.sequence_number,
                "id": action.bmu_id,
                "acceptanceId": action.acceptance_id,
                "bidOfferPairId": action.pair_id,
                "cadlFlag": action.cadl_flag,
                "soFlag": action.so_flag,
                "storProviderFlag": False,
                "repricedIndicator": False,
                "reserveScarcityPrice": 0,
                "originalPrice": action.original_price_gbp_per_mwh,
                "volume": action.volume_mwh,
                "dmatAdjustedVolume": action.volume_mwh,
                "arbitrageAdjustedVolume": action.volume_mwh,
                "nivAdjustedVolume": None if action.so_flag else action.volume_mwh,
                "parAdjustedVolume": 0,
                "finalPrice": action.final_price_gbp_per_mwh,
                "transmissionLossMultiplier": made.transmission_loss_multiplier,
                "tlmAdjustedVolume": None,
                "tlmAdjustedCost": None,
            }
            for action in made.stack[side, period]
        ]

    def volumes(self, day: dt.date, side: StackSide) -> list[Row]:
        """The rows of BOAV for a day: one per period, unit and acceptance; volumes in MWh.

        Raises:
            KeyError: the world has no such day.
        """
        rows = []
        for period, actions in self._accepted(day, side):
            groups: dict[tuple[str, int], list[Action]] = defaultdict(list)
            for action in actions:
                groups[str(action.bmu_id), action.acceptance_id or 0].append(action)
            for (bmu_id, acceptance_id), group in groups.items():
                pairs = [(int(action.pair_id or 0), action.volume_mwh) for action in group]
                rows.append(
                    {
                        **_when(day, period),
                        **_who(bmu_id),
                        "acceptanceId": acceptance_id,
                        "acceptanceDuration": "S" if group[0].cadl_flag else "L",
                        "totalVolumeAccepted": fsum(mwh for _, mwh in pairs),
                        "pairVolumes": _by_pair(pairs),
                    }
                )
        return rows

    def cashflows(self, day: dt.date, side: StackSide) -> list[Row]:
        """The rows of EBOCF for a day: one per period and unit, in GBP; rows without a price add nothing.

        Raises:
            KeyError: the world has no such day.
        """
        multiplier = self.day(day).transmission_loss_multiplier
        rows = []
        for period, actions in self._accepted(day, side):
            groups: dict[str, list[tuple[int, float]]] = defaultdict(list)
            for action in actions:
                pairs = groups[str(action.bmu_id)]
                if action.original_price_gbp_per_mwh is not None:
                    gbp = action.volume_mwh * action.original_price_gbp_per_mwh * multiplier
                    pairs.append((int(action.pair_id or 0), gbp))
            rows += [
                {
                    **_when(day, period),
                    **_who(bmu_id),
                    "bidOfferPairCashflows": _by_pair(pairs),
                    "totalCashflow": fsum(gbp for _, gbp in pairs),
                }
                for bmu_id, pairs in groups.items()
            ]
        return rows

    def wind_and_solar(self, first: dt.datetime, last: dt.datetime) -> list[Row]:
        """The rows of AGWS for the periods that start from ``first`` to ``last``, both included; output in MW."""
        return [
            {
                "publishTime": _iso(start + _FIRST_PUBLISHED),
                "businessType": f"{psr_type.split()[0]} generation",
                "psrType": psr_type,
                "quantity": quantity_mw,
                "startTime": _iso(start),
                "settlementDate": day.isoformat(),
                "settlementPeriod": period,
            }
            for day in self.days
            for period, start in enumerate(period_starts(day), 1)
            if first <= start <= last
            for psr_type, quantity_mw in self.day(day).output_mw[period - 1].items()
        ]

    def notifications(self, day: dt.date, units: Iterable[str]) -> list[Row]:
        """The rows of PN for a day and units, made up and in no order; a unit that is no farm of the sample has 0 MW.

        Raises:
            KeyError: the world has no such day.
        """
        notified = self._notified_mw(day)
        rows = [
            {
                "dataset": "PN",
                "settlementDate": day.isoformat(),
                "settlementPeriod": period,
                "timeFrom": _iso(start + dt.timedelta(minutes=first)),
                "timeTo": _iso(start + dt.timedelta(minutes=last)),
                "levelFrom": level,
                "levelTo": level + ramp,
                "nationalGridBmUnit": bmu_id.partition("_")[2].lstrip("_"),
                "bmUnit": bmu_id,
            }
            for bmu_id in dict.fromkeys(units)
            for period, start in enumerate(period_starts(day), 1)
            for level in (notified.get((bmu_id, period), 0),)
            for first, last, ramp in (((0, 30, 0),) if period % 5 else ((29, 30, 1), (0, 29, 0)))
        ]
        # The last periods first, as an answer of Elexon's may have them.
        return rows[::-1]

    def metered(self, day: dt.date, units: Iterable[str]) -> list[Row]:
        """The rows of B1610 for a day and units, made up: what was instructed, less a station's own load; in MWh.

        Raises:
            KeyError: the world has no such day.
        """
        notified, accepted = self._notified_mw(day), self._accepted_mwh(day)
        return [
            {
                "dataset": "B1610",
                "psrType": "Generation",
                "bmUnit": bmu_id,
                "nationalGridBmUnitId": None,
                "settlementDate": day.isoformat(),
                "settlementPeriod": period,
                "halfHourEndTime": _iso(start + dt.timedelta(minutes=30)).removesuffix("Z"),
                "quantity": round(
                    0.99 * (notified.get((bmu_id, period), 0) / 2 + accepted.get((bmu_id, period), 0.0)) - 0.01, 3
                ),
                "settlementRunType": "SF",
            }
            for bmu_id in dict.fromkeys(units)
            for period, start in enumerate(period_starts(day), 1)
        ]

    def _notified_mw(self, day: dt.date) -> dict[tuple[str, int], int]:
        """What each farm notified in a period: its part of four fifths of the output, and what was taken from it."""
        made, accepted = self.day(day), self._accepted_mwh(day)
        installed_mw = {kind: fsum(u.capacity_mw for u in MAPPED_WIND if u.wind == kind) for kind in _KINDS}
        return {
            (unit.bmu_id, period): ceil(max(down_mw, min(of_output_mw + down_mw, unit.capacity_mw - 1)))
            for period, output in enumerate(made.output_mw, 1)
            for unit in MAPPED_WIND
            for of_output_mw in (
                0.8 * output[f"Wind {str(unit.wind).title()}"] * unit.capacity_mw / installed_mw[str(unit.wind)],
            )
            for down_mw in (max(0.0, -2 * accepted.get((unit.bmu_id, period), 0.0)),)
        }

    def _accepted_mwh(self, day: dt.date) -> dict[tuple[str, int], float]:
        """What was accepted of each farm in a period, bids below 0 and offers above."""
        volumes: dict[tuple[str, int], list[float]] = defaultdict(list)
        for (_, period), actions in self.day(day).stack.items():
            for action in dict.fromkeys(actions):
                if action.is_mapped_wind:
                    volumes[str(action.bmu_id), period].append(action.volume_mwh)
        return {pair: fsum(of_pair) for pair, of_pair in volumes.items()}

    def register(self) -> list[Row]:
        """The rows of the register of BM units."""
        return register_rows()

    def _accepted(self, day: dt.date, side: StackSide) -> Iterable[tuple[int, list[Action]]]:
        """By period, the actions on BM units, each once: the control totals know nothing of rows that repeat."""
        for (of_side, period), actions in self.day(day).stack.items():
            if of_side == side:
                yield period, [a for a in dict.fromkeys(actions) if a.acceptance_id is not None]


def _iso(instant: dt.datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def _when(day: dt.date, period: int) -> Row:
    start = period_starts(day)[period - 1]
    return {
        "settlementDate": day.isoformat(),
        "settlementPeriod": period,
        "startTime": _iso(start),
        "createdDateTime": _iso(start + _RERUN),
    }


def _who(bmu_id: str) -> Row:
    unit = UNITS[bmu_id]
    return {
        "bmUnit": bmu_id,
        "bmUnitType": unit.bmu_type,
        "leadPartyName": unit.lead_party_name,
        "nationalGridBmUnit": unit.national_grid_bmu_id,
    }


def _by_pair(amounts: Iterable[tuple[int, float]]) -> dict[str, float | None]:
    """Amounts added up by bid-offer pair under Elexon's names, ``negative1`` … ``positive6``."""
    groups: dict[str, list[float]] = defaultdict(list)
    for pair_id, amount in amounts:
        groups[f"{'negative' if pair_id < 0 else 'positive'}{abs(pair_id)}"].append(amount)
    names = (f"{sign}{n}" for n in range(1, 7) for sign in ("negative", "positive"))
    return {name: fsum(groups[name]) if name in groups else None for name in names}


def main() -> None:
    """Print the sample's days, and what is to be found in them."""
    world = SampleWorld()
    out = sys.stdout.write
    out("SYNTHETIC days, not Elexon's data. Energy and payments are of SO-flagged wind bids.\n")
    out("date        periods  rows  wind bids           MWh             GBP\n")
    for day in world.days:
        stack = world.day(day).stack
        row_count = sum(len(actions) for actions in stack.values())
        wind = [a for (_, _), actions in stack.items() for a in dict.fromkeys(actions) if a.is_mapped_wind]
        curtailment = [a for a in wind if a.volume_mwh < 0]
        so = [a for a in curtailment if a.so_flag]
        mwh = fsum(-a.volume_mwh for a in so)
        gbp = fsum(a.volume_mwh * (a.original_price_gbp_per_mwh or 0) for a in so)
        periods = len(stack) // len(STACK_SIDES)
        out(f"{day}  {periods:7}  {row_count:4}  {len(curtailment):9}  {mwh:12,.3f}  {gbp:14,.2f}\n")


if __name__ == "__main__":
    main()
