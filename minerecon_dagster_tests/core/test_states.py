"""The states of periods and days: every case of the rule."""

from __future__ import annotations

import datetime as dt
from itertools import product

import pytest

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import STACK_SIDES
from minerecon_dagster.core.states import DayJudgement, PeriodLook, Slot, judge_day, period_status, spans

DAY = dt.date(2025, 3, 28)
LATER = calendar.rerun_done_at(DAY) + dt.timedelta(seconds=1)
NEXT_MORNING = dt.datetime(2025, 3, 29, 6, tzinfo=dt.UTC)

EXPECTED = {
    # (rows, due, BOAV has volume): status
    (None, True, True): "failed",
    (None, True, False): "failed",
    (None, True, None): "failed",
    (None, False, True): "failed",
    (None, False, False): "failed",
    (None, False, None): "failed",
    (0, True, True): "unpublished",
    (0, True, False): "empty",
    (0, True, None): "failed",
    (0, False, True): "unpublished",
    (0, False, False): "unpublished",
    (0, False, None): "unpublished",
    (3, True, True): "rows",
    (3, True, False): "rows",
    (3, True, None): "rows",
    (3, False, True): "rows",
    (3, False, False): "rows",
    (3, False, None): "rows",
}


@pytest.mark.parametrize("case", list(product((None, 0, 3), (True, False), (True, False, None))))
def test_the_status_of_a_period_in_every_case(case: tuple[int | None, bool, bool | None]) -> None:
    rows, due, control = case
    assert period_status(row_count=rows, is_due=due, control_has_volume=control) == EXPECTED[case]


def looks(status: str = "rows", at: dt.datetime = LATER, **changed: str) -> dict[Slot, PeriodLook]:
    found = {(side, p): PeriodLook(status, at) for side in STACK_SIDES for p in range(1, 49)}  # type: ignore[arg-type]
    for name, other in changed.items():
        side, period = name.split("_")
        found[side, int(period)] = PeriodLook(other, at)  # type: ignore[index,arg-type]
    return found


def judge(found: dict[Slot, PeriodLook], now: dt.datetime = LATER, **kwargs: object) -> DayJudgement:
    return judge_day(DAY, found, sides=STACK_SIDES, now=now, **kwargs)  # type: ignore[arg-type]


def test_a_day_is_final_when_all_is_there_and_was_fetched_after_the_rerun() -> None:
    verdict = judge(looks())
    assert (verdict.state, verdict.periods_expected, verdict.periods_due, verdict.periods_present) == (
        "final",
        48,
        48,
        48,
    )


def test_empty_periods_are_present() -> None:
    assert judge(looks("empty")).state == "final"


def test_a_day_is_provisional_while_one_answer_is_from_before_the_rerun() -> None:
    found = looks()
    found["offer", 7] = PeriodLook("rows", calendar.rerun_done_at(DAY))
    assert judge(found).state == "provisional"


def test_a_day_in_progress_is_provisional_with_its_due_periods() -> None:
    noon = dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC)
    found = {slot: look for slot, look in looks(at=noon).items() if slot[1] <= 23}
    verdict = judge(found, noon)
    assert (verdict.state, verdict.periods_due, verdict.periods_present) == ("provisional", 23, 23)


def test_an_unpublished_due_period_makes_the_day_incomplete_and_is_named() -> None:
    verdict = judge(looks(bid_40="unpublished"))
    assert (verdict.state, verdict.unpublished, verdict.periods_present) == ("incomplete", (("bid", 40),), 47)


def test_an_unpublished_period_that_is_not_due_does_not() -> None:
    noon = dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC)
    assert judge(looks(at=noon, bid_24="unpublished"), noon).state == "provisional"


def test_a_failed_due_period_makes_the_day_failing_whatever_else_is_missing() -> None:
    verdict = judge(looks(bid_40="unpublished", offer_3="failed"))
    assert (verdict.state, verdict.failed) == ("failing", (("offer", 3),))


def test_a_due_period_that_nobody_asked_for_is_a_failure() -> None:
    found = looks()
    del found["bid", 48]
    assert judge(found).state == "failing"


def test_a_missing_control_total_makes_the_day_failing() -> None:
    verdict = judge(looks(), controls_missing=["offer"])
    assert (verdict.state, verdict.controls_missing) == ("failing", ("offer",))


def test_a_missing_control_total_that_a_person_accepts_does_not_and_is_still_named() -> None:
    verdict = judge(looks(), controls_missing=["bid", "offer"], controls_waived=True)
    assert (verdict.state, verdict.controls_missing) == ("final", ("bid", "offer"))
    assert judge(looks(bid_40="failed"), controls_missing=["bid"], controls_waived=True).state == "failing"
    assert judge(looks(bid_40="unpublished"), controls_missing=["bid"], controls_waived=True).state == "incomplete"


def test_a_day_of_50_periods_needs_all_50() -> None:
    day = dt.date(2025, 10, 26)
    now = calendar.rerun_done_at(day) + dt.timedelta(hours=1)
    found: dict[Slot, PeriodLook] = {(s, p): PeriodLook("rows", now) for s in STACK_SIDES for p in range(1, 49)}
    assert judge_day(day, found, sides=STACK_SIDES, now=now).state == "failing"
    found |= {(s, p): PeriodLook("rows", now) for s in STACK_SIDES for p in (49, 50)}
    assert judge_day(day, found, sides=STACK_SIDES, now=now).state == "final"


def test_only_the_sides_that_are_fetched_count() -> None:
    found = {slot: look for slot, look in looks().items() if slot[0] == "bid"}
    assert judge_day(DAY, found, sides=("bid",), now=LATER).state == "final"


def test_spans_are_written_as_a_reader_writes_them() -> None:
    assert spans([40, 41, 42, 7, 1, 2]) == "1-2, 7, 40-42"
    assert spans([]) == ""
