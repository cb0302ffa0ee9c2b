"""The checks of a settlement day, evaluated inside the transaction that builds it.

Each compares what should be there, from the calendar, from Elexon's answers or from the tables, with
what is, and returns its violators and how much it looked at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any

from sqlalchemy import Connection

from minerecon_dagster.core import checks as c
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import Result, result
from minerecon_dagster.core.register import BmUnit
from minerecon_dagster.core.schema import StackRow
from minerecon_dagster.core.states import spans
from minerecon_dagster.pipeline.interpret import DayReading
from minerecon_dagster.warehouse.store import statement

BOAV_TOLERANCE_SHARE = Decimal("0.005")
BOAV_TOLERANCE_MWH = Decimal(1)
"""A unit's accepted volume may differ by the larger of the two: the reports round differently."""

_EXACT = Context(prec=200)
"""Enough for any sum of products of 17-digit numbers: nothing may be rounded where equality is asked."""

Bid = tuple[StackSide, int, StackRow]


def refetch(day: dt.date) -> str:
    """The command that asks Elexon for the day again."""
    return f"minerecon reingest {day} --force"


def rebuild(day: dt.date) -> str:
    """The command that builds the day again from the archive."""
    return f"minerecon reingest {day} --from-archive"


def completeness(reading: DayReading) -> list[Result]:
    """Whether every due period was fetched (ERROR), and is there (WARN: the day is then incomplete)."""
    judgement, day = reading.judgement, reading.day
    slots = judgement.periods_due * len(reading.sides)
    failed = [
        {"stack_side": s, "settlement_period": p, "error": reading.errors.get((s, p))} for s, p in judgement.failed
    ]
    failed += [{"control_total": f"BOAV {s}", "error": e} for s, e in sorted(reading.control_errors.items())]
    missing = [{"stack_side": s, "settlement_period": p} for s, p in judgement.unpublished]
    return [
        result(
            c.PERIODS_FETCHED,
            looked_at=slots + len(STACK_SIDES),
            expected=f"{slots} answers for {judgement.periods_due} due periods, {len(STACK_SIDES)} control totals",
            actual=f"{len(failed)} missing",
            repair=refetch(day),
            violations=failed,
        ),
        result(
            c.PERIODS_PRESENT,
            looked_at=len(reading.looks),
            expected=f"{judgement.periods_due} due periods of {judgement.periods_expected}",
            actual=f"{judgement.periods_present} present"
            + (f", unpublished: {spans([p for _, p in judgement.unpublished])}" if missing else ""),
            repair=f"minerecon reingest {day}",
            violations=missing,
        ),
        _wind_output_known(reading),
    ]


def _wind_output_known(reading: DayReading) -> Result:
    expected, due = reading.judgement.periods_expected, reading.judgement.periods_due
    known = {p for p, w in reading.wind.items() if w.onshore_mw is not None and w.offshore_mw is not None}
    # Of a day in progress nothing is missing yet: Elexon publishes the output after the settlement stack.
    missing = sorted(set(range(1, expected + 1)) - known) if due == expected else []
    return result(
        c.WIND_OUTPUT_KNOWN,
        looked_at=expected,
        expected=f"{expected} periods with onshore and offshore output" if due == expected else "none yet",
        actual=f"{len(known)} known" + (f", {reading.wind_error}" if reading.wind_error else ""),
        repair=f"minerecon reingest {reading.day}",
        violations=[{"settlement_period": p} for p in missing],
    )


def boav_wind_volume(reading: DayReading, bids: Sequence[Bid], wind_units: Mapping[str, BmUnit]) -> Result:
    """Compare per wind unit and side Elexon's accepted volumes with the rows of the stack, MWh.

    A side of the stack that is not fetched is watched too: volume there that no row covers is found.
    """
    with localcontext(_EXACT):
        stack: dict[tuple[str, StackSide], Decimal] = {}
        for side, _, row in bids:  # a period with rows is present
            # A row outside the balancing mechanism has no acceptance, and BOAV lists acceptances.
            if row.acceptance_id is not None:
                assert row.id is not None
                stack[row.id, side] = stack.get((row.id, side), Decimal()) + row.volume
        control = {
            (unit, side): mwh for side in STACK_SIDES for unit, mwh in reading.control_mwh(side, wind_units).items()
        }
        wrong = []
        for unit, side in sorted(stack.keys() | control.keys()):
            expected, actual = control.get((unit, side), Decimal()), stack.get((unit, side), Decimal())
            if abs(expected - actual) > max(BOAV_TOLERANCE_MWH, BOAV_TOLERANCE_SHARE * abs(expected)):
                wrong.append(
                    {"bmu_id": unit, "stack_side": side, "boav_mwh": str(expected), "records_mwh": str(actual)}
                )
        return result(
            c.BOAV_WIND_VOLUME,
            looked_at=len(STACK_SIDES) + sum(len(rows) for rows in reading.boav.values()),
            expected=f"{_short(sum(control.values(), Decimal()))} MWh of {len(control)} units in BOAV",
            actual=f"{_short(sum(stack.values(), Decimal()))} MWh of {len(stack)} units in the stack",
            repair=refetch(reading.day),
            violations=wrong,
        )


def records_match_archive(connection: Connection, reading: DayReading, bids: Iterable[Bid]) -> Result:
    """Compare rows, MWh and GBP per unit between the archive's answers and what is stored, exactly."""
    names = ("row_count", "volume_mwh", "payment_gbp", "so_row_count", "so_volume_mwh", "so_payment_gbp")
    with localcontext(_EXACT):
        archive: dict[str, list[Decimal]] = {}
        for _, _, row in bids:
            assert row.id is not None
            sums = archive.setdefault(row.id, [Decimal()] * 6)
            volume, price = row.volume, row.original_price
            payment = volume * price if price is not None else Decimal()
            figures = (Decimal(1), volume, payment)
            for start in (0, 3) if row.so_flag else (0,):
                for i, figure in enumerate(figures, start):
                    sums[i] += figure
        stored = {
            r.bmu_id: [Decimal(getattr(r, name)) for name in names]
            for r in connection.execute(statement("checks/stored_by_unit"), {"day": reading.day})
        }
        wrong: list[dict[str, Any]] = []
        for unit in sorted(archive.keys() | stored.keys()):
            if archive.get(unit) != stored.get(unit):
                wrong.append({"bmu_id": unit, "archive": _texts(archive.get(unit)), "stored": _texts(stored.get(unit))})
        answers = len(reading.rows)
        return result(
            c.RECORDS_MATCH_ARCHIVE,
            looked_at=answers,
            expected=_totals(archive, f"in {answers} archived answers"),
            actual=_totals(stored, "stored"),
            repair=rebuild(reading.day),
            violations=wrong,
        )


def calculations_match_records(connection: Connection, day: dt.date, models: Sequence[str]) -> Result:
    """Compare the set of (period, unit) and the energy of the records with each model's calculations."""
    found = connection.execute(
        statement("checks/calculations_match_records"),
        {"day": day, "models": list(models), "sample_size": c.SAMPLE_SIZE},
    ).one()
    return Result(
        c.CALCULATIONS_MATCH_RECORDS,
        # Of a day without curtailment, that each model has nothing either is what was looked at.
        looked_at=max(found.compared, len(models)),
        expected=f"the periods, units and energy of the SO-flagged records, for {len(models)} models",
        actual="the same" if not found.violation_count else f"{found.violation_count} that differ",
        repair=f"minerecon recalculate {day}",
        violation_count=found.violation_count,
        violations=found.violations,
    )


def sums_match_parts(connection: Connection, day: dt.date, models: Sequence[str]) -> Result:
    """Compare each figure of the day's summaries with the sum of its parts, exactly."""
    figures = connection.execute(statement("checks/sums_match_parts"), {"day": day, "models": list(models)}).all()
    wrong = [
        {"figure": f.figure, "expected": str(f.expected), "actual": str(f.actual)} for f in figures if not f.matches
    ]
    return result(
        c.SUMS_MATCH_PARTS,
        looked_at=len(figures),
        expected=f"{len(figures)} figures equal to their parts",
        actual=f"{len(figures) - len(wrong)} equal",
        repair=rebuild(day),
        violations=wrong,
    )


def difficulty_known(difficulty: Decimal, source: str) -> Result:
    """The day has a validated difficulty; the error of a missing one is made by `difficulty_missing`."""
    return result(
        c.DIFFICULTY_KNOWN,
        looked_at=1,
        expected=f"a positive difficulty in {source}",
        actual=difficulty,
        repair="minerecon difficulty load FILE.csv",
    )


def difficulty_missing(reason: str) -> Result:
    """The day has no usable difficulty, and why."""
    return result(
        c.DIFFICULTY_KNOWN,
        looked_at=1,
        expected="a positive difficulty",
        actual="none",
        repair="minerecon difficulty load FILE.csv",
        violations=[{"error": reason}],
    )


def bids_are_priced(reading: DayReading, bids: Iterable[Bid]) -> Result:
    """Find accepted wind bids without a price: their energy is counted, and in no payment."""
    without = [
        {"stack_side": side, "settlement_period": period, "bmu_id": row.id, "volume_mwh": str(row.volume)}
        for side, period, row in bids
        if row.original_price is None
    ]
    return result(
        c.BIDS_ARE_PRICED,
        looked_at=len(reading.rows),
        expected="a price on every bid",
        actual=f"{len(without)} without",
        repair=refetch(reading.day),
        violations=without,
    )


def _short(mwh: Decimal) -> str:
    return f"{mwh:,.3f}"


def _texts(figures: list[Decimal] | None) -> list[str] | None:
    return None if figures is None else [str(f) for f in figures]


def _totals(by_unit: Mapping[str, list[Decimal]], where: str) -> str:
    rows, mwh, gbp = (sum((f[i] for f in by_unit.values()), Decimal()) for i in range(3))
    return f"{rows} rows, {_short(-mwh)} MWh, £{gbp:,.2f} {where}"
