"""The rows against the register: units that were turned down, are not counted, and may be wind farms.

The register says what is counted, and cannot say what it lacks. So a day's rows are asked: every unit with an
accepted reduction in the stack or in a control total that the register does not have as a wind farm is looked at.
What is found is kept with the day, so that it is known which days are to be built again when the register learns.
For the same reason, and told to nobody, so is every other unit that was turned down: by the register no wind farm.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from operator import attrgetter
from typing import Any

from psycopg2.extras import execute_values
from sqlalchemy import Connection, text

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.exact import EXACT, pounds
from minerecon_dagster.core.register import Register, Suspect
from minerecon_dagster.decisions.reviewed_units import reviewed_units
from minerecon_dagster.elexon.datasets import control_totals
from minerecon_dagster.elexon.datasets.stack import Bid, StackRow, volumes_of
from minerecon_dagster.elexon.reading import DayReading
from minerecon_dagster.warehouse.store import cursor

MOST_UNCOUNTED = Decimal("0.01")
"""Of a day's wind bid energy, counted and not: above it the day is not published."""
LARGE_SHARE = Decimal("0.10")
LARGE_MWH = Decimal(1000)
"""A reviewed unit is looked at again above both, of the day's wind bids: on a calm day a share alone says little."""
_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class UncountedUnit:
    """A unit that was turned down on a day and is not counted; MWh and GBP of all its bids and of the SO-flagged ones.

    Args:
        suspect: why it may be a wind farm.
        mwh, gbp: of all bids.
        so_mwh, so_gbp: of the SO-flagged ones.
        seen_in: ``stack``, or the control total that has it where the stack has not: none of them knows flags, and some
            energy or money alone.
        lead_party_name: its lead party, from the register or else from a control total.
    """

    suspect: Suspect
    mwh: Decimal
    gbp: Decimal
    so_mwh: Decimal
    so_gbp: Decimal
    seen_in: str = "stack"
    lead_party_name: str | None = None

    @property
    def bmu_id(self) -> str:
        """The id, as the rows have it."""
        return self.suspect.bmu_id

    @property
    def is_reviewed(self) -> bool:
        """Whether a person has looked at it."""
        return self.bmu_id in reviewed_units()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        unit = self.suspect.unit
        return {
            "bmu_id": self.bmu_id,
            "reason": self.suspect.reason,
            "likely_bmu_id": self.suspect.likely_bmu_id,
            "name": unit.name if unit else None,
            "lead_party": self.lead_party_name,
            "fuel_type": unit.fuel_type if unit else None,
            "not_counted_mwh": str(self.mwh),
            "not_counted_gbp": str(self.gbp),
            "not_counted_so_mwh": str(self.so_mwh),
            "not_counted_so_gbp": str(self.so_gbp),
            "seen_in": self.seen_in,
        }

    def __str__(self) -> str:
        """As in ``T_SGRWO-1 (unknown) 1,234.5 MWh, £56,789``."""
        likely = f", likely {self.suspect.likely_bmu_id}" if self.suspect.likely_bmu_id else ""
        bmu_id = self.bmu_id if self.suspect.reason != "spelt otherwise" else repr(self.bmu_id)
        return f"{bmu_id} ({self.suspect.reason}{likely}) {self.mwh:,.3f} MWh, {pounds(self.gbp)}"


@dataclass(frozen=True)
class Uncounted:
    """The units of a day that are not counted.

    Args:
        units: those that may be wind farms.
        note: what was done about them: whether the register was asked.
        left_out_mwh: of all bids of the others, by unit id: no wind farms, as far as the register says. They are kept
            in case it learns better, and told to nobody before.
    """

    units: Sequence[UncountedUnit] = ()
    note: str = ""
    left_out_mwh: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def is_news(self) -> bool:
        """Whether there is a unit at which nobody has looked."""
        return any(not unit.is_reviewed for unit in self.units)


NOTHING_UNCOUNTED = Uncounted()


_id, _bm_unit = attrgetter("id"), attrgetter("bm_unit")


def find_uncounted(reading: DayReading, register: Register) -> Uncounted:
    """Look for units that were turned down on a day and are not counted, above all what may be wind farms.

    Args:
        reading: the day.
        register: the versions of the register; those in force on the day decide what is counted.
    """
    # By id first: a day has 26,000 rows, and some hundred ids.
    ids: set[str | None] = set()
    for rows in reading.rows.values():
        ids.update(map(_id, rows))
    for total in control_totals():
        for of_side in reading.of(total).rows.values():
            ids.update(map(_bm_unit, of_side))
    suspects = register.suspects(ids, reading.day, lambda bmu_id: _told_of(reading, bmu_id)[0])
    with localcontext(EXACT):
        units = _measured(reading, suspects) if suspects else []
        left_out_mwh = _left_out_mwh(reading, register.not_wind(ids, reading.day) - suspects.keys())
    return Uncounted(sorted(units, key=lambda unit: unit.bmu_id), left_out_mwh=left_out_mwh)


def _measured(reading: DayReading, suspects: Mapping[str, Suspect]) -> list[UncountedUnit]:
    """Those that were turned down, with their energy and money."""
    none = Decimal()
    stack: dict[str, list[StackRow]] = {}
    for rows in reading.reductions.values():
        for row in rows:
            if row.id is not None and row.id in suspects:
                stack.setdefault(row.id, []).append(row)
    said = [(total.report, total.turned_down(reading, suspects)) for total in control_totals()]
    found = []
    for bmu_id, suspect in suspects.items():
        party = suspect.unit.lead_party_name if suspect.unit else _told_of(reading, bmu_id)[1]
        beside = [(report, units[bmu_id]) for report, units in said if bmu_id in units]
        if bmu_id in stack:
            bids, flagged = stack[bmu_id], [row for row in stack[bmu_id] if row.so_flag]
            found.append(UncountedUnit(suspect, *_amounts(bids), *_amounts(flagged), "stack", party))
        elif beside:
            mwh = next((known.mwh for _, known in beside if known.mwh is not None), none)
            gbp = next((known.gbp for _, known in beside if known.gbp is not None), none)
            found.append(UncountedUnit(suspect, mwh, gbp, none, none, beside[0][0], party))
    return found


def _left_out_mwh(reading: DayReading, units: Collection[str]) -> dict[str, Decimal]:
    """Of ``units`` those that were turned down, with the energy of all bids; 0 where money alone says so."""
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for rows in reading.reductions.values():
        for bmu_id, _, volume in volumes_of(rows, units):
            found[bmu_id] -= volume
    for total in control_totals():
        for bmu_id, known in total.turned_down(reading, set(units) - found.keys()).items():
            found[bmu_id] = known.mwh or Decimal()
    return dict(found)


def _amounts(rows: Sequence[StackRow]) -> tuple[Decimal, Decimal]:
    """MWh and GBP of bids; one without a price has no payment."""
    priced = ((row.volume, row.original_price) for row in rows)
    gbp = sum((volume * price for volume, price in priced if price is not None), Decimal())
    return sum((-row.volume for row in rows), Decimal()), gbp


def _told_of(reading: DayReading, bmu_id: str) -> tuple[str | None, str | None]:
    """The system operator's id and the lead party of a unit, as the control totals have them."""
    told = (total.told_of(reading, bmu_id) for total in control_totals())
    return next((both for both in told if any(both)), (None, None))


def compare_with_register(reading: DayReading, bids: Iterable[Bid], uncounted: Uncounted) -> list[Result]:
    """Whether every unit that may be a wind farm is counted (WARN), and what is not is little (ERROR).

    A unit that a person has reviewed is named, and does not count; but one that is more than `LARGE_SHARE` of the
    day and `LARGE_MWH` is a warning again: what a person found unimportant was less.

    Args:
        reading: the day.
        bids: its accepted wind bids: what is counted.
        uncounted: what is not.
    """
    news = [unit for unit in uncounted.units if not unit.is_reviewed]
    reviewed = [unit for unit in uncounted.units if unit.is_reviewed]
    with localcontext(EXACT):
        counted_mwh = sum((-row.volume for _, _, row in bids), Decimal()) if uncounted.units else Decimal()
        likely = [unit for unit in news if unit.suspect.is_wind_like]
        all_mwh = counted_mwh + _sum(likely) + _sum(reviewed)
        is_large = _sum(likely) > MOST_UNCOUNTED * all_mwh
        grown = [unit for unit in reviewed if unit.mwh > max(LARGE_SHARE * all_mwh, LARGE_MWH)]
        told = sorted([*news, *grown], key=lambda unit: -unit.mwh)
    named = f"; reviewed, and not counted: {_some(reviewed)}" if reviewed else ""
    of_day = f"of {all_mwh:,.3f} MWh of wind bids" if uncounted.units else "of the day's wind bids"
    is_unknown = any(unit.suspect.reason != "unmapped" for unit in told)
    return [
        result(
            c.WIND_LIKE_UNITS_MAPPED,
            looked_at=len(reading.answers),
            expected="no unit that was turned down, may be a wind farm and is not counted",
            actual=_units(told) + (f": {_some(told)}{uncounted.note}" if told else "") + named,
            repair=(c.UNCOUNTED_ENERGY_IS_SMALL if is_unknown else c.WIND_LIKE_UNITS_MAPPED).repair_of(reading.day),
            violations=[unit.as_dict() for unit in told],
        ),
        result(
            c.UNCOUNTED_ENERGY_IS_SMALL,
            looked_at=len(reading.answers),
            expected=f"at most {MOST_UNCOUNTED:.0%} {of_day} in units that are not counted",
            actual=f"{_share(_sum(likely), all_mwh)} in {_units(likely)}"
            + (f": {_some(likely)}{uncounted.note}" if likely else ""),
            repair=c.UNCOUNTED_ENERGY_IS_SMALL.repair_of(reading.day),
            violations=[unit.as_dict() for unit in likely] if is_large else [],
        ),
    ]


def _sum(units: Iterable[UncountedUnit]) -> Decimal:
    return sum((unit.mwh for unit in units), Decimal())


def _share(part: Decimal, whole: Decimal) -> str:
    return f"{part / whole:.2%}" if whole else "nothing"


def _units(units: Sequence[UncountedUnit]) -> str:
    return "1 unit" if len(units) == 1 else f"{len(units)} units"


def _some(units: Sequence[UncountedUnit]) -> str:
    more = len(units) - _MOST_NAMED
    return ", ".join(map(str, units[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def store_uncounted(connection: Connection, day: dt.date, uncounted: Uncounted) -> None:
    """Keep what was found of a stored day; replaces what was kept of it."""
    connection.execute(text("DELETE FROM minerecon.uncounted_units WHERE settlement_date = :day"), {"day": day})
    # A row a day: they are hundreds of units, and looked at when the register changes.
    left_out = sorted(uncounted.left_out_mwh.items())
    connection.execute(
        text(
            "INSERT INTO minerecon.left_out_units (settlement_date, bmu_ids, all_bids_mwh)"
            " VALUES (:day, ARRAY(SELECT id FROM jsonb_array_elements_text(CAST(:units AS jsonb)) WITH ORDINALITY"
            " AS u (id, place) ORDER BY place), CAST(:mwh AS numeric[])) ON CONFLICT (settlement_date) DO UPDATE SET"
            " bmu_ids = excluded.bmu_ids, all_bids_mwh = excluded.all_bids_mwh"
        ),
        # As texts: PostgreSQL takes an array of hundreds of constants apart one by one.
        {
            "day": day,
            "units": json.dumps([bmu_id for bmu_id, _ in left_out]),
            "mwh": f"{{{','.join(str(mwh) for _, mwh in left_out)}}}",
        },
    )
    with cursor(connection) as many:
        execute_values(
            many,
            "INSERT INTO minerecon.uncounted_units (settlement_date, bmu_id, reason, is_wind_like, likely_bmu_id, name,"
            " lead_party_name, fuel_type, curtailed_mwh, payment_gbp, all_bids_mwh, all_bids_payment_gbp, seen_in)"
            " VALUES %s",
            [
                (
                    day, u.bmu_id, u.suspect.reason, u.suspect.is_wind_like, u.suspect.likely_bmu_id,
                    u.suspect.unit.name if u.suspect.unit else None, u.lead_party_name,
                    u.suspect.unit.fuel_type if u.suspect.unit else None,
                    u.so_mwh, u.so_gbp, u.mwh, u.gbp, u.seen_in,
                )
                for u in uncounted.units
            ],
        )  # fmt: skip
