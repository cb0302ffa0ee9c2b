"""Finality by what the rows say: which run of Elexon's they are of, beside the clock."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.settlement_run import RERUN_NOT_BEFORE, newest, slots_of_the_first_run
from minerecon_dagster.core.states import DayJudgement, PeriodLook, Slot, accepting_first_run, judge_day

DAYS = [dt.date(2025, 3, 28), dt.date(2025, 3, 30), dt.date(2025, 10, 26)]
FIRST_RUN = dt.timedelta(minutes=44)
RERUN = dt.timedelta(hours=24, minutes=44)


def judged(
    day: dt.date, made_after: dict[Slot, dt.timedelta | None], *, status: str = "rows", late: bool = True
) -> DayJudgement:
    """A day that is all there, fetched after its re-run or at it; its rows were made so long after their periods."""
    at = calendar.rerun_done_at(day) + dt.timedelta(seconds=late)
    slots: list[tuple[StackSide, int]] = [
        (side, p) for side in STACK_SIDES for p in range(1, calendar.period_count(day) + 1)
    ]
    made = {
        slot: None if (after := made_after.get(slot, RERUN)) is None else calendar.period_start(day, slot[1]) + after
        for slot in slots
    }
    looks = {slot: PeriodLook(status, at) for slot in slots}  # type: ignore[arg-type]
    return judge_day(day, looks, sides=STACK_SIDES, first_run=slots_of_the_first_run(day, made), now=at)


@pytest.mark.parametrize("day", DAYS)
def test_a_day_of_which_every_row_is_of_the_rerun_is_final(day: dt.date) -> None:
    assert judged(day, {}).state == "final"


@pytest.mark.parametrize("day", DAYS)
@given(st.data())
def test_one_period_of_the_first_run_keeps_a_day_provisional_and_is_named(day: dt.date, data: st.DataObject) -> None:
    slot = (data.draw(st.sampled_from(STACK_SIDES)), data.draw(st.integers(1, calendar.period_count(day))))
    after = data.draw(st.timedeltas(dt.timedelta(minutes=30), RERUN_NOT_BEFORE - dt.timedelta(seconds=1)))
    verdict = judged(day, {slot: after})
    assert (verdict.state, verdict.first_run) == ("provisional", (slot,))


@given(st.timedeltas(RERUN_NOT_BEFORE, dt.timedelta(days=900)))
def test_rows_that_were_made_about_a_day_later_or_years_later_are_of_the_rerun(after: dt.timedelta) -> None:
    slots: list[Slot] = [(side, p) for side in STACK_SIDES for p in range(1, 49)]
    assert judged(DAYS[0], dict.fromkeys(slots, after)).state == "final"


def test_rows_of_a_rerun_that_came_half_an_hour_early_are_of_the_rerun() -> None:
    assert RERUN - dt.timedelta(minutes=30) == RERUN_NOT_BEFORE


def test_a_row_that_does_not_say_when_it_was_made_is_no_evidence_either_way() -> None:
    slots: list[Slot] = [(side, p) for side in STACK_SIDES for p in range(1, 49)]
    assert judged(DAYS[0], dict.fromkeys(slots)).state == "final"
    early: dict[Slot, dt.timedelta | None] = {**dict.fromkeys(slots), ("bid", 7): FIRST_RUN}
    assert judged(DAYS[0], early).state == "provisional"


def test_of_several_rows_the_newest_counts() -> None:
    start = calendar.period_start(DAYS[0], 1)
    assert newest([None, start, start + RERUN, None]) == start + RERUN
    assert newest([None]) is newest([]) is None


def test_before_the_rerun_the_clock_alone_decides_and_the_rows_are_no_reason() -> None:
    verdict = judged(DAYS[0], {("bid", 7): FIRST_RUN}, late=False)
    assert (verdict.state, verdict.first_run) == ("provisional", ())


def test_a_day_that_is_not_all_there_stays_what_it_is() -> None:
    verdict = judged(DAYS[0], {("bid", 7): FIRST_RUN}, status="unpublished")
    assert (verdict.state, verdict.first_run) == ("incomplete", ())
    assert accepting_first_run(verdict).state == "incomplete"


def test_what_a_person_has_accepted_is_final_and_still_says_which_periods_were_not_run_again() -> None:
    verdict = accepting_first_run(judged(DAYS[0], {("bid", 7): FIRST_RUN}))
    assert (verdict.state, verdict.first_run) == ("final", (("bid", 7),))
    early = judged(DAYS[0], {}, late=False)
    assert accepting_first_run(early) == early, "what the clock says cannot be accepted away"
