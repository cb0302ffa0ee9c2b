"""Metered output (B1610): what wind units gave by the settlement meters, by the settlement run that says so.

A metered figure is of a run: the first comes about five days after the day, and later ones replace it for 14 months.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple
from urllib.parse import urlencode

import msgspec
from msgspec import Meta, Raw, Struct
from msgspec import field as json_field
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
    tuple_,
)
from sqlalchemy import delete as delete_from

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import period_count
from minerecon_dagster.core.checks import Property, Result, failed, result
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.repairs import REFETCH
from minerecon_dagster.core.schema import Int32, Name, Shape, decimal_of, parse_rows
from minerecon_dagster.elexon.datasets.base import MWH_DIGITS, rounded
from minerecon_dagster.elexon.datasets.later import LaterDataset, Look, Run
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.store import cursor, statement
from minerecon_dagster.warehouse.tables import metadata, settlement_date

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld

FAMILY: Final = "metered"
_EVALUATED = "fetch, days later"
_LOOK_AT_SOURCE = REFETCH.left_to_a_person()


def _property(name: str, severity: Any, meaning: str) -> Property:
    return Property(FAMILY, name, severity, meaning, _LOOK_AT_SOURCE, _EVALUATED, is_beside=True)


UNITS_METERED = _property(
    "units_metered",
    "ERROR",
    "At least nine tenths of the wind units that were asked for are metered (B1610), and no other unit is; else the "
    "answer is not used.",
)
PERIODS_METERED = _property(
    "periods_metered",
    "WARN",
    "Each metered unit has one quantity (B1610) for every period of the day in each run; of a run that lacks a period, "
    "or has two quantities of one, the day's output is not known.",
)
RUNS_KNOWN = _property(
    "runs_known",
    "WARN",
    "Each quantity (B1610) says a settlement run that is known: II, SF, R1, R2, R3, RF or DF; any other ranks lowest.",
)
METERED_WITHIN_OUTPUT = _property(
    "metered_within_output",
    "WARN",
    "What all wind units were metered at on the day is not more than Elexon's wind output (AGWS), which has embedded "
    "farms too.",
)
DELIVERED_AS_INSTRUCTED = _property(
    "delivered_as_instructed",
    "WARN",
    "What each farm was metered at is within 10 % of what it was instructed to give, over the days of the month of "
    "which both are known.",
)

LEAST_METERED: Final = Decimal("0.9")
MOST_UNDELIVERED: Final = Decimal("0.1")
MOST_MWH: Final = 10_000
"""Of a unit and half hour, of either sign: ten times what the largest station gives. More is drift of the answer."""
RUN_TYPES: Final = ("unknown", "II", "SF", "R1", "R2", "R3", "RF", "DF")
"""Settlement runs, the lowest first: of those that are there the highest counts. An answer may say none."""
UNKNOWN_RUN: Final = RUN_TYPES[0]

unit_daily_metered = Table(
    "unit_daily_metered",
    metadata,
    settlement_date(),
    Column("bmu_id", Text, nullable=False, comment="BM unit: a wind farm."),
    Column(
        "run_type",
        Text,
        nullable=False,
        comment="Settlement run of the quantities: II, SF, R1, R2, R3, RF or DF, the later the higher; unknown where "
        "none is said.",
    ),
    Column("run_rank", SmallInteger, nullable=False, comment="Of the runs that are there the highest counts."),
    Column(
        "metered_mwh",
        Numeric,
        comment="Metered output of the day in MWh, less what the station itself took: below 0 it took more. NULL "
        "unless every period has one quantity.",
    ),
    Column("periods", SmallInteger, nullable=False, comment="Periods of the day that have a quantity."),
    Column("negative_periods", SmallInteger, nullable=False, comment="Those of them in which it is below 0."),
    PrimaryKeyConstraint("settlement_date", "bmu_id", "run_type"),
    CheckConstraint("negative_periods BETWEEN 0 AND periods AND periods <= 50", name="periods"),
    comment="Metered output (B1610) of wind units per day and settlement run; of several runs the highest counts.",
)


class MeteredRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of an answer: MWh of a unit and period. Elexon lets names be absent, and older answers say no run."""

    settlement_date: str
    settlement_period: Int32
    quantity_digits: Raw = json_field(name="quantity")
    bm_unit: Name | None = None
    settlement_run_type: Name | None = None
    national_grid_bm_unit_id: Name | None = None
    psr_type: Name | None = None
    half_hour_end_time: str | None = None
    dataset: Name | None = None


class _Stored(NamedTuple):
    """A row of `unit_daily_metered`."""

    settlement_date: dt.date
    bmu_id: str
    run_type: str
    run_rank: int
    metered_mwh: Decimal | None
    periods: int
    negative_periods: int


_QUANTITIES = msgspec.json.Decoder(list[Annotated[float, Meta(ge=-MOST_MWH, le=MOST_MWH)]])
_SHAPE = Shape(MeteredRow, {"quantity_digits": _QUANTITIES}, is_bare=True)


def rank_of(run_type: str) -> int:
    """The rank of a settlement run: the later the higher; of one that is not known 0."""
    return RUN_TYPES.index(run_type) if run_type in RUN_TYPES else 0


def _lowest_first(runs: set[str]) -> list[str]:
    """Settlement runs by their rank, and by their names those that are not known."""
    return sorted(runs, key=lambda run: (rank_of(run), run))


class MeteredOutput(LaterDataset):
    """Asked for after 8 and 30 days, and twice more with a monthly scan; each answer has the newest run there is."""

    name = "b1610"
    plain = "metered output"
    report = "B1610"
    source = "Elexon's metered output (B1610)"
    is_bare = True
    runs = (
        Run("d8", 1, after_days=8),
        Run("d30", 2, after_days=30),
        Run("scan1", 3, after_days=120, with_scan=True),
        Run("scan2", 4, after_days=430, with_scan=True),
    )
    runs_are_looks = True
    follows_day = True
    reaches_back_days = 36_525
    days_a_run = 10_000
    most_attempts = 1
    most_units = 240
    table = unit_daily_metered
    columns = ("settlement_date", "bmu_id", "run_type", "run_rank", "metered_mwh", "periods", "negative_periods")
    group = "curtailment"
    properties = (UNITS_METERED, PERIODS_METERED, RUNS_KNOWN, METERED_WITHIN_OUTPUT, DELIVERED_AS_INSTRUCTED)

    def is_asked_for(self) -> bool:
        return Settings.from_environ().elexon_potential

    def most_requests_a_run(self) -> int | None:
        return Settings.from_environ().metered_calls_per_run

    def path(self, day: dt.date, run: Run, units: Sequence[str]) -> str:
        span = [("from", day), ("to", day), ("settlementPeriodFrom", 1), ("settlementPeriodTo", period_count(day))]
        return f"/datasets/B1610/stream?{urlencode([*span, *(('bmUnit', unit) for unit in units)])}"

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> Sequence[MeteredRow]:
        return parse_rows(_SHAPE, key, day, answer)

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        if asked.matches("datasets/B1610/stream") is None:
            return None
        return world.metered(asked.day(asked.query["from"][0]), asked.query.get("bmUnit", ()))

    def rows(self, look: Look) -> Iterable[_Stored]:
        periods = period_count(look.day)
        for (unit, run_type), quantities in sorted(look.once(_quantities).items()):
            known = [mwh for period, mwh in quantities.of_period.items() if period not in quantities.doubled]
            mwh = sum(known, Decimal()) if len(known) == periods else None
            negative = sum(quantity < 0 for quantity in known)
            yield _Stored(look.day, unit, run_type, rank_of(run_type), mwh, len(known), negative)

    def write(self, connection: Connection, look: Look) -> None:
        # Beside the other runs of the day. Of a run an answer takes the place of what is stored of the units that it
        # has, as far as it has as many of their periods: what it lacks takes nothing away.
        table = self.table
        of_day = table.c.settlement_date == look.day
        stored = {
            (unit, run): periods
            for unit, run, periods in connection.execute(
                select(table.c.bmu_id, table.c.run_type, table.c.periods).where(of_day)
            )
        }
        with localcontext(EXACT), cursor(connection) as many:
            rows = {(row.bmu_id, row.run_type): row for row in self.rows(look)}
            taken = {key: row for key, row in rows.items() if row.periods >= stored.get(key, 0)}
            connection.execute(
                delete_from(table).where(of_day, tuple_(table.c.bmu_id, table.c.run_type).in_(sorted(taken)))
            )
            self.insert(many, taken.values())

    def check(self, look: Look) -> list[Result]:
        answered = _units_metered(look, {row.bm_unit or "" for row in look.rows})
        if answered.blocks:
            return [answered]  # what is not used has nothing else to be looked at
        return [answered, _periods_metered(look, look.once(_quantities)), _runs_known(look)]

    def unreadable(self, day: dt.date, units: Sequence[str], why: str) -> list[Result]:
        expected = f"metered output of {len(units)} units, as Elexon describes them"
        repair = _LOOK_AT_SOURCE.over(day)
        return [failed(UNITS_METERED, looked_at=0, expected=expected, problem=why, repair=repair)]

    def check_stored(self, connection: Connection, look: Look) -> list[Result]:
        return of_tables(connection, look)

    def metadata(self, look: Look) -> dict[str, Any]:
        with localcontext(EXACT):
            # Of several runs of a unit the highest counts that has the whole day, as in the views.
            shown: dict[str, Decimal] = {}
            for row in sorted(self.rows(look), key=lambda row: row.run_rank, reverse=True):
                if row.metered_mwh is not None:
                    shown.setdefault(row.bmu_id, row.metered_mwh)
            mwh = sum(shown.values(), Decimal())
        runs = _lowest_first({_run_of(row) for row in look.rows})
        return {
            "rows": len(look.rows),
            "units_asked": len(look.units),
            "settlement_runs": ", ".join(runs),
            "metered_mwh": rounded(mwh, MWH_DIGITS),
        }


B1610 = MeteredOutput()


def of_tables(connection: Connection, look: Look) -> list[Result]:
    """What the tables say of an answer just written into them; a property with nothing to look at is left out."""
    parameters = {"day": look.day, "most_undelivered": MOST_UNDELIVERED}
    of_name = {p.name: p for p in B1610.properties}
    return [
        result(
            of_name[r.check_name],
            looked_at=r.looked_at,
            expected=r.expected,
            actual=r.note,
            repair=_LOOK_AT_SOURCE.over(look.day),
            violations=r.violations,
        )
        for r in connection.execute(statement("checks/metered"), parameters)
        if r.looked_at
    ]


def _run_of(row: MeteredRow) -> str:
    return row.settlement_run_type or UNKNOWN_RUN


class _Quantities(NamedTuple):
    """What a unit was metered at in a run."""

    of_period: dict[int, Decimal]
    doubled: set[int]
    """The periods that have another quantity, too."""


def _quantities(look: Look) -> dict[tuple[str, str], _Quantities]:
    """The quantities of the units that were asked for, by unit and run."""
    asked = set(look.units)
    found: defaultdict[tuple[str, str], _Quantities] = defaultdict(lambda: _Quantities({}, set()))
    for row in look.rows:
        if row.bm_unit in asked:
            of_period, doubled = found[row.bm_unit, _run_of(row)]
            quantity = decimal_of(row.quantity_digits)
            if of_period.setdefault(row.settlement_period, quantity) != quantity:
                doubled.add(row.settlement_period)
    return dict(found)


def _units_metered(look: Look, found: set[str]) -> Result:
    asked = set(look.units)
    silent, strangers = sorted(asked - found), sorted(found - asked)
    few = len(asked & found) < LEAST_METERED * len(asked)
    return result(
        UNITS_METERED,
        looked_at=len(asked),
        expected=f"metered output of at least {LEAST_METERED:.0%} of {len(asked)} units, and of no other",
        actual=f"{len(asked & found)} units answered" + (f", and {len(strangers)} others" if strangers else ""),
        repair=_LOOK_AT_SOURCE.over(look.day),
        violations=[
            *({"bmu_id": unit, "problem": "not answered"} for unit in (silent if few else ())),
            *({"bmu_id": unit, "problem": "not asked for"} for unit in strangers),
        ],
    )


def _periods_metered(look: Look, found: dict[tuple[str, str], _Quantities]) -> Result:
    periods = period_count(look.day)
    wrong = [
        {
            "bmu_id": unit,
            "run_type": run,
            "periods_missing": periods - len(of_period),
            "periods_with_two_quantities": len(doubled),
        }
        for (unit, run), (of_period, doubled) in sorted(found.items())
        if len(of_period) != periods or doubled
    ]
    return result(
        PERIODS_METERED,
        looked_at=len(found) or len(look.units),
        expected=f"one quantity in each of {periods} periods, of {len(found)} units and runs",
        actual=f"{len(found) - len(wrong)} of them",
        repair=_LOOK_AT_SOURCE.over(look.day),
        violations=wrong,
    )


def _runs_known(look: Look) -> Result:
    runs = {_run_of(row) for row in look.rows}
    return result(
        RUNS_KNOWN,
        looked_at=len(look.rows),
        expected=f"each of {', '.join(RUN_TYPES[1:])}",
        actual=", ".join(_lowest_first(runs)),
        repair=_LOOK_AT_SOURCE.over(look.day),
        violations=[{"run_type": run} for run in sorted(runs) if not rank_of(run)],
    )
