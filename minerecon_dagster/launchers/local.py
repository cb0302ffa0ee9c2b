"""Runs as processes of the code server, guarded: for one machine, or one that has the runs of others.

In ``dagster.yaml``, as ``run_launcher``: this module and `DefaultRunLauncher`. As released, nobody looks after such
runs: a code server that is killed, or whose machine dies, leaves them as if they went on, until their longest time is
over.
"""

from __future__ import annotations

import dagster as dg
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, WorkerStatus

from minerecon_dagster.launchers.guard import Guard

_IS_BEING_REPLACED = "after telling it to shut down"
"""How a code server refuses a run that waits for its other runs to end; Dagster says so in no other way."""


class DefaultRunLauncher(Guard, dg.DefaultRunLauncher):
    """Dagster's own launcher; a run that falls silent is failed, and so begun anew, and one that lives is not."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run; where the code server is being replaced, it goes back into the queue, as while none is there.

        ``max_user_code_failure_retries`` of the queue says how often.
        """
        try:
            super().launch_run(context)
        except DagsterLaunchFailedError as error:
            if _IS_BEING_REPLACED in str(error):
                raise DagsterUserCodeUnreachableError(str(error)) from error
            raise

    def _asked(self, run: dg.DagsterRun) -> CheckRunHealthResult:  # noqa: ARG002 - a new code server knows no old run
        return CheckRunHealthResult(WorkerStatus.UNKNOWN, "the code server is not asked")
