"""Runs on hosts of one's own, by Celery, guarded.

In ``dagster.yaml``, as ``run_launcher``: this module and `CeleryRunLauncher`, with ``broker`` and ``backend``.
It needs the extra ``celery``. The backend must keep results, as Redis does: by Celery's own ``rpc://`` every run looks
lost. As released, the launcher believes what a worker said last, and never notices a host that died.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dagster._core.launcher.base import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher as _CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from minerecon_dagster.launchers.guard import Guard
from minerecon_dagster.launchers.heartbeat import EVERY_S

if TYPE_CHECKING:
    import dagster as dg

ASKED_AFTER_S = 3 * EVERY_S
"""After how long a silence of its run a worker is asked whether it is there."""
PONG_WITHIN_S = 3.0
"""How long a worker may take to answer a ping."""
PINGS = 3
"""Of so many looks in a row, with none answered, a worker counts as gone."""


class CeleryRunLauncher(Guard, _CeleryRunLauncher):
    """Dagster's own launcher, with its configuration; a run whose worker died is failed, and one that lives is not."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._unanswered: dict[str, int] = {}

    def _confirmed(self, run: dg.DagsterRun, found: CheckRunHealthResult, age_s: float | None) -> CheckRunHealthResult:
        """A worker that is said to run has to answer, or its run to tell that it lives."""
        if age_s is not None and age_s <= ASKED_AFTER_S:
            self._unanswered.pop(run.run_id, None)
            return found
        worker = self._worker(run)
        if worker is None or self.celery.control.inspect(destination=[worker], timeout=PONG_WITHIN_S).ping():
            self._unanswered.pop(run.run_id, None)
            return found
        # A message can be lost.
        self._unanswered[run.run_id] = self._unanswered.get(run.run_id, 0) + 1
        if self._unanswered[run.run_id] < PINGS:
            return found
        return CheckRunHealthResult(WorkerStatus.FAILED, f"Its worker {worker} does not answer.")

    def _worker(self, run: dg.DagsterRun) -> str | None:
        """The name of the worker that has begun the run's task; None where the result backend does not say."""
        info = self.celery.AsyncResult(run.tags[DAGSTER_CELERY_TASK_ID_TAG]).info
        return info.get("hostname") if isinstance(info, dict) else None
