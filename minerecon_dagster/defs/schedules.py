"""The schedules: what is asked for by itself, and when, in London time across clock changes.

A tick decides by the clock and by what the warehouse holds, never by the time for which it was
planned: a late tick does what is right now, and a lost one is made good by the next. All schedules run
as soon as a daemon does, and each can be switched off in the UI; none asks the bundled sample, which
has neither today nor yesterday.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
)

from minerecon_dagster.core.answers import is_synthetic
from minerecon_dagster.core.calendar import LONDON, due_periods, settlement_date
from minerecon_dagster.core.repairs import FIX
from minerecon_dagster.core.spans import days_text, spans
from minerecon_dagster.day.decisions import read_day_decisions
from minerecon_dagster.defs.in_progress import days_in_progress
from minerecon_dagster.defs.resources import (
    ClockResource,
    ElexonResource,
    PriceResource,
    WarehouseResource,
)
from minerecon_dagster.defs.settlement_day import DAYS_PER_RUN
from minerecon_dagster.jobs import (
    BM_UNITS_REFRESH,
    EXPORT_SWEEP,
    INGEST,
    PURGE_SUPERSEDED_RUNS,
    REFRESH_PRICES,
    REPORT_LATEST,
    REPORT_SWEEP,
    ROLLUP_SWEEP,
    STANDING_INVENTORY,
    VERIFY,
    VERIFY_OP,
)
from minerecon_dagster.prices.store import days_to_price
from minerecon_dagster.settings import Settings
from minerecon_dagster.standing.due import days_to_ingest, days_to_retry, days_to_scan, stored_days

RUNNING = "Running unless it is switched off."
MOST_PRICE_RUNS = 10
"""So many runs a night ask for prices at most, of the newest days: a run costs seconds, and holes may stay for good."""

SAMPLE = "ELEXON_BASE_URL is the bundled sample, whose few days are all past: nothing to ask on a schedule"
"""Why a tick leaves the sample alone."""
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_ORDINALS = {"1": "st", "2": "nd", "3": "rd"}

Tick = Callable[..., dg.RunRequest | list[dg.RunRequest] | dg.SkipReason]
"""What a tick asks for, by the resources that it names."""
Job = TypeVar("Job", bound=Callable[[dt.date], Tick | None])


@dataclass(frozen=True)
class Schedule:
    """A schedule, in London time, on as soon as a daemon runs.

    Args:
        name: as operators have it.
        cron: when it ticks.
        job: the job that it starts.
        purpose: what it does, for the UI and the documentation.
        because: why then; None where that goes without saying.
        page: the page of the documentation; None for this one alone.
        tick_from: gives, for the first settlement day that is kept, what a tick does; None: every tick is a run.
    """

    name: str
    cron: str | Sequence[str]
    job: str
    purpose: str
    because: str | None
    page: str | None
    tick_from: Callable[[dt.date], Tick | None]

    @property
    def when(self) -> str:
        """When it ticks, in words: ``Monday 05:30``."""
        return in_words(self.cron)

    @property
    def description(self) -> str:
        """What the UI shows."""
        return f"{', '.join(filter(None, (self.when, self.because)))}: {self.purpose}"

    def build(self, first_day: dt.date) -> dg.ScheduleDefinition:
        """What Dagster is given, for the settlement days from ``first_day`` on."""
        declared: dict[str, Any] = {
            "name": self.name,
            "job_name": self.job,
            "cron_schedule": self.cron,
            "execution_timezone": LONDON.key,
            "default_status": dg.DefaultScheduleStatus.RUNNING,
            "description": self.description,
        }
        tick = self.tick_from(first_day)
        return dg.ScheduleDefinition(**declared) if tick is None else dg.schedule(**declared)(tick)


SCHEDULES: dict[str, Schedule] = {}
"""All of them, by name, in the order of their declaration."""


def schedule(
    cron: str | Sequence[str], *, job: str, purpose: str, because: str | None = None, page: str | None = None
) -> Callable[[Job], Job]:
    """Declare a schedule of the function's name: it is built, on and documented by that alone; else as `Schedule`.

    The function gives, for the first settlement day that is kept, what a tick does.
    """

    def declare(tick_from: Job) -> Job:
        name = tick_from.__name__
        SCHEDULES[name] = Schedule(name, cron, job, purpose, because, page, tick_from)
        return tick_from

    return declare


def build_schedules(first_day: dt.date) -> dg.Definitions:
    """All schedules, for the settlement days from ``first_day`` on."""
    return dg.Definitions(schedules=[each.build(first_day) for each in SCHEDULES.values()])


def in_words(cron: str | Sequence[str]) -> str:
    """When a cron string of the kinds that are used here ticks: ``Every 30 minutes``, ``08:30 on the 3rd``.

    Raises:
        ValueError: it is of another kind, for which there are no words yet.
    """
    if not isinstance(cron, str):
        return " and ".join(map(in_words, cron))
    minute, hour, day, month, weekday = cron.split()
    numbers = {hour, minute, *({day, weekday} - {"*"})}
    is_every = minute.startswith("*/") and {hour, day, weekday} == {"*"}
    if month != "*" or not (is_every or all(n.isdecimal() for n in numbers)) or "*" not in (day, weekday):
        raise ValueError(f"{cron!r}: in_words has no words for such a cron string yet: give it some")
    if is_every:
        return f"Every {minute.removeprefix('*/')} minutes"
    time = f"{hour:0>2}:{minute:0>2}"
    if weekday != "*":
        return f"{_WEEKDAYS[int(weekday)]} {time}"
    return time if day == "*" else f"{time} on the {day}{_ORDINALS.get(day, 'th')}"


@schedule(
    "*/30 * * * *",
    job=INGEST,
    purpose="the settlement day in progress, as far as Elexon should have published it.",
)
def intraday_refresh(_: dt.date) -> Tick:
    """The settlement day in progress."""

    def tick(
        context: dg.ScheduleEvaluationContext, elexon: ElexonResource, clock: ClockResource
    ) -> dg.RunRequest | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        now = clock.now()
        today = settlement_date(now)
        if not due_periods(today, now):
            return dg.SkipReason(f"no settlement period of {today} is due yet")
        if run_id := days_in_progress(context.instance, now).get(today):
            return dg.SkipReason(f"{today} is already being asked for, by run {run_id}")
        return _ask_for(today, today)

    return tick


@schedule(
    "0 6 * * *",
    job=INGEST,
    purpose="yesterday, every day that is not final, and what an outage left out.",
)
def daily_ingest(first_day: dt.date) -> Tick:
    """Every day that is not final."""

    def tick(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        now = clock.now()
        with warehouse.open() as opened:
            days = _open(days_to_ingest(opened.engine, first_day=first_day, today=settlement_date(now)), now)
        if not days:
            return dg.SkipReason(f"every day from {first_day} until yesterday is final")
        working = days_in_progress(context.instance, now)
        free = [day for day in days if day not in working]
        if not free:
            runs = ", ".join(sorted({working[day] for day in days}))
            return dg.SkipReason(f"all {len(days)} days that are not final are already being asked for, by {runs}")
        return [_ask_for(first, last) for first, last in spans(free, at_most=DAYS_PER_RUN)]

    return tick


@schedule(
    "30 5 * * 1",
    job=BM_UNITS_REFRESH,
    purpose="Elexon's register of BM units, before the day's ingest uses it.",
    page="docs/operate/register.md",
)
def bm_units_refresh(_: dt.date) -> Tick:
    """The register."""

    def tick(elexon: ElexonResource) -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(SAMPLE) if is_synthetic(elexon.base_url()) else dg.RunRequest()

    return tick


@schedule(
    "0 7 * * *",
    job=VERIFY,
    purpose="compare the last days (MINERECON_RECONCILE_DAYS, 2) with Elexon, and repair them and every other day that "
    "fails in what a repair may mend, until it was tried MINERECON_RECONCILE_ATTEMPTS (3) times.",
    page="docs/operate/repair.md",
)
def daily_reconciliation(first_day: dt.date) -> Tick:
    """The last days, and those that fail."""

    def tick(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        today = settlement_date(now)
        with warehouse.open() as opened:
            failing = days_to_retry(opened.engine, first_day=first_day, today=today)
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
            context.log.warning(
                f"{len(retried)} days fail; {settings.reconcile_most_days} are tried now, the others in turn"
            )
        days = [day for day in {*latest, *retried[: settings.reconcile_most_days]} if day >= first_day]
        return _verify(context, days, now, "daily_reconciliation", settings) or dg.SkipReason(
            f"every day to look at is already being worked on: {days_text(days)}"
        )

    return tick


@schedule(
    "0 8 * * 0",
    job=VERIFY,
    purpose="compare stored days drawn at random (MINERECON_AUDIT_DAYS, 10; seeded by the week) with Elexon, all "
    "periods of them, and repair what differs.",
    page="docs/operate/repair.md",
)
def weekly_audit(first_day: dt.date) -> Tick:
    """Days drawn at random."""

    def tick(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        yesterday = settlement_date(now) - dt.timedelta(days=1)
        stored = _open(_stored(warehouse, first_day, yesterday), now)
        week = yesterday.strftime("%G-W%V")
        days = Random(week).sample(stored, min(settings.audit_days, len(stored)))  # noqa: S311 - a sample is no secret
        context.log.info(f"drawn from {len(stored)} stored days with the seed {week}: {days_text(days)}")
        return _verify(context, days, now, f"weekly_audit {week}", settings) or dg.SkipReason(
            "no stored day to look at, or every one that was drawn is already being worked on"
        )

    return tick


@schedule(
    "30 8 3 * *",
    job=VERIFY,
    because="when its last day is final",
    purpose="compare with Elexon all periods of the month before and of the days before it whose SO-flags were settled "
    "after they were last looked at, and fetch again what was restated.",
    page="docs/operate/repair.md",
)
def monthly_restatement_scan(first_day: dt.date) -> Tick:
    """The days whose flags are settled by now."""

    def tick(
        context: dg.ScheduleEvaluationContext,
        warehouse: WarehouseResource,
        elexon: ElexonResource,
        clock: ClockResource,
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        settings, now = Settings.from_environ(), clock.now()
        today = settlement_date(now)
        last = today.replace(day=1) - dt.timedelta(days=1)
        with warehouse.open() as opened:
            days = days_to_scan(opened.engine, first_day=first_day, today=today)
        asker = f"monthly_restatement_scan {last:%Y-%m}"
        return _verify(context, days, now, asker, settings) or dg.SkipReason(
            f"no day of {last:%Y-%m} is stored, or every one is already being worked on"
        )

    return tick


@schedule(
    ["5 9 * * *", "5 12 * * *"],
    job=STANDING_INVENTORY,
    purpose="whether yesterday is there, the days before are final, and no day of all is missing, failing or other "
    "than its rows.",
    page="docs/operate/status.md",
)
def standing_inventory(_: dt.date) -> Tick:
    """After each of the times that freshness is about."""

    def tick(elexon: ElexonResource) -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(SAMPLE) if is_synthetic(elexon.base_url()) else dg.RunRequest()

    return tick


@schedule(
    "30 2 * * *",
    job=REFRESH_PRICES,
    because="when the UTC day is over in summer too",
    purpose="the price of Bitcoin of the last 7 days, and of every other day that has none.",
    page="docs/operate/price.md",
)
def price_refresh(first_day: dt.date) -> Tick:
    """The days that are over, and without a price."""

    def tick(
        warehouse: WarehouseResource, elexon: ElexonResource, price: PriceResource, clock: ClockResource
    ) -> list[dg.RunRequest] | dg.SkipReason:
        if is_synthetic(price.base_url()) or is_synthetic(elexon.base_url()):
            return dg.SkipReason(SAMPLE)
        with warehouse.open() as opened:
            days = days_to_price(opened.engine, first_day=first_day, now=clock.now())
        newest = spans(days)[-MOST_PRICE_RUNS:]
        return [_ask_for(first, last) for first, last in newest] or dg.SkipReason(f"no day since {first_day} is over")

    return tick


@schedule(
    "30 3 * * *",
    job=ROLLUP_SWEEP,
    purpose=f"sums every month and year again that is not what its days say, and checks all of them. {RUNNING}",
    page="docs/operate/status.md",
)
def rollup_sweep(_: dt.date) -> None:
    """Every tick is a run."""


@schedule(
    "45 4 * * *",
    job=EXPORT_SWEEP,
    purpose=f"exports every month, the one in progress too, and writes what has changed. {RUNNING}",
    page="docs/analyse/exports.md",
)
def export_sweep(_: dt.date) -> None:
    """Every tick is a run."""


@schedule(
    "0 5 * * *",
    job=REPORT_SWEEP,
    purpose=f"draws the report of every month, the one in progress too, and writes what has changed. {RUNNING}",
    page="docs/analyse/reports.md",
)
def report_sweep(_: dt.date) -> None:
    """Every tick is a run."""


@schedule(
    "30 7 * * *",
    job=REPORT_LATEST,
    purpose=f"draws the report of the latest state. {RUNNING}",
    page="docs/analyse/reports.md",
)
def report_latest(_: dt.date) -> None:
    """Every tick is a run."""


@schedule(
    "15 4 * * 0",
    job=PURGE_SUPERSEDED_RUNS,
    purpose="delete the runs of more than 30 days ago that newer ones stand in for.",
)
def purge_superseded_runs(_: dt.date) -> None:
    """Every tick is a run."""


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
    with warehouse.open() as opened:
        return stored_days(opened.engine, first_day=first, last_day=last)


def _ask_for(first: dt.date, last: dt.date, run_config: dict[str, Any] | None = None) -> dg.RunRequest:
    return dg.RunRequest(
        run_config=run_config,
        # Tells the runs of one tick apart; Dagster compares it within a tick only, so that the next day asks again.
        run_key=f"{first}..{last}",
        tags={ASSET_PARTITION_RANGE_START_TAG: first.isoformat(), ASSET_PARTITION_RANGE_END_TAG: last.isoformat()},
    )
