"""The schedules: what is asked for by itself, and when, in London time across clock changes.

A tick decides by the clock and by what the warehouse holds, never by the time for which it was
planned: a late tick does what is right now, and a lost one is made good by the next. All schedules run
as soon as a daemon does, and each can be switched off in the UI; none asks the bundled sample, which
has neither today nor yesterday.
"""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from random import Random
from typing import Any

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
from minerecon_dagster.core.repairs import FIX
from minerecon_dagster.core.spans import days_text, spans
from minerecon_dagster.decisions.days import read_day_decisions
from minerecon_dagster.jobs import BM_UNITS_REFRESH, INGEST, REFRESH_PRICES, STANDING_INVENTORY, VERIFY, VERIFY_OP
from minerecon_dagster.pipeline.due import days_to_ingest, days_to_retry, days_to_scan, stored_days
from minerecon_dagster.pipeline.price import days_to_price
from minerecon_dagster.resources.dagster_resources import (
    ClockResource,
    ElexonResource,
    PriceResource,
    WarehouseResource,
)
from minerecon_dagster.settings import Settings

LONDON = "Europe/London"
PRESUMED_DEAD_AFTER = dt.timedelta(hours=1)
"""A run that began longer ago keeps no day from being asked for: it may have died unnoticed, with its machine.
If it lives, nothing is lost but some requests: two runs never work on one day at once."""

MOST_PRICE_RUNS = 10
"""So many runs a night ask for prices at most, of the newest days: a run costs seconds, and holes may stay for good."""

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
            days = _open(days_to_ingest(engine, first_day=first_day, today=settlement_date(now)), now)
        finally:
            engine.dispose()
        if not days:
            return dg.SkipReason(f"every day from {first_day} until yesterday is final")
        working = days_in_progress(context.instance, now)
        free = [day for day in days if day not in working]
        if not free:
            runs = ", ".join(sorted({working[day] for day in days}))
            return dg.SkipReason(f"all {len(days)} days that are not final are already being asked for, by {runs}")
        return [_ask_for(first, last) for first, last in spans(free, at_most=DAYS_PER_RUN)]

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


def build_verification_schedules(first_day: dt.date) -> list[dg.ScheduleDefinition]:
    """The schedules that look at stored days and repair them, for the settlement days from ``first_day`` on."""

    @dg.schedule(
        name="daily_reconciliation",
        job_name=VERIFY,
        cron_schedule="0 7 * * *",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="07:00: compare the last days (MINERECON_RECONCILE_DAYS, 2) with Elexon, and repair them and every "
        "other day that fails in what a repair may mend, until it was tried MINERECON_RECONCILE_ATTEMPTS (3) times.",
    )
    def daily_reconciliation(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        today = settlement_date(now)
        engine = warehouse.engine()
        try:
            failing = days_to_retry(engine, first_day=first_day, today=today)
        finally:
            engine.dispose()
        latest = set(_open((today - dt.timedelta(days=n) for n in range(1, settings.reconcile_days + 1)), now))
        still_open = set(_open((day for day, _ in failing), now))
        failing = [(day, attempts) for day, attempts in failing if day in still_open]
        tried = [day for day, attempts in failing if attempts >= settings.reconcile_attempts]
        retried = [day for day, attempts in failing if attempts < settings.reconcile_attempts and day not in latest]
        if tried:
            context.log.warning(
                f"left to a person, after {settings.reconcile_attempts} repairs in vain: {days_text(tried)}; {FIX}"
            )
        if len(retried) > settings.reconcile_most_days:
            context.log.warning(f"{len(retried)} days fail; the newest {settings.reconcile_most_days} are tried now")
        days = [day for day in {*latest, *retried[: settings.reconcile_most_days]} if day >= first_day]
        return _verify(context, days, now, "daily_reconciliation", settings) or dg.SkipReason(
            f"every day to look at is already being worked on: {days_text(days)}"
        )

    @dg.schedule(
        name="weekly_audit",
        job_name=VERIFY,
        cron_schedule="0 8 * * 0",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Sunday 08:00: compare stored days drawn at random (MINERECON_AUDIT_DAYS, 10; seeded by the week) "
        "with Elexon, all periods of them, and repair what differs.",
    )
    def weekly_audit(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        yesterday = settlement_date(now) - dt.timedelta(days=1)
        stored = _open(_stored(warehouse, first_day, yesterday), now)
        week = yesterday.strftime("%G-W%V")
        days = Random(week).sample(stored, min(settings.audit_days, len(stored)))  # noqa: S311 - a sample is no secret
        context.log.info(f"drawn from {len(stored)} stored days with the seed {week}: {days_text(days)}")
        return _verify(context, days, now, f"weekly_audit {week}", settings) or dg.SkipReason(
            "no stored day to look at, or every one that was drawn is already being worked on"
        )

    @dg.schedule(
        name="monthly_restatement_scan",
        job_name=VERIFY,
        cron_schedule="30 8 3 * *",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="08:30 on the 3rd, when its last day is final: compare with Elexon all periods of the month before "
        "and of the days before it whose SO-flags were settled after they were last looked at, and fetch again what "
        "was restated.",
    )
    def monthly_restatement_scan(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        today = settlement_date(now)
        last = today.replace(day=1) - dt.timedelta(days=1)
        engine = warehouse.engine()
        try:
            days = days_to_scan(engine, first_day=first_day, today=today)
        finally:
            engine.dispose()
        asker = f"monthly_restatement_scan {last:%Y-%m}"
        return _verify(context, days, now, asker, settings) or dg.SkipReason(
            f"no day of {last:%Y-%m} is stored, or every one is already being worked on"
        )

    return [daily_reconciliation, weekly_audit, monthly_restatement_scan]


def _open(days: Iterable[dt.date], now: dt.datetime) -> list[dt.date]:
    """Those of ``days`` that no person has closed, by the file as it is now: no schedule asks for the others."""
    closed = read_day_decisions(Settings.from_environ().waivers_file, today=settlement_date(now)).closed
    return [day for day in days if closed.of(day) is None]


def _verify(
    context: dg.ScheduleEvaluationContext,
    days: Collection[dt.date],
    now: dt.datetime,
    asker: str,
    settings: Settings,
) -> list[dg.RunRequest]:
    """The runs that look at all periods of the days which no run works on, and repair them."""
    working = days_in_progress(context.instance, now, (INGEST, VERIFY))
    config = {
        "action": "fix",
        "sampling": "full",
        "requested_by": asker,
        "max_days_repaired": settings.reconcile_most_days,
        "max_attempts": settings.reconcile_attempts,
    }
    free = [day for day in days if day not in working]
    return [
        _ask_for(first, last, {"ops": {VERIFY_OP: {"config": config}}})
        for first, last in spans(free, at_most=DAYS_PER_RUN)
    ]


def _stored(warehouse: WarehouseResource, first: dt.date, last: dt.date) -> list[dt.date]:
    engine = warehouse.engine()
    try:
        return stored_days(engine, first_day=first, last_day=last)
    finally:
        engine.dispose()


def build_inventory_schedule() -> dg.ScheduleDefinition:
    """The schedule of the standing inventory: after each of the times that freshness is about."""

    @dg.schedule(
        name="standing_inventory",
        job_name=STANDING_INVENTORY,
        cron_schedule=["5 9 * * *", "5 12 * * *"],
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="09:05 and 12:05: whether yesterday is there, the days before are final, and no day of all is "
        "missing, failing or other than its rows.",
    )
    def standing_inventory(elexon: ElexonResource) -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(_SAMPLE) if is_synthetic(elexon.base_url()) else dg.RunRequest()

    return standing_inventory


def build_price_schedule(first_day: dt.date) -> dg.ScheduleDefinition:
    """The schedule of the price of Bitcoin, for the days from ``first_day`` on."""

    @dg.schedule(
        name="price_refresh",
        job_name=REFRESH_PRICES,
        cron_schedule="30 2 * * *",
        execution_timezone=LONDON,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="02:30, when the UTC day is over in summer too: the price of Bitcoin of the last 7 days, and of "
        "every other day that has none.",
    )
    def price_refresh(
        warehouse: WarehouseResource, elexon: ElexonResource, price: PriceResource, clock: ClockResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(price.base_url()) or is_synthetic(elexon.base_url()):
            return dg.SkipReason(_SAMPLE)
        engine = warehouse.engine()
        try:
            days = days_to_price(engine, first_day=first_day, now=clock.now())
        finally:
            engine.dispose()
        newest = spans(days)[-MOST_PRICE_RUNS:]
        return [_ask_for(first, last) for first, last in newest] or dg.SkipReason(f"no day since {first_day} is over")

    return price_refresh


def days_in_progress(
    instance: dg.DagsterInstance, now: dt.datetime, jobs: Collection[str] = (INGEST,)
) -> dict[dt.date, str]:
    """The days that a queued or running run asks Elexon for, each with the id of such a run.

    Args:
        instance: Dagster's instance.
        now: a run that began more than `PRESUMED_DEAD_AFTER` before it does not count.
        jobs: the jobs that count. A verification keeps no day from being ingested: it may not fetch it at all.
    """
    found: dict[dt.date, str] = {}
    for record in instance.get_run_records(dg.RunsFilter(statuses=_WORKING)):
        run = record.dagster_run
        asks = catalog.PROGRESS in run.asset_selection if run.asset_selection else run.job_name in jobs
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


def _ask_for(first: dt.date, last: dt.date, run_config: dict[str, Any] | None = None) -> dg.RunRequest:
    return dg.RunRequest(
        run_config=run_config,
        # Tells the runs of one tick apart; Dagster compares it within a tick only, so that the next day asks again.
        run_key=f"{first}..{last}",
        tags={ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()},
    )
