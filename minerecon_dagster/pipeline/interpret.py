"""What a day's answers say: rows, control totals, the status of each period and the day's state."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import NamedTuple

from minerecon_dagster.core import calendar
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import MinereconError, SchemaDriftError
from minerecon_dagster.core.schema import (
    AgwsRow,
    BoavRow,
    EbocfRow,
    StackRow,
    distinct_rows,
    parse_agws,
    parse_boav,
    parse_cashflows,
    parse_stack,
)
from minerecon_dagster.core.settlement_run import newest, slots_of_the_first_run
from minerecon_dagster.core.states import DayJudgement, PeriodLook, Slot, judge_day, period_status, spans

AGWS = AnswerKey("agws")
CASHFLOWS_AFTER_VOLUMES_AT_MOST = dt.timedelta(minutes=15)
"""BOAV and EBOCF are asked for together. An EBOCF that is older than its BOAV by more than a fetch's retries is of an
earlier look, and no control of what came since."""


class CashflowSum(NamedTuple):
    """A unit's cashflows of a day in GBP: with their signs, and without."""

    net_gbp: Decimal
    gross_gbp: Decimal


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
class DayReading:
    """A settlement day as its answers say it.

    Args:
        day: settlement date.
        sides: the sides of the stack that are fetched.
        judgement: the day's state and the evidence for it.
        looks: status and time of every period and side that was asked for.
        answers: the answers of the stack by period and side.
        rows: rows of any unit by period and side, each once.
        duplicate_count: rows that repeated another in everything, and were dropped.
        boav: rows of the control totals, by side.
        errors: what went wrong, by period and side, as a user reads it.
        control_errors: the same for the control totals, by side.
        wind: wind output by period, where Elexon has any.
        wind_error: why the wind output was not fetched; None where it was. It never makes a day fail.
        cashflows: rows of the indicative cashflows (EBOCF), by side.
        cashflow_errors: why those of a side are not known. It never makes a day fail.
        made_at: of a day that is fetched after its re-run, when the newest row of each period and side was made; None
            where no row says so.
    """

    day: dt.date
    sides: tuple[StackSide, ...]
    judgement: DayJudgement
    looks: Mapping[Slot, PeriodLook]
    answers: Mapping[Slot, Answer]
    rows: Mapping[Slot, list[StackRow]]
    duplicate_count: int
    boav: Mapping[StackSide, list[BoavRow]]
    errors: Mapping[Slot, str]
    control_errors: Mapping[StackSide, str]
    wind: Mapping[int, WindOutput]
    wind_error: str | None
    cashflows: Mapping[StackSide, list[EbocfRow]]
    cashflow_errors: Mapping[StackSide, str]
    made_at: Mapping[Slot, dt.datetime | None] = field(default_factory=dict)

    @property
    def knows_wind_output(self) -> bool:
        """Whether the onshore and offshore output of every period of the day is known, and none of them 0."""
        return sum(w.is_measured for w in self.wind.values()) == self.judgement.periods_expected

    def control_mwh(self, side: StackSide, units: Collection[str]) -> dict[str, Decimal]:
        """BOAV's negative volume per unit of ``units`` on ``side``, over the periods that are present."""
        totals: dict[str, Decimal] = defaultdict(Decimal)
        present = self.present_periods(side)
        for row in self.boav.get(side, ()):
            if row.bm_unit in units and row.settlement_period in present:
                assert row.bm_unit is not None
                volume = row.total_volume_accepted
                if volume is not None and volume < 0:
                    totals[row.bm_unit] += volume
        return dict(totals)

    def control_gbp(self, side: StackSide, units: Collection[str]) -> dict[str, CashflowSum]:
        """EBOCF's cashflows per unit of ``units`` on ``side``, over the periods that are present."""
        totals: dict[str, CashflowSum] = {}
        present = self.present_periods(side)
        for row in self.cashflows.get(side, ()):
            if row.bm_unit in units and row.settlement_period in present:
                assert row.bm_unit is not None
                net, gross = totals.get(row.bm_unit, (Decimal(), Decimal()))
                gbp = row.total_cashflow
                totals[row.bm_unit] = CashflowSum(net + gbp, gross + abs(gbp))
        return totals

    def present_periods(self, side: StackSide) -> set[int]:
        """The periods that are present on ``side``: the ones that a control total is compared over."""
        return {p for p in range(1, self.judgement.periods_expected + 1) if self.is_present(side, p)}

    def is_present(self, side: StackSide, period: int) -> bool:
        """Whether the period is there on ``side``; on a side that is not fetched, on the sides that are."""
        sides = (side,) if side in self.sides else self.sides
        return all((look := self.looks.get((s, period))) and look.status in ("rows", "empty") for s in sides)

    def problem(self) -> str:
        """Why the day is failing, incomplete or provisional though it is over; in one line, empty where it is not."""
        parts = []
        for side in self.sides:
            for word, slots in (("failed", self.judgement.failed), ("unpublished", self.judgement.unpublished)):
                periods = [p for s, p in slots if s == side]
                if periods:
                    first = self.errors.get((side, min(periods)))
                    parts.append(f"{side} periods {spans(periods)} {word}" + (f" ({first})" if first else ""))
        parts += [f"control total (BOAV {side}): {text}" for side, text in sorted(self.control_errors.items())]
        parts += [text] if (text := self.first_run_problem()) else []
        return "; ".join(parts)

    def first_run_problem(self) -> str:
        """Which periods are of Elexon's first run still, by their own rows; empty where none is."""
        early = self.judgement.first_run
        if not early:
            return ""
        latest = max(at for slot in early if (at := self.made_at[slot]) is not None)
        return (
            f"periods {spans([period for _, period in early])} are of the first run, not run again by Elexon: "
            f"newest row made {latest:%Y-%m-%d %H:%M} UTC"
        )


def read_day(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    *,
    sides: tuple[StackSide, ...],
    now: dt.datetime,
) -> DayReading:
    """Parse every answer and judge the day; an answer that is schema drift counts as failed.

    Args:
        day: settlement date.
        answers: what came, new or carried over.
        failures: what did not come, and why.
        sides: the sides of the stack that are fetched.
        now: the time at which the answers were the latest.
    """
    boav: dict[StackSide, list[BoavRow]] = {}
    control_errors: dict[StackSide, str] = {}
    for side in STACK_SIDES:
        key = AnswerKey("boav", side)
        try:
            boav[side] = parse_boav(key, day, _control_answer(key, answers, failures))
        except MinereconError as error:
            control_errors[side] = str(error)
    cashflows, cashflow_errors = _cashflows(day, answers, failures)

    @cache
    def periods_with_volume(side: StackSide) -> set[int] | None:
        return {r.settlement_period for r in boav[side] if r.has_volume} if side in boav else None

    looks: dict[Slot, PeriodLook] = {}
    rows: dict[Slot, list[StackRow]] = {}
    errors: dict[Slot, str] = {}
    duplicates = 0
    for side in sides:
        for period in range(1, calendar.period_count(day) + 1):
            key, slot = AnswerKey("stack", side, period), (side, period)
            answer, failure = answers.get(key), failures.get(key)
            count: int | None = None
            if answer is not None and failure is None:
                try:
                    rows[slot], repeated = distinct_rows(parse_stack(key, day, answer))
                    duplicates += repeated
                    count = len(rows[slot])
                except SchemaDriftError as error:
                    failure = error
            elif failure is None:
                continue
            due = calendar.is_due(day, period, now)
            # Asked only where the stack has no rows: of a windy day never.
            control = None if count or (found := periods_with_volume(side)) is None else period in found
            status = period_status(row_count=count, is_due=due, control_has_volume=control)
            looks[slot] = PeriodLook(status, answer.fetched_at if answer is not None else None)
            if failure is not None:
                errors[slot] = str(failure)
            elif status == "failed" and answer is not None:
                errors[slot] = f"HTTP {answer.status} without rows, and no control total to say whether it is empty"
            elif status == "unpublished" and due:
                errors[slot] = "no rows, but the control total (BOAV) has volume: Elexon has not published it yet"
    # Before the re-run all rows are of the first run, and the day is provisional by the clock.
    made_at = _made_at(rows, boav, cashflows) if now > calendar.rerun_done_at(day) else {}
    first_run = slots_of_the_first_run(day, made_at)
    judgement = judge_day(day, looks, sides=sides, controls_missing=list(control_errors), first_run=first_run, now=now)
    stack = {(key.side, key.period): answer for key, answer in answers.items() if key.side and key.kind == "stack"}
    wind, wind_error = _wind_output(day, answers, failures)
    return DayReading(
        day, sides, judgement, looks, stack, rows, duplicates, boav, errors, control_errors, wind, wind_error,
        cashflows, cashflow_errors, made_at,
    )  # fmt: skip


def _made_at(
    rows: Mapping[Slot, list[StackRow]],
    boav: Mapping[StackSide, list[BoavRow]],
    cashflows: Mapping[StackSide, list[EbocfRow]],
) -> dict[Slot, dt.datetime | None]:
    """When the newest row of each period and side was made.

    Of the stack, or, where its rows do not say so, of the accepted volumes or the cashflows, which are of the same run.
    """
    found = {slot: newest(row.created_date_time for row in of_slot) for slot, of_slot in rows.items() if of_slot}
    for report in (boav, cashflows):
        if None not in found.values():
            break
        said: dict[Slot, dt.datetime] = {}
        for side, of_side in report.items():
            for row in of_side:
                slot, at = (side, row.settlement_period), row.created_date_time
                if at is not None and (slot not in said or said[slot] < at):
                    said[slot] = at
        found = {slot: at or said.get(slot) for slot, at in found.items()}
    return found


def _wind_output(
    day: dt.date, answers: Mapping[AnswerKey, Answer], failures: Mapping[AnswerKey, MinereconError]
) -> tuple[dict[int, WindOutput], str | None]:
    if AGWS in failures:
        return {}, str(failures[AGWS])
    if AGWS not in answers:
        return {}, "it was not fetched"
    try:
        rows = parse_agws(AGWS, day, answers[AGWS])
    except SchemaDriftError as error:
        return {}, str(error)
    latest: dict[tuple[int, str | None], AgwsRow] = {}
    for row in rows:
        slot = (row.settlement_period, row.psr_type)
        if slot not in latest or latest[slot].publish_time < row.publish_time:
            latest[slot] = row
    mw = {slot: row.quantity_mw for slot, row in latest.items()}
    periods = {period for period, kind in mw if kind in ("Wind Onshore", "Wind Offshore")}
    return {p: WindOutput(mw.get((p, "Wind Onshore")), mw.get((p, "Wind Offshore"))) for p in sorted(periods)}, None


def _cashflows(
    day: dt.date, answers: Mapping[AnswerKey, Answer], failures: Mapping[AnswerKey, MinereconError]
) -> tuple[dict[StackSide, list[EbocfRow]], dict[StackSide, str]]:
    rows: dict[StackSide, list[EbocfRow]] = {}
    errors: dict[StackSide, str] = {}
    for side in STACK_SIDES:
        key = AnswerKey("cashflows", side)
        held, volumes = answers.get(key), answers.get(AnswerKey("boav", side))
        late = held and volumes and volumes.fetched_at - held.fetched_at > CASHFLOWS_AFTER_VOLUMES_AT_MOST
        try:
            if late:
                assert held is not None
                error = failures.get(key, "it did not come with the day's other answers")
                raise MinereconError(f"{error}; what is held of it is of {held.fetched_at:%Y-%m-%d %H:%M} UTC")
            # What is held and not too old counts though asking again has failed: the archive keeps it as the newest.
            rows[side] = parse_cashflows(key, day, _control_answer(key, answers, {} if held else failures))
        except MinereconError as error:
            errors[side] = str(error)
    return rows, errors


def _control_answer(
    key: AnswerKey, answers: Mapping[AnswerKey, Answer], failures: Mapping[AnswerKey, MinereconError]
) -> Answer:
    if key in failures:
        raise failures[key]
    answer = answers.get(key)
    if answer is None:
        raise MinereconError("it was not fetched")
    if answer.status != 200:
        # The whole day's accepted volumes decide what an absence means, so an absence of theirs decides nothing.
        raise MinereconError(f"GET {answer.url}: HTTP {answer.status}, no control total for the day")
    return answer
