"""Accepted volumes (BOAV): every acceptance of the day, the total that the whole day is held against."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from msgspec import Raw, field
from sqlalchemy import Column, Numeric, Table

from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.schema import (
    NUMBERS_OR_NULLS,
    Instant,
    Int64,
    Name,
    Shape,
    decimal_or_none,
    decimals_of,
    is_negative,
    is_not_zero,
)
from minerecon_dagster.elexon.datasets.base import MWH_DIGITS
from minerecon_dagster.elexon.datasets.control_total import ControlRow, ControlTotal, PairAmounts, TurnedDown
from minerecon_dagster.warehouse.tables import metadata, of_side_and_unit

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.elexon.datasets.stack import Bid
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.generate import SampleWorld

TOLERANCE_SHARE = Decimal("0.005")
TOLERANCE_MWH = Decimal(1)
"""A unit's accepted volume may differ by the larger of the two: the reports round differently."""

BOAV_WIND_VOLUME = Property(
    "control_totals",
    "boav_wind_volume",
    "ERROR",
    "Per wind unit, Elexon's accepted volumes (BOAV) equal the records, to 0.5 % or 1 MWh.",
)
NO_REDUCTION_ON_OFFER_SIDE = Property(
    "control_totals",
    "no_reduction_on_offer_side",
    "WARN",
    "No wind unit has a negative volume on the offer side, neither in BOAV nor in the stack.",
    REFETCH.left_to_a_person(),
)

boav_control_totals = Table(
    "boav_control_totals",
    metadata,
    *of_side_and_unit(),
    Column(
        "volume_mwh",
        Numeric,
        nullable=False,
        comment="Elexon's accepted reductions (BOAV) of the unit on the side, over the periods that are present, in "
        "MWh: negative.",
    ),
    comment="Elexon's accepted volumes of wind farms (BOAV), whole-day answers: what the records must add up to.",
)


class BoavRow(ControlRow, frozen=True, gc=False, rename="camel"):
    """A row of the accepted volumes (BOAV): one acceptance of one unit in one period."""

    created_date_time: Instant
    acceptance_id: Int64
    acceptance_duration: Name | None
    total_volume_accepted_digits: Raw = field(name="totalVolumeAccepted")
    pair_volumes: PairAmounts

    @property
    def total_volume_accepted(self) -> Decimal | None:
        """Accepted energy in MWh, exact: negative for bids; None where Elexon has none."""
        return decimal_or_none(self.total_volume_accepted_digits)

    @property
    def has_volume(self) -> bool:
        """Whether any energy was accepted."""
        # A `Raw` is equal to no bytes.
        return bytes(self.total_volume_accepted_digits) != b"null" and is_not_zero(self.total_volume_accepted_digits)


_bm_unit, _volume_digits = attrgetter("bm_unit"), attrgetter("total_volume_accepted_digits")


class Boav(ControlTotal[BoavRow]):
    """The accepted volumes. A reduction's is negative."""

    name = "boav"
    report = "BOAV"
    what = "accepted volumes"
    amount, wind_amount = "accepted volume (BOAV)", "volume"
    source = "Elexon's accepted volumes (BOAV)"
    is_required = True
    where = "acceptance/volumes"
    shape = Shape(BoavRow, {"total_volume_accepted_digits": NUMBERS_OR_NULLS})
    table = boav_control_totals
    amounts = ("volume_mwh",)
    compared_as = "BOAV (MWh)"
    unit, digits = "mwh", MWH_DIGITS
    properties = (BOAV_WIND_VOLUME, NO_REDUCTION_ON_OFFER_SIDE)

    def sample_rows(self, world: SampleWorld, day: dt.date, side: StackSide) -> list[dict[str, Any]]:
        return world.volumes(day, side)

    def has_amount(self, row: BoavRow) -> bool:
        return row.has_volume

    def by_unit(self, reading: DayReading, side: StackSide, units: Collection[str]) -> dict[str, tuple[Decimal, ...]]:
        return {unit: (mwh,) for unit, mwh in self.reductions_mwh(reading, side, units).items()}

    def reductions_mwh(self, reading: DayReading, side: StackSide, units: Collection[str]) -> dict[str, Decimal]:
        """The negative volume of each of ``units`` on a side, over the periods that are present."""
        totals: dict[str, Decimal] = defaultdict(Decimal)
        present = reading.present_periods(side)
        of_side = reading.of(self).rows.get(side, ())
        of_units = [row for row in of_side if row.bm_unit in units and row.settlement_period in present]
        rows = [row for row in of_units if is_negative(row.total_volume_accepted_digits)]
        for bmu_id, volume in zip(map(_bm_unit, rows), decimals_of(map(_volume_digits, rows)), strict=True):
            totals[bmu_id] += volume
        return dict(totals)

    def unexpected(self, row: BoavRow, side: StackSide) -> str | None:
        volume = row.total_volume_accepted
        # A farm that is turned up again has an offer, and is not curtailed.
        return f"{volume} MWh" if volume and (side == "bid" or volume < 0) else None

    def turned_down(self, reading: DayReading, units: Collection[str]) -> dict[str, TurnedDown]:
        found: dict[str, Decimal] = defaultdict(Decimal)
        for side in STACK_SIDES:
            for unit, mwh in self.reductions_mwh(reading, side, units).items():
                found[unit] -= mwh
        return {unit: TurnedDown(mwh, None) for unit, mwh in found.items()}

    def told_of(self, reading: DayReading, bmu_id: str) -> tuple[str | None, str | None]:
        says = reading.of(self)
        first = next((row for side in STACK_SIDES for row in says.rows.get(side, ()) if row.bm_unit == bmu_id), None)
        return (None, None) if first is None else (first.national_grid_bm_unit, first.lead_party_name)

    def check(self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
        return [boav_wind_volume(reading, bids, wind_units), no_reduction_on_offer_side(reading, bids, wind_units)]


BOAV = Boav()


def boav_wind_volume(reading: DayReading, bids: Sequence[Bid], wind_units: Collection[str]) -> Result:
    """Compare per wind unit and side Elexon's accepted volumes with the rows of the stack, MWh.

    A side of the stack that is not fetched is watched too: volume there that no row covers is found.
    """
    says = reading.of(BOAV)
    with localcontext(EXACT):
        stack: dict[tuple[str, StackSide], Decimal] = {}
        for side, _, row in bids:  # a period with rows is present
            # A row outside the balancing mechanism has no acceptance, and BOAV lists acceptances.
            if row.acceptance_id is not None and side in says.rows:
                stack[row.id, side] = stack.get((row.id, side), Decimal()) + row.volume
        control = {(unit, side): mwh for (side, unit), (mwh,) in BOAV.totals(reading, wind_units).items()}
        wrong = BOAV.unknown(says.errors)
        for unit, side in sorted(stack.keys() | control.keys()):
            expected, actual = control.get((unit, side), Decimal()), stack.get((unit, side), Decimal())
            if abs(expected - actual) > max(TOLERANCE_MWH, TOLERANCE_SHARE * abs(expected)):
                wrong.append(
                    {"bmu_id": unit, "stack_side": side, "boav_mwh": str(expected), "records_mwh": str(actual)}
                )
        return result(
            BOAV_WIND_VOLUME,
            looked_at=says.looked_at(),
            expected=f"{_mwh(control.values())} MWh of {len(control)} units in BOAV",
            actual=BOAV.could_not_look(reading)
            or f"{_mwh(stack.values())} MWh of {len(stack)} units in the stack"
            + (f"; BOAV {', '.join(sorted(says.errors))} not known" if says.errors else ""),
            repair=BOAV_WIND_VOLUME.repair_of(reading.day),
            violations=wrong,
        )


def no_reduction_on_offer_side(reading: DayReading, bids: Iterable[Bid], wind_units: Collection[str]) -> Result:
    """Find wind units with a negative volume on the offer side, in the stack (where it is fetched) or in BOAV.

    Such a row is counted as curtailment; but offers are for more generation, so a person should look.
    """
    says = reading.of(BOAV)
    with localcontext(EXACT):
        found: dict[tuple[str, str], Decimal] = {}
        for side, _, row in bids:
            if side == "offer":
                found["stack", row.id] = found.get(("stack", row.id), Decimal()) + row.volume
        for boav in says.rows.get("offer", ()):
            volume = boav.total_volume_accepted if boav.bm_unit in wind_units else None
            if volume is not None and volume < 0:
                assert boav.bm_unit is not None
                found["BOAV", boav.bm_unit] = found.get(("BOAV", boav.bm_unit), Decimal()) + volume
    stack_rows = sum(len(rows) for (side, _), rows in reading.rows.items() if side == "offer")
    wrong = BOAV.unknown({side: why for side, why in says.errors.items() if side == "offer"})
    wrong += [{"report": report, "bmu_id": unit, "volume_mwh": str(mwh)} for (report, unit), mwh in found.items()]
    return result(
        NO_REDUCTION_ON_OFFER_SIDE,
        looked_at=says.looked_at(["offer"]) + stack_rows,
        expected="no wind unit with a negative volume on the offer side",
        actual=(BOAV.could_not_look(reading) if not found else "") or f"{len({unit for _, unit in found})} units",
        repair=NO_REDUCTION_ON_OFFER_SIDE.repair_of(reading.day),
        violations=wrong,
    )


def _mwh(volumes: Iterable[Decimal]) -> str:
    return f"{sum(volumes, Decimal()):,.3f}"
