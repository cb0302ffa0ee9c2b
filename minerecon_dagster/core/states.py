"""What an answer, or its absence, says about a settlement period and about its day.

The rule of the project: an error is not emptiness, and emptiness is not proof. Whether a period
without rows is truly empty is said by Elexon's own control total, the accepted volumes (BOAV).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import StackSide

PeriodStatus = Literal["rows", "empty", "unpublished", "failed"]
DayState = Literal["failing", "incomplete", "provisional", "final"]
Slot = tuple[StackSide, int]
"""A side of the stack and a settlement period."""


def period_status(*, row_count: int | None, is_due: bool, control_has_volume: bool | None) -> PeriodStatus:
    """The status of one period and side.

    Args:
        row_count: rows of any unit in the answer (a 404 has none); None where no answer came.
        is_due: whether Elexon should have published the period when it was asked.
        control_has_volume: whether BOAV has volume of any unit there; None where BOAV did not answer.

    Returns:
        ``rows``, ``empty``, ``unpublished`` or ``failed``. A due period without rows and without a
        control total to judge it by is ``failed``: nothing says that it is empty.
    """
    if row_count is None:
        return "failed"
    if row_count:
        return "rows"
    if control_has_volume or not is_due:
        return "unpublished"
    return "failed" if control_has_volume is None else "empty"


@dataclass(frozen=True, slots=True)
class PeriodLook:
    """A period and side as last seen: its status and when its answer was fetched (None: never)."""

    status: PeriodStatus
    fetched_at: dt.datetime | None


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


def judge_day(
    day: dt.date,
    looks: Mapping[Slot, PeriodLook],
    *,
    sides: Collection[StackSide],
    controls_missing: Collection[StackSide] = (),
    controls_waived: bool = False,
    now: dt.datetime,
) -> DayJudgement:
    """The state of ``day`` as it was known at ``now``.

    Args:
        day: settlement date.
        looks: what is known of each period and side; one that was never asked for may be absent.
        sides: the sides of the stack that are fetched.
        controls_missing: the sides for which BOAV did not answer.
        controls_waived: whether a person has accepted that the day is without them.
        now: the time of judging; decides which periods are due.

    Returns:
        ``failing``: a due period has no answer, or BOAV has none and nobody accepts that.
        ``incomplete``: a due period is unpublished. ``final``: every period of the day is present on
        every side and was fetched after the re-run. ``provisional``: anything else.
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
    if failed or (missing and not controls_waived):
        state = "failing"
    elif unpublished:
        state = "incomplete"
    elif not absent and _all_after_rerun(day, seen.values()):
        state = "final"
    return DayJudgement(state, expected, len(due), expected - len(absent), failed, unpublished, missing)


def _all_after_rerun(day: dt.date, looks: Collection[PeriodLook]) -> bool:
    rerun_done = calendar.rerun_done_at(day)
    return all(look.fetched_at is not None and look.fetched_at > rerun_done for look in looks)


def spans(periods: Collection[int]) -> str:
    """Periods as a reader writes them: ``1-3, 7``."""
    runs: list[list[int]] = []
    for period in sorted(set(periods)):
        if runs and period == runs[-1][1] + 1:
            runs[-1][1] = period
        else:
            runs.append([period, period])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)
