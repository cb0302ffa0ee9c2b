"""What must be so after the weekend: all of it holds of one that went well, and each thing that goes wrong is seen."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bench.weekend.expectations import judge
from bench.weekend.record import Day, Seen, Verdict, write
from bench.weekend.scenario import MONDAY, SATURDAY, SUNDAY, Plan, at
from bench.weekend.servers import Alert
from bench.weekend.stack import Command, Tick
from minerecon_dagster.core.calendar import due_periods

PLAN = Plan()
HALF_HOUR = dt.timedelta(minutes=30)
SUMS = f"rollups.sums_not_older_than_parts (ERROR), {PLAN.month}"
PRICES = "refresh_prices, 2025-03-23 to 2025-03-30"


def alert(day: str, time: str, text: str) -> Alert:
    return Alert(at(day, time), text)


def looks_of(today: dt.datetime) -> dict[str, Day]:
    """How the days stand in a weekend in which all goes well."""
    found = {}
    for name in (SATURDAY, SUNDAY):
        day = dt.date.fromisoformat(name)
        if day > today.date():
            continue
        due = len(due_periods(day, today))
        present, status = due, "provisional"
        if name == SUNDAY and PLAN.outage[0] + HALF_HOUR <= today < PLAN.outage[1] + HALF_HOUR:
            present, status = len(due_periods(day, PLAN.outage[0])), "incomplete"
        if name == SATURDAY and PLAN.late[0] + HALF_HOUR <= today < PLAN.late[1]:
            present, status = due - len(PLAN.late_periods), "incomplete"
        if name == SATURDAY and today >= at(MONDAY, "06:00"):
            status = "complete"
        found[name] = Day(name, status, due, present, 1000.0 * present)
    return found


def good() -> Seen:
    seen = Seen(started=PLAN.start, ended=PLAN.until + dt.timedelta(minutes=5), month_is_right=True)
    step = PLAN.start
    while step <= PLAN.until:
        moment = step + dt.timedelta(minutes=1)
        seen.days[moment] = looks_of(step)
        seen.heartbeats.append(moment)
        seen.ticks.append(Tick("intraday_refresh", step, "SUCCESS", (), None))
        step = (step.astimezone(dt.UTC) + HALF_HOUR).astimezone(PLAN.start.tzinfo)
    seen.sensors = {"alerts": {"SKIPPED": 100}}
    seen.runs = [
        {"run_id": "a", "job": "ingest", "asked_by": "intraday_refresh", "partitions": SUNDAY, "status": "SUCCESS"},
        {"run_id": "b", "job": "refresh_prices", "asked_by": "price_refresh", "partitions": "", "status": "FAILURE"},
        {"run_id": "c", "job": "verify", "asked_by": "a person", "partitions": SATURDAY, "status": "FAILURE"},
    ]
    seen.runs = [run | {"created": at(MONDAY, "02:30").isoformat(), "seconds": 5.0} for run in seen.runs]
    seen.alerts = [
        alert(SUNDAY, "18:13", f"FAILING: {SUMS}: 1 of 1 wrong"),
        alert(SUNDAY, "18:33", f"CLEARED: {SUMS}; it was failing since …"),
        alert(MONDAY, "02:32", f"RUN FAILED: {PRICES}: no connection"),
        alert(MONDAY, "10:17", f"CLEARED: {PRICES}: a later run has covered it"),
    ]
    status = '{"days": [{"settlement_date": "2025-03-30", "status": "incomplete"}]}'
    seen.commands = {
        "status in the outage": Command(PLAN.status_asked, ("status",), 1, status),
        "verify after typing": Command(PLAN.typed, ("verify",), 1, '{"not_done": {"2025-03": "wrong"}}'),
        "prices asked for": Command(PLAN.prices_asked, ("prices",), 0, ""),
    }
    seen.sums = [(at(MONDAY, "03:30"), False), (at(MONDAY, "03:31"), True)]
    seen.figures = {SATURDAY: [], SUNDAY: []}
    return seen


def broken(verdicts: list[Verdict]) -> list[str]:
    return [verdict.what for verdict in verdicts if verdict.holds is False]


def test_a_weekend_that_goes_well_is_all_that_it_must_be() -> None:
    verdicts = judge(PLAN, good())
    assert broken(verdicts) == []
    assert all(verdict.holds is True for verdict in verdicts), [v.what for v in verdicts if v.holds is None]


def of_days(seen: Seen, day: str, first: dt.datetime, last: dt.datetime, **changed: object) -> None:
    for moment, days in seen.days.items():
        if first <= moment <= last and day in days:
            days[day] = replace(days[day], **changed)


def add(day: str, time: str, text: str) -> Callable[[Seen], None]:
    return lambda seen: seen.alerts.append(alert(day, time, text))


def without(text: str) -> Callable[[Seen], None]:
    return lambda seen: setattr(seen, "alerts", [a for a in seen.alerts if text not in a.text])


MISHAPS: dict[str, tuple[Callable[[Seen], None], str]] = {
    "stuck": (lambda s: setattr(s, "stuck", "the daemon ended"), "was lived through to its end"),
    "a tick is lost": (
        lambda s: s.ticks.append(Tick("daily_ingest", at(SUNDAY, "06:00"), "missed", (), None)),
        "every schedule ticked",
    ),
    "a sensor fails": (lambda s: s.sensors["alerts"].update(FAILURE=3), "no sensor's tick failed"),
    "a run fails": (lambda s: s.runs[0].update(status="FAILURE"), "every run but the price's succeeded"),
    "an alert in the calm": (add(SATURDAY, "21:00", "FAILING: drift.source_unchanged"), "calm until the outage"),
    "late periods alert": (add(SATURDAY, "19:01", "FAILING: completeness.periods_present"), "two late periods"),
    "late periods are called empty": (
        lambda s: of_days(s, SATURDAY, *PLAN.late, status="provisional"),
        "two late periods",
    ),
    "an outage is called a provisional day": (
        lambda s: of_days(s, SUNDAY, *PLAN.outage, status="provisional"),
        "Sunday was incomplete at once",
    ),
    "silent periods are counted as there": (
        lambda s: of_days(s, SUNDAY, *PLAN.outage, periods_present=29, periods_due=29),
        "Sunday was incomplete at once",
    ),
    "an outage empties the day": (lambda s: of_days(s, SUNDAY, *PLAN.outage, curtailed_mwh=0.0), "displaced no rows"),
    "status says nothing of it": (
        lambda s: s.commands.update({"status in the outage": Command(PLAN.status_asked, (), 0, '{"days": []}')}),
        "`minerecon status` called Sunday incomplete",
    ),
    "an outage alerts": (
        add(SUNDAY, "14:01", f"FAILING: completeness.periods_present, {SUNDAY}"),
        "nobody was alerted",
    ),
    "an outage is never made good": (
        lambda s: of_days(s, SUNDAY, PLAN.outage[1], PLAN.until, status="incomplete"),
        "the next refresh filled",
    ),
    "verify passes a wrong sum": (
        lambda s: s.commands.update({"verify after typing": Command(PLAN.typed, ("verify",), 0, "{}")}),
        "`minerecon verify` exited with 1",
    ),
    "verify fails of something else": (
        lambda s: s.commands.update(
            {"verify after typing": Command(PLAN.typed, ("verify",), 1, '{"not_done": {"2025-03-28": "wrong"}}')}
        ),
        "`minerecon verify` exited with 1",
    ),
    "a wrong sum is not told": (without("FAILING: rollups"), "told: the typed-in total ("),
    "its repair is not told": (without("CLEARED: rollups"), "told: the typed-in total, repaired"),
    "the sweep says nothing": (lambda s: setattr(s, "sums", [(at(MONDAY, "03:30"), True)]), "the sweep put the total"),
    "the month stays wrong": (lambda s: setattr(s, "month_is_right", False), "the running month is the sum"),
    "the price's failure is not told": (without("RUN FAILED: refresh_prices"), "told: the price source is down"),
    "a false all-clear": (add(MONDAY, "07:01", f"CLEARED: {PRICES}"), "not called cleared before prices came"),
    "the prices' return is not told": (without("CLEARED: refresh_prices"), "told: the prices were fetched"),
    "something else is told": (add(MONDAY, "11:00", "RESTATED: 2025-03-20"), "nothing else was told"),
    "a day is wrong": (
        lambda s: s.figures.update({SATURDAY: [{"of": "day", "figure": "mwh"}]}),
        f"the figures of {SATURDAY}",
    ),
    "Saturday is not final": (
        lambda s: of_days(s, SATURDAY, at(MONDAY, "06:00"), PLAN.until, status="provisional"),
        f"{SATURDAY} is complete",
    ),
    "the heart stops": (
        lambda s: setattr(s, "heartbeats", [h for h in s.heartbeats if h < at(MONDAY, "09:00")]),
        "the heartbeat was heard",
    ),
}


@pytest.mark.parametrize("mishap", MISHAPS)
def test_what_goes_wrong_is_seen(mishap: str) -> None:
    seen = good()
    breaks, verdict = MISHAPS[mishap]
    breaks(seen)
    assert any(verdict in what for what in broken(judge(PLAN, seen))), broken(judge(PLAN, seen))


def test_a_sunday_that_is_still_not_there_at_0905_must_be_told_and_may_not_be_if_it_is() -> None:
    told = add(MONDAY, "09:07", f"FAILING: inventory.every_day_is_complete: {SUNDAY} is incomplete")
    there = good()
    told(there)
    assert any("nothing else was told" in what for what in broken(judge(PLAN, there)))
    lasting = good()
    of_days(lasting, SUNDAY, PLAN.outage[0], PLAN.until, status="incomplete")
    assert any("Sunday is not there at Mon 09:05" in what for what in broken(judge(PLAN, lasting)))
    told(lasting)
    assert not any("is not there" in w or "nothing else" in w for w in broken(judge(PLAN, lasting)))


def test_of_a_part_of_the_weekend_only_what_was_reached_is_judged() -> None:
    seen, until = good(), PLAN.start + dt.timedelta(hours=2)
    part = replace(
        seen,
        ended=until,
        days={t: d for t, d in seen.days.items() if t <= until},
        ticks=[t for t in seen.ticks if t.due <= until],
        runs=[],
        alerts=[],
        commands={},
        sums=[],
        figures={},
    )
    verdicts = judge(replace(PLAN, until=until), part)
    assert broken(verdicts) == []
    reached = [v.what for v in verdicts if v.holds]
    assert any("calm" in what for what in reached)
    assert not any("outage" in what and "calm" not in what for what in reached)


def test_the_page_says_what_was_told_and_what_does_not_hold(tmp_path: Path) -> None:
    seen = good()
    seen.happened = [(PLAN.outage[0], "the source falls silent")]
    seen.calls = {"2025-03-30T11": {"stack": 44, "boav": 2}}
    write(tmp_path, seen, [*judge(PLAN, seen), Verdict("the moon is round", False, "it is flat")])
    page = (tmp_path / "weekend.md").read_text("utf-8")
    assert "- **DOES NOT HOLD**: the moon is round (it is flat)" in page
    assert f"- Sun 18:13 FAILING: {SUMS}: 1 of 1 wrong" in page
    assert "| Sun 12:00 | 2 | 44 |" in page
    assert "| Sun 12:00 | **the source falls silent** |  |" in page
    assert (tmp_path / "weekend.json").read_text("utf-8").startswith("{")
