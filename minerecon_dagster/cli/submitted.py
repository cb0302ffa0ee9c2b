"""Hand a job to Dagster's queue, and follow its run wherever it is launched, to its end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
import dagster as dg
from dagster._cli.job import _create_run
from dagster._cli.workspace.cli_target import (
    get_code_location_from_workspace,
    get_remote_job_from_remote_repo,
    get_remote_repository_from_code_location,
    get_workspace_from_cli_opts,
)
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    PARENT_RUN_ID_TAG,
    WILL_RETRY_TAG,
)
from dagster_shared.cli import WorkspaceOpts

from minerecon_dagster.cli.environment import require_dagsters_storage
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.printable import printable_lines
from minerecon_dagster.launchers.guard import runs_elsewhere
from minerecon_dagster.settings import dagster_folder

_QUEUE = "QUEUED_RUN_COORDINATOR"
"""The daemon that takes runs from the queue, by Dagster's name."""
_NOT_TAKEN = {dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.QUEUED}
_DAEMON_SILENT_S = 300.0
_POLL_S = 1.0
_RETRY_WITHIN_S = 300.0
_EVENTS_AT_ONCE = 500


class Left(Exception):  # noqa: N818 - no error: a person wanted it so
    """A person has stopped following a run, which goes on; ``str()`` says where."""


class Followed:
    """What became of a job that was handed to the queue: its last run, and the events of all that it took."""

    def __init__(self, run: dg.DagsterRun, entries: Sequence[dg.EventLogEntry]) -> None:
        self.run_id = run.run_id
        self.success = run.is_success
        self._run = run
        self._events = [entry.dagster_event for entry in entries if entry.dagster_event is not None]
        self._last_words = next((entry.message for entry in reversed(entries) if entry.message), "")

    def get_asset_materialization_events(self) -> list[dg.DagsterEvent]:
        """What was materialized."""
        return [event for event in self._events if event.is_step_materialization]

    def get_step_failure_events(self) -> list[dg.DagsterEvent]:
        """Why its last run failed, if a step did."""
        return [event for event in self._events if event.is_step_failure]

    @property
    def problem(self) -> str | None:
        """Why it did not succeed, where no step says so: its host died, or it was cancelled."""
        if self.success or self.get_step_failure_events():
            return None
        return f"run {self.run_id} is {self._run.status.value.lower()}: {' '.join(self._last_words.split())[:300]}"


def submits_by_default() -> bool:
    """Whether runs are launched elsewhere, so that a command hands its work to the queue unless told otherwise."""
    require_dagsters_storage()
    with dg.DagsterInstance.get() as instance:
        return runs_elsewhere(instance)


def submit(job: str, first: str, last: str, run_config: dict[str, Any]) -> Followed:
    """Hand ``job`` over the partitions from ``first`` to ``last`` to the queue, as one run, and follow it to its end.

    A run whose host dies is started again by Dagster's daemon: then that one is followed.

    Raises:
        ConfigurationError: nobody would take it from the queue.
        Left: by Ctrl-C; the run goes on.
    """
    require_dagsters_storage()
    tags = {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    with dg.DagsterInstance.get() as instance:
        _require_a_daemon(instance)
        run_id = _submit(instance, job, run_config, tags)
        click.echo(f"run {run_id} is in the queue", err=True)
        try:
            return _follow(instance, run_id)
        except KeyboardInterrupt:
            raise Left(f"run {run_id} goes on; Dagster's UI shows it, and ends it") from None


def _submit(instance: dg.DagsterInstance, job: str, run_config: dict[str, Any], tags: dict[str, str]) -> str:
    options = WorkspaceOpts(workspace=[str(dagster_folder() / "workspace.yaml")])
    with get_workspace_from_cli_opts(instance, dg.__version__, options, log_level="WARNING") as workspace:
        location = get_code_location_from_workspace(workspace, None)
        repository = get_remote_repository_from_code_location(location, None)
        run = _create_run(
            instance=instance,
            code_location=location,
            remote_repo=repository,
            remote_job=get_remote_job_from_remote_repo(repository, job),
            run_config=run_config,
            tags=tags,
            op_selection=None,
            run_id=None,
        )
        instance.submit_run(run.run_id, workspace)
        return str(run.run_id)


def _has_a_daemon(instance: dg.DagsterInstance) -> bool:
    beat = instance.get_daemon_heartbeats().get(_QUEUE)
    return beat is not None and time.time() - beat.timestamp <= _DAEMON_SILENT_S


def _require_a_daemon(instance: dg.DagsterInstance) -> None:
    if not _has_a_daemon(instance):
        raise ConfigurationError(
            "no daemon takes runs from the queue: start dagster-daemon, or give the command with --no-submit"
        )


def _follow(instance: dg.DagsterInstance, run_id: str) -> Followed:
    entries: list[dg.EventLogEntry] = []
    while True:
        run = _to_its_end(instance, run_id, entries)
        if not run.is_success:
            # Dagster says that it will be started again only after it has said how it ended.
            time.sleep(_POLL_S)
            run = instance.get_run_by_id(run_id) or run
        if run.tags.get(WILL_RETRY_TAG) != "true" or (again := _retry_of(instance, run_id)) is None:
            return Followed(run, entries)
        click.echo(f"run {run_id} has died; run {again} goes on", err=True)
        # What it had done is done; why it ended is its successor's business.
        entries[:] = [e for e in entries if e.dagster_event is not None and e.dagster_event.is_step_materialization]
        run_id = again


def _to_its_end(instance: dg.DagsterInstance, run_id: str, entries: list[dg.EventLogEntry]) -> dg.DagsterRun:
    cursor = None
    is_told = False
    while True:
        run = instance.get_run_by_id(run_id)
        if run is None:
            raise ConfigurationError(f"run {run_id} was deleted")
        while True:
            found = instance.get_records_for_run(run_id, cursor=cursor, limit=_EVENTS_AT_ONCE)
            cursor = found.cursor
            for record in found.records:
                entries.append(record.event_log_entry)
                _tell(record.event_log_entry)
            if not found.has_more:
                break
        if run.is_finished:
            return run
        if run.status in _NOT_TAKEN and not is_told and not _has_a_daemon(instance):
            is_told = True
            click.echo(
                f"run {run_id} waits: the daemon that takes runs from the queue is silent; start dagster-daemon and it "
                "goes on. Ctrl-C leaves it in the queue",
                err=True,
            )
        time.sleep(_POLL_S)


def _tell(entry: dg.EventLogEntry) -> None:
    """A line that the project's own code has logged in the run."""
    if entry.dagster_event is None and entry.user_message:
        click.echo(printable_lines(entry.user_message), err=True)


def _retry_of(instance: dg.DagsterInstance, run_id: str) -> str | None:
    deadline = time.monotonic() + _RETRY_WITHIN_S
    while time.monotonic() < deadline:
        for run in instance.get_runs(dg.RunsFilter(tags={PARENT_RUN_ID_TAG: run_id}), limit=1):
            return run.run_id
        time.sleep(_POLL_S)
    return None
