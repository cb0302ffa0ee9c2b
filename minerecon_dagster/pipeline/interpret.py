"""What a day's answers say: rows, control totals, the status of each period and the day's state."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
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

    @property
    def knows_wind_output(self) -> bool:
        """Whether the onshore and offshore output of every period of the day is known."""
        known = [w for w in self.wind.values() if w.onshore_mw is not None and w.offshore_mw is not None]
        return len(known) == self.judgement.periods_expected

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
        """Why the day is failing or incomplete, in one line; empty where it is neither."""
        parts = []
        for side in self.sides:
            for word, slots in (("failed", self.judgement.failed), ("unpublished", self.judgement.unpublished)):
                periods = [p for s, p in slots if s == side]
                if periods:
                    first = self.errors.get((side, min(periods)))
                    parts.append(f"{side} periods {spans(periods)} {word}" + (f" ({first})" if first else ""))
        parts += [f"control total (BOAV {side}): {text}" for side, text in sorted(self.control_errors.items())]
        return "; ".join(parts)


def read_day(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    *,
    sides: tuple[StackSide, ...],
    now: dt.datetime,
    controls_waived: bool = False,
) -> DayReading:
    """Parse every answer and judge the day; an answer that is schema drift counts as failed.

    Where a person accepts that the accepted volumes (BOAV) do not come, the cashflows (EBOCF) say which periods are
    empty, and a period without rows of which neither says anything is unpublished.

    Args:
        day: settlement date.
        answers: what came, new or carried over.
        failures: what did not come, and why.
        sides: the sides of the stack that are fetched.
        now: the time at which the answers were the latest.
        controls_waived: whether a person has accepted that the day is without its control totals.
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
        if side in boav:
            return {r.settlement_period for r in boav[side] if r.has_volume}
        if controls_waived and side in cashflows:
            return {r.settlement_period for r in cashflows[side] if r.total_cashflow}
        return None

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
            unjudged = status == "failed" and failure is None
            if unjudged and controls_waived:
                status = "unpublished"
            looks[slot] = PeriodLook(status, answer.fetched_at if answer is not None else None)
            if failure is not None:
                errors[slot] = str(failure)
            elif unjudged and answer is not None:
                errors[slot] = f"HTTP {answer.status} without rows, and no control total to say whether it is empty"
            elif status == "unpublished" and due:
                errors[slot] = "no rows, but the control total (BOAV) has volume: Elexon has not published it yet"
    control_errors |= _controls_that_lack_the_stack(day, boav, rows, now)
    judgement = judge_day(
        day, looks, sides=sides, controls_missing=list(control_errors), controls_waived=controls_waived, now=now
    )
    stack = {(key.side, key.period): answer for key, answer in answers.items() if key.side and key.kind == "stack"}
    wind, wind_error = _wind_output(day, answers, failures)
    return DayReading(
        day, sides, judgement, looks, stack, rows, duplicates, boav, errors, control_errors, wind, wind_error,
        cashflows, cashflow_errors,
    )  # fmt: skip


def _controls_that_lack_the_stack(
    day: dt.date,
    boav: dict[StackSide, list[BoavRow]],
    rows: Mapping[Slot, list[StackRow]],
    now: dt.datetime,
) -> dict[StackSide, str]:
    """Take out of ``boav`` the sides of a day that is over which are empty beside acceptances: they did not come."""
    found: dict[StackSide, str] = {}
    if not calendar.is_due(day, calendar.period_count(day), now):
        return found
    for side in [side for side, volumes in boav.items() if not volumes]:
        accepted = sum(r.acceptance_id is not None for (s, _), of in rows.items() if s == side for r in of)
        if accepted:
            del boav[side]
            found[side] = f"it has no row of any unit, and the stack has {accepted} rows of acceptances"
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
