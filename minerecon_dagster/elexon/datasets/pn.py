"""Physical notifications (PN): what wind units said that they would give, and what of it was lost.

Notified potential is what a farm says, and not what the wind would have given; metered output (`meters`) is beside it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlencode

from msgspec import Meta, Struct
from sqlalchemy import (
    CheckConstraint,
    Column,
    Connection,
    Numeric,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    select,
)
from sqlalchemy import delete as delete_from

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import PERIOD, period_count, period_starts
from minerecon_dagster.core.checks import Property, Result, failed, result
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.potential import DayVolumes, Notified, Volumes, notified
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.schema import Instant, Int32, Name, Shape, parse_rows
from minerecon_dagster.elexon.datasets.base import MWH_DIGITS, rounded
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.copying import copy_rows
from minerecon_dagster.warehouse.store import cursor, statement
from minerecon_dagster.warehouse.tables import metadata, period_range, settlement_date

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld

FAMILY: Final = "potential"
_EVALUATED = "fetch, rebuild"
_LOOK_AT_SOURCE = REFETCH.left_to_a_person()


def _property(name: str, severity: Any, meaning: str) -> Property:
    return Property(FAMILY, name, severity, meaning, _LOOK_AT_SOURCE, _EVALUATED, is_beside=True)


UNITS_ANSWERED = _property(
    "units_answered",
    "ERROR",
    "At least nine tenths of the wind units that were asked for have a notification (PN), and no other unit has; else "
    "the answer is not used, and never read as no wind.",
)
PERIODS_COVERED_ONCE = _property(
    "periods_covered_once",
    "WARN",
    "The notification (PN) of each unit and period covers its half hour exactly once; one that does not is not known.",
)
LEVELS_AGREE = _property(
    "levels_agree",
    "WARN",
    "No piece of a notification (PN) stands twice at different levels; where it does, the period is not known.",
)
BIDS_ARE_NOTIFIED = _property(
    "bids_are_notified",
    "WARN",
    "Each unit with an accepted bid in a period has a notification (PN) of it; where not, its share is not known.",
)
INSTRUCTED_ABOVE_ZERO = _property(
    "instructed_above_zero",
    "WARN",
    "What a unit with a bid was instructed to give, its notification (PN) less bids and plus offers, is not below 0.",
)
BIDS_WITHIN_NOTIFIED = _property(
    "bids_within_notified",
    "WARN",
    "No unit has more accepted bids in a period than it had notified (PN). Bids that were taken back in the period "
    "count in full here: a gross share may be above 1, a net one not.",
)
NET_SHARE_WITHIN_BOUNDS = _property(
    "net_share_within_bounds",
    "WARN",
    "The net share of notified potential that a unit, a farm or a zone lost on the day is from 0 to 1.",
)
NET_SHARE_OF_MONTH_WITHIN_BOUNDS = _property(
    "net_share_of_month_within_bounds",
    "ERROR",
    "The net share of notified potential that a farm lost in the month, as far as it is known, is from 0 to 1.",
)
SUMS_AGREE = _property(
    "sums_agree",
    "ERROR",
    "Notified potential adds up to the same over zones and periods as over units, to the last digit, and so do the "
    "unit-periods with a notification.",
)
BIDS_AGREE = _property(
    "bids_agree",
    "ERROR",
    "The bids beside the notifications (PN) of each unit are those of the day's records, on both bases, to the last "
    "digit.",
)
NOTIFIED_WITHIN_CAPACITY = _property(
    "notified_within_capacity",
    "WARN",
    "No unit notified more energy in a period than its registered capacity gives in half an hour, and 5 % more.",
)
NOTIFIED_ABOVE_ZERO = _property("notified_above_zero", "WARN", "No wind unit notified a level (PN) below 0 MW.")
INSTRUCTED_BESIDE_OUTPUT = _property(
    "instructed_beside_output",
    "WARN",
    "What all wind units were instructed to give on the day is 0.6 to 0.95 times Elexon's wind output (AGWS), which "
    "has embedded farms too.",
)

LEAST_ANSWERED: Final = Decimal("0.9")
MOST_OF_CAPACITY: Final = Decimal("1.05")
LEAST_INSTRUCTED_MWH: Final = Decimal("-0.01")
SHARE_TOLERANCE: Final = Decimal("0.0001")
LEAST_OF_OUTPUT: Final = Decimal("0.6")
USUALLY_MOST_OF_OUTPUT: Final = Decimal("0.95")
UNKNOWN_ZONE: Final = "unknown"


def zone_of(unit: BmUnit | None) -> str:
    """The zone of a unit in the register in force; ``unknown`` where it has none."""
    return getattr(unit, "gsp_group_id", None) or UNKNOWN_ZONE


def _bmu_id() -> Column[Any]:
    return Column("bmu_id", Text, nullable=False, comment="BM unit: a wind farm.")


def _period() -> Column[Any]:
    return Column(
        "settlement_period",
        SmallInteger,
        nullable=False,
        comment="Settlement period, counted from 1: 48 a day, 46 or 50 when the clocks change.",
    )


_BIDS = "in MWh: negative, as Elexon has them"

unit_period_potential = Table(
    "unit_period_potential",
    metadata,
    settlement_date(),
    _period(),
    _bmu_id(),
    Column(
        "potential_mwh",
        Numeric,
        comment="Notified potential in MWh: the area under the unit's physical notification (PN), to 6 decimals; NULL "
        "where that does not cover the period once.",
    ),
    Column("bids_mwh", Numeric, nullable=False, comment=f"All accepted bids {_BIDS}."),
    Column("so_bids_mwh", Numeric, nullable=False, comment=f"SO-flagged bids {_BIDS}."),
    Column(
        "offers_mwh",
        Numeric,
        comment="Accepted offers in MWh: beside a bid they take it back. NULL where offers are not fetched.",
    ),
    Column(
        "instructed_mwh",
        Numeric,
        comment="What the unit was told to give, in MWh: potential + bids + offers; NULL where one is not known.",
    ),
    PrimaryKeyConstraint("settlement_date", "settlement_period", "bmu_id"),
    period_range(),
    CheckConstraint("bids_mwh < 0 AND so_bids_mwh <= 0 AND offers_mwh >= 0", name="signs"),
    comment="Notified potential (PN) of wind units per settlement period with an accepted bid, beside what was "
    "accepted.",
)

unit_daily_potential = Table(
    "unit_daily_potential",
    metadata,
    settlement_date(),
    _bmu_id(),
    Column(
        "potential_mwh",
        Numeric,
        comment="Notified potential of the day in MWh; NULL unless every period has a notification (PN).",
    ),
    Column("known_mwh", Numeric, nullable=False, comment="Notified potential of the periods that have one, in MWh."),
    Column("periods_with_pn", SmallInteger, nullable=False, comment="Periods of the day whose notification is known."),
    Column("periods", SmallInteger, nullable=False, comment="Settlement periods of the day: 46, 48 or 50."),
    Column("bids_mwh", Numeric, nullable=False, comment=f"All accepted bids of the day {_BIDS}."),
    Column("so_bids_mwh", Numeric, nullable=False, comment=f"SO-flagged bids of the day {_BIDS}."),
    Column(
        "taken_back_mwh",
        Numeric,
        comment="Accepted offers of the periods with a bid, in MWh: what of the bids was taken back. NULL where offers "
        "are not fetched.",
    ),
    Column(
        "instructed_mwh",
        Numeric,
        comment="What the unit was told to give on the day, in MWh: potential + bids + all offers; NULL where one is "
        "not known.",
    ),
    PrimaryKeyConstraint("settlement_date", "bmu_id"),
    CheckConstraint("periods_with_pn BETWEEN 0 AND periods", name="periods"),
    comment="Notified potential (PN) of every wind unit that was asked for, per day. What a farm says, and not what "
    "the wind would have given.",
)

period_potential = Table(
    "period_potential",
    metadata,
    settlement_date(),
    _period(),
    Column("zone", Text, nullable=False, comment="GSP group of the units, as in _P; unknown where they have none."),
    Column("potential_mwh", Numeric, nullable=False, comment="Notified potential of the units that have one, in MWh."),
    Column("units_asked", SmallInteger, nullable=False, comment="Wind units that were asked for."),
    Column("units_present", SmallInteger, nullable=False, comment="Those of them whose notification (PN) is known."),
    Column("units_with_bid", SmallInteger, nullable=False, comment="Units with an accepted bid."),
    Column(
        "units_with_bid_and_pn", SmallInteger, nullable=False, comment="Those of them whose notification (PN) is known."
    ),
    Column("bids_mwh", Numeric, nullable=False, comment=f"All bids of units whose notification is known, {_BIDS}."),
    Column("so_bids_mwh", Numeric, nullable=False, comment=f"SO-flagged bids of these units, {_BIDS}."),
    Column(
        "taken_back_mwh",
        Numeric,
        comment="Accepted offers of these units beside a bid, in MWh. NULL where offers are not fetched.",
    ),
    PrimaryKeyConstraint("settlement_date", "settlement_period", "zone"),
    period_range(),
    CheckConstraint("units_present BETWEEN 0 AND units_asked", name="units"),
    comment="Notified potential (PN) of wind units per settlement period and zone, beside the bids of the same units.",
)


MOST_MW: Final = 20_000
"""Of a level, of either sign: several times what the largest station has. More is drift of the answer."""
Level = Annotated[int, Meta(ge=-MOST_MW, le=MOST_MW)]


class PnRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of an answer: a piece of a unit's notification, in whole MW. Elexon lets each name be absent."""

    settlement_date: str
    settlement_period: Int32
    time_from: Instant
    time_to: Instant
    level_from: Level
    level_to: Level
    bm_unit: Name | None = None
    national_grid_bm_unit: Name | None = None
    dataset: Name | None = None


_SHAPE = Shape(PnRow, {}, is_bare=True)


@dataclass
class _OfPeriod:
    """The sums of a period and zone."""

    potential: Decimal = Decimal()
    present: int = 0
    with_bid: int = 0
    with_both: int = 0
    bids: Decimal = Decimal()
    so_bids: Decimal = Decimal()
    taken_back: Decimal = Decimal()


@dataclass(frozen=True)
class Potential:
    """What a day's notifications come to.

    Args:
        notified: the notification of each unit and period that has any row; of a unit the first period first.
        strangers: units that were answered and not asked for.
        answered: units that were asked for and answered.
        of_unit: what is known of it, in MWh.
    """

    notified: Mapping[str, Mapping[int, Notified]]
    strangers: Sequence[str]
    answered: Sequence[str]
    of_unit: Mapping[str, Mapping[int, Decimal]]


def potential_of(day: dt.date, units: Iterable[str], rows: Iterable[PnRow]) -> Potential:
    """What notifications come to.

    Args:
        day: settlement date.
        units: the units that were asked for.
        rows: the answer, in any order.
    """
    asked = set(units)
    # A unit and period has one row, as a rule. Nothing that holds rows is made for each of ten thousand of them: such
    # things have Python look for garbage among all that a run has loaded, which took longer than the rest.
    first: defaultdict[str, dict[int, PnRow]] = defaultdict(dict)
    more: defaultdict[tuple[str, int], list[PnRow]] = defaultdict(list)
    for row in rows:
        unit, period = row.bm_unit or "", row.settlement_period
        if first[unit].setdefault(period, row) is not row:
            more[unit, period].append(row)
    spans = [(start, start + PERIOD) for start in period_starts(day)]
    answered = sorted(first.keys() & asked)
    says = {
        unit: {
            period: notified([first[unit][period], *more.get((unit, period), ())], start, end)
            for period, (start, end) in enumerate(spans, 1)
            if period in first[unit]
        }
        for unit in answered
    }
    known = {unit: {p: n.mwh for p, n in says[unit].items() if n.mwh is not None} for unit in answered}
    of_unit = {unit: of_periods for unit, of_periods in known.items() if of_periods}
    return Potential(says, sorted(first.keys() - asked), answered, of_unit)


class Pn(LaterDataset):
    """One request on the morning after the day, for all wind units of the register, each once."""

    name = "pn"
    plain = "notifications"
    report = "PN"
    source = "Elexon's physical notifications (PN), and the settlement stack (ISPSTACK)"
    is_bare = True
    runs = (Run("", 1, after_days=1),)
    reaches_back_days = 36_525
    days_a_run = 62
    most_attempts = 6
    most_units = 240
    follows_day = True
    reads_volumes = True
    is_summed = True
    against_the_day = (BIDS_AGREE,)
    table = unit_daily_potential
    more_tables = (unit_period_potential, period_potential)
    columns = (
        "settlement_date", "bmu_id", "potential_mwh", "known_mwh", "periods_with_pn", "periods", "bids_mwh",
        "so_bids_mwh", "taken_back_mwh", "instructed_mwh",
    )  # fmt: skip
    group = "curtailment"
    properties = (
        UNITS_ANSWERED, PERIODS_COVERED_ONCE, LEVELS_AGREE, BIDS_ARE_NOTIFIED, INSTRUCTED_ABOVE_ZERO,
        BIDS_WITHIN_NOTIFIED, NET_SHARE_WITHIN_BOUNDS, NET_SHARE_OF_MONTH_WITHIN_BOUNDS, SUMS_AGREE,
        BIDS_AGREE, NOTIFIED_WITHIN_CAPACITY, NOTIFIED_ABOVE_ZERO, INSTRUCTED_BESIDE_OUTPUT,
    )  # fmt: skip

    def is_asked_for(self) -> bool:
        return Settings.from_environ().elexon_potential

    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        # Dates with periods: instants would lose two periods of a summer's day, and take two of another.
        span = [("from", day), ("to", day), ("settlementPeriodFrom", 1), ("settlementPeriodTo", period_count(day))]
        return f"/datasets/PN/stream?{urlencode([*span, *(('bmUnit', unit) for unit in units)])}"

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[PnRow]:
        return parse_rows(_SHAPE, key, day, answer)

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        if asked.matches("datasets/PN/stream") is None:
            return None
        return world.notifications(asked.day(asked.query["from"][0]), asked.query.get("bmUnit", ()))

    def rows(self, look: Look) -> Iterable[tuple[object, ...]]:
        return _of_units(look)

    def write(self, connection: Connection, look: Look) -> None:
        for table in (self.table, *self.more_tables):
            connection.execute(delete_from(table).where(table.c.settlement_date == look.day))
        with localcontext(EXACT), cursor(connection) as many:
            self.insert(many, _of_units(look))
            for table, rows in ((unit_period_potential, _of_pairs(look)), (period_potential, _of_periods(look))):
                copy_rows(many, table.fullname, [column.name for column in table.columns], rows)

    def units_lost(self, connection: Connection, look: Look) -> set[str]:
        # What was notified before a day does not change after it: silence is no news, not even of a period. A unit that
        # was not asked for is not silent: it is no wind farm of the day any more.
        of, said, asked = self.table.c, _said(look).of_unit, set(look.units)
        stored = select(of.bmu_id, of.periods_with_pn).where(of.settlement_date == look.day)
        return {
            unit for unit, periods in connection.execute(stored) if unit in asked and len(said.get(unit, {})) < periods
        }

    def check(self, look: Look) -> list[Result]:
        says, volumes = _said(look), _volumes(look)
        answered = _units_answered(look, says)
        if answered.blocks:
            return [answered]  # what is not used has nothing else to be looked at
        with localcontext(EXACT):
            return [
                answered,
                *_pieces_fit(look, says),
                _bids_are_notified(look, says, volumes),
                *_instructed(look, says, volumes),
                *_within_capacity(look, says),
            ]

    def unreadable(self, day: dt.date, units: Sequence[str], why: str) -> list[Result]:
        expected = f"notifications of {len(units)} units, as Elexon describes them"
        repair = _LOOK_AT_SOURCE.over(day)
        return [failed(UNITS_ANSWERED, looked_at=0, expected=expected, problem=why, repair=repair)]

    def check_stored(self, connection: Connection, look: Look) -> list[Result]:
        return of_tables(connection, look)

    def metadata(self, look: Look) -> dict[str, Any]:
        says = _said(look)
        with localcontext(EXACT):
            known = sum((mwh for of_unit in says.of_unit.values() for mwh in of_unit.values()), Decimal())
        return {
            "rows": len(look.rows),
            "units_asked": len(look.units),
            "units_answered": len(says.answered),
            "notified_potential_mwh": rounded(known, MWH_DIGITS),
        }


PN = Pn()


def of_tables(connection: Connection, look: Look) -> list[Result]:
    """What the tables say of an answer just written into them; a property with nothing to look at is left out."""
    parameters = {
        "day": look.day,
        "tolerance": SHARE_TOLERANCE,
        "least_of_output": LEAST_OF_OUTPUT,
        "most_of_output": USUALLY_MOST_OF_OUTPUT,
        "zones": [zone_of(look.wind_units.get(unit)) for unit in look.units],
        "units": list(look.units),
    }
    of_name = {p.name: p for p in PN.properties}
    return [
        result(
            of_name[r.check_name],
            looked_at=r.looked_at,
            expected=r.expected,
            actual=r.note,
            repair=_LOOK_AT_SOURCE.over(look.day),
            violations=r.violations,
        )
        for r in connection.execute(statement("checks/potential"), parameters)
        if r.looked_at
    ]


def _said(look: Look) -> Potential:
    """What the notifications of an answer come to."""
    return look.once(_potential)


def _potential(look: Look) -> Potential:
    return potential_of(look.day, look.units, look.rows)


def _volumes(look: Look) -> DayVolumes:
    assert look.volumes is not None, "the dataset reads them"
    return look.volumes


def _with_bid(look: Look) -> dict[tuple[str, int], Volumes]:
    asked = set(look.units)
    return {pair: v for pair, v in _volumes(look).by_unit.items() if v.bids < 0 and pair[0] in asked}


def _of_pairs(look: Look) -> Iterable[tuple[object, ...]]:
    known, has_offers = _said(look).of_unit, _volumes(look).has_offers
    for (unit, period), v in sorted(_with_bid(look).items()):
        mwh = known.get(unit, {}).get(period)
        offers = v.offers if has_offers else None
        instructed = mwh + v.bids + v.offers if mwh is not None and has_offers else None
        yield look.day, period, unit, mwh, v.bids, v.so_bids, offers, instructed


def _of_units(look: Look) -> Iterable[tuple[object, ...]]:
    says, volumes, periods = _said(look), _volumes(look), period_count(look.day)
    totals: defaultdict[str, _OfPeriod] = defaultdict(_OfPeriod)
    offers: defaultdict[str, Decimal] = defaultdict(Decimal)
    for (unit, _), v in volumes.by_unit.items():
        offers[unit] += v.offers
        if v.bids < 0:
            total = totals[unit]
            total.bids += v.bids
            total.so_bids += v.so_bids
            total.taken_back += v.offers
    for unit in look.units:
        of_unit, total = says.of_unit.get(unit, {}), totals[unit]
        known = sum(of_unit.values(), Decimal())
        potential = known if len(of_unit) == periods else None
        taken_back = total.taken_back if volumes.has_offers else None
        instructed = potential + total.bids + offers[unit] if potential is not None and volumes.has_offers else None
        yield (
            look.day, unit, potential, known, len(of_unit), periods, total.bids, total.so_bids, taken_back, instructed,
        )  # fmt: skip


def _of_periods(look: Look) -> Iterable[tuple[object, ...]]:
    says, volumes = _said(look), _volumes(look)
    zones = {unit: zone_of(look.wind_units.get(unit)) for unit in look.units}
    asked: defaultdict[str, int] = defaultdict(int)
    for zone in zones.values():
        asked[zone] += 1
    sums = {(period, zone): _OfPeriod() for period in range(1, period_count(look.day) + 1) for zone in asked}
    for unit, of_unit in says.of_unit.items():
        for period, mwh in of_unit.items():
            total = sums[period, zones[unit]]
            total.potential += mwh
            total.present += 1
    for (unit, period), v in _with_bid(look).items():
        total = sums[period, zones[unit]]
        total.with_bid += 1
        if period in says.of_unit.get(unit, ()):
            total.with_both += 1
            total.bids += v.bids
            total.so_bids += v.so_bids
            total.taken_back += v.offers
    for (period, zone), s in sorted(sums.items()):
        taken_back = s.taken_back if volumes.has_offers else None
        yield (
            look.day, period, zone, s.potential, asked[zone], s.present, s.with_bid, s.with_both, s.bids, s.so_bids,
            taken_back,
        )  # fmt: skip


def _units_answered(look: Look, says: Potential) -> Result:
    asked, answered = len(look.units), len(says.answered)
    few = answered < LEAST_ANSWERED * asked
    silent = sorted(set(look.units) - set(says.answered))
    return result(
        UNITS_ANSWERED,
        looked_at=asked,
        expected=f"notifications of at least {LEAST_ANSWERED:.0%} of {asked} units, and of no other",
        actual=f"{answered} units answered"
        + (f"; without any: {', '.join(silent[:10])}" if silent else "")
        + (f"; and {len(says.strangers)} that were not asked for" if says.strangers else ""),
        repair=_LOOK_AT_SOURCE.over(look.day),
        violations=[
            *({"bmu_id": unit, "problem": "not answered"} for unit in (silent if few else ())),
            *({"bmu_id": unit, "problem": "not asked for"} for unit in says.strangers),
        ],
    )


def _pieces_fit(look: Look, says: Potential) -> list[Result]:
    wrong: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    # A unit that is answered has every period of the day.
    periods = range(1, period_count(look.day) + 1)
    lacking = [unit for unit in says.answered if len(says.of_unit.get(unit, ())) != len(periods)]
    for unit in lacking:
        for period, of_period in says.notified[unit].items():
            if (fault := of_period.fault) is not None:
                violation = {"bmu_id": unit, "settlement_period": period, "problem": fault}
                wrong[fault == "levels"].append(violation)
    wrong[False] += [
        {"bmu_id": unit, "settlement_period": period, "problem": "no notification"}
        for unit in lacking
        for period in periods
        if period not in says.notified[unit]
    ]
    looked_at = len(says.answered) * len(periods)
    return [
        result(
            checked,
            looked_at=looked_at or len(look.units),
            expected=f"{looked_at:,} notifications {words}",
            actual=f"{looked_at - len(wrong[is_levels]):,} of them",
            repair=_LOOK_AT_SOURCE.over(look.day),
            violations=wrong[is_levels],
        )
        for checked, words, is_levels in (
            (PERIODS_COVERED_ONCE, "that cover their half hour exactly once", False),
            (LEVELS_AGREE, "without a piece at two levels", True),
        )
    ]


def _bids_are_notified(look: Look, says: Potential, volumes: DayVolumes) -> Result:
    with_bid = {pair for pair, v in volumes.by_unit.items() if v.bids < 0}
    lacking = sorted((unit, period) for unit, period in with_bid if period not in says.of_unit.get(unit, ()))
    return result(
        BIDS_ARE_NOTIFIED,
        # Of a day without bids, that it has none is what was looked at.
        looked_at=len(with_bid) or len(look.units),
        expected=f"a notification of each of {len(with_bid):,} periods of units with a bid",
        actual=f"{len(with_bid) - len(lacking):,} have one",
        repair=_LOOK_AT_SOURCE.over(look.day),
        violations=[{"bmu_id": unit, "settlement_period": period} for unit, period in lacking],
    )


def _instructed(look: Look, says: Potential, volumes: DayVolumes) -> list[Result]:
    below: list[dict[str, Any]] = []
    beyond: list[dict[str, Any]] = []
    looked_at = 0
    for (unit, period), v in sorted(volumes.by_unit.items()):
        mwh = says.of_unit.get(unit, {}).get(period)
        if mwh is None or not v.bids:
            continue
        looked_at += 1
        figures = {
            "bmu_id": unit,
            "settlement_period": period,
            "potential_mwh": str(mwh),
            "bids_mwh": str(v.bids),
            "offers_mwh": str(v.offers),
        }
        if volumes.has_offers and mwh + v.bids + v.offers < LEAST_INSTRUCTED_MWH:
            below.append(figures)
        if -v.bids > mwh:
            beyond.append(figures)
    return [
        result(
            checked,
            looked_at=looked_at or len(look.units),
            expected=f"{looked_at:,} periods of units with a bid {words}",
            actual=f"{looked_at - len(wrong):,} of them",
            repair=_LOOK_AT_SOURCE.over(look.day),
            violations=wrong,
        )
        for checked, words, wrong in (
            (INSTRUCTED_ABOVE_ZERO, f"instructed to {LEAST_INSTRUCTED_MWH} MWh or more", below),
            (BIDS_WITHIN_NOTIFIED, "with no more bids than were notified", beyond),
        )
    ]


def _within_capacity(look: Look, says: Potential) -> list[Result]:
    over: list[dict[str, Any]] = []
    below: list[dict[str, Any]] = []
    judged = 0
    for unit in sorted(says.of_unit):
        of_unit = says.of_unit[unit]
        known = look.wind_units.get(unit)
        capacity = known.generation_capacity_mw if known is not None else None
        judged += len(of_unit) if capacity else 0
        most = capacity * MOST_OF_CAPACITY / 2 if capacity else None
        over += (
            {"bmu_id": unit, "settlement_period": period, "potential_mwh": str(mwh), "capacity_mw": str(capacity)}
            for period, mwh in of_unit.items()
            if most is not None and mwh > most
        )
        below += (
            {"bmu_id": unit, "settlement_period": period, "potential_mwh": str(mwh)}
            for period, mwh in of_unit.items()
            if mwh < 0
        )
    known_count = sum(map(len, says.of_unit.values()))
    return [
        result(
            checked,
            looked_at=looked_at or len(look.units),
            expected=f"{looked_at:,} periods of units {words}",
            actual=f"{looked_at - len(wrong):,} of them",
            repair=_LOOK_AT_SOURCE.over(look.day),
            violations=wrong,
        )
        for checked, words, looked_at, wrong in (
            (NOTIFIED_WITHIN_CAPACITY, f"within {MOST_OF_CAPACITY} times their capacity", judged, over),
            (NOTIFIED_ABOVE_ZERO, "not below 0", known_count, below),
        )
    ]
