"""The schedules, by a simulated clock over real warehouses: when they tick, what they ask for, and what they leave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import takewhile

import dagster as dg
import pytest
import yaml
from dagster._core.instance.config import dagster_instance_config
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorTick
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon import get_default_daemon_logger
from dagster._scheduler.scheduler import launch_scheduled_runs
from dagster._utils.schedules import schedule_execution_time_iterator
from sqlalchemy import Engine, text

from minerecon_dagster import asset_keys
from minerecon_dagster.core.calendar import LONDON, day_start, due_periods, period_count, settlement_date
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.spans import spans
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.defs.in_progress import PRESUMED_DEAD_AFTER
from minerecon_dagster.defs.resources import (
    ElexonResource,
    PriceResource,
    WarehouseResource,
)
from minerecon_dagster.defs.schedules import build_schedules
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.standing.due import CATCH_UP_DAYS
from minerecon_dagster.warehouse.sums import ADDITIVE, names
from minerecon_dagster_tests.fake_elexon import fake_elexon
from minerecon_dagster_tests.project import DAY, Project, not_done
from minerecon_dagster_tests.stopped_clock import StoppedClock

D = dt.date.fromisoformat
ONE_DAY = dt.timedelta(days=1)
CLOCKS_CHANGE = [D("2025-03-30"), D("2025-10-26"), D("2026-03-29"), D("2026-10-25")]
AROUND_THE_CHANGES = [day + n * ONE_DAY for day in CLOCKS_CHANGE for n in (-1, 0, 1)]
NOW = dt.datetime.fromisoformat("2025-06-16T06:00:07+01:00")
YESTERDAY = D("2025-06-15")
LOCATION = InProcessCodeLocationOrigin(
    LoadableTargetOrigin(module_name="minerecon_dagster.definitions"), location_name="minerecon_dagster"
)
REAL_LOOKING_URL = "http://elexon.invalid/bmrs/api/v1"


@cache
def ingest_job() -> dg.JobDefinition:
    return build_defs().resolve_job_def("ingest")


@pytest.fixture(autouse=True)
def no_later_datasets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for of the days themselves: `day/test_later_datasets.py` has what comes days after them."""
    monkeypatch.setattr("minerecon_dagster.standing.due.days_due_later", lambda *_, **__: set())


class Scheduler:
    """Evaluates the project's schedules as a daemon would, at any time of a stopped clock."""

    def __init__(self, instance: dg.DagsterInstance, first_day: dt.date) -> None:
        self.instance = instance
        self.schedules = {schedule.name: schedule for schedule in build_schedules(first_day).schedules}

    def ticks(self, name: str, day: dt.date) -> list[dt.datetime]:
        """When Dagster evaluates the schedule on a London day."""
        cron = self.schedules[name]
        assert isinstance(cron.cron_schedule, str)
        times = schedule_execution_time_iterator(
            day_start(day).timestamp(), cron.cron_schedule, cron.execution_timezone
        )
        return list(takewhile(lambda tick: tick < day_start(day + ONE_DAY), times))

    def evaluate(self, name: str, now: dt.datetime, planned: dt.datetime | None = None) -> dg.ScheduleExecutionData:
        resources = {
            "warehouse": WarehouseResource(),
            "elexon": ElexonResource(),
            "price": PriceResource(),
            "clock": StoppedClock(stopped_at=now.isoformat()),
        }
        with dg.build_schedule_context(
            self.instance, scheduled_execution_time=planned or now, resources=resources
        ) as context:
            context._instance = self.instance  # spares each of hundreds of evaluations opening it again
            return self.schedules[name].evaluate_tick(context)

    def asked(self, name: str, now: dt.datetime = NOW, planned: dt.datetime | None = None) -> list[tuple[str, str]]:
        """First and last day of each run that is requested."""
        requests = self.evaluate(name, now, planned).run_requests or []
        assert len({r.run_key for r in requests}) == len(requests)
        return [(r.tags[ASSET_PARTITION_RANGE_START_TAG], r.tags[ASSET_PARTITION_RANGE_END_TAG]) for r in requests]

    def skipped(self, name: str, now: dt.datetime = NOW) -> str:
        data = self.evaluate(name, now)
        assert not data.run_requests
        assert data.skip_message
        return data.skip_message

    def under_way(
        self,
        first: dt.date,
        last: dt.date,
        status: dg.DagsterRunStatus,
        selection: frozenset[dg.AssetKey] | None = frozenset({asset_keys.PROGRESS}),
    ) -> str:
        """Put a run of the job, whole or of some of its assets, over a range of days on record; its id."""
        tags = {ASSET_PARTITION_RANGE_START_TAG: str(first), ASSET_PARTITION_RANGE_END_TAG: str(last)}
        job = ingest_job()
        return self.instance.create_run_for_job(
            job,
            status=status,
            tags=tags,
            asset_selection=selection,
            remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(LOCATION, "__repository__"), job.name),
        ).run_id


@pytest.fixture
def scheduler(kept_instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Scheduler:
    monkeypatch.setenv("ELEXON_BASE_URL", REAL_LOOKING_URL)
    return Scheduler(kept_instance, D("2022-01-01"))


Store = Callable[..., None]


@pytest.fixture
def store(warehouse: Engine, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Puts days in the given state into the warehouse, which the schedules look at."""
    monkeypatch.setenv("DATABASE_URL", warehouse.url.render_as_string(hide_password=False))

    def stored(first: dt.date, last: dt.date | None = None, state: str = "final", wind_mwh: int | None = 100) -> None:
        with warehouse.begin() as connection:
            connection.execute(
                text(
                    f"INSERT INTO minerecon.daily_summaries (summary_date, {names()['day_columns']}, bmu_count,"
                    " periods_expected, periods_due, periods_present, state, wind_generation_mwh, archive_uri,"
                    " is_synthetic, built_at)"
                    f" SELECT CAST(d AS date){', 0' * len(ADDITIVE)}, 0, 48, 48, 48, :state, :wind_mwh, 'here', false,"
                    " now()"
                    " FROM generate_series(CAST(:first AS date), CAST(:last AS date), '1 day') AS d"
                    " ON CONFLICT (summary_date) DO UPDATE SET state = excluded.state,"
                    " wind_generation_mwh = excluded.wind_generation_mwh"
                ),
                {"first": first, "last": last or first, "state": state, "wind_mwh": wind_mwh},
            )

    return stored


# When they tick.


def test_every_day_has_as_many_intraday_ticks_as_settlement_periods_and_one_at_six(scheduler: Scheduler) -> None:
    for day in AROUND_THE_CHANGES:
        assert len(scheduler.ticks("intraday_refresh", day)) == period_count(day)
        (six,) = scheduler.ticks("daily_ingest", day)
        assert six.astimezone(LONDON) == dt.datetime.combine(day, dt.time(6), LONDON)


def test_the_days_of_the_changes_have_46_and_50_periods() -> None:
    assert [period_count(day) for day in CLOCKS_CHANGE] == [46, 50, 46, 50]


def test_the_register_is_refreshed_on_mondays_at_half_past_five(scheduler: Scheduler) -> None:
    ticks = [tick for n in range(14) for tick in scheduler.ticks("bm_units_refresh", D("2025-10-20") + n * ONE_DAY)]
    assert [tick.astimezone(LONDON).strftime("%a %F %R") for tick in ticks] == [
        "Mon 2025-10-20 05:30",
        "Mon 2025-10-27 05:30",
    ]
    assert len(scheduler.evaluate("bm_units_refresh", NOW).run_requests or []) == 1


# Today so far.


@pytest.mark.slow
@pytest.mark.parametrize("change", CLOCKS_CHANGE, ids=str)
def test_over_a_clock_change_each_tick_asks_for_its_london_day_with_one_more_period_due(
    scheduler: Scheduler, change: dt.date
) -> None:
    for day in (change - ONE_DAY, change, change + ONE_DAY):
        asked = []
        for number, tick in enumerate(scheduler.ticks("intraday_refresh", day)):
            found = scheduler.asked("intraday_refresh", tick + dt.timedelta(seconds=3))
            assert found == ([(str(day), str(day))] if number >= 2 else []), tick
            assert len(due_periods(day, tick)) == max(number - 1, 0)
            asked += found
        assert len(asked) == period_count(day) - 2


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2025-06-15T22:30:02+00:00", "2025-06-15"),
        ("2025-06-15T23:00:02+00:00", None),
        ("2025-06-15T23:30:02+00:00", None),
        ("2025-06-16T00:00:02+00:00", "2025-06-16"),
        ("2025-12-15T23:30:02+00:00", "2025-12-15"),
        ("2025-12-16T00:00:02+00:00", None),
        ("2025-12-16T01:00:02+00:00", "2025-12-16"),
    ],
)
def test_around_midnight_it_is_londons_day_that_counts(scheduler: Scheduler, utc: str, day: str | None) -> None:
    now = dt.datetime.fromisoformat(utc)
    assert scheduler.asked("intraday_refresh", now) == ([(day, day)] if day else [])
    if day is None:
        assert f"no settlement period of {settlement_date(now)} is due yet" in scheduler.skipped(
            "intraday_refresh", now
        )


def test_a_late_tick_asks_for_the_day_that_it_is_now(scheduler: Scheduler) -> None:
    planned, now = (dt.datetime.fromisoformat(f"2025-06-{t}+01:00") for t in ("15T23:30", "16T09:12"))
    assert scheduler.asked("intraday_refresh", now, planned) == [("2025-06-16", "2025-06-16")]


def test_today_is_not_asked_for_while_a_run_is_at_it(scheduler: Scheduler) -> None:
    run = scheduler.under_way(D("2025-06-10"), D("2025-06-16"), dg.DagsterRunStatus.QUEUED)
    assert run in scheduler.skipped("intraday_refresh", NOW)
    assert scheduler.asked("intraday_refresh", NOW + ONE_DAY) == [("2025-06-17", "2025-06-17")]


# Yesterday, and what is not final.


def test_the_morning_asks_for_yesterday_over_clock_changes(scheduler: Scheduler, store: Store) -> None:
    for day in AROUND_THE_CHANGES:
        store(day - 20 * ONE_DAY, day - 2 * ONE_DAY)
        (six,) = scheduler.ticks("daily_ingest", day)
        assert scheduler.asked("daily_ingest", six) == [(str(day - ONE_DAY), str(day - ONE_DAY))]


def test_an_empty_warehouse_is_begun_with_the_last_fourteen_days_in_one_run(scheduler: Scheduler, store: Store) -> None:
    assert CATCH_UP_DAYS == 14
    assert scheduler.asked("daily_ingest") == [("2025-06-02", "2025-06-15")]


def test_nothing_before_the_first_day_is_asked_for(scheduler: Scheduler, store: Store) -> None:
    scheduler = Scheduler(scheduler.instance, D("2025-06-12"))
    store(D("2025-06-01"), state="provisional")
    assert scheduler.asked("daily_ingest") == [("2025-06-12", "2025-06-15")]


def test_every_stored_day_is_asked_for_until_it_is_final_and_neighbours_share_a_run(
    scheduler: Scheduler, store: Store
) -> None:
    store(D("2025-01-01"), YESTERDAY)
    store(D("2025-03-29"), D("2025-03-31"), state="provisional")
    store(D("2025-02-02"), state="incomplete")
    store(settlement_date(NOW), state="provisional")
    assert scheduler.asked("daily_ingest") == [("2025-02-02", "2025-02-02"), ("2025-03-29", "2025-03-31")]
    store(D("2025-01-01"), YESTERDAY)
    assert "is final" in scheduler.skipped("daily_ingest")


def test_no_run_has_more_than_31_days_and_the_oldest_come_first(scheduler: Scheduler, store: Store) -> None:
    store(D("2025-03-01"), YESTERDAY, state="provisional")
    assert scheduler.asked("daily_ingest") == [
        ("2025-03-01", "2025-03-31"),
        ("2025-04-01", "2025-05-01"),
        ("2025-05-02", "2025-06-01"),
        ("2025-06-02", "2025-06-15"),
    ]


def test_an_outage_is_caught_up_whatever_was_stored_since(scheduler: Scheduler, store: Store) -> None:
    store(D("2025-01-01"), D("2025-06-05"))
    store(D("2025-06-10"), D("2025-06-12"))
    assert scheduler.asked("daily_ingest") == [("2025-06-06", "2025-06-09"), ("2025-06-13", "2025-06-15")]


def test_a_recent_day_that_is_final_but_for_its_wind_output_is_asked_for(scheduler: Scheduler, store: Store) -> None:
    store(D("2025-01-01"), YESTERDAY)
    store(D("2025-03-03"), wind_mwh=None)
    store(D("2025-06-10"), wind_mwh=None)
    assert scheduler.asked("daily_ingest") == [("2025-06-10", "2025-06-10")]


def test_a_tick_of_a_missed_morning_asks_for_what_is_missing_now(scheduler: Scheduler, store: Store) -> None:
    store(D("2025-01-01"), D("2025-06-12"))
    planned = NOW - 2 * ONE_DAY
    assert scheduler.asked("daily_ingest", NOW, planned) == [("2025-06-13", "2025-06-15")]


def test_a_day_that_failed_and_was_never_stored_is_asked_for_however_old(
    scheduler: Scheduler, store: Store, warehouse: Engine
) -> None:
    store(D("2025-01-01"), YESTERDAY)
    with warehouse.begin() as connection:
        connection.execute(text("DELETE FROM minerecon.daily_summaries WHERE summary_date < '2025-01-31'"))
        for day in ("2025-01-05", "2025-04-01"):  # never stored; stored final, and failed when looked at again
            connection.execute(
                text(
                    "INSERT INTO minerecon.ingestion_progress (settlement_date, settlement_period, stack_side, status,"
                    " row_count, fetched_at, error, is_synthetic)"
                    " VALUES (:day, 7, 'bid', 'failed', 0, now(), 'HTTP 500', false)"
                ),
                {"day": day},
            )
        for day in ("2025-01-20", "2025-05-01"):
            connection.execute(
                text(
                    "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name, passed,"
                    " severity, looked_at, violation_count, violations, repair, evaluated_at) VALUES (:day,"
                    " 'calculation', 'difficulty_known', false, 'ERROR', 1, 1, '[]', 'load it', now())"
                ),
                {"day": day},
            )
    assert scheduler.asked("daily_ingest") == [("2025-01-05", "2025-01-05"), ("2025-01-20", "2025-01-20")]


# Runs that are under way.


@pytest.mark.slow
def test_days_that_a_queued_or_running_run_asks_for_are_not_asked_for_twice(scheduler: Scheduler, store: Store) -> None:
    scheduler.under_way(D("2025-06-01"), D("2025-06-04"), dg.DagsterRunStatus.QUEUED)
    scheduler.under_way(D("2025-06-08"), D("2025-06-08"), dg.DagsterRunStatus.STARTED, None)
    scheduler.under_way(D("2025-06-10"), D("2025-06-15"), dg.DagsterRunStatus.FAILURE)
    assert scheduler.asked("daily_ingest") == [("2025-06-05", "2025-06-07"), ("2025-06-09", "2025-06-15")]
    last = scheduler.under_way(D("2025-06-05"), D("2025-06-15"), dg.DagsterRunStatus.STARTING)
    assert last in scheduler.skipped("daily_ingest")


@pytest.mark.slow
def test_a_run_that_died_unnoticed_holds_its_days_up_for_an_hour_only(scheduler: Scheduler, store: Store) -> None:
    soon = dt.datetime.now(dt.UTC) + PRESUMED_DEAD_AFTER / 2
    later = soon + PRESUMED_DEAD_AFTER
    today = settlement_date(later)  # midnight may be between the two
    scheduler.under_way(today - 15 * ONE_DAY, today, dg.DagsterRunStatus.STARTED)
    assert "already being asked for" in scheduler.skipped("daily_ingest", soon)
    assert scheduler.asked("daily_ingest", later) == [(str(today - 14 * ONE_DAY), str(today - ONE_DAY))]
    scheduler.under_way(today - 14 * ONE_DAY, today, dg.DagsterRunStatus.QUEUED)
    assert "already being asked for" in scheduler.skipped("daily_ingest", later)


def test_a_run_that_only_recalculates_holds_nothing_up(scheduler: Scheduler, store: Store) -> None:
    only = frozenset({asset_keys.BITCOIN_DAILY})
    scheduler.under_way(D("2025-06-01"), YESTERDAY, dg.DagsterRunStatus.STARTED, only)
    assert scheduler.asked("daily_ingest") == [("2025-06-02", "2025-06-15")]


def test_days_without_a_gap_become_one_range() -> None:
    days = [D("2025-03-31"), D("2025-03-30"), D("2025-04-02"), D("2025-03-29"), D("2025-03-30")]
    assert spans(days, at_most=31) == [(D("2025-03-29"), D("2025-03-31")), (D("2025-04-02"), D("2025-04-02"))]
    assert spans([], at_most=31) == []


# Where they cannot, or must not.


def test_the_bundled_sample_is_never_asked_on_a_schedule(
    scheduler: Scheduler, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fake_elexon() as sample:
        monkeypatch.setenv("ELEXON_BASE_URL", sample.base_url)
    ask = {name for name, schedule in scheduler.schedules.items() if "elexon" in schedule.required_resource_keys}
    assert ask >= {"daily_ingest", "intraday_refresh", "daily_reconciliation", "price_refresh", "bm_units_refresh"}
    for name in ask:
        assert "the bundled sample" in scheduler.skipped(name)


def test_a_warehouse_that_is_out_of_reach_or_not_migrated_fails_the_tick_and_says_so(
    scheduler: Scheduler, fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://me:secret@127.0.0.1:9/minerecon")
    with pytest.raises(dg.DagsterError) as tick:
        scheduler.evaluate("daily_ingest", NOW)
    assert isinstance(tick.value.__cause__, ConfigurationError)
    assert "DATABASE_URL: cannot connect to" in str(tick.value.__cause__)
    assert "secret" not in str(tick.value.__cause__)
    monkeypatch.setenv("DATABASE_URL", fresh_database)
    with pytest.raises(dg.DagsterError) as tick:
        scheduler.evaluate("daily_ingest", NOW)
    assert "run `minerecon db upgrade`" in str(tick.value.__cause__)


# Through Dagster.


@pytest.mark.slow
def test_what_is_requested_stores_the_days_and_they_are_not_requested_again(
    project: Project, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = Scheduler(scheduler.instance, DAY)
    now = dt.datetime.fromisoformat("2025-03-31T06:00:05+01:00")
    requests = scheduler.asked("daily_ingest", now)
    assert requests == [("2025-03-28", "2025-03-30")]
    monkeypatch.setenv("ELEXON_BASE_URL", project.elexon.base_url)
    for first, last in requests:
        result = project.run(D(first), D(last))
        assert result.success, not_done(result)
    monkeypatch.setenv("ELEXON_BASE_URL", REAL_LOOKING_URL)
    assert "is final" in scheduler.skipped("daily_ingest", now)


class Daemon:
    """Dagster's own scheduler over the project and a run queue that nothing empties."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance = instance
        self.workspace = workspace

    def look(self, at: dt.datetime) -> list[tuple[str, str]]:
        """Do what is due at an instant; first and last day of each run that `daily_ingest` asks for."""
        known = {run.run_id for run in self.instance.get_runs()}
        settings, _ = dagster_instance_config(str(PROJECT_ROOT))
        ticking = launch_scheduled_runs(
            self.workspace,
            get_default_daemon_logger("SchedulerDaemon"),
            end_datetime_utc=at,
            iteration_times={},
            max_tick_retries=settings["scheduler"]["config"]["max_tick_retries"],
        )
        list(ticking)
        return [
            (run.tags[ASSET_PARTITION_RANGE_START_TAG], run.tags[ASSET_PARTITION_RANGE_END_TAG])
            for run in self.instance.get_runs()
            if run.run_id not in known and run.tags["dagster/schedule_name"] == "daily_ingest"
        ]

    def ticks(self) -> Sequence[InstigatorTick]:
        """The ticks of `daily_ingest`, newest first."""
        (state,) = [s for s in self.instance.all_instigator_state() if s.instigator_name == "daily_ingest"]
        return self.instance.get_ticks(state.instigator_origin_id, state.selector_id)


@pytest.fixture
def daemon(scheduler: Scheduler) -> Iterator[Daemon]:
    queue = {"module": "dagster._core.run_coordinator", "class": "QueuedRunCoordinator"}
    with (
        dg.instance_for_test(overrides={"run_coordinator": queue}) as instance,
        create_test_daemon_workspace_context(InProcessWorkspaceLoadTarget(LOCATION), instance) as workspace,
    ):
        # The others, one of which ticks each half hour, would be evaluated a hundred times for nobody.
        (location,) = workspace.create_request_context().code_locations
        for schedule in location.get_repository("__repository__").get_schedules():
            if schedule.name != "daily_ingest":
                instance.stop_schedule(schedule.get_remote_origin_id(), schedule.selector_id, schedule)
        yield Daemon(instance, workspace)


@pytest.mark.slow
def test_the_daemon_makes_good_three_missed_mornings_with_one_tick_and_asks_for_nothing_twice(
    store: Store, daemon: Daemon
) -> None:
    now = dt.datetime.now(dt.UTC)
    yesterday = settlement_date(now) - ONE_DAY
    store(yesterday - 100 * ONE_DAY, yesterday - 4 * ONE_DAY)
    assert daemon.look(now - 3 * ONE_DAY) == []
    assert daemon.look(now) == [(str(yesterday - 3 * ONE_DAY), str(yesterday))]
    assert daemon.look(now) == []
    assert daemon.look(now + ONE_DAY) == []
    assert [tick.status.value for tick in daemon.ticks()] == ["SKIPPED", "SUCCESS"]


@pytest.mark.slow
def test_a_tick_that_met_no_warehouse_is_tried_again(
    store: Store, daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = dt.datetime.now(dt.UTC)
    daemon.look(now - ONE_DAY)
    with monkeypatch.context() as broken:
        broken.setenv("DATABASE_URL", "postgresql://127.0.0.1:9/minerecon")
        assert daemon.look(now) == []
    (tick,) = daemon.ticks()
    assert tick.status.value == "FAILURE"
    assert "DATABASE_URL: cannot connect to" in str(tick.error)
    assert len(daemon.look(now + dt.timedelta(minutes=1))) == 1
    assert [tick.status.value for tick in daemon.ticks()] == ["SUCCESS"]


def test_dagster_accepts_the_instance_settings() -> None:
    settings, _ = dagster_instance_config(str(PROJECT_ROOT))
    assert settings == yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
