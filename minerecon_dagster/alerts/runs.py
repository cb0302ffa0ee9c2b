"""Runs that failed for good, from Dagster's own storage.

A run that Dagster will start again by itself has not failed for good. One that it said it would, and did not
within `RETRY_BEGINS_WITHIN`, has: nobody else would ever tell. A failure that cannot be read is told as that, and
the next one is read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from dagster_postgres.utils import DagsterPostgresException
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster import asset_keys
from minerecon_dagster.alerts.state import Keys, Part, State, Watermark, parts_of
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.jobs import INGEST, SPOT_FIX, SPOT_FIX_OP

RETRY_BEGINS_WITHIN = dt.timedelta(minutes=10)
"""Dagster's daemon starts a run again within seconds."""
_DECISION_WITHIN = dt.timedelta(minutes=1)
"""Dagster marks a run as failed, and with whether it will be retried, just after it told that it failed."""
READ_FOR_S = 10.0
"""So long a tick reads failed runs at most, and leaves the rest to the next one: Dagster ends a tick at 60 s."""
_EVENTS_AT_ONCE = 500
_STORAGE_IS_DOWN = (SQLAlchemyError, DagsterPostgresException, OSError)
"""What is no fault of a run or an event: the tick fails, and is repeated as a whole."""
_OUR_CLASS = re.compile(r"^(?:dagster|minerecon_dagster)[\w.]*: ")
_CHANGES = re.compile(r"\b[0-9a-f]{8}[0-9a-f-]*\b|\d+")
"""What differs between two tellings of one error: ids and numbers."""


@dataclass(frozen=True)
class FailedRun:
    """A run that failed for good.

    Args:
        run_id: the run.
        job: the job's name, as Dagster has it.
        title: what people call it.
        asks: whether it is to fetch days.
        keys: its partitions; none of a job without.
        failed_at: when it failed (UTC).
        error: why; still with whatever secrets are in it.
        unfinished: what it names as not done; nothing of a run that failed otherwise.
        assets: the assets that it was to make, where not all of its job's.
    """

    run_id: str
    job: str
    title: str
    asks: bool
    keys: Keys
    failed_at: dt.datetime
    error: str
    unfinished: Unfinished = field(default_factory=Unfinished)
    assets: tuple[str, ...] = ()

    @property
    def parts(self) -> list[Part]:
        """What it did not do: what it names, or else all of it."""
        named = [parts_of(((key, key),))[0] for key in self.unfinished.reasons]
        return named or parts_of(self.keys)

    @property
    def why(self) -> str:
        """The reason that is told."""
        return next(iter(self.unfinished.reasons.values()), self.error)

    @property
    def fingerprint(self) -> str:
        """The same text for the same error, whichever run and day it is of."""
        return hashlib.sha256(_CHANGES.sub("#", self.why).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class UnreadableRun:
    """A run that failed, and of which that is all that can be read.

    Args:
        run_id: the run; None where not even that can be read.
        what: what cannot be read, and why; still with whatever secrets are in it.
    """

    run_id: str | None
    what: str


@dataclass(frozen=True)
class Failures:
    """The failures that a tick read.

    Args:
        runs: those that failed for good.
        unreadable: those that cannot be read.
        are_all: whether there are no more; else the next tick goes on.
    """

    runs: Sequence[FailedRun] = ()
    unreadable: Sequence[UnreadableRun] = ()
    are_all: bool = True


def new_failures(instance: dg.DagsterInstance, state: State, now: dt.datetime) -> Failures:
    """The runs that have failed for good since the last tick, in the order in which they failed.

    At the first tick there are none: what failed before is not told. ``state`` is brought up to date: every failure
    that was met is behind it, whether or not it could be read.
    """
    if state.run_failures is None:
        latest = instance.fetch_run_status_changes(dg.DagsterEventType.RUN_FAILURE, limit=1).records
        state.run_failures = Watermark(latest[0].storage_id if latest else 0)
        return Failures()
    mark = state.run_failures
    mark.settle(now)
    runs: list[FailedRun] = []
    unreadable: list[UnreadableRun] = []

    def settle(run_id: str) -> None:
        try:
            run = _settled(instance, state, run_id, now)
        except _STORAGE_IS_DOWN:
            raise  # it is the storage that cannot be read, and not this run: the tick is repeated
        except Exception as error:  # noqa: BLE001 - whatever a run of another version holds, the next one is read
            unreadable.append(UnreadableRun(run_id, f"{type(error).__name__}: {error}"))
            return
        if isinstance(run, UnreadableRun):
            unreadable.append(run)
        elif run is not None:
            runs.append(run)

    until = time.monotonic() + READ_FOR_S
    for run_id in list(state.retrying):
        settle(run_id)
    for number, at, event_of in _events(instance, mark.after):
        if time.monotonic() > until:
            return Failures(runs, unreadable, are_all=False)
        if mark.is_new(number, at):
            if isinstance(event_of, UnreadableRun):
                unreadable.append(event_of)
            else:
                settle(event_of)
    return Failures(runs, unreadable)


def _events(instance: dg.DagsterInstance, after: int) -> Iterator[tuple[int, float, str | UnreadableRun]]:
    """The number, time and run of each event of a failed run beyond a number, in their order."""
    while True:
        page = _page(instance, after, None, _EVENTS_AT_ONCE)
        if not page:
            return
        yield from page
        after = page[-1][0]


def _page(
    instance: dg.DagsterInstance, after: int, before: int | None, most: int
) -> list[tuple[int, float, str | UnreadableRun]]:
    """Events between two numbers. Of a page that cannot be read as a whole, halves are read, down to the culprit."""
    try:
        found = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(
                dg.DagsterEventType.RUN_FAILURE, after_storage_id=after, before_storage_id=before
            ),
            limit=most,
            ascending=True,
        ).records
    except _STORAGE_IS_DOWN:
        raise
    except Exception as error:  # noqa: BLE001 - whatever an event of another version holds, the next one is read
        if before is None:
            before = (instance.event_log_storage.get_maximum_record_id() or after) + 1
        if before - after <= 2:
            why = f"event {after + 1} of Dagster's storage: {type(error).__name__}: {error}"
            return [(after + 1, time.time(), UnreadableRun(None, why))]
        middle = (after + before) // 2
        return _page(instance, after, middle + 1, most) or _page(instance, middle, before, most)
    return [(event.storage_id, event.timestamp, event.run_id) for event in found]


def _settled(
    instance: dg.DagsterInstance, state: State, run_id: str, now: dt.datetime
) -> FailedRun | UnreadableRun | None:
    """The run if it failed for good; None if it is being tried again, or that is not known yet."""
    met_at = state.retrying.pop(run_id, now.isoformat())
    record = instance.get_run_record_by_id(run_id)
    if record is None:
        return UnreadableRun(run_id, "Dagster has no such run any more: somebody deleted it before it was told")
    run, waited = record.dagster_run, now - dt.datetime.fromisoformat(met_at)
    if run.status != dg.DagsterRunStatus.FAILURE:
        if not run.is_finished and waited < _DECISION_WITHIN:  # its event is there, and its status comes a moment later
            state.retrying[run_id] = met_at
        return None
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
    error, unfinished = _why(instance, run_id)
    if will_retry == "true":
        error = f"{error} (Dagster was to start it again, and did not)"
    ended = record.end_time
    failed_at = dt.datetime.fromtimestamp(ended, dt.UTC) if ended else record.update_timestamp.astimezone(dt.UTC)
    asks = run.job_name == INGEST or bool(asset_keys.INGESTED & (run.asset_selection or frozenset()))
    return FailedRun(
        run_id, run.job_name, title_of(run), asks, keys_of(run), failed_at, error, unfinished, assets_of(run)
    )


def title_of(run: dg.DagsterRun) -> str:
    """The job's name; of a materialisation that was asked for by its assets, those; of a spot fix, what it is of."""
    if run.job_name == SPOT_FIX:
        return " ".join([SPOT_FIX, *_spot(run)])
    if not run.job_name.startswith("__"):
        return run.job_name
    assets = assets_of(run)
    more = f" and {len(assets) - 3} more" if len(assets) > 3 else ""
    return f"materialisation of {', '.join(assets[:3])}{more}" if assets else "materialisation"


def keys_of(run: dg.DagsterRun) -> Keys:
    """The partitions of a run, as one range; none of a run without."""
    only = run.tags.get(PARTITION_NAME_TAG)
    first = run.tags.get(ASSET_PARTITION_RANGE_START_TAG, only)
    last = run.tags.get(ASSET_PARTITION_RANGE_END_TAG, only)
    return ((first, last),) if first is not None and last is not None else ()


def assets_of(run: dg.DagsterRun) -> tuple[str, ...]:
    """The assets that were chosen; none where all of the job's are made."""
    return tuple(sorted(key.to_user_string() for key in run.asset_selection or ()))


def _spot(run: dg.DagsterRun) -> list[str]:
    """The settlement period and the unit of a spot fix, in brackets; nothing where they cannot be read."""
    try:
        config: Any = run.run_config
        config = config["ops"][SPOT_FIX_OP]["config"]
        return [f"({int(config['period'])}, {config['bmu']})"]
    except (KeyError, TypeError, ValueError):
        return []


def _why(instance: dg.DagsterInstance, run_id: str) -> tuple[str, Unfinished]:
    """The first line of the error, and what the run names as not done."""
    error = ""
    reasons: dict[str, str] = {}
    unreadable: tuple[str, ...] = ()
    for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE}):
        failure = entry.get_dagster_event().step_failure_data
        named = Unfinished.from_metadata(failure.user_failure_data.metadata if failure.user_failure_data else {})
        reasons |= named.reasons
        unreadable += named.unreadable
        error = error or _first_line(failure.error)
    if not error:
        for entry in instance.all_logs(run_id, of_type={dg.DagsterEventType.RUN_FAILURE}):
            event = entry.get_dagster_event()
            error = _first_line(event.job_failure_data.error) or (event.message or "").strip().partition("\n")[0]
    return error or "it gave no reason", replace(Unfinished.of(reasons), unreadable=unreadable)


def _first_line(error: SerializableErrorInfo | None) -> str:
    while error is not None and error.cause is not None:
        error = error.cause
    line = (error.message if error else "").strip().partition("\n")[0].strip()
    return _OUR_CLASS.sub("", line)
