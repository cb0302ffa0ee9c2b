"""The schedules: what is asked for by itself, and when, in London time across clock changes.

A tick decides by the clock and by what the warehouse holds, never by the time for which it was
planned: a late tick does what is right now, and a lost one is made good by the next. All schedules run
as soon as a daemon does, and each can be switched off in the UI; none asks the bundled sample, which
has neither today nor yesterday.
"""

import datetime as dt
from collections.abc import Iterator

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from minerecon_dagster.assets import catalog
from minerecon_dagster.assets.settlement_day import DAYS_PER_RUN
from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import due_periods, settlement_date
from minerecon_dagster.jobs import BM_UNITS_REFRESH, INGEST
from minerecon_dagster.pipeline.due import days_to_ingest, ranges
from minerecon_dagster.resources.dagster_resources import ClockResource, ElexonResource, WarehouseResource

LONDON = "Europe/London"
PRESUMED_DEAD_AFTER = dt.timedelta(hours=1)
"""A run that began longer ago keeps no day from being asked for: it may have died unnoticed, with its machine.
If it lives, nothing is lost but some requests: two runs never work on one day at once."""

_WORKING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]
_SAMPLE = "ELEXON_BASE_URL is the bundled sample, whose few days are all past: nothing to ask on a schedule"


def build_schedules(first_day: dt.date) -> list[dg.ScheduleDefinition]:
    """All schedules, for the settlement days from ``first_day`` on."""

    @dg.schedule(
        name="intraday_refresh",
        job_name=INGEST,
        cron_schedule="*/30 * * * *",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every 30 minutes: the settlement day in progress, as far as Elexon should have published it.",
    )
    def intraday_refresh(
        context: dg.ScheduleEvaluationContext, elexon: ElexonResource, clock: ClockResource
    ) -> dg.RunRequest | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        now = clock.now()
        today = settlement_date(now)
        if not due_periods(today, now):
            return dg.SkipReason(f"no settlement period of {today} is due yet")
        if run_id := days_in_progress(context.instance, now).get(today):
            return dg.SkipReason(f"{today} is already being asked for, by run {run_id}")
        return _ask_for(today, today)

    @dg.schedule(
        name="daily_ingest",
        job_name=INGEST,
        cron_schedule="0 6 * * *",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="06:00: yesterday, every day that is not final, and what an outage left out.",
    )
    def daily_ingest(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        now = clock.now()
        engine = warehouse.engine()
        try:
            days = days_to_ingest(engine, first_day=first_day, today=settlement_date(now))
        finally:
            engine.dispose()
        if not days:
            return dg.SkipReason(f"every day from {first_day} until yesterday is final")
        working = days_in_progress(context.instance, now)
        free = [day for day in days if day not in working]
        if not free:
            runs = ", ".join(sorted({working[day] for day in days}))
            return dg.SkipReason(f"all {len(days)} days that are not final are already being asked for, by {runs}")
        return [_ask_for(first, last) for first, last in ranges(free, at_most=DAYS_PER_RUN)]

    @dg.schedule(
        name="bm_units_refresh",
        job_name=BM_UNITS_REFRESH,
        cron_schedule="30 5 * * 1",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Monday 05:30: Elexon's register of BM units, before the day's ingest uses it.",
    )
    def bm_units_refresh(elexon: ElexonResource) -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(_SAMPLE) if is_synthetic(elexon.base_url()) else dg.RunRequest()

    return [intraday_refresh, daily_ingest, bm_units_refresh]


def days_in_progress(instance: dg.DagsterInstance, now: dt.datetime) -> dict[dt.date, str]:
    """The days that a queued or running run asks Elexon for, each with the id of such a run.

    Args:
        instance: Dagster's instance.
        now: a run that began more than `PRESUMED_DEAD_AFTER` before it does not count.
    """
    found: dict[dt.date, str] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=_WORKING)):
        run = record.dagster_run
        asks = catalog.PROGRESS in run.asset_selection if run.asset_selection else run.job_name == INGEST
        # The queue outlives a restart of the machine; what had left it may not have.
        waits = run.status == dg.DagsterRunStatus.QUEUED
        began = record.start_time or record.create_timestamp.timestamp()
        if asks and (waits or now.timestamp() - began < PRESUMED_DEAD_AFTER.total_seconds()):
            found.update(dict.fromkeys(_days_of(run), run.run_id))
    return found


def _days_of(run: dg.DagsterRun) -> Iterator[dt.date]:
    only = run.tags.get(PARTITION_NAME_TAG)
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, only)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, only)
    if first is not None and last is not None:
        day = dt.date.fromisoformat(first)
        while day <= dt.date.fromisoformat(last):
            yield day
            day += dt.timedelta(days=1)


def _ask_for(first: dt.date, last: dt.date) -> dg.RunRequest:
    return dg.RunRequest(
        # Tells the runs of one tick apart; Dagster compares it within a tick only, so that the next day asks again.
        run_key=f"{first}..{last}",
        tags={ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()},
    )
