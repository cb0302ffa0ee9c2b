"""What is held against all of Elexon's control totals of a day together; what is of one of them stands with it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.checks import Property, Result, result
from minerecon_dagster.core.spans import periods_text, spans
from minerecon_dagster.core.states import LONGEST_PLAIN_SILENCE
from minerecon_dagster.elexon.datasets import control_totals, required_control_totals

if TYPE_CHECKING:  # only named here
    from minerecon_dagster.core.register import BmUnit
    from minerecon_dagster.elexon.datasets.stack import Bid, StackRow
    from minerecon_dagster.elexon.reading import DayReading

_REPORTS = " and ".join(total.report for total in control_totals())

CONTROLS_NOT_SILENT = Property(
    "control_totals",
    "controls_not_silent",
    "WARN",
    f"Where the stack has accepted energy in more than two periods in a row, {_REPORTS} have rows of some unit too.",
)
EMPTY_DAY_HAS_EMPTY_CONTROL: Property = Property(
    "control_totals",
    "empty_day_has_empty_control",
    "ERROR",
    f"A day without wind bids has neither {' nor '.join(t.amount for t in control_totals())} of a wind unit.",
)
PROPERTIES = (CONTROLS_NOT_SILENT, EMPTY_DAY_HAS_EMPTY_CONTROL)


def against_control_totals(reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> list[Result]:
    """Every check of the family: of each control total, and of all of them.

    Args:
        reading: the day.
        bids: its accepted wind bids.
        wind_units: the wind farms in force on the day, by unit id.
    """
    of_each = {total.name: total.check(reading, bids, wind_units) for total in control_totals()}
    required = [total.name for total in required_control_totals()]
    return [
        *(r for name in required for r in of_each.pop(name)),
        empty_day_has_empty_control(reading, bids, wind_units),
        controls_not_silent(reading),
        *(r for results in of_each.values() for r in results),
    ]


def empty_day_has_empty_control(reading: DayReading, bids: Sequence[Bid], wind_units: Collection[str]) -> Result:
    """On a day without wind bids, find wind units with volume or money.

    Without tolerance, over the periods that are present: a day without any row has none. Bids are looked for by any
    volume, offers by a negative one: a farm that is turned up again has an offer, and is not curtailed. A total that is
    not required and not known is the business of its own check.
    """
    required = required_control_totals()
    wrong = [each for total in required for each in total.unknown(reading.of(total).errors)]
    missing = len(wrong)
    if not bids:
        wrong += _unmatched(reading, wind_units)
    unknown = "".join(
        f"; {total.report} {', '.join(sorted(errors))} not known"
        for total in control_totals()
        if not total.is_required and (errors := reading.of(total).errors)
    )
    amounts = " or ".join(total.wind_amount for total in control_totals())
    could_not = next(filter(None, (total.could_not_look(reading) for total in required)), "")
    return result(
        EMPTY_DAY_HAS_EMPTY_CONTROL,
        looked_at=sum(reading.of(total).looked_at() for total in control_totals()),
        expected="nothing, as there are wind bids" if bids else f"no wind {amounts} in {_REPORTS}",
        actual=(could_not if len(wrong) == missing else "")
        or (f"{len(bids)} wind bids in the stack" if bids else f"{len(wrong)} rows with it{unknown}"),
        repair=EMPTY_DAY_HAS_EMPTY_CONTROL.repair_of(reading.day),
        violations=wrong,
    )


def controls_not_silent(reading: DayReading) -> Result:
    """Find control totals without any row where the stack has accepted energy: they would confirm what is not there.

    A few such periods in a row are let pass: one half hour's acceptances may come to nothing.
    """
    due = range(1, reading.judgement.periods_due + 1)
    known = [
        (total.report, side, {row.settlement_period for row in rows})
        for total in control_totals()
        for side, rows in reading.of(total).rows.items()
    ]
    wrong = []
    for report, side, periods in known:
        without = [p for p in due if p not in periods and _has_accepted_energy(reading.rows.get((side, p), ()))]
        runs = [range(first, last + 1) for first, last in spans(without)]
        long = [period for run in runs if len(run) > LONGEST_PLAIN_SILENCE for period in run]
        if long:
            wrong.append({"control_total": f"{report} {side}", "settlement_periods": periods_text(long)})
    return result(
        CONTROLS_NOT_SILENT,
        looked_at=len(known),
        expected=f"rows of some unit in {_REPORTS} wherever the stack has accepted energy",
        actual="; ".join(f"{w['control_total']} has none in {w['settlement_periods']}" for w in wrong)
        or "they have them",
        repair=CONTROLS_NOT_SILENT.repair_of(reading.day),
        violations=wrong,
    )


def _has_accepted_energy(rows: Iterable[StackRow]) -> bool:
    return any(row.is_acceptance and row.volume for row in rows)


def _unmatched(reading: DayReading, wind_units: Collection[str]) -> list[dict[str, Any]]:
    """What the controls hold of wind farms on a day without wind bids, and should not."""
    found = []
    for side in STACK_SIDES:
        present = reading.present_periods(side)
        for total in control_totals():
            for row in reading.of(total).rows.get(side, ()):
                if row.bm_unit in wind_units and row.settlement_period in present:
                    amount = total.unexpected(row, side)
                    if amount is not None:
                        found.append((f"{total.report} {side}", row.bm_unit, row.settlement_period, amount))
    names = ("control_total", "bmu_id", "settlement_period", "amount")
    return [dict(zip(names, each, strict=True)) for each in found]
