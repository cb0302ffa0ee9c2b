"""Run Dagster jobs in this process, recorded on the instance like any other run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import click
import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.plan.objects import ErrorSource
from dagster._core.utils import make_new_run_id
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from minerecon_dagster.cli import recorded
from minerecon_dagster.cli.environment import require_dagsters_storage
from minerecon_dagster.cli.lines import naming_commands, wrapped
from minerecon_dagster.cli.outcome import Interrupted, is_of_the_command
from minerecon_dagster.core.printable import printable_lines
from minerecon_dagster.definitions import build_defs
from minerecon_dagster.instance import hold_connections, planning_together, streams_left_alone
from minerecon_dagster.launchers.heartbeat import (
    PROCESS_TAG,
    SILENT_AFTER_S,
    ages_s,
    beating,
    forget_old,
    is_of_a_command,
)

_QUIET_DAGSTER = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own events are in the UI; a terminal shows what the project's code says."""
_BY_HAND = "Interrupted at the command line (Ctrl-C); the days that it had finished are stored."


def execute(
    job: str,
    first: str | None,
    last: str | None,
    run_config: dict[str, Any],
    *,
    asset_selection: Sequence[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run ``job`` over the partitions from ``first`` to ``last``, as one run.

    Args:
        job: name of a job of the project.
        first: key of the first partition; None for a job without partitions.
        last: key of the last partition, included.
        run_config: Dagster run configuration.
        asset_selection: the assets to make; None for all of the job's.

    Raises:
        ConfigurationError: Dagster's storage cannot be reached.
        Interrupted: by Ctrl-C or SIGTERM. The run is cancelled, and no alert tells of it.
    """
    require_dagsters_storage()
    definition = _definitions().resolve_job_def(job)
    tags = {PROCESS_TAG: _process()} | recorded.tags(first, last)
    run_id = make_new_run_id()
    with dg.DagsterInstance.get() as instance, _our_lines() as lines, streams_left_alone():
        hold_connections(instance)
        _close_runs_of_killed_commands(instance)
        recorded.give_origin(instance, job)
        ending = _Ending(instance, run_id)
        try:
            with beating(instance, run_id), planning_together(instance):
                result = definition.execute_in_process(
                    instance=instance,
                    run_config=run_config | _QUIET_DAGSTER,
                    asset_selection=asset_selection,
                    tags=tags,
                    raise_on_error=False,
                    run_id=run_id,
                )
        except (KeyboardInterrupt, DagsterExecutionInterruptedError):
            # Before or after the step: what Dagster tells of the run then is a failure, or nothing.
            ending.cancel()
            raise Interrupted(lines.days_done) from None
        if ending.was_interrupted:
            raise Interrupted(lines.days_done)
        return result


class _Ending:
    """How a run of this process ends where a person ends it: by an interruption, or by a slip.

    Dagster takes both for failures, of which alerts tell, unless somebody has asked for the run's end before it looks.
    Here the person at the terminal has, or is told at once what to give instead: such a run is marked as cancelled.
    """

    def __init__(self, instance: dg.DagsterInstance, run_id: str) -> None:
        self.was_interrupted = False
        self._instance, self._run_id = instance, run_id
        instance.add_event_listener(run_id, self._hear)

    def _hear(self, entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None or not event.is_step_failure:
            return
        failure = event.step_failure_data
        if failure.error_source == ErrorSource.INTERRUPT:
            self.was_interrupted = True
            self._cancelling(_BY_HAND)
        elif is_of_the_command(failure):
            self._cancelling("The command was given something that is wrong, and has told the person so.")

    def _cancelling(self, why: str) -> None:
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None and run.status != dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run, why)

    def cancel(self) -> None:
        """Mark the run as cancelled, whatever Dagster made of it."""
        run = self._instance.get_run_by_id(self._run_id)
        if run is not None and not run.is_finished:
            self._instance.report_run_canceled(run, _BY_HAND)


@cache
def _definitions() -> dg.Definitions:
    """The project, built once for all runs of a command."""
    return build_defs()


def _process() -> str:
    """Who works on a run, for people: host and process. Whether it is there is told by its heartbeat, never by this."""
    return f"{os.uname().nodename} {os.getpid()}"


def _close_runs_of_killed_commands(instance: dg.DagsterInstance) -> None:
    """Mark runs of commands that were killed, on whatever host, as failed; without a guarded launcher nobody does.

    A run without a heartbeat is of an older version, and is left alone.
    """
    forget_old(instance)
    started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    commands = {run.run_id: run for run in started if is_of_a_command(run)}
    for run_id, age_s in ages_s(instance, list(commands)).items():
        if age_s > SILENT_AFTER_S:
            why = "The command that ran this was killed; its finished days are stored."
            instance.report_run_failed(commands[run_id], why)


class _Lines(logging.Handler):
    """Prints each line as it comes, on a terminal above a bar with days, rate and time left; counts finished days."""

    def __init__(self, progress: Progress | None) -> None:
        super().__init__()
        self.days_done = 0
        self._progress = progress
        self._named = naming_commands()
        self._shown = 0
        self._task = progress.add_task("days", total=None, visible=False) if progress is not None else None

    def emit(self, record: logging.LogRecord) -> None:
        done = getattr(record, "days_done", None)
        if done is not None:
            self.days_done = done
        if self._progress is None or self._task is None:
            click.echo(self._named(printable_lines(record.getMessage())), err=True)
            return
        # Once all days are built, what comes later of them is asked for: the bar begins anew.
        shown, total = getattr(record, "days_followed", done), getattr(record, "days_total", 0)
        if shown is not None and total > 1:
            if shown < self._shown:
                self._progress.reset(self._task, total=total)
            self._shown = shown
            self._progress.update(self._task, completed=shown, total=total, visible=True)
        screen, text = self._progress.console, record.getMessage()
        if len(text) > screen.width:
            text = getattr(record, "in_short", text)
        screen.print(
            wrapped(self._named(printable_lines(text)), screen.width), highlight=False, markup=False, soft_wrap=True
        )


class _Rate(ProgressColumn):
    """Days a second so far."""

    def render(self, task: Task) -> Text:
        return Text(f"days, {task.speed:.1f} a second," if task.speed else "days")


@contextmanager
def _our_lines() -> Iterator[_Lines]:
    """Print what the project's own code logs on standard error: with a progress bar on a terminal."""
    logger = logging.getLogger("minerecon_dagster")
    progress = None
    if sys.stderr.isatty():
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("left"))
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        progress.start()
    handler = _Lines(progress)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        if progress is not None:
            progress.stop()
