"""Elexon's own totals of a day, beside its settlement stack: what they have in common, and what is held against all.

They are whole-day answers of the same settlement run as the stack's, so they say what the day should hold, and in which
periods anything was accepted. They are compared over the periods that are present: what is unpublished is
`completeness`'s. Signs are the stack's.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, select

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import MinereconError, SchemaDriftError
from minerecon_dagster.core.exact import EXACT
from minerecon_dagster.core.schema import Instant, Int32, Name, Shape, parse_rows
from minerecon_dagster.elexon.datasets.base import Came, DayDataset, Said, rounded

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.day.worker import BuiltDay
    from minerecon_dagster.elexon.datasets.stack import Bid
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.ask import Asked
    from minerecon_dagster.sample.generate import SampleWorld


class PairAmounts(Struct, frozen=True, gc=False):
    """Energy in MWh, or money in GBP, per bid-offer pair (``DerivedDataBidOfferPairs``)."""

    negative1: float | None
    positive1: float | None
    negative2: float | None
    positive2: float | None
    negative3: float | None
    positive3: float | None
    negative4: float | None
    positive4: float | None
    negative5: float | None
    positive5: float | None
    negative6: float | None
    positive6: float | None


class ControlRow(Struct, frozen=True, gc=False, rename="camel"):
    """What the rows of all control totals have: they are of one unit in one period."""

    created_date_time: Instant | None
    settlement_date: str
    settlement_period: Int32
    start_time: str
    bm_unit: Name | None
    bm_unit_type: Name
    lead_party_name: Name | None
    national_grid_bm_unit: Name | None


Row = TypeVar("Row", bound=ControlRow)
Totals = Mapping[tuple[StackSide, str], tuple[Decimal, ...]]
"""By side and unit, the amounts of a day as they are stored."""


class TurnedDown(NamedTuple):
    """What a control total says of a unit that was turned down: MWh (positive), GBP; None of what it does not know."""

    mwh: Decimal | None
    gbp: Decimal | None


@dataclass(frozen=True)
class SaidBySide(Said, Generic[Row]):
    """The rows of a control total by side.

    Args:
        rows: of the sides that are known.
        errors: why the others are not.
        absent: those of `errors` of which there is no control total, rather than a wrong one.
        late: the periods with an amount that are held of a side, and are of an earlier look than what they go with.
    """

    rows: Mapping[StackSide, list[Row]] = field(default_factory=dict)
    errors: Mapping[StackSide, str] = field(default_factory=dict)
    absent: frozenset[StackSide] = frozenset()
    late: Mapping[StackSide, set[int]] = field(default_factory=dict)
    _totals: list[tuple[Collection[str], Totals]] = field(default_factory=list, init=False, compare=False, repr=False)

    def totals_once(self, units: Collection[str], add_up: Callable[[], Totals]) -> Totals:
        """The amounts of ``units``, which are added up when first asked for: writing, checking and telling have them.

        Args:
            units: the ones of a build; another collection is added up anew.
            add_up: adds them up.
        """
        for known, totals in self._totals:
            if known is units:
                return totals
        totals = add_up()
        self._totals.append((units, totals))
        return totals

    @property
    def answer_count(self) -> int:
        return len(self.rows)

    def looked_at(self, sides: Collection[StackSide] = STACK_SIDES) -> int:
        """Answers and their rows: an answer without rows was looked at too."""
        return sum(1 + len(self.rows[side]) for side in sides if side in self.rows)

    def without(self, side: StackSide, why: str) -> SaidBySide[Row]:
        """The same without a side that is no control total, whatever its status."""
        rows = {known: of_side for known, of_side in self.rows.items() if known != side}
        return replace(self, rows=rows, errors={**self.errors, side: why}, absent=self.absent | {side})

    def keeping(self, side: StackSide, kept: Iterable[Row]) -> SaidBySide[Row]:
        """The same with rows of an earlier answer beside those of a side."""
        errors = {unknown: why for unknown, why in self.errors.items() if unknown != side}
        return replace(self, rows={**self.rows, side: [*self.rows.get(side, ()), *kept]}, errors=errors)


class ControlTotal(DayDataset[SaidBySide[Row]], Generic[Row]):
    """A control total: a whole-day answer for each side of the stack.

    Attributes:
        what: its amounts, as in "accepted volumes"; ``amount`` and ``wind_amount``: one of them, as the properties of
            all control totals name it.
        where: the last part of its path before the side.
        shape: how its rows are decoded.
        amounts: the columns of its amounts.
        compared_as: what drift calls them.
        unit, digits: of the sum that its materialization says.
    """

    what: ClassVar[str]
    amount: ClassVar[str]
    wind_amount: ClassVar[str]
    where: ClassVar[str]
    shape: ClassVar[Shape[Any]]
    amounts: ClassVar[Sequence[str]]
    compared_as: ClassVar[str]
    unit: ClassVar[str]
    digits: ClassVar[int]
    has_side = True

    @property
    def columns(self) -> Sequence[str]:  # type: ignore[override]
        return ("settlement_date", "stack_side", "bmu_id", *self.amounts)

    @property
    def asked(self) -> list[AnswerKey]:
        """What is asked of a day."""
        return [AnswerKey(self.name, side) for side in STACK_SIDES]

    def keys(self, sides: Collection[StackSide], periods: Iterable[int]) -> list[AnswerKey]:
        return self.asked

    def path(self, key: AnswerKey, day: dt.date) -> str:
        return f"/balancing/settlement/{self.where}/all/{key.side}/{day}"

    def sample(self, world: SampleWorld, asked: Asked) -> list[dict[str, Any]] | None:
        match = asked.matches(f"balancing/settlement/{self.where}/all/*/*")
        return None if match is None else self.sample_rows(world, asked.day(match[1]), asked.side(match[0]))

    def parse(self, key: AnswerKey, day: dt.date, answer: Answer) -> list[Row]:
        """The rows of an answer; arguments and errors as `parse_rows` has them."""
        rows: list[Row] = parse_rows(self.shape, key, day, answer)
        return rows

    @abstractmethod
    def sample_rows(self, world: SampleWorld, day: dt.date, side: StackSide) -> list[dict[str, Any]]:
        """The rows that the sample has of a day and side."""

    @abstractmethod
    def has_amount(self, row: Row) -> bool:
        """Whether a row says that anything was accepted."""

    @abstractmethod
    def by_unit(self, reading: DayReading, side: StackSide, units: Collection[str]) -> dict[str, tuple[Decimal, ...]]:
        """The amounts of each of ``units`` on a side, over the periods that are present."""

    @abstractmethod
    def unexpected(self, row: Row, side: StackSide) -> str | None:
        """The amount of a wind unit's row that a day without wind bids should not have, as a reader writes it."""

    @abstractmethod
    def turned_down(self, reading: DayReading, units: Collection[str]) -> dict[str, TurnedDown]:
        """Those of ``units`` that were turned down by what it says, whatever the stack does."""

    def told_of(self, reading: DayReading, bmu_id: str) -> tuple[str | None, str | None]:
        """The system operator's id and the lead party of a unit; None where it does not say them."""
        return None, None

    def periods(self, rows: Iterable[Row]) -> set[int]:
        """The periods in which anything was accepted: the evidence by which a silent stack is judged."""
        return {row.settlement_period for row in rows if self.has_amount(row)}

    def answer_of(self, came: Came, key: AnswerKey) -> Answer:
        """The answer of a side. Raises MinereconError where there is none that counts."""
        return came.whole_day(key)

    def late(self, came: Came, key: AnswerKey) -> set[int] | None:
        """The periods of an answer that is of an earlier look than what it goes with; None where it is of the same."""
        return None

    def read(self, came: Came) -> SaidBySide[Row]:
        rows: dict[StackSide, list[Row]] = {}
        errors: dict[StackSide, str] = {}
        absent: set[StackSide] = set()
        late: dict[StackSide, set[int]] = {}
        kept: dict[AnswerKey, tuple[int, ...]] = {}
        for key in self.asked:
            assert key.side is not None
            try:
                if (periods := self.late(came, key)) is not None:
                    late[key.side] = periods
                of_side = self.parse(key, came.day, self.answer_of(came, key))
                if key in came.silent:
                    of_side, kept[key] = self._merged(of_side, self.parse(key, came.day, came.silent[key]))
                rows[key.side] = of_side
            except MinereconError as error:
                errors[key.side] = str(error)
                if not isinstance(error, SchemaDriftError):
                    absent.add(key.side)
        return SaidBySide(rows, errors, frozenset(absent), late, kept=kept)

    def _merged(self, held: Sequence[Row], later: Sequence[Row]) -> tuple[list[Row], tuple[int, ...]]:
        """The rows of the later answer, and those held of the periods that it lacks; and which these are."""
        lacks = self.periods(held) - self.periods(later)
        return [*_outside(later, lacks), *_inside(held, lacks)], tuple(sorted(lacks))

    def lacks(self, key: AnswerKey, answer: Answer, held: DayReading, now: DayReading) -> set[int]:
        assert key.side is not None
        was, says = held.of(self), now.of(self)
        if not self.came(says, key.side, answer):
            return set()
        had = was.late.get(key.side) or self.periods(was.rows.get(key.side, ()))
        return had - self.periods(says.rows.get(key.side, ()))

    def came(self, says: SaidBySide[Row], side: StackSide, answer: Answer) -> bool:
        """Whether an answer is one that can lack something, rather than one that cannot be read."""
        return side in says.rows or side in says.absent

    def with_kept(
        self, says: SaidBySide[Row], held: SaidBySide[Row], side: StackSide, lacks: Collection[int]
    ) -> SaidBySide[Row]:
        """What it says, with what is held in place of what its answer lacks."""
        return says.keeping(side, _inside(held.rows.get(side, ()), lacks))

    def made_at(self, says: SaidBySide[Row]) -> dict[tuple[StackSide, int], dt.datetime]:
        """When the newest row of each side and period was made, where rows say so."""
        said: dict[tuple[StackSide, int], dt.datetime] = {}
        for side, of_side in says.rows.items():
            for row in of_side:
                slot, at = (side, row.settlement_period), row.created_date_time
                if at is not None and (slot not in said or said[slot] < at):
                    said[slot] = at
        return said

    def totals(self, reading: DayReading, units: Collection[str]) -> Totals:
        """The amounts of each of ``units`` by side, as they are stored."""
        return reading.of(self).totals_once(units, lambda: self._add_up(reading, units))

    def _add_up(self, reading: DayReading, units: Collection[str]) -> Totals:
        with localcontext(EXACT):
            return {
                (side, unit): amounts
                for side in STACK_SIDES
                for unit, amounts in sorted(self.by_unit(reading, side, units).items())
            }

    def stored_totals(self, connection: Connection, day: dt.date) -> Totals:
        """What is stored of a day."""
        columns = [self.table.c[name] for name in ("stack_side", "bmu_id", *self.amounts)]
        found = connection.execute(select(*columns).where(self.table.c.settlement_date == day))
        return {(side, unit): tuple(amounts) for side, unit, *amounts in found}

    def rows(
        self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]
    ) -> Iterable[tuple[object, ...]]:
        return [(reading.day, *of, *amounts) for of, amounts in self.totals(reading, wind_units).items()]

    def metadata(self, built: BuiltDay) -> dict[str, Any]:
        """Sums by side, and why a side is missing."""
        says = built.reading.of(self)
        missing = {f"{side}_missing": why for side, why in says.errors.items()}
        if not says.rows:
            return {"missing": "; ".join(says.errors.values()), **missing}
        by_side: dict[StackSide, dict[str, Decimal]] = defaultdict(dict)
        for (side, unit), amounts in self.totals(built.reading, built.wind_units).items():
            by_side[side][unit] = amounts[0]
        sums = {
            f"{side}_{self.unit}": rounded(sum(by_side[side].values(), Decimal()), self.digits) for side in says.rows
        }
        answers = built.answers
        return {
            "units": len({unit for side in says.rows for unit in by_side[side]}),
            **sums,
            "fetched_at": min(answers[AnswerKey(self.name, side)].fetched_at for side in says.rows),
            **missing,
        }

    def unknown(self, errors: Mapping[StackSide, str]) -> list[dict[str, Any]]:
        """The sides that are not known, as violators."""
        return [{"control_total": f"{self.report} {side}", "error": why} for side, why in sorted(errors.items())]

    def could_not_look(self, reading: DayReading) -> str:
        """What a result says of a day without it; empty where a side is there."""
        return "" if reading.of(self).rows else f"could not look: the {self.what} ({self.report}) did not come"


def _inside(rows: Iterable[Row], periods: Collection[int]) -> list[Row]:
    return [row for row in rows if row.settlement_period in periods]


def _outside(rows: Iterable[Row], periods: Collection[int]) -> list[Row]:
    return [row for row in rows if row.settlement_period not in periods]
