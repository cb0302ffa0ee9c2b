"""What is made of answers without rows: read as a day, and set beside what is held. Nothing is asked or stored."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from minerecon_dagster.checks.control_totals import controls_not_silent
from minerecon_dagster.checks.evaluators import completeness
from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.calendar import STACK_SIDES, StackSide, period_count, period_starts, rerun_done_at
from minerecon_dagster.core.restatement import Extent, unbelievable_losses
from minerecon_dagster.elexon.datasets.agws import AGWS
from minerecon_dagster.elexon.datasets.boav import BOAV
from minerecon_dagster.elexon.reading import DayReading, read_day, silent_answers
from minerecon_dagster_tests.fake_elexon import FakeWorld

WINDY, SHORT, LONG = dt.date(2025, 3, 28), dt.date(2025, 3, 30), dt.date(2025, 10, 26)
WINDLESS, QUIET = dt.date(2025, 6, 15), dt.date(2025, 6, 16)
DAYS = {"48": WINDY, "46": SHORT, "50": LONG, "windless": WINDLESS, "quiet": QUIET}
WORLD = FakeWorld((WINDY, SHORT, LONG, WINDLESS, QUIET))

_BODIES: dict[int, tuple[list[dict[str, Any]], bytes]] = {}

Rows = dict[AnswerKey, list[dict[str, Any]]]


def rows_of(day: dt.date) -> Rows:
    """A day's answers; of a quiet one with three rows of acceptances a period and side at most."""
    return dict(_made(day))


@cache
def _made(day: dt.date) -> Rows:
    found = {AnswerKey(kind, side): getattr(WORLD, name)(day, side) for kind, name in
             (("boav", "volumes"), ("cashflows", "cashflows")) for side in STACK_SIDES}  # fmt: skip
    for side in STACK_SIDES:
        for p in range(1, period_count(day) + 1):
            rows = WORLD.stack(day, side, p)
            if day == QUIET:
                rows = [r for r in rows if r["acceptanceId"] is None] + [
                    r for r in rows if r["acceptanceId"] is not None
                ][: 1 + p % 3]
            found[AnswerKey("stack", side, p)] = rows
    starts = period_starts(day)
    found[AGWS.key] = WORLD.wind_and_solar(starts[0], starts[-1])
    return found


def answers_of(rows: Rows, at: dt.datetime, settled: dt.timedelta | None = None) -> dict[AnswerKey, Answer]:
    return {
        key: Answer(f"http://{key}", 200, at, _body(each), None if settled is None else at - settled)
        for key, each in rows.items()
    }


def _body(rows: list[dict[str, Any]]) -> bytes:
    """The same list is written once: most of a day's answers are the same in all of these tests."""
    if id(rows) not in _BODIES:
        # With the list itself, so that no other one gets its id.
        _BODIES[id(rows)] = rows, json.dumps({"data": rows}).encode()
    return _BODIES[id(rows)][1]


def read(rows: Rows, day: dt.date, *, settled: dt.timedelta | None = None, sides: Any = STACK_SIDES) -> DayReading:
    at = rerun_done_at(day) + dt.timedelta(days=3)
    return read_day(day, answers_of(rows, at, settled), {}, sides=sides, now=at)


def silence(rows: Rows, periods: set[int], where: str, sides: tuple[StackSide, ...]) -> Rows:
    """The answers during an outage of the stack, of the control totals, or of all."""
    changed = dict(rows)
    for key, each in rows.items():
        if key.side not in sides:
            continue
        if key.kind == "stack" and where != "controls" and key.period in periods:
            changed[key] = []
        elif key.kind != "stack" and where != "stack":
            changed[key] = [r for r in each if r["settlementPeriod"] not in periods]
    return changed


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_a_sound_day_is_final(day: dt.date) -> None:
    reading = read(rows_of(day), day)
    assert (reading.judgement.state, reading.kept, reading.confirmed) == ("final", {}, ())
    assert not reading.waits_for_source
    assert all(r.passed for r in completeness(reading))
    if day != QUIET:
        assert controls_not_silent(reading).passed


OUTAGES = [
    pytest.param(count, where, sides, marks=pytest.mark.slow) if count == 12 else (count, where, sides)
    for count in (1, 2, 3, 12, 48)
    for where in ("stack", "controls", "all")
    for sides in (("bid",), ("offer",), STACK_SIDES)
]


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
@pytest.mark.parametrize(("count", "where", "sides"), OUTAGES, ids=lambda v: v if isinstance(v, str) else str(v))
def test_the_table_of_outages(day: dt.date, count: int, where: str, sides: tuple[StackSide, ...]) -> None:
    """An outage from the first period on: what the day is called, and whether what is missing is told."""
    whole = count == 48
    periods = set(range(1, period_count(day) + 1)) if whole else set(range(1, count + 1))
    reading = read(silence(rows_of(day), periods, where, sides), day)
    state = reading.judgement.state
    results = {r.checked.name: r for r in [*completeness(reading), controls_not_silent(reading)]}
    if where == "controls":
        # The stack has it all: what a whole-day control total lacks is told, and one that has nothing at all is none.
        assert state == ("failing" if whole else "final")
        assert results["control_total_present"].passed is not whole
        if not whole and count > 2 and day != QUIET:
            assert not results["controls_not_silent"].passed
    elif where == "stack" or sides == STACK_SIDES or count > 2:
        assert state == "incomplete"
        assert {p for _, p in reading.judgement.unpublished} == periods
        assert not results["periods_present"].passed
        assert reading.waits_for_source
    else:
        assert state == "final"


def test_a_day_of_which_elexon_says_nothing_is_no_day_without_curtailment() -> None:
    """FR-01: nothing in the stack, in BOAV and in EBOCF, while there was wind."""
    rows = {key: (each if key == AGWS.key else []) for key, each in rows_of(WINDY).items()}
    reading = read(rows, WINDY)
    assert reading.judgement.state == "incomplete"
    assert reading.judgement.periods_present == 0
    assert "Elexon is silent; the wind output was" in reading.problem()
    assert read({k: v for k, v in rows.items() if k != AGWS.key}, WINDY).judgement.state == "incomplete"


def test_rows_with_numeric_or_no_ids_prove_nothing() -> None:
    rows = rows_of(WINDY)
    like = rows[AnswerKey("stack", "bid", 7)][0]
    others = [like | {"id": unit, "acceptanceId": None, "sequenceNumber": n} for n, unit in enumerate(("20", None), 1)]
    for side in STACK_SIDES:
        rows[AnswerKey("stack", side, 7)] = others
        for kind in ("boav", "cashflows"):
            key = AnswerKey(kind, side)  # type: ignore[arg-type]
            rows[key] = [r for r in rows[key] if r["settlementPeriod"] != 7]
    reading = read(rows, WINDY)
    assert reading.judgement.unpublished == (("bid", 7), ("offer", 7))
    rows[AnswerKey("stack", "offer", 7)] = rows_of(WINDY)[AnswerKey("stack", "offer", 7)]
    assert read(rows, WINDY).judgement.state == "final", "beside the other side's acceptances it is an empty one"


def test_a_long_silence_of_one_side_is_believed_after_two_looks_a_day_apart_and_warns() -> None:
    rows = silence(rows_of(WINDLESS), {10, 11, 12, 13}, "all", ("offer",))
    for settled in (None, dt.timedelta(hours=23, minutes=59)):
        assert read(rows, WINDLESS, settled=settled).judgement.state == "incomplete"
    reading = read(rows, WINDLESS, settled=dt.timedelta(hours=24))
    assert reading.judgement.state == "final"
    (warned,) = [r for r in completeness(reading) if not r.passed]
    assert (warned.checked.name, warned.checked.severity) == ("no_long_silence", "WARN")
    assert "offer 10-13" in warned.actual


def test_of_bids_alone_the_control_totals_of_the_offers_speak_for_the_other_side() -> None:
    rows = {key: each for key, each in rows_of(WINDLESS).items() if (key.kind, key.side) != ("stack", "offer")}
    quiet = silence(rows, {10}, "all", ("bid",))
    assert read(quiet, WINDLESS, sides=("bid",)).judgement.state == "final"
    silent = silence(rows, {10}, "all", STACK_SIDES)
    assert read(silent, WINDLESS, sides=("bid",)).judgement.unpublished == (("bid", 10),)


# What is held, beside what came.


def kept(change: Callable[[Rows], Rows], day: dt.date = WINDY) -> dict[AnswerKey, tuple[int, ...]]:
    held, rows = rows_of(day), rows_of(day)
    now = change(rows)
    at = rerun_done_at(day) + dt.timedelta(days=3)
    return silent_answers(read(held, day), read(now, day), answers_of(now, at))


def test_answers_that_say_what_is_held_or_more_are_not_silent() -> None:
    assert kept(lambda rows: rows) == {}


def test_every_answer_that_lacks_what_is_held_is_silent_and_says_which_periods() -> None:
    found = kept(lambda rows: silence(rows, {7, 8}, "all", STACK_SIDES) | {AGWS.key: []})
    stack = {AnswerKey("stack", side, p): (p,) for side in STACK_SIDES for p in (7, 8)}
    controls = {AnswerKey(kind, side): (7, 8) for kind in ("boav", "cashflows") for side in STACK_SIDES}  # type: ignore[arg-type]
    assert {key: periods for key, periods in found.items() if key != AGWS.key} == stack | controls
    assert found[AGWS.key] == tuple(range(1, 49))


def test_acceptances_that_are_gone_while_numeric_ids_stay_are_silence() -> None:
    key = AnswerKey("stack", "bid", 7)
    found = kept(lambda rows: rows | {key: [r | {"id": "20", "acceptanceId": None} for r in rows[key][:1]]})
    assert found == {key: (7,)}


def test_fewer_rows_are_a_change_and_no_silence() -> None:
    key = AnswerKey("stack", "bid", 7)
    assert kept(lambda rows: rows | {key: [r for r in rows[key] if r["acceptanceId"] is not None][:1]}) == {}


def test_of_a_whole_day_answer_that_lacks_periods_the_others_are_taken() -> None:
    rows = rows_of(WINDY)
    key = AnswerKey("boav", "bid")
    later = [r | {"totalVolumeAccepted": r["totalVolumeAccepted"] * 2} for r in rows[key] if r["settlementPeriod"] > 5]
    at = rerun_done_at(WINDY) + dt.timedelta(days=3)
    reading = read_day(
        WINDY, answers_of(rows, at), {}, sides=STACK_SIDES, now=at, silent={key: answers_of({key: later}, at)[key]}
    )
    assert reading.kept == {key: (1, 2, 3, 4, 5)}
    volumes = reading.of(BOAV).rows["bid"]
    volume = {p: sum((r.total_volume_accepted or Decimal() for r in volumes if r.settlement_period == p),
                     Decimal()) for p in (5, 6)}  # fmt: skip
    was = {
        p: sum(Decimal(str(r["totalVolumeAccepted"])) for r in rows[key] if r["settlementPeriod"] == p) for p in (5, 6)
    }
    assert float(volume[5]) == pytest.approx(float(was[5]))
    assert float(volume[6]) == pytest.approx(2 * float(was[6]))


# What a final day may lose at once.

WHOLE = Extent(*map(Decimal, (1000, 800, 50_000, 40_000, 100, 80)))


@pytest.mark.parametrize("figure", Extent.__dataclass_fields__)
def test_a_figure_may_lose_a_tenth_and_no_more(figure: str) -> None:
    def less(share: str) -> Extent:
        changed = {name: getattr(WHOLE, name) * (Decimal(share) if name == figure else 1) for name in WHOLE.__slots__}
        return Extent(**changed)

    assert unbelievable_losses(WHOLE, less("0.9")) == []
    assert [loss["figure"] for loss in unbelievable_losses(WHOLE, less("0.8999"))] == [figure]
    assert unbelievable_losses(WHOLE, less("3")) == []


def test_of_nothing_nothing_can_be_lost() -> None:
    nothing = Extent(*[Decimal()] * 6)
    assert unbelievable_losses(nothing, nothing) == []
    assert len(unbelievable_losses(WHOLE, nothing)) == 6
