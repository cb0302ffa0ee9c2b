"""Retention of Dagster's own history: which runs may go, and the job that deletes them.

Dagster keeps runs and their events for ever, and has no setting for it. Deleting a run deletes its
materializations, and a partition whose only materialization goes counts as missing from then on. So a run
goes only when something newer stands in for everything that it did: of the runs that refresh the day in
progress and its sums, some hundred a day, that leaves the last ones. Results of checks outlive their runs.
"""

import datetime as dt
from dataclasses import dataclass

import dagster as dg
from pydantic import Field

from minerecon_dagster.defs.resources import ClockResource

_DONE = {dg.DagsterEventType.ASSET_MATERIALIZATION}
_DONE_OR_FAILED = _DONE | {dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED}
_SAYS = {
    dg.DagsterRunStatus.SUCCESS: _DONE,
    dg.DagsterRunStatus.FAILURE: _DONE_OR_FAILED,
    dg.DagsterRunStatus.CANCELED: _DONE_OR_FAILED,
}
"""The events by which a run that ended so decides what a partition's status is."""


@dataclass(frozen=True)
class Purged:
    """How many runs were old enough to be looked at, and how many of them were deleted."""

    looked_at: int
    deleted: int


class RetentionConfig(dg.Config):
    """How long runs are kept in any case."""

    older_than_days: int = Field(default=30, ge=1)
    """Delete only runs that ended more than so many days ago."""


def purge_superseded_runs(instance: dg.DagsterInstance, *, ended_before: dt.datetime) -> Purged:
    """Delete the runs, with their events and logs, that ended before an instant and leave no partition otherwise.

    A run stays if a partition of an asset that it materialized, or failed to materialize, has not been
    materialized by another run since: the status of every partition is the same before and after.
    """
    newest: dict[tuple[dg.AssetKey, str | None], tuple[str, float] | None] = {}

    def superseded(run_id: str, says: set[dg.DagsterEventType]) -> bool:
        for entry in instance.all_logs(run_id, of_type=says):
            event = entry.get_dagster_event()
            assert event.asset_key is not None
            target = event.asset_key, event.partition
            if target not in newest:
                newest[target] = _newest_materialization(instance, *target)
            found = newest[target]
            if found is None or found[0] == run_id or found[1] < entry.timestamp:
                return False
        return True

    looked_at = deleted = 0
    for status, says in _SAYS.items():
        for run_id in instance.get_run_ids(dg.RunsFilter(statuses=[status], updated_before=ended_before)):
            looked_at += 1
            if superseded(run_id, says):
                instance.compute_log_manager.delete_logs(prefix=[run_id])
                instance.delete_run(run_id)
                deleted += 1
    return Purged(looked_at, deleted)


def _newest_materialization(
    instance: dg.DagsterInstance, asset: dg.AssetKey, partition: str | None
) -> tuple[str, float] | None:
    wanted = dg.AssetRecordsFilter(asset_key=asset, asset_partitions=None if partition is None else [partition])
    records = instance.fetch_materializations(wanted, limit=1).records
    return (records[0].run_id, records[0].timestamp) if records else None


@dg.op
def delete_superseded_runs(context: dg.OpExecutionContext, config: RetentionConfig, clock: ClockResource) -> None:
    """Delete the runs that are old enough, and superseded."""
    purged = purge_superseded_runs(
        context.instance, ended_before=clock.now() - dt.timedelta(days=config.older_than_days)
    )
    context.add_output_metadata({"looked_at": purged.looked_at, "deleted": purged.deleted})
    context.log.info(
        f"{purged.looked_at} runs are older than {config.older_than_days} days, "
        f"{purged.deleted} of them superseded and deleted"
    )
