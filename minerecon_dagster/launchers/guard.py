"""What every launcher that looks after its runs must know more: who lives is not failed, who died is.

As released, launchers fail a run of a command line, of which they know no worker, and a run whose worker they could not
ask about for a moment; and where they see a worker's last word only, they never fail one whose machine has died. Here a
run's own heartbeat decides.
"""

from __future__ import annotations

import logging
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from sqlalchemy.exc import SQLAlchemyError

from minerecon_dagster.launchers.heartbeat import EVERY_S, SILENT_AFTER_S, ages_s, is_of_a_command

WATCHED_S = 2.5 * EVERY_S
"""How long a silent run has been looked at before it counts as dead: after an outage of the storage it speaks again.

It is over before its silence has been too long: `SILENT_AFTER_S` decides, and the next look after it."""
CONNECTED_WITHIN_S = 5.0
"""How long the API of what launches the runs may take to be reached."""
ANSWERED_WITHIN_S = 15.0
"""And how long to answer: the look at all other runs waits for it."""
_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from dagster._core.launcher.base import RunLauncher as _Launcher
else:
    _Launcher = object


class Guard(_Launcher):
    """Stands before a launcher of Dagster's in the list of a class's bases, and looks at the heartbeats first."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[no-untyped-call]  # as Dagster has it
        self._silent_since: dict[str, float] = {}

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Yes: runs that tell that they live can be looked after under any launcher."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether a run lives, by its heartbeat, and by what the launcher knows of its worker."""
        age_s = self._age_s(run)
        if is_of_a_command(run):
            return _DEAD if self._is_silent(run, age_s) else _ALIVE
        found = self._asked(run)
        if found.status is WorkerStatus.RUNNING:
            return self._confirmed(run, found, age_s)
        if found.status is WorkerStatus.FAILED:
            # It may just have ended, in order: then the next look finds a run that is over.
            return _ALIVE if age_s is not None and age_s <= 2 * EVERY_S else found
        # No worker was found, or one that has ended well, of a run that has not: both may be a moment's.
        if self._is_silent(run, age_s):
            return _DEAD
        return found if found.status is WorkerStatus.SUCCESS else _ALIVE

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """What the launcher knows of a dead worker; nothing of a command's run, which has none."""
        if is_of_a_command(run):
            return None
        return super().get_run_worker_debug_info(run, include_container_logs)

    def terminate(self, run_id: str) -> bool:
        """End a run's worker; a command's run is ended where the command was given."""
        run = self._instance.get_run_by_id(run_id)
        if run is not None and is_of_a_command(run):
            self._instance.report_engine_event("This run is a command's: Ctrl-C where it was given ends it.", run)
            return False
        return super().terminate(run_id)  # type: ignore[safe-super]  # a launcher's, which has one

    def _confirmed(self, run: dg.DagsterRun, found: CheckRunHealthResult, age_s: float | None) -> CheckRunHealthResult:
        """What to believe where the launcher takes a worker to be running: that it is, until its run is silent.

        A cluster repeats for minutes what it has heard last of a machine that died, or that was cut off. If it lives
        all the same, nothing is lost: the days are locked, and a run that begins again skips those that are done.
        """
        return _DEAD if self._is_silent(run, age_s) else found

    def _asked(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        try:
            return super().check_run_worker_health(run)
        except Exception as error:  # noqa: BLE001 - an API that hiccups, each in its own way; it is logged
            _log.warning("run %s: its launcher could not find out about its worker: %s", run.run_id, error)
            return CheckRunHealthResult(WorkerStatus.UNKNOWN, str(error))

    def _age_s(self, run: dg.DagsterRun) -> float | None:
        """How long ago the run told that it lives; None where it never has, or where that cannot be found out."""
        try:
            return ages_s(self._instance, [run.run_id]).get(run.run_id)
        except SQLAlchemyError as error:
            _log.warning("run %s: its heartbeat could not be read: %s", run.run_id, error)
            return None

    def _is_silent(self, run: dg.DagsterRun, age_s: float | None) -> bool:
        """Whether a run has been silent for long, also while it was looked at."""
        if age_s is None or age_s <= EVERY_S * 2:
            self._silent_since.pop(run.run_id, None)
            return False
        since = self._silent_since.setdefault(run.run_id, time.monotonic())
        return age_s > SILENT_AFTER_S and time.monotonic() - since >= WATCHED_S


def runs_elsewhere(instance: dg.DagsterInstance) -> bool:
    """Whether an instance's launcher starts runs on hosts that are not the code server's.

    By its class alone. To make the launcher takes what only the daemon has: on Kubernetes the token of its account, on
    ECS the right to look at task definitions. A run asks this too, and has neither.
    """
    if not instance.is_persistent:  # nothing says of which class it is but itself
        return _is_remote(type(instance.run_launcher))
    return _says_elsewhere(instance.get_ref())


def launches_elsewhere(home: Path) -> bool:
    """The same of what ``dagster.yaml`` in a folder says; nothing of it is made, and no service is asked."""
    return _says_elsewhere(InstanceRef.from_dir(str(home)))


def _says_elsewhere(instance: InstanceRef) -> bool:
    data = instance.run_launcher_data
    return data is not None and _is_remote(getattr(import_module(data.module_name), data.class_name))


def _is_remote(launcher: type) -> bool:
    if issubclass(launcher, dg.DefaultRunLauncher):
        return False
    return issubclass(launcher, Guard) or any(kind.__module__.startswith(_ELSEWHERE) for kind in launcher.__mro__)


_ELSEWHERE = ("dagster_aws.ecs", "dagster_celery", "dagster_k8s")
_ALIVE = CheckRunHealthResult(WorkerStatus.RUNNING)
_DEAD = CheckRunHealthResult(
    WorkerStatus.FAILED, f"It has not told for over {SILENT_AFTER_S:g} s that it lives; its finished days are stored."
)
