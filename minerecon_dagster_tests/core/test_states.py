"""The states of periods and days: every line of the table in core/states.py, and what it makes of days without end."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minerecon_dagster.core import calendar
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide
from minerecon_dagster.core.checks import NO_LONG_SILENCE
from minerecon_dagster.core.states import (
    CONFIRMED_AFTER,
    DayJudgement,
    PeriodLook,
    PeriodStatus,
    Slot,
    SlotEvidence,
    Verdict,
    judge_day,
    judge_slots,
    slots_text,
)

DAY = dt.date(2025, 3, 28)
SHORT, LONG = dt.date(2025, 3, 30), dt.date(2025, 10, 26)
LATER = calendar.rerun_done_at(DAY) + dt.timedelta(seconds=1)
NOTHING: dict[StackSide, set[int]] = {"bid": set(), "offer": set()}


def evidence(periods: int = 48, **changed: int | None) -> dict[Slot, SlotEvidence]:
    """Acceptances on both sides of every period, but for those named, as in ``bid_3=0``."""
    found = {(side, p): SlotEvidence(3, is_due=True) for p in range(1, periods + 1) for side in STACK_SIDES}
    for name, count in changed.items():
        side, period = name.split("_")
        found[side, int(period)] = SlotEvidence(count, is_due=True)  # type: ignore[index]
    return found


def judged(found: dict[Slot, SlotEvidence], controls: object = NOTHING, sides: object = STACK_SIDES) -> Verdict:
    return judge_slots(found, sides=sides, control_periods=controls)  # type: ignore[arg-type]


def status(found: dict[Slot, SlotEvidence], side: StackSide, period: int, **kwargs: object) -> PeriodStatus:
    return judged(found, **kwargs).statuses[side, period]


# The table, line by line.


def test_a_side_with_an_acceptance_has_rows_whatever_else_is_known() -> None:
    for controls in (NOTHING, {"bid": None, "offer": None}, {}):
        assert set(judged(evidence(), controls).statuses.values()) == {"rows"}


@pytest.mark.parametrize("with_volume", STACK_SIDES)
def test_a_side_without_acceptances_is_unpublished_where_a_control_total_has_volume(with_volume: StackSide) -> None:
    controls = NOTHING | {with_volume: {7}}
    assert status(evidence(bid_7=0), "bid", 7, controls=controls) == (
        "unpublished" if with_volume == "bid" else "empty"
    )


def test_a_period_that_is_silent_on_both_sides_is_unpublished_on_both_and_told_apart() -> None:
    verdict = judged(evidence(bid_7=0, offer_7=0))
    assert {slot for slot, word in verdict.statuses.items() if word != "rows"} == {("bid", 7), ("offer", 7)}
    assert set(verdict.statuses.values()) == {"rows", "unpublished"}
    assert verdict.silent == (("bid", 7), ("offer", 7))


def test_no_time_makes_a_silence_of_both_sides_empty() -> None:
    long_ago = SlotEvidence(0, is_due=True, is_confirmed=True)
    verdict = judged(evidence() | {("bid", 7): long_ago, ("offer", 7): long_ago})
    assert verdict.statuses["bid", 7] == verdict.statuses["offer", 7] == "unpublished"


@pytest.mark.parametrize("count", [1, 2])
def test_one_side_may_be_silent_for_two_periods_beside_acceptances_on_the_other(count: int) -> None:
    verdict = judged(evidence(**{f"offer_{p}": 0 for p in range(5, 5 + count)}))
    assert [verdict.statuses["offer", p] for p in range(5, 5 + count)] == ["empty"] * count
    assert verdict.confirmed == verdict.silent == ()


@pytest.mark.parametrize("count", [3, 12, 48])
def test_a_longer_silence_of_one_side_is_unpublished_until_it_is_confirmed(count: int) -> None:
    found = evidence(**{f"bid_{p}": 0 for p in range(1, count + 1)})
    slots = [("bid", p) for p in range(1, count + 1)]
    assert [judged(found).statuses[slot] for slot in slots] == ["unpublished"] * count  # type: ignore[index]
    confirmed = found | {slot: SlotEvidence(0, is_due=True, is_confirmed=True) for slot in slots}  # type: ignore[dict-item]
    verdict = judged(confirmed)
    assert verdict.confirmed == tuple(slots)
    assert [verdict.statuses[slot] for slot in slots] == ["empty"] * count  # type: ignore[index]


def test_a_long_silence_is_believed_as_a_whole_or_not_at_all() -> None:
    found = evidence(bid_1=0, bid_2=0, bid_3=0)
    found |= {("bid", p): SlotEvidence(0, is_due=True, is_confirmed=True) for p in (1, 2)}
    assert [judged(found).statuses["bid", p] for p in (1, 2, 3)] == ["unpublished"] * 3


def test_every_long_silence_that_was_confirmed_is_told() -> None:
    slots: list[Slot] = [("bid", p) for p in (1, 2, 3, 20, 21, 22)]
    confirmed = {slot: SlotEvidence(0, is_due=True, is_confirmed=True) for slot in slots}
    assert judged(evidence() | confirmed).confirmed == tuple(slots)


def test_a_long_silence_decides_nothing_of_the_periods_after_it() -> None:
    found = evidence(bid_1=0, bid_2=0, bid_3=0, bid_20=0)
    assert [judged(found).statuses["bid", p] for p in (3, 20)] == ["unpublished", "empty"]


def test_a_period_without_an_answer_decides_nothing_of_the_periods_after_it() -> None:
    found = evidence(bid_5=None, bid_7=0)
    assert [judged(found).statuses["bid", p] for p in (5, 7)] == ["failed", "empty"]


def test_a_silence_is_confirmed_by_looks_as_far_apart_as_its_check_says() -> None:
    assert f" {CONFIRMED_AFTER / dt.timedelta(hours=1):g} h apart, found it so" in NO_LONG_SILENCE.meaning


def test_of_what_nothing_is_said_nothing_is_confirmed_or_silent_and_no_acceptance_is_counted() -> None:
    assert Verdict({}) == Verdict({}, confirmed=(), silent=())
    assert PeriodLook("failed", None).acceptance_count == 0
    assert DayJudgement("final", 48, 48, 48, (), (), ()).first_run == ()


@pytest.mark.parametrize(
    "between", [SlotEvidence(None, is_due=True), SlotEvidence(0, is_due=True)], ids=["no answer", "silent too"]
)
def test_what_is_not_known_in_its_middle_does_not_cut_a_silence_in_two(between: SlotEvidence) -> None:
    found = evidence(bid_10=0, bid_12=0, offer_11=0) | {("bid", 11): between}
    assert [judged(found).statuses["bid", p] for p in (10, 12)] == ["unpublished"] * 2
    assert judged(found | evidence(bid_10=0, bid_12=0)).statuses["bid", 10] == "empty"


def test_a_period_that_is_not_due_yet_is_unpublished_and_no_part_of_a_silence() -> None:
    found = evidence(bid_47=0, bid_46=0) | {("bid", 48): SlotEvidence(0, is_due=False)}
    assert [judged(found).statuses["bid", p] for p in (46, 47, 48)] == ["empty", "empty", "unpublished"]
    assert judged(found | {("offer", 48): SlotEvidence(0, is_due=False)}).silent == ()


def test_no_answer_is_a_failure_whatever_the_other_side_and_the_controls_say() -> None:
    for controls in (NOTHING, {"bid": {7}, "offer": {7}}, {}):
        assert status(evidence(bid_7=None), "bid", 7, controls=controls) == "failed"


@pytest.mark.parametrize("other", [SlotEvidence(None, is_due=True), None], ids=["failed", "not asked"])
def test_a_neighbour_that_is_not_known_is_no_evidence(other: SlotEvidence | None) -> None:
    found = evidence(bid_7=0)
    del found["offer", 7]
    verdict = judged(found | ({("offer", 7): other} if other else {}))
    assert verdict.statuses["bid", 7] == "unpublished"
    assert verdict.silent == (), "whether anything was accepted in the half hour, nobody knows"


def test_a_control_total_that_did_not_come_is_not_one_without_volume() -> None:
    assert status(evidence(bid_7=0), "bid", 7, controls={"bid": None, "offer": set()}) == "failed"
    # Beside acceptances in the other side's stack its control total is not asked; beside a silent one it is.
    assert status(evidence(bid_7=0), "bid", 7, controls={"bid": set(), "offer": None}) == "empty"
    silent = evidence(bid_7=0, offer_7=0)
    verdict = judged(silent, {"bid": set(), "offer": None})
    assert (verdict.statuses["bid", 7], verdict.statuses["offer", 7]) == ("unpublished", "failed")
    assert verdict.silent == ()


def test_the_other_sides_control_total_alone_does_not_stand_for_its_stack() -> None:
    verdict = judged(evidence(bid_7=0, offer_7=0), {"bid": set(), "offer": {7}})
    assert verdict.statuses["bid", 7] == verdict.statuses["offer", 7] == "unpublished"
    assert verdict.silent == (), "something was accepted: it is not published yet"


@pytest.mark.parametrize(("offers", "word"), [({7}, "empty"), (set(), "unpublished"), (None, "unpublished")])
def test_of_bids_alone_the_other_side_is_judged_by_its_control_totals(offers: set[int] | None, word: str) -> None:
    found = {slot: known for slot, known in evidence(bid_7=0).items() if slot[0] == "bid"}
    assert status(found, "bid", 7, sides=("bid",), controls={"bid": set(), "offer": offers}) == word


# Days without end.


def looks_of(verdict: Verdict, at: dt.datetime) -> dict[Slot, PeriodLook]:
    return {slot: PeriodLook(word, at) for slot, word in verdict.statuses.items()}


def state(day: dt.date, found: dict[Slot, SlotEvidence], controls: object = NOTHING) -> str:
    after = calendar.rerun_done_at(day) + dt.timedelta(hours=5)
    return judge_day(day, looks_of(judged(found, controls), after), sides=STACK_SIDES, now=after).state


def test_of_ten_thousand_ordinary_days_every_one_is_final() -> None:
    """One period in 300 has acceptances on one side only, and a night has one to three rows a period."""
    rng = random.Random(20250328)
    days = (DAY, SHORT, LONG)
    empty = 0
    for n in range(10_000):
        day = days[n % 3]
        found: dict[Slot, SlotEvidence] = {}
        quiet_night = rng.random() < 0.3
        gap = 0
        for p in range(1, calendar.period_count(day) + 1):
            count = rng.randint(1, 3) if quiet_night and p < 12 else rng.randint(1, 300)
            lacking = rng.choice(STACK_SIDES) if rng.random() < 1 / 300 and gap < 2 else None
            gap = gap + 1 if lacking else 0
            # Rows with numeric ids are not counted, so that a side that has nothing else has none.
            found |= {(s, p): SlotEvidence(0 if s == lacking else count, is_due=True) for s in STACK_SIDES}
            empty += lacking is not None
        assert state(day, found) == "final", (n, day)
    assert empty > 1_000


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((DAY, SHORT, LONG)), st.data())
def test_no_day_is_final_with_a_half_hour_that_is_silent_on_both_sides(day: dt.date, data: st.DataObject) -> None:
    count = calendar.period_count(day)
    gone = data.draw(st.sets(st.integers(1, count), min_size=1, max_size=count))
    confirmed = data.draw(st.booleans())
    found = evidence(count)
    found |= {(s, p): SlotEvidence(0, is_due=True, is_confirmed=confirmed) for s in STACK_SIDES for p in gone}
    assert state(day, found) == "incomplete"
    assert judged(found).silent == tuple(sorted((s, p) for s in STACK_SIDES for p in gone))


@pytest.mark.parametrize("count", range(1, 49))
def test_any_number_of_periods_silent_on_both_sides_is_never_final(count: int) -> None:
    for first in range(1, 50 - count):
        gone = {f"{s}_{p}": 0 for s in STACK_SIDES for p in range(first, first + count)}
        assert state(DAY, evidence(**gone)) == "incomplete"


OUTAGES = [
    (count, where, side) for count in (1, 2, 3, 12, 48) for where in ("stack", "all") for side in ("bid", "both")
]


@pytest.mark.parametrize("day", [DAY, SHORT, LONG], ids=str)
@pytest.mark.parametrize(("count", "where", "side"), OUTAGES)
def test_the_table_of_outages(day: dt.date, count: int, where: str, side: str) -> None:
    last = min(count, calendar.period_count(day))
    sides: tuple[StackSide, ...] = STACK_SIDES if side == "both" else ("bid",)
    gone = {f"{s}_{p}": 0 for s in sides for p in range(1, last + 1)}
    with_volume = set(range(1, calendar.period_count(day) + 1))
    controls: dict[StackSide, set[int]] = {"bid": set(with_volume), "offer": set(with_volume)}
    if where == "all":
        controls |= {s: with_volume - set(range(1, last + 1)) for s in sides}
    expected = "final" if (where, side) == ("all", "bid") and count <= 2 else "incomplete"
    assert state(day, evidence(calendar.period_count(day), **gone), controls) == expected


# A day.


def looks(word: str = "rows", at: dt.datetime = LATER, **changed: str) -> dict[Slot, PeriodLook]:
    found = {(side, p): PeriodLook(word, at) for side in STACK_SIDES for p in range(1, 49)}  # type: ignore[arg-type]
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


def test_a_day_is_provisional_while_nobody_knows_when_an_answer_came() -> None:
    assert judge(looks() | {("offer", 7): PeriodLook("rows", None)}).state == "provisional"


def test_a_day_without_one_of_its_periods_is_not_final_though_all_was_fetched_after_the_rerun() -> None:
    before_it_was_due = dt.datetime(2025, 3, 28, 12, tzinfo=dt.UTC)
    assert judge(looks(bid_48="unpublished"), before_it_was_due).state == "provisional"


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


def test_periods_and_sides_are_written_side_by_side() -> None:
    assert slots_text([("bid", 3), ("offer", 2), ("bid", 1), ("bid", 2)]) == "bid 1-3; offer 2"
