"""What a report shows, read in one snapshot: days, periods, farms, restatements, and what is wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from minerecon_dagster.core.spans import span_text
from minerecon_dagster.core.statuses import IN_PART
from minerecon_dagster.day.stored import StoredDay, read_stored_days
from minerecon_dagster.warehouse.store import statement

MOST_FARMS = 15
_IS_OF_SAMPLE = "SELECT bool_and(is_synthetic) FROM minerecon.daily_summaries"


@dataclass(frozen=True)
class DayFacts:
    """A calendar day, stored or not.

    Args:
        status: the day's status in one word, as ``analytics.reconciliation_status`` has it.
        stored: its figures; None where it is not stored.
        price_gbp: the price of one Bitcoin on the day; None where it is not known.
        is_restated: whether it was changed at the source.
        closed: why a person has closed the day, and who; None of a day that is open.
    """

    day: dt.date
    status: str
    stored: StoredDay | None
    price_gbp: Decimal | None
    is_restated: bool
    closed: str | None

    @property
    def is_in_part(self) -> bool:
        """Whether it is stored and may lack half hours: one in progress does so, whatever its status says."""
        if self.stored is None:
            return False
        return self.status in IN_PART or self.stored.periods_present < self.stored.periods_expected


@dataclass(frozen=True)
class FarmFacts:
    """A wind farm over the report's days: MWh, GBP net, and its share (0 to 1) of all SO-flagged energy.

    Beside it what its units notified that they would give (MWh), of how many days that is known, and what share (0
    to 1) of it was lost, gross; None: not known.
    """

    farm_name: str
    curtailed_mwh: Decimal
    payment_gbp: Decimal | None
    share: Decimal
    potential_mwh: Decimal | None = None
    lost_share: Decimal | None = None
    potential_days: int = 0


@dataclass(frozen=True)
class Restatement:
    """A change of a day that was seen at the source."""

    settlement_date: dt.date
    detected_at: dt.datetime
    old_state: str
    old_curtailed_mwh: Decimal
    new_curtailed_mwh: Decimal
    old_payment_gbp: Decimal
    new_payment_gbp: Decimal


@dataclass(frozen=True)
class FailingCheck:
    """A check that does not hold now, of a day or of days in a row, with the command that mends it."""

    first: dt.date
    last: dt.date
    check: str
    severity: str
    expected: str
    actual: str
    repair: str

    @property
    def days(self) -> str:
        """The day, or the first and the last of several."""
        return span_text(self.first, self.last)


@dataclass(frozen=True)
class Facts:
    """Everything that a report of the days from ``first`` to ``last`` shows.

    Args:
        is_of_sample: whether all that the warehouse holds, of whatever days, is made up; a warehouse of nothing is not.
    """

    first: dt.date
    last: dt.date
    days: Sequence[DayFacts]
    periods: Mapping[tuple[dt.date, int], Decimal]
    farms: Sequence[FarmFacts]
    restatements: Sequence[Restatement]
    problems: Sequence[FailingCheck]
    is_of_sample: bool = False

    @property
    def stored(self) -> list[StoredDay]:
        """The days that have figures."""
        return [day.stored for day in self.days if day.stored is not None]

    @property
    def at_least(self) -> str:
        """What stands before a sum of energy or Bitcoin, which can only grow by what is not there; empty if all is."""
        return "at least " if any(day.stored is None or day.is_in_part for day in self.days) else ""

    @property
    def is_synthetic(self) -> bool:
        """Whether any day of it is made up; of no stored day, whether the whole warehouse is."""
        return any(day.is_synthetic for day in self.stored) if self.stored else self.is_of_sample

    @property
    def as_of(self) -> dt.datetime | None:
        """When the newest of its days was last built."""
        return max((day.built_at for day in self.stored), default=None)

    def total(self, figure: Callable[[StoredDay], Decimal | None], days: Iterable[StoredDay] | None = None) -> Decimal:
        """The sum of a figure over the stored days (all, if not named) that have it."""
        return sum((v for d in (self.stored if days is None else days) if (v := figure(d)) is not None), Decimal())

    def btc(self, model: str) -> Decimal | None:
        """The Bitcoin of a model over all days that have it; None where none has."""
        known = [d.mined_btc[model] for d in self.stored if model in d.mined_btc]
        return sum(known, Decimal()) if known else None

    def part(self, first: dt.date, last: dt.date) -> Facts:
        """The same of fewer days; farms are left out, since they cannot be cut."""
        return Facts(
            first,
            last,
            [d for d in self.days if first <= d.day <= last],
            {slot: mwh for slot, mwh in self.periods.items() if first <= slot[0] <= last},
            [],
            [r for r in self.restatements if first <= r.settlement_date <= last],
            [p for p in self.problems if first <= p.first <= last],
            self.is_of_sample,
        )


def read_facts(connection: Connection, first: dt.date, last: dt.date) -> Facts:
    """Read what the warehouse holds of the days from ``first`` to ``last``, both included.

    Args:
        connection: of a transaction that sees one state: REPEATABLE READ.
        first: first settlement date.
        last: last settlement date.
    """
    span: dict[str, Any] = {"first": first, "last": last}

    def rows(name: str, **more: Any) -> Sequence[Any]:
        return connection.execute(statement(f"report/{name}"), span | more).all()

    stored = read_stored_days(connection, first, last)
    days = [
        DayFacts(
            day=r.settlement_date,
            status=r.status,
            stored=stored.get(r.settlement_date),
            price_gbp=r.price_gbp,
            is_restated=r.is_restated,
            closed=r.closed,
        )
        for r in rows("days")
    ]
    return Facts(
        first=first,
        last=last,
        days=days,
        periods={(r.settlement_date, r.settlement_period): r.curtailed_mwh for r in rows("periods")},
        farms=[FarmFacts(**r._mapping) for r in rows("farms", most=MOST_FARMS)],
        restatements=[Restatement(**r._mapping) for r in rows("restatements")],
        problems=[FailingCheck(**r._mapping) for r in rows("wrong")],
        is_of_sample=bool(connection.execute(text(_IS_OF_SAMPLE)).scalar_one()),
    )
