"""Runs that failed for good, from Dagster's own storage.

A run that Dagster will start again by itself has not failed for good. One that it said it would, and did not
within `RETRY_BEGINS_WITHIN`, has: nobody else would ever tell.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from dagster_shared.error import SerializableErrorInfo

from minerecon_dagster.alerts.state import FailedRuns, State, Watermark, label, place_from, spans
from minerecon_dagster.assets import catalog
from minerecon_dagster.jobs import INGEST

RETRY_BEGINS_WITHIN = dt.timedelta(minutes=10)
"""Dagster's daemon starts a run again within seconds."""
_DECISION_WITHIN = dt.timedelta(minutes=1)
"""Dagster marks a failed run with whether it will be retried just after it told that it failed."""
_EVENTS_AT_ONCE = 500
_LATER_RUNS = 100
"""So many of a job's latest good runs are looked at for what made a failed one good."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_OUR_CLASS = re.compile(r"^(?:dagster|minerecon_dagster)[\w.]*: ")
_CHANGES = re.compile(r"\b[0-9a-f]{8}[0-9a-f-]*\b|\d+")
"""What differs between two tellings of one error: ids and numbers."""

Keys = tuple[tuple[str, str], ...]
"""Partition keys as ranges of (first, last)."""


@dataclass(frozen=True)
class FailedRun:
    """A run that failed for good.

    Args:
        run_id: the run.
        job: the job's name, as Dagster has it.
        title: what people call it.
        asks: whether it is to fetch days.
        keys: its partitions; none of a job without.
        started_at: when it began (UTC).
        error: why it failed; still with whatever secrets are in it.
        days_not_done: the days that it names as not done, with why; none of a run that failed otherwise.
    """

    run_id: str
    job: str
    title: str
    asks: bool
    keys: Keys
    started_at: dt.datetime
    error: str
    days_not_done: dict[dt.date, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """The same text for the same error, whichever run and day it is of."""
        why = next(iter(self.days_not_done.values()), self.error)
        return hashlib.sha256(_CHANGES.sub("#", why).encode()).hexdigest()[:16]


def new_failures(instance: dg.DagsterInstance, state: State, now: dt.datetime) -> list[FailedRun]:
    """The runs that have failed for good since the last tick, in the order in which they failed.

    At the first tick there are none: what failed before is not told. ``state`` is brought up to date.
    """
    if state.run_failures is None:
        latest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
        state.run_failures = Watermark(latest[0].storage_id if latest else 0)
        return []
    unsettled = list(state.retrying)
    state.run_failures.settle(now)
    after = state.run_failures.after
    while True:
        events = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(dg.DagsterEventType.RUN_FAILURE, after_storage_id=after),
            limit=_EVENTS_AT_ONCE,
            ascending=True,
        ).records
        unsettled += [e.run_id for e in events if state.run_failures.is_new(e.storage_id, e.timestamp)]
        if len(events) < _EVENTS_AT_ONCE:
            break
        after = events[-1].storage_id
    return [run for run_id in dict.fromkeys(unsettled) if (run := _settled(instance, state, run_id, now)) is not None]


def _settled(instance: dg.DagsterInstance, state: State, run_id: str, now: dt.datetime) -> FailedRun | None:
    """The run if it failed for good; None if it is being tried again, or that is not known yet."""
    met_at = state.retrying.pop(run_id, now.isoformat())
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.dagster_run.status != dg.DagsterRunStatus.FAILURE:
        return None
    run, waited = record.dagster_run, now - dt.datetime.fromisoformat(met_at)
    if AUTO_RETRY_RUN_ID_TAG in run.tags:
        return None
    will_retry = run.tags.get(WILL_RETRY_TAG)
    if will_retry is None and instance.run_retries_enabled:
        still_open = waited < _DECISION_WITHIN
    else:
        still_open = will_retry == "true" and waited < RETRY_BEGINS_WITHIN
    if still_open:
        state.retrying[run_id] = met_at
        return None
    error, days = _why(instance, run_id)
    if will_retry == "true":
        error = f"{error} (Dagster was to start it again, and did not)"
    began = record.start_time
    started_at = dt.datetime.fromtimestamp(began, dt.UTC) if began else record.create_timestamp
    asks = run.job_name == INGEST or catalog.PROGRESS in (run.asset_selection or ())
    return FailedRun(run_id, run.job_name, title_of(run), asks, keys_of(run), started_at, error, days)


def title_of(run: dg.DagsterRun) -> str:
    """The job's name; of a materialisation that was asked for by its assets, those."""
    if not run.job_name.startswith("__"):
        return run.job_name
    assets = sorted(key.to_user_string() for key in run.asset_selection or ())
    more = f" and {len(assets) - 3} more" if len(assets) > 3 else ""
    return f"materialisation of {', '.join(assets[:3])}{more}" if assets else "materialisation"


def keys_of(run: dg.DagsterRun) -> Keys:
    """The partitions of a run, as one range; none of a run without."""
    only = run.tags.get(PARTITION_NAME_TAG)
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, only)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, only)
    return ((first, last),) if first is not None and last is not None else ()


def days_in(keys: Keys) -> list[dt.date]:
    """The days of partitions that are days; none of others."""
    return [
        dt.date.fromordinal(place)
        for first, last in keys
        if _DAY.fullmatch(first) and _DAY.fullmatch(last)
        for place in range(place_from("day", first), place_from("day", last) + 1)
    ]


def keys_of_days(days: Sequence[dt.date]) -> Keys:
    """Days as ranges of partition keys."""
    return tuple((label("day", first), label("day", last)) for first, last in spans(day.toordinal() for day in days))


def was_run_since(instance: dg.DagsterInstance, failed: FailedRuns) -> bool:
    """Whether later good runs of the same job covered all that failed."""
    since = dt.datetime.fromisoformat(failed.started_at)
    later = instance.get_runs(
        dg.RunsFilter(job_name=failed.job, statuses=[dg.DagsterRunStatus.SUCCESS], created_after=since),
        limit=_LATER_RUNS,
    )
    good = [keys_of(run) for run in later if title_of(run) == failed.title]
    if not failed.keys:
        return () in good
    covered = [span for keys in good for span in keys]
    return all(
        any(first >= f and last <= t and len(first) == len(f) for f, t in covered) for first, last in failed.keys
    )


def _why(instance: dg.DagsterInstance, run_id: str) -> tuple[str, dict[dt.date, str]]:
    """The first line of the error, and the days that the run names as not done."""
    error = ""
    days: dict[dt.date, str] = {}
    for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE}):
        failure = entry.get_dagster_event().step_failure_data
        metadata = failure.user_failure_data.metadata if failure.user_failure_data else {}
        days |= dict(_days(metadata.get("days_not_done")))
        error = error or _first_line(failure.error)
    if not error:
        for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.RUN_FAILURE}):
            event = entry.get_dagster_event()
            error = _first_line(event.job_failure_data.error) or (event.message or "").strip().partition("\n")[0]
    return error or "it gave no reason", days


def _days(value: object) -> Iterator[tuple[dt.date, str]]:
    if isinstance(value, dg.JsonMetadataValue) and isinstance(value.value, dict):
        for day, why in value.value.items():
            yield dt.date.fromisoformat(str(day)), str(why)


def _first_line(error: SerializableErrorInfo | None) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    line = (error.message if error else "").strip().partition("\n")[0].strip()
    return _OUR_CLASS.sub("", line)
