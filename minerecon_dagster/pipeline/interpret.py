"""What a day's answers say: rows, control totals, the status of each period and the day's state."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple, TypeVar

from minerecon_dagster.core import calendar
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.errors import MinereconError, SchemaDriftError, SilentSourceError
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
from minerecon_dagster.core.spans import periods_text
from minerecon_dagster.core.states import (
    CONFIRMED_AFTER,
    LONGEST_PLAIN_SILENCE,
    DayJudgement,
    PeriodLook,
    Slot,
    SlotEvidence,
    Verdict,
    judge_day,
    judge_slots,
    slots_text,
)

ControlRow = TypeVar("ControlRow", BoavRow, EbocfRow)

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
        confirmed: periods and sides in a long silence that is believed, since two looks confirmed it.
        kept: the periods by answer that had rows, and came without any when last asked for: what was said before is
            kept, and is what the reading has.
        missing_controls: the sides of `control_errors` of which there is no control total, rather than a wrong one.
        late_cashflows: the periods with cashflows that are held of a side, and are of an earlier look than its volumes.
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
    confirmed: tuple[Slot, ...] = ()
    kept: Mapping[AnswerKey, tuple[int, ...]] = field(default_factory=dict)
    missing_controls: frozenset[StackSide] = frozenset()
    late_cashflows: Mapping[StackSide, set[int]] = field(default_factory=dict)
    made_at: Mapping[Slot, dt.datetime | None] = field(default_factory=dict)

    @property
    def waits_for_source(self) -> bool:
        """Whether nothing but Elexon's silence keeps the day, which is over, from being final, or from being seen.

        Every question was answered, and the answers lack rows that there must be, or a control total.
        """
        judgement = self.judgement
        if judgement.periods_due < judgement.periods_expected:
            return False
        answered = all(slot in self.rows for slot in judgement.failed)
        if not answered or self.missing_controls != set(judgement.controls_missing):
            return False
        lacks_control = bool(judgement.controls_missing) and judgement.state == "failing"  # and nobody accepts that
        return bool(self.kept or judgement.unpublished or lacks_control)

    def kept_text(self) -> str:
        """The answers that are silent where they had rows, as a reader writes them; empty where there are none."""
        stack = slots_text([(key.side, key.period) for key in self.kept if key.kind == "stack" and key.side])
        whole_days = [
            f"{key} {periods_text(periods)}" for key, periods in sorted(self.kept.items()) if key.kind != "stack"
        ]
        return "; ".join(filter(None, (stack, *whole_days)))

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
                    parts.append(f"{side} periods {periods_text(periods)} {word}" + (f" ({first})" if first else ""))
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
            f"periods {periods_text([period for _, period in early])} are of the first run, not run again by Elexon: "
            f"newest row made {latest:%Y-%m-%d %H:%M} UTC"
        )


def read_day(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    *,
    sides: tuple[StackSide, ...],
    now: dt.datetime,
    silent: Mapping[AnswerKey, Answer] | None = None,
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
        silent: answers that came after those of ``answers``, and lack rows that these have. Of a whole-day answer what
            they do have is taken.
        controls_waived: whether a person has accepted that the day is without its control totals.
    """
    silent = silent or {}
    boav: dict[StackSide, list[BoavRow]] = {}
    control_errors: dict[StackSide, MinereconError] = {}
    kept: dict[AnswerKey, tuple[int, ...]] = {key: (key.period,) for key in silent if key.kind == "stack"}
    for side in STACK_SIDES:
        key = AnswerKey("boav", side)
        try:
            boav[side] = parse_boav(key, day, _control_answer(key, answers, failures))
            if key in silent:
                later = parse_boav(key, day, silent[key])
                boav[side], kept[key] = _merged(boav[side], later, _boav_periods(boav[side]), _boav_periods(later))
        except MinereconError as error:
            control_errors[side] = error
    cashflows, cashflow_errors, late = _cashflows(day, answers, failures, silent, kept)
    wind, wind_error = _wind_output(day, answers, failures, silent, kept)

    rows: dict[Slot, list[StackRow]] = {}
    evidence: dict[Slot, SlotEvidence] = {}
    errors: dict[Slot, str] = {}
    duplicates = 0
    for side in sides:
        for period in range(1, calendar.period_count(day) + 1):
            key, slot = AnswerKey("stack", side, period), (side, period)
            answer, failure = answers.get(key), failures.get(key)
            count: int | None = None
            confirmed = False
            if answer is not None and failure is None:
                try:
                    rows[slot], repeated = distinct_rows(parse_stack(key, day, answer))
                    duplicates += repeated
                    count = len([row for row in rows[slot] if row.is_acceptance])
                    confirmed = not count and _is_confirmed(answer)
                except SchemaDriftError as error:
                    failure = error
            elif failure is None:
                continue
            if failure is not None:
                errors[slot] = str(failure)
            evidence[slot] = SlotEvidence(count, calendar.is_due(day, period, now), confirmed)
    for side, why in _silent_controls(evidence, boav, cashflows).items():
        del boav[side]
        control_errors[side] = SilentSourceError(why)
    # Of a windy day, whose periods all have acceptances, nobody asks what the control totals have.
    quiet = any(not known.acceptance_count for known in evidence.values())
    periods = _control_periods(boav, cashflows, controls_waived=controls_waived) if quiet else {}
    verdict = judge_slots(evidence, sides=sides, control_periods=periods)
    looks = {
        slot: PeriodLook(
            # Where a person does without the control totals, what they would have to judge is not known, and no fault.
            "unpublished" if controls_waived and status == "failed" and slot in rows else status,
            answers[key].fetched_at if (key := AnswerKey("stack", *slot)) in answers else None,
            evidence[slot].acceptance_count or 0,
        )
        for slot, status in verdict.statuses.items()
    }
    for slot, look in looks.items():
        if look.status in ("failed", "unpublished") and slot not in errors and evidence[slot].is_due:
            errors[slot] = _why_absent(slot, look, answers[AnswerKey("stack", *slot)], verdict, boav, cashflows, wind)
    # Before the re-run all rows are of the first run, and the day is provisional by the clock.
    made_at = _made_at(rows, boav, cashflows) if now > calendar.rerun_done_at(day) else {}
    first_run = slots_of_the_first_run(day, made_at)
    judgement = judge_day(
        day,
        looks,
        sides=sides,
        controls_missing=list(control_errors),
        first_run=first_run,
        controls_waived=controls_waived,
        now=now,
    )
    stack = {(key.side, key.period): answer for key, answer in answers.items() if key.side and key.kind == "stack"}
    return DayReading(
        day, sides, judgement, looks, stack, rows, duplicates, boav, errors,
        {side: str(error) for side, error in control_errors.items()}, wind, wind_error, cashflows, cashflow_errors,
        verdict.confirmed, kept, frozenset(s for s, e in control_errors.items() if not isinstance(e, SchemaDriftError)),
        late, made_at,
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


def silent_answers(
    held: DayReading, now: DayReading, asked: Mapping[AnswerKey, Answer]
) -> dict[AnswerKey, tuple[int, ...]]:
    """The answers that lack rows which are held, with the periods that they lack: silence, and no change.

    Args:
        held: what was known of the day.
        now: what it is with the answers of ``asked`` in place of those held.
        asked: the answers that came just now.
    """
    found: dict[AnswerKey, tuple[int, ...]] = {}
    for key, answer in asked.items():
        if key.kind == "agws":
            lacks = {period for period, _ in _known_wind(held) - _known_wind(now)} if now.wind_error is None else set()
        elif key.side is None:
            continue
        elif key.kind == "stack":
            slot = key.side, key.period
            was, look = held.looks.get(slot), now.looks.get(slot)
            gone = was and look and slot in now.rows and was.acceptance_count and not look.acceptance_count
            lacks = {key.period} if gone else set()
        elif key.kind == "boav":
            came = key.side in now.boav or key.side in now.missing_controls
            lacks = _boav_periods(held.boav.get(key.side, ())) - _boav_periods(now.boav.get(key.side, ()))
            lacks = lacks if came else set()
        else:
            came = key.side in now.cashflows or answer.status != 200
            had = held.late_cashflows.get(key.side) or _flow_periods(held.cashflows.get(key.side, ()))
            lacks = had - _flow_periods(now.cashflows.get(key.side, ())) if came else set()
        if lacks:
            found[key] = tuple(sorted(lacks))
    return found


def _is_confirmed(answer: Answer) -> bool:
    return answer.settled_at is not None and answer.fetched_at - answer.settled_at >= CONFIRMED_AFTER


def _boav_periods(rows: Iterable[BoavRow]) -> set[int]:
    return {row.settlement_period for row in rows if row.has_volume}


def _flow_periods(rows: Iterable[EbocfRow]) -> set[int]:
    return {row.settlement_period for row in rows if row.has_cashflow}


def _known_wind(reading: DayReading) -> set[tuple[int, bool]]:
    return {
        (period, offshore)
        for period, wind in reading.wind.items()
        for offshore, mw in ((False, wind.onshore_mw), (True, wind.offshore_mw))
        if mw is not None
    }


def _merged(
    held: Sequence[ControlRow], later: Sequence[ControlRow], had: set[int], has: set[int]
) -> tuple[list[ControlRow], tuple[int, ...]]:
    """The rows of the later answer, and those held of the periods that it lacks; and which these are."""
    lacks = had - has
    rows = [row for row in later if row.settlement_period not in lacks]
    return rows + [row for row in held if row.settlement_period in lacks], tuple(sorted(lacks))


def _control_periods(
    boav: Mapping[StackSide, Sequence[BoavRow]],
    cashflows: Mapping[StackSide, Sequence[EbocfRow]],
    *,
    controls_waived: bool,
) -> dict[StackSide, set[int] | None]:
    """By side, the periods in which a control total has volume of any unit; None where nothing says so.

    BOAV says so, and EBOCF beside it; EBOCF alone only where a person accepts that BOAV does not come.
    """
    return {
        side: _boav_periods(boav.get(side, ())) | _flow_periods(cashflows.get(side, ()))
        if side in boav or (controls_waived and side in cashflows)
        else None
        for side in STACK_SIDES
    }


def _silent_controls(
    evidence: Mapping[Slot, SlotEvidence],
    boav: Mapping[StackSide, Sequence[BoavRow]],
    cashflows: Mapping[StackSide, Sequence[EbocfRow]],
) -> dict[StackSide, str]:
    """The sides whose whole-day BOAV has no volume although there was some: no control total, whatever its status."""
    found = {}
    for side, volumes in boav.items():
        if any(row.has_volume for row in volumes):
            continue
        accepted = {p for (s, p), known in evidence.items() if s == side and known.is_due and known.acceptance_count}
        flows = _flow_periods(cashflows.get(side, ()))
        for periods, where in ((accepted, "the stack"), (flows, "EBOCF")):
            if len(periods) > LONGEST_PLAIN_SILENCE:
                found[side] = f"it has no volume at all, and {where} has acceptances in {len(periods)} periods"
                break
    return found


def _why_absent(
    slot: Slot,
    look: PeriodLook,
    answer: Answer,
    verdict: Verdict,
    boav: Mapping[StackSide, Sequence[BoavRow]],
    cashflows: Mapping[StackSide, Sequence[EbocfRow]],
    wind: Mapping[int, WindOutput],
) -> str:
    side, period = slot
    if look.status == "failed":
        return f"HTTP {answer.status} without an acceptance, and no control total to say whether it is empty"
    if slot in verdict.silent:
        output = wind.get(period)
        mw = [mw for mw in (output.onshore_mw, output.offshore_mw) if mw is not None] if output else []
        beside = f"; the wind output was {sum(mw):,.0f} MW" if mw else ""
        return f"no acceptance of any unit, neither in the stack nor in BOAV nor in EBOCF: Elexon is silent{beside}"
    if period in _boav_periods(boav.get(side, ())) | _flow_periods(cashflows.get(side, ())):
        return "no acceptance, but the control totals (BOAV, EBOCF) have volume: Elexon has not published it yet"
    other = next(s for s in STACK_SIDES if s != side)
    beside_it = verdict.statuses.get((other, period))
    if beside_it is not None and beside_it != "rows":
        return f"no acceptance, and the {other} side, which might say that this is right, is {beside_it} too"
    return (
        f"no acceptance in more than {LONGEST_PLAIN_SILENCE} periods in a row: not believed before two looks after the "
        f"re-run, {CONFIRMED_AFTER // dt.timedelta(hours=1)} h apart, have found it so"
    )


def _wind_output(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    silent: Mapping[AnswerKey, Answer],
    kept: dict[AnswerKey, tuple[int, ...]],
) -> tuple[dict[int, WindOutput], str | None]:
    if AGWS in failures:
        return {}, str(failures[AGWS])
    if AGWS not in answers:
        return {}, "it was not fetched"
    try:
        mw = _latest_mw(parse_agws(AGWS, day, answers[AGWS]))
        if AGWS in silent:
            later = _latest_mw(parse_agws(AGWS, day, silent[AGWS]))
            kept[AGWS] = tuple(sorted({period for period, _ in mw.keys() - later.keys()}))
            mw |= later
    except SchemaDriftError as error:
        return {}, str(error)
    periods = {period for period, kind in mw if kind in ("Wind Onshore", "Wind Offshore")}
    return {p: WindOutput(mw.get((p, "Wind Onshore")), mw.get((p, "Wind Offshore"))) for p in sorted(periods)}, None


def _latest_mw(rows: Iterable[AgwsRow]) -> dict[tuple[int, str | None], Decimal]:
    latest: dict[tuple[int, str | None], AgwsRow] = {}
    for row in rows:
        slot = (row.settlement_period, row.psr_type)
        if slot not in latest or latest[slot].publish_time < row.publish_time:
            latest[slot] = row
    return {slot: row.quantity_mw for slot, row in latest.items()}


def _cashflows(
    day: dt.date,
    answers: Mapping[AnswerKey, Answer],
    failures: Mapping[AnswerKey, MinereconError],
    silent: Mapping[AnswerKey, Answer],
    kept: dict[AnswerKey, tuple[int, ...]],
) -> tuple[dict[StackSide, list[EbocfRow]], dict[StackSide, str], dict[StackSide, set[int]]]:
    rows: dict[StackSide, list[EbocfRow]] = {}
    of_earlier_looks: dict[StackSide, set[int]] = {}
    errors: dict[StackSide, str] = {}
    for side in STACK_SIDES:
        key = AnswerKey("cashflows", side)
        held, volumes = answers.get(key), answers.get(AnswerKey("boav", side))
        late = held and volumes and volumes.fetched_at - held.fetched_at > CASHFLOWS_AFTER_VOLUMES_AT_MOST
        try:
            if late:
                assert held is not None
                of_earlier_looks[side] = _flow_periods(parse_cashflows(key, day, held))
                came = "came without rows" if key in silent else "did not come"
                error = failures.get(key, f"it {came} with the day's other answers")
                raise MinereconError(f"{error}; what is held of it is of {held.fetched_at:%Y-%m-%d %H:%M} UTC")
            # What is held and not too old counts though asking again has failed: the archive keeps it as the newest.
            flows = parse_cashflows(key, day, _control_answer(key, answers, {} if held else failures))
            if key in silent:
                latest = parse_cashflows(key, day, silent[key])
                flows, kept[key] = _merged(flows, latest, _flow_periods(flows), _flow_periods(latest))
            rows[side] = flows
        except MinereconError as error:
            errors[side] = str(error)
    return rows, errors, of_earlier_looks


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
        raise SilentSourceError(f"GET {answer.url}: HTTP {answer.status}, no control total for the day")
    return answer
