"""The queue of runs, in which a run that died keeps its place for the one that begins its work anew.

In ``dagster.yaml``, as ``run_coordinator``: this module and `QueuedRunCoordinator`, with the limits in its ``config``
(those of ``concurrency: runs`` Dagster takes as they are). As released, the place of a run that died goes to what waits
longest, some seconds before it is begun anew: behind a backfill its days then wait for as long as other runs take.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.run_coordinator.base import SubmitRunContext
from dagster._core.run_coordinator.queued_run_coordinator import QueuedRunCoordinator as _QueuedRunCoordinator
from dagster._core.run_coordinator.queued_run_coordinator import RunQueueConfig
from dagster._core.storage.tags import AUTO_RETRY_RUN_ID_TAG, PRIORITY_TAG, RETRY_NUMBER_TAG, WILL_RETRY_TAG

KEPT_FOR_S = 60.0
"""How long a place is kept at most: the daemon begins a run anew within seconds, or, where its backfill was cancelled,
never."""
FIRST = "100"
"""The priority of a run that is begun anew; what names none has 0."""


class QueuedRunCoordinator(_QueuedRunCoordinator[dg.DagsterInstance]):
    """Dagster's own queue, with its configuration; what is begun anew has the place of what died, before all others."""

    def get_run_queue_config(self) -> RunQueueConfig:
        """The limits, less the places that are kept: the daemon asks at each look at the queue."""
        given = super().get_run_queue_config()
        kept = to_be_begun_anew(self._instance)
        most = given.max_concurrent_runs
        return given._replace(
            max_concurrent_runs=most if most < 0 else max(most - len(kept), 0),  # below 0 there is no limit
            tag_concurrency_limits=[_less(limit, kept) for limit in given.tag_concurrency_limits],
        )

    def submit_run(self, context: SubmitRunContext) -> dg.DagsterRun:
        """Put a run into the queue, before all others if it is begun anew."""
        run = context.dagster_run
        if RETRY_NUMBER_TAG in run.tags:
            self._instance.add_run_tags(run.run_id, {PRIORITY_TAG: FIRST})
        return super().submit_run(context)


def to_be_begun_anew(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Of each run that has died of late and is to be begun anew, but is not in the queue yet, it or its successor.

    A run whose failure is so fresh that nothing says yet whether it will be is one of them.
    """
    if not instance.run_retries_enabled:
        return []
    since = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=KEPT_FOR_S)
    # In this order: its successor is made before a run says so, and what is looked for second may be in both.
    died = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))
    made = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.NOT_STARTED], created_after=since))
    waiting = [r for r in died if r.tags.get(WILL_RETRY_TAG) != "false" and AUTO_RETRY_RUN_ID_TAG not in r.tags]
    begun = [r for r in made if RETRY_NUMBER_TAG in r.tags and r.parent_run_id not in {w.run_id for w in waiting}]
    return waiting + begun


def _less(limit: Mapping[str, Any], kept: Sequence[dg.DagsterRun]) -> dict[str, Any]:
    """A limit of a tag, less those of the kept places that count for it; one for each value of a tag stays as it is."""
    value = limit.get("value")
    if isinstance(value, Mapping):
        return dict(limit)
    counted = [r for r in kept if limit["key"] in r.tags and value in (None, r.tags[limit["key"]])]
    return {**limit, "limit": limit["limit"] - len(counted)}
