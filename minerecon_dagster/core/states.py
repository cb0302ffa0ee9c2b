"""What an answer, or its absence, says about a settlement period and about its day.

The rule of the project: an error is not emptiness, and emptiness is not proof. The stack and Elexon's control totals of
the whole day come from one settlement run and can be silent together, so that none of them can say that another is
rightly empty; only what else was accepted in the same half hour can.

Of a period that is due, and a side of the stack:

| what is known | status |
|---|---|
| the side has a row with an acceptance | ``rows`` |
| it has none, and a control total has volume of any unit there | ``unpublished`` |
| it has none, and whether BOAV has volume there is not known | ``failed`` |
| neither side has an acceptance, nor any control total anything | ``unpublished``, both sides, for ever unless filled |
| the side has nothing anywhere, the other has acceptances; at most `LONGEST_PLAIN_SILENCE` in a row | ``empty`` |
| the same, more in a row | ``unpublished`` until it is `SlotEvidence.is_confirmed`; then ``empty``, and a warning |
| the side has nothing, and of the other it is not known | ``unpublished``: what is not known is no evidence |
| no answer after all tries | ``failed`` |

Rows without an acceptance (numeric or null ids: adjustment actions) are in neither control total and prove nothing. A
half hour in which no unit of any fuel in Great Britain was accepted on either side is not known to have happened; one
without any bid, or any offer, is. A run of silence is counted over every due period of which the side has no
acceptance: one that is unknown in its middle does not cut it in two. Where only one side of the stack is fetched, the
other is judged by the control totals alone. Wind output decides nothing: it is above 0 on nearly every day without
a wind bid.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.spans import periods_text, spans

PeriodStatus = Literal["rows", "empty", "unpublished", "failed"]
DayState = Literal["failing", "incomplete", "provisional", "final"]
Slot = tuple[StackSide, int]
"""A side of the stack and a settlement period."""

LONGEST_PLAIN_SILENCE = 2
"""Periods in a row in which one side may have no acceptance beside the other's: single ones occur."""
CONFIRMED_AFTER = dt.timedelta(hours=24)
"""Two looks after the re-run, so far apart, that found the same answer confirm it."""


@dataclass(frozen=True, slots=True)
class SlotEvidence:
    """What the settlement stack itself says of a period and side.

    Args:
        acceptance_count: rows of a unit with an acceptance; None where no answer came.
        is_due: whether Elexon should have published the period when it was asked.
        is_confirmed: whether two looks after the re-run, at least `CONFIRMED_AFTER` apart, found the same answer.
    """

    acceptance_count: int | None
    is_due: bool
    is_confirmed: bool = False


@dataclass(frozen=True)
class Verdict:
    """The status of every period and side that was asked for.

    Args:
        statuses: by side and period.
        confirmed: those of `statuses` that are ``empty`` in a long silence, and are believed since it was confirmed.
        silent: those that are ``unpublished`` since neither side nor a control total says anything of the half hour.
    """

    statuses: Mapping[Slot, PeriodStatus]
    confirmed: tuple[Slot, ...] = ()
    silent: tuple[Slot, ...] = ()


def judge_slots(
    evidence: Mapping[Slot, SlotEvidence],
    *,
    sides: Collection[StackSide],
    control_periods: Mapping[StackSide, Collection[int] | None],
) -> Verdict:
    """The status of each period and side, by the table above.

    Args:
        evidence: what the stack says; a period and side that was not asked for is absent.
        sides: the sides of the stack that are fetched.
        control_periods: by side, the periods in which a control total has volume of any unit; None, or absent, where
            the one that decides is not known. It is looked into only where a due period has no acceptance: of a windy
            day never.

    Returns:
        The status of each of ``evidence``.
    """
    statuses: dict[Slot, PeriodStatus] = {}
    quiet: dict[StackSide, dict[int, bool]] = {}
    for slot, known in evidence.items():
        if known.acceptance_count:
            statuses[slot] = "rows"
            continue
        statuses[slot] = "failed" if known.acceptance_count is None else "unpublished"
        if known.is_due:
            quiet.setdefault(slot[0], {})[slot[1]] = False
    silent: list[Slot] = []
    for side, periods in quiet.items():
        other = _opposite(side)
        own = control_periods.get(side)
        for period in periods:
            if statuses[side, period] == "failed":
                continue
            if own is None:
                statuses[side, period] = "failed"
            elif period not in own:
                others = _is_alive(other, period, evidence, sides, control_periods)
                periods[period] = others is True
                if others is False:
                    silent.append((side, period))
    confirmed: list[Slot] = []
    for side, periods in quiet.items():
        for first, last in spans(periods):
            run = range(first, last + 1)
            beside_the_other = [(side, p) for p in run if periods[p]]
            believed = all(evidence[slot].is_confirmed for slot in beside_the_other)
            if len(run) > LONGEST_PLAIN_SILENCE and not believed:
                continue
            statuses.update(dict.fromkeys(beside_the_other, "empty"))
            if len(run) > LONGEST_PLAIN_SILENCE:
                confirmed += beside_the_other
    return Verdict(statuses, tuple(sorted(confirmed)), tuple(sorted(silent)))


def _opposite(side: StackSide) -> StackSide:
    return STACK_SIDES[1 - STACK_SIDES.index(side)]


def _is_alive(
    side: StackSide,
    period: int,
    evidence: Mapping[Slot, SlotEvidence],
    sides: Collection[StackSide],
    control_periods: Mapping[StackSide, Collection[int] | None],
) -> bool | None:
    """Whether anything was accepted on a side: in the stack where that is fetched; None where it is not known."""
    control = control_periods.get(side)
    if side not in sides:
        return None if control is None else period in control
    known = evidence.get((side, period))
    if known is None or known.acceptance_count is None:
        return None
    if known.acceptance_count:
        return True
    # The stack of the half hour is not there, though something was accepted: it says nothing of the one side either.
    return None if control is None or period in control else False


@dataclass(frozen=True, slots=True)
class PeriodLook:
    """A period and side as last seen.

    Args:
        status: what is known of it.
        fetched_at: when its answer was last seen; None: never.
        acceptance_count: rows of any unit with an acceptance; 0 where there is no answer.
    """

    status: PeriodStatus
    fetched_at: dt.datetime | None
    acceptance_count: int = 0


@dataclass(frozen=True, slots=True)
class DayJudgement:
    """The state of a day, and the evidence for it."""

    state: DayState
    periods_expected: int
    periods_due: int
    periods_present: int
    failed: tuple[Slot, ...]
    unpublished: tuple[Slot, ...]
    controls_missing: tuple[StackSide, ...]
    first_run: tuple[Slot, ...] = ()
    """What alone keeps the day from being final: all was fetched after the re-run, and these rows are of before it."""


def judge_day(
    day: dt.date,
    looks: Mapping[Slot, PeriodLook],
    *,
    sides: Collection[StackSide],
    controls_missing: Collection[StackSide] = (),
    first_run: Collection[Slot] = (),
    controls_waived: bool = False,
    now: dt.datetime,
) -> DayJudgement:
    """The state of ``day`` as it was known at ``now``.

    Args:
        day: settlement date.
        looks: what is known of each period and side; one that was never asked for may be absent.
        sides: the sides of the stack that are fetched.
        controls_missing: the sides for which BOAV did not answer.
        first_run: the sides and periods whose own rows say that they are of the first run
            (`settlement_run.slots_of_the_first_run`).
        controls_waived: whether a person has accepted that the day is without them.
        now: the time of judging; decides which periods are due.

    Returns:
        ``failing``: a due period has no answer, or BOAV has none and nobody accepts that.
        ``incomplete``: a due period is unpublished. ``final``: every period of the day is present on
        every side, was fetched after the re-run, and has no rows that say otherwise. ``provisional``:
        anything else.
    """
    expected = calendar.period_count(day)
    due = set(calendar.due_periods(day, now))
    never = PeriodLook("failed", None)
    slots = [(side, period) for period in range(1, expected + 1) for side in sides]
    seen = {slot: looks.get(slot, never) for slot in slots}
    failed = tuple(s for s in slots if s[1] in due and seen[s].status == "failed")
    unpublished = tuple(s for s in slots if s[1] in due and seen[s].status == "unpublished")
    absent = {period for side, period in slots if seen[side, period].status in ("failed", "unpublished")}
    missing = tuple(sorted(controls_missing))
    state: DayState = "provisional"
    early: tuple[Slot, ...] = ()
    if failed or (missing and not controls_waived):
        state = "failing"
    elif unpublished:
        state = "incomplete"
    elif not absent and _all_after_rerun(day, seen.values()):
        early = tuple(sorted(first_run))
        state = "provisional" if early else "final"
    return DayJudgement(state, expected, len(due), expected - len(absent), failed, unpublished, missing, early)


def accepting_first_run(judgement: DayJudgement) -> DayJudgement:
    """The judgement of a day of which a person has accepted that Elexon has not run it again: it is final as it is."""
    return replace(judgement, state="final") if judgement.first_run else judgement


def _all_after_rerun(day: dt.date, looks: Collection[PeriodLook]) -> bool:
    rerun_done = calendar.rerun_done_at(day)
    return all(look.fetched_at is not None and look.fetched_at > rerun_done for look in looks)


def slots_text(slots: Collection[Slot]) -> str:
    """Periods and sides as a reader writes them: ``bid 1-3, 7; offer 2``."""
    by_side = [(side, [p for s, p in slots if s == side]) for side in STACK_SIDES]
    return "; ".join(f"{side} {periods_text(periods)}" for side, periods in by_side if periods)
