"""A day as its answers say it, of the smallest day there is: what each word of it follows from."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from minerecon_dagster.core.answers import AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, rerun_done_at
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.elexon.datasets import of_the_day
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.base import Came
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.datasets.cashflows import CASHFLOWS
from minerecon_dagster.elexon.datasets.control_total import SaidBySide
from minerecon_dagster.elexon.reading import read_day, silent_answers
from minerecon_dagster_tests.elexon.small import (
    AT,
    DAY,
    MADE,
    NOON,
    PERIODS,
    Rows,
    answers_of,
    in_agws,
    in_boav,
    in_cashflows,
    in_stack,
    read,
    whole_day,
    without,
)

BID_3, BID_7, OFFER_7 = (AnswerKey("stack", *of) for of in (("bid", 3), ("bid", 7), ("offer", 7)))
BOAV_BID, BOAV_OFFER = AnswerKey("boav", "bid"), AnswerKey("boav", "offer")
CASHFLOWS_BID = AnswerKey("cashflows", "bid")
TIMED_OUT = MinereconError("timed out")


def lacking(*keys: AnswerKey) -> Rows:
    """The day without some answers."""
    return {key: rows for key, rows in whole_day().items() if key not in keys}


def test_of_a_day_that_is_all_there_each_period_has_rows_and_the_time_of_its_answer() -> None:
    rows = whole_day()
    rows[BID_7] = [in_stack(7), in_stack(7, sequenceNumber=2), in_stack(7, id="9", acceptanceId=None)]
    reading = read(rows)
    assert (reading.judgement.state, reading.errors, reading.confirmed) == ("final", {}, ())
    assert reading.looks.keys() == reading.answers.keys() == {(s, p) for s in STACK_SIDES for p in PERIODS}
    assert {(look.status, look.fetched_at) for look in reading.looks.values()} == {("rows", AT)}
    assert {slot: look.acceptance_count for slot, look in reading.looks.items() if look.acceptance_count != 1} == {
        ("bid", 7): 2
    }
    assert len(reading.rows["bid", 7]) == 3
    assert reading.answers["offer", 7].url == "http://stack/offer/07"
    assert (reading.problem(), reading.kept_text(), reading.waits_for_source) == ("", "", False)


def test_what_a_day_does_not_need_is_read_once_somebody_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    had: list[dt.date] = []
    read_cashflows = CASHFLOWS.read

    def reading_them(came: Came) -> SaidBySide[Any]:
        had.append(came.day)
        return read_cashflows(came)

    monkeypatch.setattr(CASHFLOWS, "read", reading_them)
    reading = read(whole_day())
    assert had == []
    assert reading.of(CASHFLOWS) is reading.of(CASHFLOWS)
    assert had == [DAY]
    assert (set(reading.said), len(reading.said)) == ({dataset.name for dataset in of_the_day()}, len(of_the_day()))


# What keeps a day from being final.


@pytest.mark.parametrize(
    ("rows", "failures", "state", "problem"),
    [
        (whole_day(), {BID_3: TIMED_OUT}, "failing", "bid periods 3 failed: timed out"),
        (
            without(whole_day(), {7, 8}),
            {},
            "incomplete",
            "bid periods 7-8 unpublished, offer periods 7-8 unpublished: no acceptance of any unit, neither in the "
            "stack nor in BOAV nor in EBOCF: Elexon is silent; the wind output was 300 MW",
        ),
        (
            without(lacking(AGWS.key), {7}),
            {BID_3: TIMED_OUT},
            "failing",
            "bid periods 3 failed: timed out; bid periods 7 unpublished, offer periods 7 unpublished: no acceptance of "
            "any unit, neither in the stack nor in BOAV nor in EBOCF: Elexon is silent",
        ),
        (
            without(whole_day(), {7}, ["bid"], ["stack", "boav"]),
            {},
            "incomplete",
            "bid periods 7 unpublished: no acceptance, but the control totals (BOAV, EBOCF) have volume: Elexon has "
            "not published it yet",
        ),
        (
            without(whole_day(), {7}, ["bid"]),
            {OFFER_7: TIMED_OUT},
            "failing",
            "bid periods 7 unpublished: no acceptance, and the offer side, which might say that this is right, is "
            "failed too; offer periods 7 failed: timed out",
        ),
        (
            without(whole_day(), {7, 8, 9}, ["bid"]),
            {},
            "incomplete",
            "bid periods 7-9 unpublished: no acceptance in more than 2 periods in a row: not believed before two looks "
            "after the re-run, 24 h apart, have found it so",
        ),
        (
            without(lacking(BOAV_BID), {7}, ["bid"]),
            {BOAV_BID: TIMED_OUT},
            "failing",
            "bid periods 7 failed: HTTP 200 without an acceptance, and no control total to say whether it is empty; "
            "control total (BOAV bid): timed out",
        ),
        (
            lacking(BOAV_OFFER, BOAV_BID),
            {},
            "failing",
            "control total (BOAV bid), control total (BOAV offer): it was not fetched",
        ),
        (lacking(CASHFLOWS_BID, AGWS.key), {}, "final", ""),
        (lacking(BID_3), {}, "failing", "bid periods 3 failed"),
        (without(whole_day(), {7, 8}, ["bid"]), {}, "final", ""),
    ],
    ids=["failed", "silent", "silent and failed", "not published", "nothing beside it", "a long silence", "no control",
         "no control at all", "what is not required", "never asked", "a short silence"],
)  # fmt: skip
def test_a_day_says_in_one_line_what_keeps_it(
    rows: Rows, failures: dict[AnswerKey, MinereconError], state: str, problem: str
) -> None:
    reading = read(rows, failures=failures)
    assert (reading.judgement.state, reading.problem()) == (state, problem)


def test_a_period_that_is_not_due_has_no_error() -> None:
    reading = read(without(whole_day(), {7, 40}), now=NOON)
    assert set(reading.errors) == {("bid", 7), ("offer", 7)}


def test_an_answer_that_cannot_be_read_says_so_itself() -> None:
    rows = whole_day()
    rows[BID_7] = [in_stack(7, volume="much")]
    reading = read(rows)
    assert reading.looks["bid", 7].status == "failed"
    assert "Expected `float`, got `str`" in reading.errors["bid", 7]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([in_agws(7, "Wind Onshore", 120)], True),
        ([in_agws(7, "Wind Offshore", 0)], True),
        ([in_agws(7, "Wind Onshore", 100)], False),  # the same again
        ([in_agws(7, "Wind Onshore", 120), in_agws(7, "Wind Onshore", 130, publishTime="2025-03-29T10:00:00Z")], False),
        ([in_agws(7, "Wind Onshore", 120, publishTime="2025-03-29T08:00:00Z")], False),  # an older one
        ([in_agws(7, "Solar", 1), in_agws(7, "Solar", 2)], False),  # it is not read
    ],
)
def test_of_two_wind_outputs_of_one_period_and_time_that_differ_none_is_taken_and_it_is_told(
    more: list[dict[str, Any]], said: bool
) -> None:
    rows = whole_day()
    rows[AGWS.key] = [*rows[AGWS.key], *more]
    reading = read(rows)
    (known,) = AGWS.completeness(reading)
    assert (not known.passed) == said
    assert ("are published at 2025-03-29T09:00:00" in known.actual) == said
    assert len(reading.of(AGWS).by_period) == (0 if said else len(PERIODS))
    assert reading.judgement.state == "final", "no day fails by its wind output"


def test_a_period_that_is_not_answered_has_the_look_of_none_and_one_that_is_held_its_time() -> None:
    failed = read(lacking(BID_3), failures={BID_3: TIMED_OUT}).looks["bid", 3]
    assert (failed.status, failed.fetched_at, failed.acceptance_count) == ("failed", None, 0)
    held = read(whole_day(), failures={BID_3: TIMED_OUT}).looks["bid", 3]
    assert (held.status, held.fetched_at) == ("failed", AT)


@pytest.mark.parametrize(
    ("settled", "state"),
    [(None, "incomplete"), (dt.timedelta(hours=24), "final"), (dt.timedelta(hours=23, minutes=59), "incomplete")],
)
def test_a_long_silence_is_confirmed_by_two_looks_24_hours_apart(settled: dt.timedelta | None, state: str) -> None:
    reading = read(without(whole_day(), {7, 8, 9}, ["bid"]), settled=settled)
    assert reading.judgement.state == state
    assert reading.confirmed == ((("bid", 7), ("bid", 8), ("bid", 9)) if state == "final" else ())


# The control totals.


@pytest.mark.parametrize(
    ("kinds", "missing", "waived", "expected"),
    [
        (["stack", "boav", "cashflows"], [], False, "empty"),
        (["stack", "boav"], [], False, "unpublished"),
        (["stack", "cashflows"], [], False, "unpublished"),
        (["stack", "boav", "cashflows"], [BOAV_BID], False, "failed"),
        (["stack", "boav", "cashflows"], [BOAV_BID], True, "empty"),
        (["stack"], [BOAV_BID], True, "unpublished"),
        (["stack"], [BOAV_BID, CASHFLOWS_BID], True, "unpublished"),
        (["stack", "boav", "cashflows"], [CASHFLOWS_BID], False, "empty"),
        (["stack", "boav", "cashflows"], [BOAV_OFFER], False, "empty"),
    ],
)
def test_whether_a_silent_period_is_empty_is_said_by_the_control_totals_of_its_side(
    kinds: list[str], missing: list[AnswerKey], waived: bool, expected: str
) -> None:
    rows = {k: each for k, each in without(whole_day(), {7}, ["bid"], kinds).items() if k not in missing}
    assert read(rows, controls_waived=waived).looks["bid", 7].status == expected


def test_where_a_person_does_without_control_totals_an_answer_that_did_not_come_is_failed_all_the_same() -> None:
    reading = read(lacking(BOAV_BID), failures={BID_7: TIMED_OUT}, controls_waived=True)
    assert (reading.looks["bid", 7].status, reading.judgement.state) == ("failed", "failing")


@pytest.mark.parametrize(
    ("boav", "accepted", "with_cashflow", "why"),
    [
        ([], PERIODS, [], "it has no volume at all, and the stack has acceptances in 48 periods"),
        ([in_boav(1, totalVolumeAccepted=0)], [1, 2, 3], [], "it has no volume at all, and the stack has acceptances "
         "in 3 periods"),
        ([], [1, 2], [4, 5], None),
        ([], [1, 2], [4, 5, 6], "it has no volume at all, and EBOCF has acceptances in 3 periods"),
        ([in_boav(1, totalVolumeAccepted=0), in_boav(2)], PERIODS, PERIODS, None),
    ],
)  # fmt: skip
def test_a_control_total_that_has_nothing_where_there_was_something_is_none(
    boav: list[dict[str, object]], accepted: list[int], with_cashflow: list[int], why: str | None
) -> None:
    rows = without(whole_day(), set(PERIODS) - set(accepted), ["bid"], ["stack"]) | {BOAV_BID: boav}
    rows[CASHFLOWS_BID] = [in_cashflows(p) for p in with_cashflow]
    says = read(rows).of(BOAV)
    assert says.errors == ({} if why is None else {"bid": why})
    assert says.absent == (set() if why is None else {"bid"})


def test_of_a_day_in_progress_the_periods_that_are_due_are_counted_against_a_silent_control_total() -> None:
    says = read(whole_day() | {BOAV_BID: []}, now=NOON).of(BOAV)
    assert says.errors == {"bid": "it has no volume at all, and the stack has acceptances in 23 periods"}


def test_one_side_without_a_control_total_or_with_a_sound_one_says_nothing_of_the_other() -> None:
    rows = without(lacking(BOAV_BID), {7}, ["offer"])
    assert read(rows).looks["offer", 7].status == "empty"
    assert read(whole_day() | {BOAV_OFFER: []}).of(BOAV).errors.keys() == {"offer"}


def test_a_day_on_which_nothing_was_accepted_in_any_report_is_not_published_and_not_failed() -> None:
    judgement = read(without(whole_day(), PERIODS)).judgement
    assert (judgement.state, judgement.periods_present) == ("incomplete", 0)


def test_of_bids_alone_a_long_silence_is_told_without_the_side_that_is_not_fetched() -> None:
    reading = read(without(whole_day(), {7, 8, 9}, ["bid"]), sides=("bid",))
    assert reading.problem().startswith("bid periods 7-9 unpublished: no acceptance in more than 2 periods in a row")


def test_unless_it_is_said_nothing_that_is_held_was_left_aside() -> None:
    assert read(whole_day()).left_aside == ""


def test_unless_it_is_said_nothing_is_silent_and_nobody_does_without_control_totals() -> None:
    reading = read_day(DAY, answers_of(lacking(BOAV_BID)), {}, sides=STACK_SIDES, now=AT)
    assert (reading.judgement.state, reading.kept) == ("failing", {})


# Which periods are there.


def test_a_period_is_there_on_its_side_with_rows_or_known_to_be_empty() -> None:
    reading = read(without(without(whole_day(), {7}, ["bid"]), {9}), failures={BID_3: TIMED_OUT})
    assert set(PERIODS) - reading.present_periods("bid") == {3, 9}
    assert set(PERIODS) - reading.present_periods("offer") == {9}
    assert read(lacking(BID_3)).is_present("bid", 3) is False


def test_on_a_side_that_is_not_fetched_a_period_is_there_where_it_is_on_the_other() -> None:
    of_bids = {key: each for key, each in whole_day().items() if (key.kind, key.side) != ("stack", "offer")}
    reading = read(of_bids, failures={BID_3: TIMED_OUT}, sides=("bid",))
    assert set(PERIODS) - reading.present_periods("offer") == {3}


# What waits for Elexon alone.


@pytest.mark.parametrize(
    ("rows", "failures", "silent", "more", "waits"),
    [
        (whole_day(), {}, {}, {}, False),
        (without(whole_day(), {7}), {}, {}, {}, True),
        (without(whole_day(), {7}), {}, {}, {"now": NOON}, False),
        (without(whole_day(), {7}), {BID_3: TIMED_OUT}, {}, {}, False),
        (lacking(BOAV_BID), {}, {}, {}, True),
        (lacking(BOAV_BID), {}, {}, {"controls_waived": True}, False),
        (without(lacking(BOAV_BID), {7}, ["bid"]), {}, {}, {}, True),
        (whole_day() | {BOAV_BID: [in_boav(1, totalVolumeAccepted="x")]}, {}, {}, {}, False),
        (without(whole_day(), {7}) | {BOAV_BID: [in_boav(1, totalVolumeAccepted="x")]}, {}, {}, {}, False),
        (whole_day(), {}, {BID_7: []}, {}, True),
    ],
    ids=["all there", "silent", "in progress", "not answered", "no control total", "that is accepted",
         "nor to say what is empty", "drift", "silent beside drift", "kept"],
)  # fmt: skip
def test_a_day_waits_for_its_source_where_all_was_answered_and_something_lacks(
    rows: Rows, failures: dict[AnswerKey, MinereconError], silent: Rows, more: dict[str, object], waits: bool
) -> None:
    assert read(rows, failures=failures, silent=silent, **more).waits_for_source is waits  # type: ignore[arg-type]


def test_what_is_silent_where_it_had_rows_is_kept_and_written_in_one_line() -> None:
    silent = {
        BID_7: [],
        AnswerKey("stack", "offer", 8): [],
        CASHFLOWS_BID: [in_cashflows(p) for p in PERIODS if p > 2],
        BOAV_BID: [in_boav(p) for p in PERIODS if p not in (4, 5, 9)],
    }
    reading = read(whole_day(), silent=silent)
    assert reading.kept_text() == "bid 7; offer 8; boav/bid 4-5, 9; cashflows/bid 1-2"
    assert reading.judgement.state == "final", "what is kept counts"
    assert read(whole_day(), silent={BOAV_BID: [in_boav(1)]}).kept_text() == "boav/bid 2-48"


# Which run the rows are of.


def made(rows: Rows, at: str | None, periods: set[int], sides: tuple[StackSide, ...], kind: str = "stack") -> Rows:
    """The same, with rows of some periods made at another time."""
    changed = dict(rows)
    for key, each in rows.items():
        if key.kind == kind and key.side in sides:
            changed[key] = [r | {"createdDateTime": at} if r["settlementPeriod"] in periods else r for r in each]
    return changed


def test_rows_of_the_first_run_keep_a_day_provisional_and_the_newest_is_told() -> None:
    rows = made(made(whole_day(), "2025-03-28T04:00:00Z", {5}, ("bid",)), "2025-03-28T03:30:00Z", {6}, ("bid",))
    reading = read(rows)
    assert reading.judgement.state == "provisional"
    text = "periods 5-6 are of the first run, not run again by Elexon: newest row made 2025-03-28 04:00 UTC"
    assert (reading.first_run_problem(), reading.problem()) == (text, text)
    assert read(whole_day()).first_run_problem() == ""


def test_of_the_rows_of_a_period_the_newest_says_which_run_they_are_of() -> None:
    rows = whole_day()
    rows[BID_7] = [in_stack(7, createdDateTime="2025-03-28T04:00:00Z"), in_stack(7, sequenceNumber=2)]
    assert read(rows).made_at["bid", 7] == dt.datetime.fromisoformat(MADE)


@pytest.mark.parametrize(
    ("boav", "cashflows", "expected"),
    [
        ("2025-03-28T04:00:00Z", MADE, "2025-03-28T04:00:00Z"),
        (None, "2025-03-28T05:00:00Z", "2025-03-28T05:00:00Z"),
        (None, None, None),
    ],
)
def test_where_the_stack_does_not_say_when_it_was_made_the_control_totals_do(
    boav: str | None, cashflows: str | None, expected: str | None
) -> None:
    rows = made(whole_day(), None, {7}, ("bid",))
    rows = made(rows, cashflows, {7}, ("bid",), "cashflows")
    rows = made(rows, "2025-03-28T04:30:00Z", {8}, ("bid",), "boav")
    rows = without(rows, {7}, ["bid"], ["boav"]) if boav is None else made(rows, boav, {7}, ("bid",), "boav")
    made_at = read(rows).made_at
    assert made_at["bid", 7] == (None if expected is None else dt.datetime.fromisoformat(expected))
    assert made_at["bid", 8] == dt.datetime.fromisoformat(MADE), "of which the stack says it"


def test_what_the_control_totals_were_made_at_says_nothing_of_a_stack_that_says_it() -> None:
    assert read(made(whole_day(), "2025-03-28T04:00:00Z", {7}, ("bid",), "boav")).judgement.state == "final"


def test_before_the_rerun_nobody_asks_which_run_the_rows_are_of() -> None:
    done = rerun_done_at(DAY)
    rows = made(whole_day(), "2025-03-28T04:00:00Z", {5}, ("bid",))
    assert read(rows, now=done).made_at == {}
    assert ("bid", 5) in read(rows, now=done + dt.timedelta(seconds=1)).judgement.first_run


def test_answers_that_lack_what_is_held_are_silent_with_the_periods_in_order() -> None:
    now = without(whole_day(), {9, 8, 7}, ["bid"], ["boav"]) | {BID_3: []}
    asked = answers_of({key: now[key] for key in (BOAV_BID, BOAV_OFFER, BID_3, BID_7)})
    assert silent_answers(read(whole_day()), read(now), asked) == {BOAV_BID: (7, 8, 9), BID_3: (3,)}
