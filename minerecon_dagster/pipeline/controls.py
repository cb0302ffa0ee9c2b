"""Elexon's own totals of a day, beside its settlement stack: accepted volumes (BOAV) and cashflows (EBOCF).

Both are whole-day answers of the same settlement run as the stack's, so they say what the day should
hold. They are compared over the periods that are present: what is unpublished is `completeness`'s.

Signs are the stack's. BOAV's volume of a reduction is negative. EBOCF's ``totalCashflow`` is volume ×
price × transmission loss multiplier (Balancing and Settlement Code, section T; Elexon's API description
says nothing of it): positive is paid to the farm, negative is paid by it, as ``payment_gbp`` has it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from psycopg2.extras import execute_values
from sqlalchemy import Connection

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.answers import AnswerKey, AnswerKind
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.repairs import REFETCH, REINGEST
from minerecon_dagster.core.schema import StackRow
from minerecon_dagster.core.spans import periods_text, spans
from minerecon_dagster.core.states import LONGEST_PLAIN_SILENCE
from minerecon_dagster.pipeline.checks import EXACT, Bid
from minerecon_dagster.pipeline.fetch import FetchedDay
from minerecon_dagster.pipeline.interpret import CashflowSum, DayReading
from minerecon_dagster.warehouse.store import cursor

BOAV_TOLERANCE_SHARE = Decimal("0.005")
BOAV_TOLERANCE_MWH = Decimal(1)
"""A unit's accepted volume may differ by the larger of the two: the reports round differently."""
EBOCF_TOLERANCE_SHARE = Decimal("0.05")
EBOCF_TOLERANCE_GBP = Decimal(100)
"""A unit's cashflow may differ by the larger of the two, the share being of its gross cashflow: EBOCF is less the
transmission losses, which are a few per cent."""


@dataclass(frozen=True)
class ControlFigures:
    """What a day's control totals hold, for its materializations.

    Args:
        unit_count: wind units in it.
        totals: MWh, or GBP, by side.
        fetched_at: when the older of the two sides was last seen; None where neither is known.
        missing: why a side is not known, by side.
    """

    unit_count: int
    totals: Mapping[StackSide, Decimal]
    fetched_at: dt.datetime | None
    missing: Mapping[StackSide, str]


def boav_figures(fetched: FetchedDay, wind_units: Collection[str]) -> ControlFigures:
    """What the day's accepted volumes hold of wind farms, in MWh."""
    reading = fetched.reading
    by_side = {side: reading.control_mwh(side, wind_units) for side in reading.boav}
    totals = {side: sum(units.values(), Decimal()) for side, units in by_side.items()}
    return _figures(fetched, "boav", by_side, totals, reading.control_errors)


def ebocf_figures(fetched: FetchedDay, wind_units: Collection[str]) -> ControlFigures:
    """What the day's indicative cashflows hold of wind farms, in GBP."""
    reading = fetched.reading
    by_side = {side: reading.control_gbp(side, wind_units) for side in reading.cashflows}
    totals = {side: sum((u.net_gbp for u in units.values()), Decimal()) for side, units in by_side.items()}
    return _figures(fetched, "cashflows", by_side, totals, reading.cashflow_errors)


def store_control_totals(connection: Connection, reading: DayReading, wind_units: Collection[str]) -> None:
    """Write a day's control totals of wind farms; what was stored of the day is deleted before."""
    day = reading.day
    with localcontext(EXACT), cursor(connection) as many:
        execute_values(
            many,
            "INSERT INTO minerecon.boav_control_totals (settlement_date, stack_side, bmu_id, volume_mwh) VALUES %s",
            [
                (day, side, unit, mwh)
                for side in STACK_SIDES
                for unit, mwh in sorted(reading.control_mwh(side, wind_units).items())
            ],
            page_size=1000,
        )
        execute_values(
            many,
            "INSERT INTO minerecon.ebocf_control_totals"
            " (settlement_date, stack_side, bmu_id, cashflow_gbp, gross_cashflow_gbp) VALUES %s",
            [
                (day, side, unit, gbp.net_gbp, gbp.gross_gbp)
                for side in STACK_SIDES
                for unit, gbp in sorted(reading.control_gbp(side, wind_units).items())
            ],
            page_size=1000,
        )


def control_totals(reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
    """Every check of the family.

    Args:
        reading: the day.
        bids: its accepted wind bids.
        wind_units: the wind farms in force on the day, by unit id.
    """
    return [
        boav_wind_volume(reading, bids, wind_units),
        no_reduction_on_offer_side(reading, bids, wind_units),
        empty_day_has_empty_control(reading, bids, wind_units),
        controls_not_silent(reading),
        ebocf_wind_cashflow(reading, bids, wind_units),
    ]


def boav_wind_volume(reading: DayReading, bids: Sequence[Bid], wind_units: Collection[str]) -> Result:
    """Compare per wind unit and side Elexon's accepted volumes with the rows of the stack, MWh.

    A side of the stack that is not fetched is watched too: volume there that no row covers is found.
    """
    with localcontext(EXACT):
        stack: dict[tuple[str, StackSide], Decimal] = {}
        for side, _, row in bids:  # a period with rows is present
            # A row outside the balancing mechanism has no acceptance, and BOAV lists acceptances.
            if row.acceptance_id is not None and side in reading.boav:
                assert row.id is not None
                stack[row.id, side] = stack.get((row.id, side), Decimal()) + row.volume
        control = {
            (unit, side): mwh for side in STACK_SIDES for unit, mwh in reading.control_mwh(side, wind_units).items()
        }
        wrong = _unknown("BOAV", reading.control_errors)
        for unit, side in sorted(stack.keys() | control.keys()):
            expected, actual = control.get((unit, side), Decimal()), stack.get((unit, side), Decimal())
            if abs(expected - actual) > max(BOAV_TOLERANCE_MWH, BOAV_TOLERANCE_SHARE * abs(expected)):
                wrong.append(
                    {"bmu_id": unit, "stack_side": side, "boav_mwh": str(expected), "records_mwh": str(actual)}
                )
        return result(
            c.BOAV_WIND_VOLUME,
            looked_at=_boav_looked_at(reading, STACK_SIDES),
            expected=f"{_mwh(control.values())} MWh of {len(control)} units in BOAV",
            actual=_without_boav(reading)
            or f"{_mwh(stack.values())} MWh of {len(stack)} units in the stack"
            + (f"; BOAV {', '.join(sorted(reading.control_errors))} not known" if reading.control_errors else ""),
            repair=REFETCH.over(reading.day),
            violations=wrong,
        )


def no_reduction_on_offer_side(reading: DayReading, bids: Iterable[Bid], wind_units: Collection[str]) -> Result:
    """Find wind units with a negative volume on the offer side, in the stack (where it is fetched) or in BOAV.

    Such a row is counted as curtailment; but offers are for more generation, so a person should look.
    """
    with localcontext(EXACT):
        found: dict[tuple[str, str], Decimal] = {}
        for side, _, row in bids:
            if side == "offer":
                assert row.id is not None
                found["stack", row.id] = found.get(("stack", row.id), Decimal()) + row.volume
        for boav in reading.boav.get("offer", ()):
            volume = boav.total_volume_accepted if boav.bm_unit in wind_units else None
            if volume is not None and volume < 0:
                assert boav.bm_unit is not None
                found["BOAV", boav.bm_unit] = found.get(("BOAV", boav.bm_unit), Decimal()) + volume
    stack_rows = sum(len(rows) for (side, _), rows in reading.rows.items() if side == "offer")
    wrong = _unknown("BOAV", {side: why for side, why in reading.control_errors.items() if side == "offer"})
    wrong += [{"report": report, "bmu_id": unit, "volume_mwh": str(mwh)} for (report, unit), mwh in found.items()]
    return result(
        c.NO_REDUCTION_ON_OFFER_SIDE,
        looked_at=_boav_looked_at(reading, ["offer"]) + stack_rows,
        expected="no wind unit with a negative volume on the offer side",
        actual=(_without_boav(reading) if not found else "") or f"{len({unit for _, unit in found})} units",
        repair=REFETCH.over(reading.day),
        violations=wrong,
    )


def empty_day_has_empty_control(reading: DayReading, bids: Sequence[Bid], wind_units: Collection[str]) -> Result:
    """On a day without wind bids, find wind units with volume or cashflow.

    Without tolerance, over the periods that are present: a day without any row has none. Bids are looked for by any
    volume, offers by a negative one: a farm that is turned up again has an offer, and is not curtailed. An EBOCF that
    is not known is the business of its own check.
    """
    wrong = _unknown("BOAV", reading.control_errors)
    if not bids:
        wrong += _unmatched(reading, wind_units)
    unknown = f"; EBOCF {', '.join(sorted(reading.cashflow_errors))} not known" if reading.cashflow_errors else ""
    return result(
        c.EMPTY_DAY_HAS_EMPTY_CONTROL,
        looked_at=_boav_looked_at(reading, STACK_SIDES) + _cashflows_looked_at(reading),
        expected="nothing, as there are wind bids" if bids else "no wind volume or cashflow in BOAV and EBOCF",
        actual=(_without_boav(reading) if len(wrong) == len(reading.control_errors) else "")
        or (f"{len(bids)} wind bids in the stack" if bids else f"{len(wrong)} rows with it{unknown}"),
        repair=REFETCH.over(reading.day),
        violations=wrong,
    )


def controls_not_silent(reading: DayReading) -> Result:
    """Find control totals without any row where the stack has accepted energy: they would confirm what is not there.

    A few such periods in a row are let pass: one half hour's acceptances may come to nothing.
    """
    due = range(1, reading.judgement.periods_due + 1)
    known = [("BOAV", side, {r.settlement_period for r in rows}) for side, rows in reading.boav.items()]
    known += [("EBOCF", side, {r.settlement_period for r in rows}) for side, rows in reading.cashflows.items()]
    wrong = []
    for report, side, periods in known:
        without = [p for p in due if p not in periods and _has_accepted_energy(reading.rows.get((side, p), ()))]
        runs = [range(first, last + 1) for first, last in spans(without)]
        long = [period for run in runs if len(run) > LONGEST_PLAIN_SILENCE for period in run]
        if long:
            wrong.append({"control_total": f"{report} {side}", "settlement_periods": periods_text(long)})
    return result(
        c.CONTROLS_NOT_SILENT,
        looked_at=len(known),
        expected="rows of some unit in BOAV and EBOCF wherever the stack has accepted energy",
        actual="; ".join(f"{w['control_total']} has none in {w['settlement_periods']}" for w in wrong)
        or "they have them",
        repair=REFETCH.over(reading.day),
        violations=wrong,
    )


def _has_accepted_energy(rows: Iterable[StackRow]) -> bool:
    return any(row.is_acceptance and row.volume for row in rows)


def _unmatched(reading: DayReading, wind_units: Collection[str]) -> list[dict[str, Any]]:
    """What the controls hold of wind farms on a day without wind bids, and should not."""
    found = []
    for side in STACK_SIDES:
        present = reading.present_periods(side)
        for boav in reading.boav.get(side, ()):
            volume = boav.total_volume_accepted if boav.settlement_period in present else None
            if volume and boav.bm_unit in wind_units and (side == "bid" or volume < 0):
                found.append((f"BOAV {side}", boav.bm_unit, boav.settlement_period, f"{volume} MWh"))
        for flow in reading.cashflows.get(side, ()):
            gbp = flow.total_cashflow if flow.settlement_period in present else None
            if gbp and flow.bm_unit in wind_units and side == "bid":
                found.append((f"EBOCF {side}", flow.bm_unit, flow.settlement_period, f"£{gbp}"))
    names = ("control_total", "bmu_id", "settlement_period", "amount")
    return [dict(zip(names, each, strict=True)) for each in found]


def ebocf_wind_cashflow(reading: DayReading, bids: Iterable[Bid], wind_units: Collection[str]) -> Result:
    """Compare per wind unit Elexon's indicative cashflow on the bid side with the payments of the stack, GBP.

    A bid without a price has no payment, and is left out. Where EBOCF is not known of either side the check
    has looked at nothing, and fails; asking for the day again then asks for that alone.
    """
    if reading.cashflow_errors:
        return result(
            c.EBOCF_WIND_CASHFLOW,
            looked_at=0,
            expected="indicative cashflows (EBOCF) of both sides",
            actual="could not look: EBOCF is not known",
            repair=REINGEST.over(reading.day),
            violations=_unknown("EBOCF", reading.cashflow_errors),
        )
    with localcontext(EXACT):
        stack: dict[str, Decimal] = {}
        unpriced = 0
        for side, _, row in bids:
            # A row outside the balancing mechanism has no acceptance, and EBOCF is of acceptances.
            if side == "bid" and row.acceptance_id is not None:
                assert row.id is not None
                price = row.original_price
                unpriced += price is None
                stack[row.id] = stack.get(row.id, Decimal()) + (row.volume * price if price is not None else 0)
        control = reading.control_gbp("bid", wind_units)
        none = CashflowSum(Decimal(), Decimal())
        wrong = []
        for unit in sorted(stack.keys() | control.keys()):
            expected, actual = control.get(unit, none), stack.get(unit, Decimal())
            if abs(expected.net_gbp - actual) > max(EBOCF_TOLERANCE_GBP, EBOCF_TOLERANCE_SHARE * expected.gross_gbp):
                wrong.append(
                    {
                        "bmu_id": unit,
                        "ebocf_gbp": str(expected.net_gbp),
                        "ebocf_gross_gbp": str(expected.gross_gbp),
                        "payment_gbp": str(actual),
                    }
                )
        return result(
            c.EBOCF_WIND_CASHFLOW,
            looked_at=_cashflows_looked_at(reading),
            expected=f"£{_gbp(u.net_gbp for u in control.values())} of {len(control)} units in EBOCF",
            actual=f"£{_gbp(stack.values())} of {len(stack)} units in the stack"
            + (f"; {unpriced} bids without a price left out" if unpriced else ""),
            repair=REFETCH.over(reading.day),
            violations=wrong,
        )


def _figures(
    fetched: FetchedDay,
    kind: AnswerKind,
    by_side: Mapping[StackSide, Mapping[str, object]],
    totals: Mapping[StackSide, Decimal],
    missing: Mapping[StackSide, str],
) -> ControlFigures:
    answers = fetched.archived.answers
    return ControlFigures(
        unit_count=len({unit for units in by_side.values() for unit in units}),
        totals=totals,
        fetched_at=min((answers[AnswerKey(kind, side)].fetched_at for side in by_side), default=None),
        missing=missing,
    )


def _unknown(report: str, errors: Mapping[StackSide, str]) -> list[dict[str, Any]]:
    return [{"control_total": f"{report} {side}", "error": error} for side, error in sorted(errors.items())]


def _without_boav(reading: DayReading) -> str:
    """What a result says of a day without its control totals; empty where one is there."""
    return "" if reading.boav else "could not look: the accepted volumes (BOAV) did not come"


def _boav_looked_at(reading: DayReading, sides: Iterable[StackSide]) -> int:
    """Answers and their rows: an answer without rows was looked at too."""
    return sum(1 + len(reading.boav[side]) for side in sides if side in reading.boav)


def _cashflows_looked_at(reading: DayReading) -> int:
    return sum(1 + len(rows) for rows in reading.cashflows.values())


def _mwh(volumes: Iterable[Decimal]) -> str:
    return f"{sum(volumes, Decimal()):,.3f}"


def _gbp(payments: Iterable[Decimal]) -> str:
    return f"{sum(payments, Decimal()):,.2f}"
