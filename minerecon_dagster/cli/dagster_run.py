"""Run Dagster jobs in this process, recorded on the instance like any other run."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG
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

from minerecon_dagster.definitions import build_defs
from minerecon_dagster.instance import hold_connections, planning_together

_QUIET_DAGSTER = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Dagster's own events are in the UI; a terminal shows what the project's code says."""
_PROCESS_TAG = "minerecon/process"
"""On a command line's runs: host, boot and process, to tell later whether the process is still there."""


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
    """
    definition = _definitions().resolve_job_def(job)
    tags = {_PROCESS_TAG: _process(os.getpid())}
    if first is not None and last is not None:
        tags |= {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}
    with dg.DagsterInstance.get() as instance, _our_lines():
        hold_connections(instance)
        _close_runs_of_killed_commands(instance)
        with planning_together(instance):
            return definition.execute_in_process(
                instance=instance,
                run_config=run_config | _QUIET_DAGSTER,
                asset_selection=asset_selection,
                tags=tags,
                raise_on_error=False,
            )


@cache
def _definitions() -> dg.Definitions:
    """The project, built once for all runs of a command."""
    return build_defs()


def _process(pid: int) -> str:
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{os.uname().nodename} {boot.read_text().strip() if boot.exists() else '-'} {pid}"


def _close_runs_of_killed_commands(instance: dg.DagsterInstance) -> None:
    """Mark runs of commands that were killed on this machine as failed; nothing else would ever end them."""
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        process = run.tags.get(_PROCESS_TAG, "")
        pid = process.rpartition(" ")[2]
        if pid.isdigit() and process == _process(int(pid)) and not _is_alive(int(pid)):
            instance.report_run_failed(run, "The command that ran this was killed; its finished days are stored.")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


class _ProgressBar(logging.Handler):
    """Turns the lines of finished days into a bar with days, rate and time left; shows all other lines."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("days", total=None, visible=False)

    def emit(self, record: logging.LogRecord) -> None:
        done = getattr(record, "days_done", None)
        if done is not None:
            self._progress.update(self._task, completed=done, total=record.days_total, visible=True)  # type: ignore[attr-defined]
        if done is None or record.levelno > logging.INFO:
            self._progress.console.print(record.getMessage(), highlight=False, markup=False)


class _Rate(ProgressColumn):
    """Days a second so far."""

    def render(self, task: Task) -> Text:
        return Text(f"days, {task.speed:.1f} a second," if task.speed else "days")


@contextmanager
def _our_lines() -> Iterator[None]:
    """Print what the project's own code logs on standard error: with a progress bar on a terminal."""
    logger = logging.getLogger("minerecon_dagster")
    if sys.stderr.isatty():
        columns = (BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn(), TextColumn("left"))
        progress = Progress(*columns, console=Console(stderr=True), transient=True)
        handler: logging.Handler = _ProgressBar(progress)
        progress.start()
    else:
        progress = None
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        if progress is not None:
            progress.stop()
