"""A run that died is begun anew within two minutes, whatever waits in the queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._cli.job import _create_run
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.storage.tags import BACKFILL_ID_TAG, PRIORITY_TAG, RETRY_NUMBER_TAG
from dagster._core.test_utils import create_run_for_test, create_test_daemon_workspace_context
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster._daemon.auto_run_reexecution import event_log_consumer
from dagster._daemon.auto_run_reexecution.event_log_consumer import EventLogConsumerDaemon
from dagster._daemon.controller import create_daemon_of_type
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from minerecon_dagster.launchers.guard import WATCHED_S
from minerecon_dagster.launchers.heartbeat import EVERY_S, SILENT_AFTER_S
from minerecon_dagster.launchers.queue import QueuedRunCoordinator, to_be_begun_anew
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.launchers.test_guard import instance_with

INSTANCES = ("dagster.yaml", "deploy/dagster.yaml", "deploy/ecs/dagster.yaml", "deploy/kubernetes/whole/dagster.yaml")
GOES_ON_WITHIN_S = 120.0
STEP_S = 0.5
"""In such steps a daemon of Dagster's sees that its interval is over."""
WORK_S = 30.0
"""What is not waiting: to make a run, to launch it, and for its process to ask its first question."""


@dg.op
def nothing() -> None: ...


@dg.job
def days() -> None:
    nothing()


defs = dg.Definitions(jobs=[days])


def configured(file: str) -> dict[str, Any]:
    return dict(yaml.safe_load((PROJECT_ROOT / file).read_text("utf-8")))


@pytest.mark.parametrize("file", INSTANCES)
def test_the_work_of_a_host_that_died_goes_on_within_two_minutes_at_the_worst(file: str) -> None:
    instance = configured(file)
    look_s = instance["run_monitoring"]["poll_interval_seconds"]
    queue = QueuedRunCoordinator.from_config_value(None, instance["run_coordinator"]["config"])  # type: ignore[arg-type]
    # Its last word was said as it died; the look that sees its silence is the next one, and so are those that follow.
    found_s = max(SILENT_AFTER_S, 2 * EVERY_S + look_s + STEP_S + WATCHED_S) + look_s + STEP_S
    made_s = event_log_consumer._INTERVAL_SECONDS + STEP_S
    launched_s = queue.dequeue_interval_seconds + STEP_S
    assert found_s + made_s + launched_s + WORK_S <= GOES_ON_WITHIN_S


@pytest.mark.parametrize("file", INSTANCES)
def test_the_limits_are_the_queues_own_or_no_place_could_be_kept(file: str) -> None:
    instance = configured(file)
    assert instance["run_coordinator"]["module"] == QueuedRunCoordinator.__module__
    assert instance["run_coordinator"]["config"]["max_concurrent_runs"] == 4
    assert "concurrency" not in instance


@pytest.mark.first_quick
@pytest.mark.parametrize("file", INSTANCES)
def test_a_daemon_that_is_stopped_looks_at_no_backfill_any_more_when_it_has_forgotten_what_there_is(file: str) -> None:
    with dg.instance_for_test(overrides={"backfills": configured(file)["backfills"]}) as instance:
        assert create_daemon_of_type("BACKFILL", instance)._threadpool_executor is None  # type: ignore[attr-defined]
    with dg.instance_for_test() as instance:
        assert create_daemon_of_type("BACKFILL", instance)._threadpool_executor is not None  # type: ignore[attr-defined]


class Queue:
    """A real instance whose queue, and whose look at failed runs, a test lets the daemon do once."""

    def __init__(self, instance: dg.DagsterInstance, workspace: WorkspaceProcessContext) -> None:
        self.instance, self.workspace = instance, workspace
        self._queue = QueuedRunCoordinatorDaemon(interval_seconds=5)
        self._retries = EventLogConsumerDaemon()
        instance.add_backfill(
            PartitionBackfill("years", BulkActionStatus.REQUESTED, from_failure=False, tags={}, backfill_timestamp=0.0)
        )
        self.begin_anew()  # from here on it sees what fails

    def put(self, **tags: str) -> str:
        """Put a run into the queue."""
        workspace = self.workspace.create_request_context()
        [location] = workspace.code_locations
        [repository] = location.get_repositories().values()
        made = _create_run(
            instance=self.instance,
            code_location=location,
            remote_repo=repository,
            remote_job=repository.get_full_job("days"),
            run_config={},
            tags=tags,
            op_selection=None,
            run_id=None,
        )
        self.instance.submit_run(made.run_id, workspace)
        return str(made.run_id)

    def launch(self) -> set[str]:
        """Let the daemon look at the queue once; gives the runs that it has launched."""
        before = self._active()
        list(self._queue.run_iteration(self.workspace))  # type: ignore[arg-type]
        return self._active() - before

    def begin_anew(self) -> None:
        """Let the daemon make the runs that take the place of those that failed."""
        list(self._retries.run_iteration(self.workspace))  # type: ignore[arg-type]

    def die(self, run_id: str) -> None:
        """Let a run be found dead."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        self.instance.report_run_failed(run, "it has not told that it lives")

    def begun_anew(self, run_id: str) -> str:
        [child] = [r for r in self.instance.get_runs() if r.parent_run_id == run_id]
        return child.run_id

    def _active(self) -> set[str]:
        active = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
        return {r.run_id for r in self.instance.get_runs(dg.RunsFilter(statuses=active))}


BACKFILL = {BACKFILL_ID_TAG: "years"}


@pytest.fixture
def storage(request: pytest.FixtureRequest) -> dict[str, Any]:
    if getattr(request, "param", "a file") == "a file":
        return {}
    return {"storage": {"postgres": {"postgres_url": request.getfixturevalue("new_dagster_database")}}}


@pytest.fixture
def queue(request: pytest.FixtureRequest, storage: Mapping[str, Any]) -> Iterator[Queue]:
    coordinator = dict(configured("dagster.yaml")["run_coordinator"])
    coordinator["module"] = getattr(request, "param", coordinator["module"])
    overrides = {"run_coordinator": coordinator, "run_retries": {"enabled": True, "max_retries": 2}, **storage}
    location = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(module_name=__name__, attribute="defs"), location_name="here"
    )
    with (
        instance_with("minerecon_dagster_tests.launchers.test_guard.Guarded", **overrides) as instance,
        create_test_daemon_workspace_context(InProcessWorkspaceLoadTarget(location), instance) as workspace,
    ):
        yield Queue(instance, workspace)


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["a file", "PostgreSQL"], indirect=True)
def test_a_run_that_died_keeps_its_place_for_the_one_that_begins_its_work_anew(queue: Queue) -> None:
    first = [queue.put(**BACKFILL) for _ in range(3)]
    waiting = [queue.put(**BACKFILL) for _ in range(3)]
    assert queue.launch() == set(first), "a backfill leaves a place"
    queue.die(first[1])
    assert [run.run_id for run in to_be_begun_anew(queue.instance)] == [first[1]]
    assert queue.launch() == set(), "the queue is looked at before the run is begun anew"
    scheduled = queue.put()
    assert queue.launch() == {scheduled}, "the place that is no backfill's is free"
    queue.begin_anew()
    assert to_be_begun_anew(queue.instance) == []
    assert queue.launch() == {queue.begun_anew(first[1])}, "it goes before what waits"
    for run_id in (first[0], first[2], waiting[0]):
        run = queue.instance.get_run_by_id(run_id)
        assert run is not None
        assert PRIORITY_TAG not in run.tags


@pytest.mark.slow
@pytest.mark.parametrize("queue", ["dagster"], indirect=True)
def test_without_it_the_work_waits_for_another_run_of_the_backfill(queue: Queue) -> None:
    first = [queue.put(**BACKFILL) for _ in range(3)]
    waiting = [queue.put(**BACKFILL) for _ in range(2)]
    assert queue.launch() == set(first)
    queue.die(first[1])
    assert queue.launch() == {waiting[0]}
    queue.begin_anew()
    assert queue.launch() == set()


@pytest.mark.slow
def test_all_places_of_a_host_that_died_are_kept_and_each_successors_until_it_is_in_the_queue(queue: Queue) -> None:
    first = [queue.put(**BACKFILL) for _ in range(3)]
    waiting = [queue.put(**BACKFILL) for _ in range(2)]
    assert queue.launch() == set(first)
    for run_id in first[:2]:
        queue.die(run_id)
    assert queue.launch() == set()
    # As if the daemon were stopped between making a run and putting it into the queue.
    parent = queue.instance.get_run_by_id(first[0])
    assert parent is not None
    child = create_run_for_test(
        queue.instance,
        "days",
        parent_run_id=parent.run_id,
        root_run_id=parent.run_id,
        tags={**parent.tags, RETRY_NUMBER_TAG: "1"},
    )
    queue.instance.add_run_tags(parent.run_id, {"dagster/auto_retry_run_id": child.run_id})
    assert sorted(r.run_id for r in to_be_begun_anew(queue.instance)) == sorted([first[1], child.run_id])
    assert queue.launch() == set(), f"{waiting} wait"


@pytest.mark.slow
def test_a_failure_so_fresh_that_nothing_says_whether_it_is_begun_anew_keeps_its_place(queue: Queue) -> None:
    first = [queue.put(**BACKFILL) for _ in range(2)]
    create_run_for_test(queue.instance, "days", status=dg.DagsterRunStatus.FAILURE, tags=BACKFILL)
    assert queue.launch() == {first[0], first[1]}
    assert [queue.put(**BACKFILL), queue.launch()][1] == set()


@pytest.mark.slow
def test_no_place_is_kept_for_a_run_that_is_not_begun_anew_and_none_for_ever(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, *first = [queue.put(**BACKFILL, **more) for more in ({"dagster/max_retries": "0"}, {}, {})]
    waiting = [queue.put(**BACKFILL) for _ in range(2)]
    assert queue.launch() == {alone, *first}
    queue.die(alone)
    assert to_be_begun_anew(queue.instance) == []
    assert queue.launch() == {waiting[0]}
    queue.die(first[0])
    assert queue.launch() == set()
    monkeypatch.setattr("minerecon_dagster.launchers.queue.KEPT_FOR_S", -1.0)
    assert queue.launch() == {waiting[1]}
