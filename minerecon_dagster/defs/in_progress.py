"""The settlement days that runs are at work on, and for how long a run counts as one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator

import dagster as dg
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARTITION_NAME_TAG,
)

from minerecon_dagster import asset_keys
from minerecon_dagster.jobs import INGEST

PRESUMED_DEAD_AFTER = dt.timedelta(hours=1)
"""A run that began longer ago keeps no day from being asked for, and no month from being summed: it may have died
unnoticed, with its machine. If it lives, nothing is lost but some requests, or sums that are made again: two runs never
work on one day at once."""

_WORKING = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


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
        asks = bool(asset_keys.INGESTED & run.asset_selection) if run.asset_selection else run.job_name in jobs
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
