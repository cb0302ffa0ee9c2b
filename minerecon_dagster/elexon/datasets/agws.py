"""Wind and solar output (AGWS): what the farms gave, beside what they were turned down by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from msgspec import Raw, Struct
from msgspec import field as json_field
from sqlalchemy import Column, Computed, Connection, Numeric, PrimaryKeyConstraint, Table

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide, period_starts
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.errors import SchemaDriftError
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.repairs import REINGEST
from minerecon_dagster.core.schema import NUMBERS, Instant, Int32, Name, Shape, decimal_of, parse_rows
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.elexon.datasets.base import MWH_DIGITS, Came, DayDataset, Said, rounded
from minerecon_dagster.warehouse.store import statement
from minerecon_dagster.warehouse.tables import metadata, period_range, settlement_period

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.day.worker import BuiltDay
    from minerecon_dagster.elexon.datasets.stack import Bid
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld

WIND_OUTPUT_KNOWN = Property(
    "completeness",
    "wind_output_known",
    "WARN",
    "Of a day that is over, Elexon's onshore and offshore wind output (AGWS) is known for every period.",
    REINGEST,
)
WIND_OUTPUT_ABOVE_ZERO = Property(
    "physics",
    "wind_output_above_zero",
    "WARN",
    "In every period with an accepted wind bid, Elexon's onshore and offshore wind output (AGWS) is above 0: a farm "
    "that is turned down was generating. A 0 there is taken for not known, and so is the output of the day.",
    REINGEST.left_to_a_person(),
)

wind_generation_data = Table(
    "wind_generation_data",
    metadata,
    *settlement_period(),
    Column(
        "wind_onshore_mw",
        Numeric,
        comment="Mean onshore wind output over the period in MW; NULL: not published, or 0 beside wind bids.",
    ),
    Column(
        "wind_offshore_mw",
        Numeric,
        comment="Mean offshore wind output over the period in MW; NULL: not published, or 0 beside wind bids.",
    ),
    Column(
        "total_wind_mw",
        Numeric,
        Computed("wind_onshore_mw + wind_offshore_mw", persisted=True),
        comment="Mean wind output over the period in MW; NULL where a part is not known.",
    ),
    Column(
        "total_wind_mwh",
        Numeric,
        Computed("(wind_onshore_mw + wind_offshore_mw) * 0.5", persisted=True),
        comment="Wind output of the period in MWh: MW × half an hour.",
    ),
    PrimaryKeyConstraint("settlement_date", "settlement_period"),
    period_range(),
    comment="Wind output per settlement period, as Elexon has it (AGWS).",
)


class AgwsRow(Struct, frozen=True, gc=False, rename="camel"):
    """A row of the wind and solar output (AGWS): one kind of generation in one period."""

    publish_time: Instant
    business_type: Name | None
    psr_type: Name | None
    quantity_digits: Raw = json_field(name="quantity")
    start_time: str
    settlement_date: str
    settlement_period: Int32

    @property
    def quantity_mw(self) -> Decimal:
        """Mean output over the period in MW, exact."""
        return decimal_of(self.quantity_digits)


@dataclass(frozen=True, slots=True)
class WindOutput:
    """Mean wind output over a period, in MW; None where Elexon has none."""

    onshore_mw: Decimal | None
    offshore_mw: Decimal | None

    @property
    def is_measured(self) -> bool:
        """Whether both are known and not 0: Great Britain's wind farms are never all still, and some reports give 0 for
        a fuel that they lack.
        """
        return bool(self.onshore_mw and self.offshore_mw)

    @property
    def has_zero(self) -> bool:
        """Whether either is 0."""
        return self.onshore_mw == 0 or self.offshore_mw == 0


def believed_wind_output(wind: Mapping[int, WindOutput], with_bids: Collection[int]) -> dict[int, WindOutput]:
    """Wind output by period, without each 0 of a period in which a wind farm was turned down.

    A farm that is turned down was generating, so that 0 is no measurement. Taken for one, it would make all of that
    period's potential output curtailed.

    Args:
        wind: output by period, as Elexon has it.
        with_bids: the periods with an accepted wind bid.
    """
    return {
        period: WindOutput(output.onshore_mw or None, output.offshore_mw or None) if period in with_bids else output
        for period, output in wind.items()
    }


@dataclass(frozen=True)
class WindSaid(Said):
    """The wind output of a day.

    Args:
        by_period: where Elexon has any.
        error: why it is not known; None where it is. It never makes a day fail.
    """

    by_period: Mapping[int, WindOutput] = field(default_factory=dict)
    error: str | None = None

    @property
    def answer_count(self) -> int:
        return bool(self.by_period)

    @property
    def known(self) -> set[tuple[int, bool]]:
        """The periods that are known, with whether it is of the offshore output."""
        return {
            (period, offshore)
            for period, wind in self.by_period.items()
            for offshore, mw in ((False, wind.onshore_mw), (True, wind.offshore_mw))
            if mw is not None
        }


class Agws(DayDataset[WindSaid]):
    """The wind output: one answer for the whole day, without sides."""

    name = "agws"
    report = "AGWS"
    source = "Elexon's wind output (AGWS)"
    table = wind_generation_data
    columns = ("settlement_date", "settlement_period", "start_time", "wind_onshore_mw", "wind_offshore_mw")
    group = "curtailment"
    reads_register = False
    properties = (WIND_OUTPUT_KNOWN, WIND_OUTPUT_ABOVE_ZERO)
    key = AnswerKey(name)

    def keys(self, sides: Collection[StackSide], periods: Iterable[int]) -> list[AnswerKey]:
        return [self.key]

    def path(self, key: AnswerKey, day: dt.date) -> str:
        # Filtered by start time, both ends included, so that the London day is met in summer too.
        starts = period_starts(day)
        return (
            "/generation/actual/per-type/wind-and-solar"
            f"?from={starts[0]:%Y-%m-%dT%H:%MZ}&to={starts[-1]:%Y-%m-%dT%H:%MZ}"
        )

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        if asked.matches("generation/actual/per-type/wind-and-solar") is None:
            return None
        rows = world.wind_and_solar(*asked.range())
        if not rows:
            raise asked.not_there()
        return rows

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> list[AgwsRow]:
        """The rows of the day; arguments and errors as `parse_rows` has them."""
        return parse_rows(_SHAPE, key, day, answer)

    def read(self, came: Came) -> WindSaid:
        kept: dict[AnswerKey, tuple[int, ...]] = {}
        if self.key in came.failures:
            return WindSaid({}, str(came.failures[self.key]))
        if self.key not in came.answers:
            return WindSaid({}, "it was not fetched")
        try:
            mw = self._latest_mw(came.day, came.answers[self.key])
            if self.key in came.silent:
                later = self._latest_mw(came.day, came.silent[self.key])
                kept[self.key] = tuple(sorted({period for period, _ in mw.keys() - later.keys()}))
                mw |= later
        except SchemaDriftError as error:
            return WindSaid({}, str(error))
        periods = sorted({period for period, kind in mw if kind in _WIND})
        outputs = {p: WindOutput(*(mw.get((p, kind)) for kind in _WIND)) for p in periods}
        return WindSaid(outputs, kept=kept)

    def _latest_mw(self, day: dt.date, answer: Answer) -> dict[tuple[int, str | None], Decimal]:
        """What the newest row of each period and kind says.

        Raises:
            SchemaDriftError: two newest rows of one of them differ: which is right, nothing says.
        """
        latest: dict[tuple[int, str | None], AgwsRow] = {}
        differs: dict[tuple[int, str | None], AgwsRow] = {}
        for row in self.parse(self.key, day, answer):
            slot = (row.settlement_period, row.psr_type)
            known = latest.get(slot)
            if known is None or known.publish_time < row.publish_time:
                latest[slot] = row
                differs.pop(slot, None)
            elif known.publish_time == row.publish_time and known.quantity_mw != row.quantity_mw:
                differs[slot] = row
        for (period, kind), row in differs.items():
            if kind in _WIND:
                at = f"{row.publish_time:%Y-%m-%dT%H:%M:%SZ}"
                raise SchemaDriftError(
                    f"wind output (AGWS): two rows of {kind} in period {period} are published at {at} and say "
                    f"{latest[period, kind].quantity_mw} MW and {row.quantity_mw} MW"
                )
        return {slot: row.quantity_mw for slot, row in latest.items()}

    def lacks(self, key: AnswerKey, answer: Answer, held: DayReading, now: DayReading) -> set[int]:
        says = now.of(self)
        return {period for period, _ in held.of(self).known - says.known} if says.error is None else set()

    def beside(self, says: WindSaid, period: int) -> str:
        output = says.by_period.get(period)
        mw = [mw for mw in (output.onshore_mw, output.offshore_mw) if mw is not None] if output else []
        return f"the wind output was {sum(mw):,.0f} MW" if mw else ""

    def asked_again(self, held: DayReading) -> list[AnswerKey]:
        measured = sum(wind.is_measured for wind in held.of(self).by_period.values())
        return [] if measured == held.judgement.periods_expected else [self.key]

    def completeness(self, reading: DayReading) -> list[Result]:
        return [_wind_output_known(reading)]

    def check(self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
        return [wind_output_above_zero(reading, bids)]

    def stored_otherwise(
        self, connection: Connection, reading: DayReading, bids: Sequence[Bid]
    ) -> list[dict[str, Any]]:
        archive, stored = self.believed(reading, bids), self.stored(connection, reading.day)
        return [
            {
                "settlement_period": period,
                "archive": _texts(archive.get(period)),
                "stored": _texts(stored.get(period)),
            }
            for period in sorted(archive.keys() | stored.keys())
            if archive.get(period) != stored.get(period)
        ]

    def stored(self, connection: Connection, day: dt.date) -> dict[int, WindOutput]:
        """What is stored of a day, by period."""
        rows = connection.execute(statement("checks/stored_wind_output"), {"day": day})
        return {r.settlement_period: WindOutput(r.wind_onshore_mw, r.wind_offshore_mw) for r in rows}

    def believed(self, reading: DayReading, bids: Sequence[Bid]) -> dict[int, WindOutput]:
        """What is stored of it, given the day's accepted wind bids."""
        return believed_wind_output(reading.of(self).by_period, {period for _, period, _ in bids})

    def rows(
        self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> Iterable[tuple[object, ...]]:
        starts = period_starts(reading.day)
        for period, output in self.believed(reading, bids).items():
            yield reading.day, period, starts[period - 1], output.onshore_mw, output.offshore_mw

    def metadata(self, built: BuiltDay) -> dict[str, Any]:
        """The day's output, or why it is missing."""
        mwh = built.figures.wind_generation_mwh
        if mwh is not None:
            return {"wind_generation_mwh": rounded(mwh, MWH_DIGITS)}
        of_it = [r for r in built.results if r.checked in self.properties]
        why = "; ".join(r.actual for r in of_it if not r.passed) or "not known of every period yet"
        return {"wind_generation_mwh": None, "missing": why}


_WIND = ("Wind Onshore", "Wind Offshore")
AGWS = Agws()
_SHAPE = Shape(AgwsRow, {"quantity_digits": NUMBERS})


def _wind_output_known(reading: DayReading) -> Result:
    says = reading.of(AGWS)
    expected, due = reading.judgement.periods_expected, reading.judgement.periods_due
    known = {p for p, w in says.by_period.items() if w.onshore_mw is not None and w.offshore_mw is not None}
    # Of a day in progress nothing is missing yet: Elexon publishes the output after the settlement stack.
    missing = sorted(set(range(1, expected + 1)) - known) if due == expected else []
    return result(
        WIND_OUTPUT_KNOWN,
        looked_at=expected,
        expected=f"{expected} periods with onshore and offshore output" if due == expected else "none yet",
        actual=f"{len(known)} known" + (f", {says.error}" if says.error else ""),
        repair=REINGEST.over(reading.day),
        violations=[{"settlement_period": p} for p in missing],
    )


def wind_output_above_zero(reading: DayReading, bids: Iterable[Bid]) -> Result:
    """Find periods with accepted wind bids for which Elexon's wind output is 0, onshore or offshore.

    What is not known at all is the business of `completeness.wind_output_known`.
    """
    bids = list(bids)
    output = reading.of(AGWS).by_period
    with_bids = {period for _, period, _ in bids}
    zero = {p: wind for p, wind in sorted(output.items()) if p in with_bids and wind.has_zero}
    with localcontext(EXACT):
        turned_down = dict.fromkeys(zero, Decimal())
        for _, period, row in bids if zero else ():
            if period in zero:
                turned_down[period] -= row.volume
    wrong = [
        {
            "settlement_period": period,
            "wind_onshore_mw": _text(wind.onshore_mw),
            "wind_offshore_mw": _text(wind.offshore_mw),
            "all_bids_mwh": str(turned_down[period]),
        }
        for period, wind in zero.items()
    ]
    known = len(with_bids & output.keys())
    return result(
        WIND_OUTPUT_ABOVE_ZERO,
        looked_at=len(reading.rows),
        expected=f"wind output above 0 in the {len(with_bids)} periods with wind bids",
        actual=f"0 in {len(zero)} of {known} with an output"
        + (f": periods {periods_text(list(zero))}" if zero else ""),
        repair=WIND_OUTPUT_ABOVE_ZERO.repair_of(reading.day),
        violations=wrong,
    )


def _texts(output: WindOutput | None) -> dict[str, str | None] | None:
    return (
        None if output is None else {"onshore_mw": _text(output.onshore_mw), "offshore_mw": _text(output.offshore_mw)}
    )


def _text(mw: Decimal | None) -> str | None:
    return None if mw is None else str(mw)
