"""The schedules that verify and repair by themselves: when they tick, which days they take, and which they leave."""

from __future__ import annotations

import datetime as dt
from typing import Any

import dagster as dg
import pytest
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from sqlalchemy import Engine, text

from minerecon_dagster.core.calendar import LONDON
from minerecon_dagster.core.spans import spans
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.in_progress import days_in_progress
from minerecon_dagster.defs.schedules import build_schedules
from minerecon_dagster.jobs import VERIFY, VERIFY_OP
from minerecon_dagster.standing.due import FLAGS_SETTLED_AFTER_DAYS
from minerecon_dagster_tests.defs.test_schedules import (
    CLOCKS_CHANGE,
    LOCATION,
    ONE_DAY,
    REAL_LOOKING_URL,
    Scheduler,
    Store,
    store,
)
from minerecon_dagster_tests.fake_elexon import Fault, fake_elexon, stack_path
from minerecon_dagster_tests.project import DAY, Project
from minerecon_dagster_tests.stopped_clock import StoppedClock
from minerecon_dagster_tests.verify.test_verify import DRIFT, Looks, names

__all__ = ["store"]

D = dt.date.fromisoformat
NOW = dt.datetime.fromisoformat("2025-06-16T07:00:07+01:00")
NAMES = ["daily_reconciliation", "weekly_audit", "monthly_restatement_scan"]


@pytest.fixture
def scheduler(kept_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    monkeypatch.setenv("ELEXON_BASE_URL", REAL_LOOKING_URL)
    return scheduler_from(kept_instance, D("2022-01-01"))


def scheduler_from(instance: dg.DagsterInstance, first_day: dt.date) -> Scheduler:
    made = Scheduler(instance, first_day)
    made.schedules = {
        schedule.name: schedule for schedule in build_schedules(first_day).schedules if schedule.name in NAMES
    }
    return made


def config(scheduler: Scheduler, name: str, now: dt.datetime = NOW) -> dict[str, Any]:
    """The configuration of the runs that are requested: the same for all of a tick."""
    requests = scheduler.evaluate(name, now).run_requests or []
    (only,) = {repr(r.run_config): r.run_config for r in requests}.values()
    found: dict[str, Any] = only["ops"][VERIFY_OP]["config"]
    return found


class Records:
    """Puts results, attempts and verifications of days on record."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fails(
        self, day: dt.date, name: str = "conservation.records_match_archive", *, waived_until: dt.date | None = None
    ) -> None:
        family, _, check = name.partition(".")
        self._execute(
            "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed, severity,"
            " looked_at, violation_count, violations, repair, evaluated_at, waiver, waived_until)"
            " VALUES (:day, :family, :name, false, 'ERROR', 1, 1, '[]', 'repair it', now(), :waiver, :until)",
            day=day, family=family, name=check, waiver="known" if waived_until else None, until=waived_until,
        )  # fmt: skip

    def fetch_failed(self, day: dt.date) -> None:
        self._execute(
            "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
            " row_count, fetched_at, error, is_synthetic)"
            " VALUES (:day, 7, 'bid', 'failed', 0, now(), 'HTTP 500', false)",
            day=day,
        )

    def verified(
        self,
        day: dt.date,
        outcome: str,
        action: str = "fix",
        *,
        at: str = "now",
        share: int | str | None = None,
        is_tried: bool = False,
    ) -> None:
        self._execute(
            "INSERT INTO minerecon.verifications (settlement_date, requested_by, action, problems, problems_left,"
            " period_differences, unit_differences, outcome, started_at, finished_at, detection_share)"
            " VALUES (:day, 'a test', :action, '[]', CAST(:left AS jsonb), '[]', '[]', :outcome,"
            " CAST(:at AS timestamptz), CAST(:at AS timestamptz), :share)",
            day=day, action=action, outcome=outcome, at=at, share=share, left="[]" if is_tried else None,
        )  # fmt: skip

    def fetched(self, day: dt.date, at: str) -> None:
        self._execute("DELETE FROM minerecon.ingestion_progress WHERE settlement_date = :day", day=day)
        self._execute(
            "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
            " row_count, fetched_at, is_synthetic) VALUES (:day, 7, 'bid', 'rows', 3, CAST(:at AS timestamptz), false)",
            day=day, at=at,
        )  # fmt: skip

    def _execute(self, statement: str, **parameters: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), parameters)


@pytest.fixture
def records(warehouse: Engine) -> Records:
    return Records(warehouse)


# When they tick.


def test_the_last_days_are_looked_at_at_seven_in_london_on_every_day(scheduler: Scheduler) -> None:
    for day in [*CLOCKS_CHANGE, D("2025-06-15"), D("2025-12-15")]:
        (tick,) = scheduler.ticks("daily_reconciliation", day)
        assert tick.astimezone(LONDON) == dt.datetime.combine(day, dt.time(7), LONDON)


def test_the_audit_is_on_sundays_and_the_scan_on_the_third_of_the_month(scheduler: Scheduler) -> None:
    year = [D("2025-01-01") + n * ONE_DAY for n in range(365)]
    audits = [tick.astimezone(LONDON) for day in year for tick in scheduler.ticks("weekly_audit", day)]
    assert {(tick.strftime("%a %R")) for tick in audits} == {"Sun 08:00"}
    assert len(audits) == 52
    scans = [tick.astimezone(LONDON) for day in year for tick in scheduler.ticks("monthly_restatement_scan", day)]
    assert [tick.strftime("%F %R") for tick in scans] == [f"2025-{month:02}-03 08:30" for month in range(1, 13)]


def test_all_of_them_are_on_unless_they_are_switched_off(scheduler: Scheduler) -> None:
    assert sorted(scheduler.schedules) == sorted(NAMES)
    assert {s.default_status for s in scheduler.schedules.values()} == {dg.DefaultScheduleStatus.RUNNING}
    assert set(NAMES) <= {s.name for s in build_defs().schedules or []}


# Which days.


def test_the_last_two_days_are_looked_at_in_full_and_repaired_whatever_their_state(
    scheduler: Scheduler, store: Store
) -> None:
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-06-14", "2025-06-15")]
    assert config(scheduler, "daily_reconciliation") == {
        "action": "fix",
        "sampling": "full",
        "requested_by": "daily_reconciliation",
        "max_days_repaired": 31,
        "max_attempts": 3,
    }


def test_an_operator_says_how_many_days(scheduler: Scheduler, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_RECONCILE_DAYS", "7")
    monkeypatch.setenv("MINERECON_RECONCILE_ATTEMPTS", "5")
    monkeypatch.setenv("MINERECON_RECONCILE_MOST_DAYS", "9")
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-06-09", "2025-06-15")]
    found = config(scheduler, "daily_reconciliation")
    assert (found["max_attempts"], found["max_days_repaired"]) == (5, 9)


def test_nothing_before_the_first_day_is_looked_at(scheduler: Scheduler, store: Store, records: Records) -> None:
    scheduler = scheduler_from(scheduler.instance, D("2025-06-15"))
    records.fails(D("2025-06-01"))
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-06-15", "2025-06-15")]


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("name", "is_retried"),
    [
        (DRIFT, True),
        ("completeness.periods_fetched", True),
        ("completeness.periods_present", True),
        ("control_totals.boav_wind_volume", True),
        ("conservation.records_match_archive", True),
        ("calculation.difficulty_known", False),
        ("money.bids_are_priced", False),
        ("drift.register_unchanged", False),
    ],
)
def test_an_old_day_is_tried_again_if_it_fails_in_what_a_repair_may_mend(
    scheduler: Scheduler, store: Store, records: Records, name: str, is_retried: bool
) -> None:
    if name == DRIFT:  # of a day that is not stored a comparison says nothing
        store(D("2025-03-03"))
    records.fails(D("2025-03-03"), name)
    old = [("2025-03-03", "2025-03-03")] if is_retried else []
    assert scheduler.asked("daily_reconciliation", NOW) == [*old, ("2025-06-14", "2025-06-15")]


def test_a_final_day_whose_latest_fetch_failed_is_tried_again(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    store(D("2025-03-03"))
    records.fetch_failed(D("2025-03-03"))
    assert ("2025-03-03", "2025-03-03") in scheduler.asked("daily_reconciliation", NOW)


def test_a_waived_deviation_is_not_tried_until_its_waiver_lapses(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    records.fails(D("2025-03-03"), waived_until=D("2025-06-16"))
    records.fails(D("2025-03-10"), waived_until=D("2025-06-15"))
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-03-10", "2025-03-10"), ("2025-06-14", "2025-06-15")]


def test_a_day_is_left_to_a_person_after_three_attempts_in_vain_and_begins_anew_once_it_was_right(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    day = D("2025-03-03")
    records.fails(day)
    records.verified(day, "not repaired")
    records.verified(day, "failed", is_tried=True)
    records.verified(day, "wrong", action="verify")
    assert scheduler.asked("daily_reconciliation", NOW)[0] == (str(day), str(day)), "a look is no attempt"
    for _ in range(3):
        records.verified(day, "failed")
    assert scheduler.asked("daily_reconciliation", NOW)[0] == (str(day), str(day)), "nor is one that was not possible"
    records.verified(day, "failed", action="refetch", is_tried=True)
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-06-14", "2025-06-15")]
    records.verified(day, "repaired", action="force-fix")
    assert scheduler.asked("daily_reconciliation", NOW)[0] == (str(day), str(day))


def test_who_is_left_to_a_person_is_said_in_the_log(
    scheduler: Scheduler, store: Store, records: Records, capfd: pytest.CaptureFixture[str]
) -> None:
    for day in (D("2025-03-03"), D("2025-03-04"), D("2025-03-09")):
        records.fails(day)
        for _ in range(3):
            records.verified(day, "failed", is_tried=True)
    scheduler.asked("daily_reconciliation", NOW)
    said = capfd.readouterr().err
    assert "left to a person, after 3 repairs in vain: 2025-03-03 to 2025-03-04, 2025-03-09" in said


def test_no_more_than_so_many_failing_days_are_tried_at_once_the_newest_first(
    scheduler: Scheduler, store: Store, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_RECONCILE_MOST_DAYS", "3")
    for n in range(10):
        records.fails(D("2025-03-01") + n * ONE_DAY)
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-03-08", "2025-03-10"), ("2025-06-14", "2025-06-15")]


def test_failing_days_that_cannot_be_looked_at_keep_no_other_from_its_turn(
    scheduler: Scheduler, store: Store, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_RECONCILE_MOST_DAYS", "3")
    tried = []
    for n in range(10):
        records.fails(D("2025-03-01") + n * ONE_DAY)
    for morning in range(4):
        days = [day for day in days_of(scheduler.asked("daily_reconciliation", NOW)) if day.month == 3]
        tried.append([day.day for day in days])
        for day in days:
            records.verified(day, "failed", at=str(NOW + morning * ONE_DAY))
    assert tried == [[8, 9, 10], [5, 6, 7], [2, 3, 4], [1, 9, 10]], "and then the newest of those that wait the longest"


def test_the_audit_draws_stored_days_that_are_over_and_the_same_all_week(scheduler: Scheduler, store: Store) -> None:
    store(D("2025-01-01"), D("2025-06-16"))
    sunday = dt.datetime.fromisoformat("2025-06-15T08:00:05+01:00")
    asked = days_of(scheduler.asked("weekly_audit", sunday))
    assert len(asked) == 10
    assert all(D("2025-01-01") <= day <= D("2025-06-14") for day in asked)
    assert days_of(scheduler.asked("weekly_audit", sunday)) == asked
    later = [days_of(scheduler.asked("weekly_audit", sunday + n * 7 * ONE_DAY)) for n in (1, 2, 3)]
    assert asked not in later
    found = config(scheduler, "weekly_audit", sunday)
    assert (found["requested_by"], found["sampling"], found["action"]) == ("weekly_audit 2025-W24", "full", "fix")


def test_the_audit_says_what_it_drew_and_by_which_seed(
    scheduler: Scheduler, store: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    store(D("2025-06-02"), D("2025-06-04"))
    sunday = dt.datetime.fromisoformat("2025-06-15T08:00:05+01:00")
    assert scheduler.asked("weekly_audit", sunday) == [("2025-06-02", "2025-06-04")]
    said = capfd.readouterr().err
    assert "drawn from 3 stored days with the seed 2025-W24: 2025-06-02 to 2025-06-04" in said


def test_the_scan_takes_the_stored_days_of_the_month_before_all_periods_of_them(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    store(D("2025-05-01"), D("2025-05-10"))
    store(D("2025-05-12"), D("2025-06-02"))
    third = dt.datetime.fromisoformat("2025-06-03T08:30:05+01:00")
    assert scheduler.asked("monthly_restatement_scan", third) == [
        ("2025-05-01", "2025-05-10"),
        ("2025-05-12", "2025-05-31"),
    ]
    found = config(scheduler, "monthly_restatement_scan", third)
    assert (found["requested_by"], found["sampling"]) == ("monthly_restatement_scan 2025-05", "full")
    january = dt.datetime.fromisoformat("2025-01-03T08:30:05+00:00")
    assert "no day of 2024-12 is stored" in scheduler.skipped("monthly_restatement_scan", january)


def test_the_scan_looks_again_at_days_whose_flags_might_still_change_at_the_last_one(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    store(D("2025-04-01"), D("2025-05-31"))
    third = dt.datetime.fromisoformat("2025-06-03T08:30:05+01:00")

    def looked_at_before_may() -> list[tuple[str, str]]:
        found = [day for day in days_of(scheduler.asked("monthly_restatement_scan", third)) if day < D("2025-05-01")]
        return [(str(a), str(b)) for a, b in spans(found, at_most=31)]

    assert looked_at_before_may() == [("2025-04-01", "2025-04-30")], "nobody has looked at them at all"
    for day in days_of([("2025-04-01", "2025-04-30")]):
        records.verified(day, "right", at="2025-05-03T08:31:00+01:00", share=1)
    assert looked_at_before_may() == [("2025-04-06", "2025-04-30")], "of the others flags were settled on 3 May"
    records.verified(D("2025-04-10"), "right in part", at="2025-05-20T08:31:00+01:00", share="0.1")
    records.verified(D("2025-04-11"), "failed", at="2025-05-20T08:31:00+01:00", share=1)
    assert looked_at_before_may() == [("2025-04-06", "2025-04-30")], "neither a part nor a failure is a look"
    records.verified(D("2025-04-10"), "right", at="2025-05-20T08:31:00+01:00", share=1)
    records.fetched(D("2025-04-20"), "2025-05-20T08:31:00+01:00")
    records.fetched(D("2025-04-21"), "2025-05-10T08:31:00+01:00")
    assert looked_at_before_may() == [
        ("2025-04-06", "2025-04-09"), ("2025-04-11", "2025-04-19"), ("2025-04-21", "2025-04-30"),
    ], "looked at, and fetched, when they were settled"  # fmt: skip


def test_two_scans_that_were_missed_are_made_good_and_years_are_not_fetched(
    scheduler: Scheduler, store: Store, records: Records
) -> None:
    store(D("2024-06-01"), D("2025-05-31"))
    third = dt.datetime.fromisoformat("2025-06-03T08:30:05+01:00")
    assert days_of(scheduler.asked("monthly_restatement_scan", third))[0] == D("2025-03-02")


@pytest.mark.parametrize("first", [D("2025-12-10"), D("2026-03-20"), D("2026-04-17"), D("2026-05-01"), D("2027-12-20")])
def test_flags_are_settled_after_sixteen_working_days_whatever_holidays_fall_into_them(first: dt.date) -> None:
    holidays = {
        D(day)
        for day in (
            "2025-12-25", "2025-12-26", "2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25",
            "2027-12-27", "2027-12-28", "2028-01-03",
        )
    }  # fmt: skip
    for start in (first + n * ONE_DAY for n in range(12)):
        after = [start + n * ONE_DAY for n in range(1, FLAGS_SETTLED_AFTER_DAYS + 1)]
        assert sum(day.weekday() < 5 and day not in holidays for day in after) >= 16


def days_of(ranges: list[tuple[str, str]]) -> list[dt.date]:
    return [D(first) + n * ONE_DAY for first, last in ranges for n in range((D(last) - D(first)).days + 1)]


# Where they leave days alone.


def test_days_that_another_run_fetches_or_verifies_are_left_to_it(scheduler: Scheduler, store: Store) -> None:
    scheduler.under_way(D("2025-06-14"), D("2025-06-14"), dg.DagsterRunStatus.QUEUED)
    assert scheduler.asked("daily_reconciliation", NOW) == [("2025-06-15", "2025-06-15")]
    job = build_defs().resolve_job_def(VERIFY)
    run = scheduler.instance.create_run_for_job(
        job,
        status=dg.DagsterRunStatus.QUEUED,
        tags={"dagster/partition": "2025-06-15"},
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "__repository__"), VERIFY),
    )
    assert "2025-06-14 to 2025-06-15" in scheduler.skipped("daily_reconciliation", NOW)
    assert run.run_id not in days_in_progress(scheduler.instance, NOW).values(), "and it keeps none from being ingested"


def test_the_bundled_sample_is_never_asked_on_a_schedule(
    scheduler: Scheduler, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_elexon() as sample:
        monkeypatch.setenv("ELEXON_BASE_URL", sample.base_url)
    for name in NAMES:
        assert "the bundled sample" in scheduler.skipped(name)


# Through Dagster.


@pytest.mark.slow
def test_final_days_that_nobody_could_look_at_are_asked_for_until_somebody_could(
    project: Project, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = scheduler_from(scheduler.instance, DAY)
    looks, saturday = Looks(project), DAY + ONE_DAY
    monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.base_url)
    project.ingest()
    project.ingest(saturday)
    project.elexon.faults = lambda path: Fault(400)
    for _ in range(4):
        looks.run(DAY, saturday, action="fix", max_attempts=3)
    assert [looks.kept(day)["outcome"] for day in (DAY, saturday)] == ["failed", "failed"]
    assert "not asked, since" in looks.kept(saturday)["error"]
    assert {project.status(day) for day in (DAY, saturday)} == {"failing"}
    project.elexon.faults = lambda path: None
    monkeypatch.setenv("ELEXON_BASE_URL", REAL_LOOKING_URL)
    assert scheduler.asked("daily_reconciliation", NOW)[0] == (str(DAY), str(saturday))
    monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.base_url)
    # One of the two has changed meanwhile: its first repair is not refused either.
    project.elexon.world.revise[saturday] = 1.5
    looks.run(DAY, saturday, action="fix", max_attempts=3)
    assert [looks.kept(day)["outcome"] for day in (DAY, saturday)] == ["right", "repaired"]
    assert {project.status(day) for day in (DAY, saturday)} == {"complete"}


@pytest.mark.slow
def test_what_is_requested_repairs_a_failed_and_a_revised_day_until_it_is_left_to_a_person(
    project: Project, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = scheduler_from(scheduler.instance, DAY)
    looks, saturday = Looks(project), DAY + ONE_DAY
    monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.base_url)
    project.ingest(DAY)
    project.elexon.faults = lambda path: Fault(400) if path == stack_path("bid", saturday, 9) else None
    assert not project.run(saturday).success
    morning = dt.datetime.fromisoformat("2025-03-30T07:00:05+01:00")

    def tick() -> list[str]:
        monkeypatch.setenv("ELEXON_BASE_URL", REAL_LOOKING_URL)
        requests = scheduler.evaluate("daily_reconciliation", morning).run_requests or []
        monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.base_url)
        for request in requests:
            defs = build_defs({"clock": StoppedClock(stopped_at=project.now)})
            defs.resolve_job_def(VERIFY).execute_in_process(
                instance=project.instance, run_config=request.run_config, tags=request.tags, raise_on_error=False
            )
        return [looks.kept(day)["outcome"] for day in (DAY, saturday)]

    assert tick() == ["right", "failed"]
    assert tick() == ["right", "failed"]
    project.elexon.world.revise[DAY] = 1.5
    assert tick() == ["repaired", "failed"]
    assert tick() == ["right", "not repaired"]
    assert "left to a person" in looks.kept(saturday)["error"]
    assert names(looks.kept(saturday)["problems"]) == {"missing"}
    assert project.status(saturday) == "failing"
    project.elexon.faults = lambda path: None
    assert looks.right(saturday, action="fix")["outcome"] == "repaired"
    assert tick() == ["right", "right"]
