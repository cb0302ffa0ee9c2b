"""Indicative cashflows (EBOCF): a second opinion of the payments.

``totalCashflow`` is volume × price × transmission loss multiplier (Balancing and Settlement Code, section T; Elexon's
API description says nothing of it): positive is paid to the farm, negative is paid by it, as ``payment_gbp`` has it.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Raw, field
from sqlalchemy import Column, Numeric, Table

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import StackSide
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.core.exact import EXACT, pounds
from minerecon_dagster.core.repairs import REINGEST
from minerecon_dagster.core.schema import NUMBERS, Shape, decimal_of, decimals_of, is_not_zero
from minerecon_dagster.elexon.datasets.base import GBP_DIGITS, Came
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.control_total import (
    ControlRow,
    ControlTotal,
    PairAmounts,
    SaidBySide,
    TurnedDown,
)
from minerecon_dagster.warehouse.tables import metadata, of_side_and_unit

if TYPE_CHECKING:  # these go through the datasets, and are only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.elexon.datasets.stack import Bid
    from minerecon_dagster.elexon.reading import DayReading
    from minerecon_dagster.sample.generate import SampleWorld

AFTER_VOLUMES_AT_MOST = dt.timedelta(minutes=15)
"""BOAV and EBOCF are asked for together. An EBOCF that is older than its BOAV by more than a fetch's retries is of an
earlier look, and no control of what came since."""
TOLERANCE_SHARE = Decimal("0.05")
TOLERANCE_GBP = Decimal(100)
"""A unit's cashflow may differ by the larger of the two, the share being of its gross cashflow: EBOCF is less the
transmission losses, which are a few per cent."""

EBOCF_WIND_CASHFLOW = Property(
    "control_totals",
    "ebocf_wind_cashflow",
    "WARN",
    "Per wind unit, Elexon's cashflows (EBOCF) equal the payments, to GBP 100 or 5 % of the gross cashflow.",
)

ebocf_control_totals = Table(
    "ebocf_control_totals",
    metadata,
    *of_side_and_unit(),
    Column(
        "cashflow_gbp",
        Numeric,
        nullable=False,
        comment="Elexon's indicative cashflow (EBOCF) of the unit on the side, over the periods that are present, in "
        "GBP: positive where the farm is paid.",
    ),
    Column(
        "gross_cashflow_gbp", Numeric, nullable=False, comment="The same without signs, added up by period, in GBP."
    ),
    comment="Elexon's indicative cashflows of wind farms (EBOCF), whole-day answers: a second opinion of the payments.",
)


class EbocfRow(ControlRow, frozen=True, gc=False, rename="camel"):
    """A row of the indicative cashflows (EBOCF): one unit in one period, all its acceptances together."""

    total_cashflow_digits: Raw = field(name="totalCashflow")
    bid_offer_pair_cashflows: PairAmounts

    @property
    def total_cashflow(self) -> Decimal:
        """Cashflow in GBP, exact: positive where the unit is paid, as a negative volume at a negative price is."""
        return decimal_of(self.total_cashflow_digits)

    @property
    def has_cashflow(self) -> bool:
        """Whether any money flows."""
        return is_not_zero(self.total_cashflow_digits)


class CashflowSum(NamedTuple):
    """A unit's cashflows of a day in GBP: with their signs, and without."""

    net_gbp: Decimal
    gross_gbp: Decimal


_bm_unit, _cashflow_digits = attrgetter("bm_unit"), attrgetter("total_cashflow_digits")


class Cashflows(ControlTotal[EbocfRow]):
    """The indicative cashflows. What is held counts though asking again has failed, if it is of the volumes' look."""

    name = "cashflows"
    report = "EBOCF"
    what = "indicative cashflows"
    amount, wind_amount = "cashflow (EBOCF)", "cashflow"
    source = "Elexon's indicative cashflows (EBOCF)"
    held_stands_in = False
    where = "indicative/cashflows"
    shape = Shape(EbocfRow, {"total_cashflow_digits": NUMBERS})
    table = ebocf_control_totals
    amounts = ("cashflow_gbp", "gross_cashflow_gbp")
    compared_as = "EBOCF (GBP; gross)"
    unit, digits = "gbp", GBP_DIGITS
    properties = (EBOCF_WIND_CASHFLOW,)
    unseen_as = EBOCF_WIND_CASHFLOW

    def sample_rows(self, world: SampleWorld, day: dt.date, side: StackSide) -> list[dict[str, Any]]:
        return world.cashflows(day, side)

    def has_amount(self, row: EbocfRow) -> bool:
        return row.has_cashflow

    def by_unit(self, reading: DayReading, side: StackSide, units: Collection[str]) -> dict[str, tuple[Decimal, ...]]:
        return {**self.sums(reading, side, units)}

    def sums(self, reading: DayReading, side: StackSide, units: Collection[str]) -> dict[str, CashflowSum]:
        """The cashflows of each of ``units`` on a side, over the periods that are present."""
        net: dict[str, Decimal] = defaultdict(Decimal)
        gross: dict[str, Decimal] = defaultdict(Decimal)
        present = reading.present_periods(side)
        of_side = reading.of(self).rows.get(side, ())
        rows = [row for row in of_side if row.bm_unit in units and row.settlement_period in present]
        for bmu_id, gbp in zip(map(_bm_unit, rows), decimals_of(map(_cashflow_digits, rows)), strict=True):
            net[bmu_id] += gbp
            gross[bmu_id] += abs(gbp)
        return {bmu_id: CashflowSum(net[bmu_id], gross[bmu_id]) for bmu_id in net}

    def unexpected(self, row: EbocfRow, side: StackSide) -> str | None:
        gbp = row.total_cashflow
        return f"£{gbp}" if gbp and side == "bid" else None

    def turned_down(self, reading: DayReading, units: Collection[str]) -> dict[str, TurnedDown]:
        sums = self.sums(reading, "bid", units)
        return {unit: TurnedDown(None, gbp.net_gbp) for unit, gbp in sums.items() if gbp.gross_gbp}

    def late(self, came: Came, key: AnswerKey) -> set[int] | None:
        held, volumes = came.answers.get(key), came.answers.get(AnswerKey(BOAV.name, key.side))
        if held is None or volumes is None or volumes.fetched_at - held.fetched_at <= AFTER_VOLUMES_AT_MOST:
            return None
        return self.periods(self.parse(key, came.day, held))

    def answer_of(self, came: Came, key: AnswerKey) -> Answer:
        if self.late(came, key) is not None:
            held = came.answers[key]
            how = "came without rows" if key in came.silent else "did not come"
            error = came.failures.get(key, f"it {how} with the day's other answers")
            raise MinereconError(f"{error}; what is held of it is of {held.fetched_at:%Y-%m-%d %H:%M} UTC")
        # What is held and not too old counts though asking again has failed: the archive keeps it as the newest.
        return came.whole_day(key, but_failed=False)

    def came(self, says: SaidBySide[EbocfRow], side: StackSide, answer: Answer) -> bool:
        return side in says.rows or answer.status != 200

    def asked_again(self, held: DayReading) -> list[AnswerKey]:
        return [key for key in self.asked if key.side in held.of(self).errors]

    def check(self, reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
        return [ebocf_wind_cashflow(reading, bids, wind_units)]


CASHFLOWS = Cashflows()


def ebocf_wind_cashflow(reading: DayReading, bids: Iterable[Bid], wind_units: Collection[str]) -> Result:
    """Compare per wind unit Elexon's indicative cashflow on the bid side with the payments of the stack, GBP.

    A bid without a price has no payment, and is left out. Where EBOCF is not known of either side the check
    has looked at nothing, and fails; asking for the day again then asks for that alone.
    """
    says = reading.of(CASHFLOWS)
    if says.errors:
        return result(
            EBOCF_WIND_CASHFLOW,
            looked_at=0,
            expected="indicative cashflows (EBOCF) of both sides",
            actual="could not look: EBOCF is not known",
            repair=REINGEST.over(reading.day),
            violations=CASHFLOWS.unknown(says.errors),
        )
    with localcontext(EXACT):
        stack: dict[str, Decimal] = {}
        unpriced = 0
        for side, _, row in bids:
            # A row outside the balancing mechanism has no acceptance, and EBOCF is of acceptances.
            if side == "bid" and row.acceptance_id is not None:
                price = row.original_price
                unpriced += price is None
                stack[row.id] = stack.get(row.id, Decimal()) + (row.volume * price if price is not None else 0)
        totals = CASHFLOWS.totals(reading, wind_units)
        control = {unit: CashflowSum(*amounts) for (side, unit), amounts in totals.items() if side == "bid"}
        none = CashflowSum(Decimal(), Decimal())
        wrong = []
        for unit in sorted(stack.keys() | control.keys()):
            expected, actual = control.get(unit, none), stack.get(unit, Decimal())
            if abs(expected.net_gbp - actual) > max(TOLERANCE_GBP, TOLERANCE_SHARE * expected.gross_gbp):
                wrong.append(
                    {
                        "bmu_id": unit,
                        "ebocf_gbp": str(expected.net_gbp),
                        "ebocf_gross_gbp": str(expected.gross_gbp),
                        "payment_gbp": str(actual),
                    }
                )
        return result(
            EBOCF_WIND_CASHFLOW,
            looked_at=says.looked_at(),
            expected=f"{_gbp(u.net_gbp for u in control.values())} of {len(control)} units in EBOCF",
            actual=f"{_gbp(stack.values())} of {len(stack)} units in the stack"
            + (f"; {unpriced} bids without a price left out" if unpriced else ""),
            repair=EBOCF_WIND_CASHFLOW.repair_of(reading.day),
            violations=wrong,
        )


def _gbp(payments: Iterable[Decimal]) -> str:
    return pounds(sum(payments, Decimal()))
