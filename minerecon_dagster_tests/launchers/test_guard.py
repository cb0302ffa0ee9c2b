"""A run that lives is not failed, and one that died is, whatever launched it."""

from __future__ import annotations

import http.client
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import boto3.session
import dagster as dg
import pytest
import sqlalchemy as sa
import yaml
from dagster._core.launcher.base import CheckRunHealthResult, LaunchRunContext, RunLauncher, WorkerStatus
from dagster._core.storage.dagster_run import DagsterRunStatus
from dagster._core.storage.runs.schema import KeyValueStoreTable
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.monitoring.run_monitoring import monitor_started_run
from dagster._serdes import ConfigurableClass, ConfigurableClassData
from moto.server import ThreadedMotoServer

from minerecon_dagster.launchers import guard, heartbeat
from minerecon_dagster.launchers.guard import Guard, runs_elsewhere
from minerecon_dagster.launchers.heartbeat import PROCESS_TAG, SILENT_AFTER_S, ages_s, beat, beating, forget_old

SOME, LONG = 25.0, SILENT_AFTER_S + 30
"""Silences, in seconds: of two beats that were missed, and of a run that is gone."""


class Elsewhere(RunLauncher[Any], ConfigurableClass):
    """A launcher of which a test says what it sees of every worker."""

    sees: CheckRunHealthResult | Exception = CheckRunHealthResult(WorkerStatus.RUNNING)

    def __init__(self, inst_data: ConfigurableClassData | None = None) -> None:
        self._inst_data = inst_data
        super().__init__()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]) -> Self:
        return cls(inst_data)

    def launch_run(self, context: LaunchRunContext) -> None: ...

    def terminate(self, run_id: str) -> bool:
        return True

    def get_run_worker_debug_info(self, run: dg.DagsterRun, include_container_logs: bool | None = True) -> str | None:
        raise AssertionError("there is no such worker")

    @property
    def supports_check_run_worker_health(self) -> bool:
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        if isinstance(self.sees, Exception):
            raise self.sees
        return self.sees


class Guarded(Guard, Elsewhere):
    """As the project's launchers are made."""


def instance_with(launcher: str, config: Mapping[str, Any] | None = None, **more: Any) -> Any:
    module, _, name = launcher.rpartition(".")
    chosen: dict[str, Any] = {"module": module, "class": name, "config": dict(config or {})}
    return dg.instance_for_test(overrides={"run_launcher": chosen, "run_monitoring": {"enabled": True}, **more})


@pytest.fixture(params=["a file", "PostgreSQL"])
def instance(request: pytest.FixtureRequest) -> Iterator[dg.DagsterInstance]:
    more = {}
    if request.param == "PostgreSQL":
        more = {"storage": {"postgres": {"postgres_url": request.getfixturevalue("new_dagster_database")}}}
    with instance_with(f"{__name__}.Guarded", **more) as instance:
        yield instance


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A silent run counts as dead at the second look, and not half a minute later."""
    monkeypatch.setattr(guard, "WATCHED_S", 0.0)


def started(instance: dg.DagsterInstance, **tags: str) -> dg.DagsterRun:
    return create_run_for_test(instance, "ingest", status=DagsterRunStatus.STARTED, tags=tags)


def of_a_command(instance: dg.DagsterInstance) -> dg.DagsterRun:
    run = started(instance, **{PROCESS_TAG: "host 7"})
    beat(instance, run.run_id)
    return run


def silent_for(instance: dg.DagsterInstance, run: dg.DagsterRun, seconds: float) -> None:
    """As if the last beat of a run were so long ago."""
    beat(instance, run.run_id)
    key = KeyValueStoreTable.c.key == f"minerecon/heartbeat/{run.run_id}"
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        value = connection.execute(sa.select(KeyValueStoreTable.c.value).where(key)).scalar_one()
        connection.execute(sa.update(KeyValueStoreTable).where(key).values(value=str(float(value) - seconds)))


def looked_at(instance: dg.DagsterInstance, run: dg.DagsterRun, times: int = 3) -> DagsterRunStatus:
    """What becomes of a run while Dagster's daemon looks at it so many times."""
    for _ in range(times):
        record = instance.get_run_record_by_id(run.run_id)
        assert record is not None
        if record.dagster_run.is_finished:
            break
        monitor_started_run(instance, None, record, logging.getLogger("monitoring"))  # type: ignore[arg-type]
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


UNKNOWN = CheckRunHealthResult(WorkerStatus.UNKNOWN, "no task of that run")
FAILED = CheckRunHealthResult(WorkerStatus.FAILED, "exit code 137")
SUCCESS = CheckRunHealthResult(WorkerStatus.SUCCESS)
RUNNING = CheckRunHealthResult(WorkerStatus.RUNNING)


@pytest.mark.first_quick
@pytest.mark.parametrize("sees", [UNKNOWN, FAILED, SUCCESS, KeyError("no task id")], ids=str)
def test_a_commands_run_goes_on_while_it_tells_that_it_lives_and_is_failed_when_it_does_not(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, quick: None, sees: Any
) -> None:
    monkeypatch.setattr(Elsewhere, "sees", sees)
    run = of_a_command(instance)
    assert looked_at(instance, run) is DagsterRunStatus.STARTED
    silent_for(instance, run, SOME)
    assert looked_at(instance, run) is DagsterRunStatus.STARTED
    silent_for(instance, run, LONG)
    assert looked_at(instance, run) is DagsterRunStatus.FAILURE


@pytest.mark.slow
def test_without_the_guard_a_commands_run_is_failed_while_it_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Elsewhere, "sees", CheckRunHealthResult(WorkerStatus.UNKNOWN))
    monkeypatch.setattr(Elsewhere, "get_run_worker_debug_info", lambda *_, **__: None)
    with instance_with(f"{__name__}.Elsewhere") as instance:
        assert looked_at(instance, of_a_command(instance)) is DagsterRunStatus.FAILURE


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("sees", "silent_s", "becomes"),
    [
        (RUNNING, 0.0, "STARTED"),
        (RUNNING, SOME, "STARTED"),
        (RUNNING, LONG, "FAILURE"),  # its machine has died, and the cluster repeats what it heard last
        (RUNNING, None, "STARTED"),
        (UNKNOWN, 0.0, "STARTED"),
        (UNKNOWN, SOME, "STARTED"),
        (UNKNOWN, LONG, "FAILURE"),
        (UNKNOWN, None, "STARTED"),
        (TimeoutError("the API hiccups"), 0.0, "STARTED"),
        (TimeoutError("the API hiccups"), LONG, "FAILURE"),
        (FAILED, 0.0, "STARTED"),  # it has just ended: by the next look its run is over, or silent
        (FAILED, SOME, "FAILURE"),
        (FAILED, None, "FAILURE"),
        (SUCCESS, SOME, "STARTED"),
        (SUCCESS, LONG, "FAILURE"),  # a worker that ended well and left its run as if it went on
        (SUCCESS, None, "STARTED"),
    ],
    ids=str,
)
def test_a_launched_run_is_judged_by_its_worker_and_its_heartbeat(
    monkeypatch: pytest.MonkeyPatch, quick: None, sees: Any, silent_s: float | None, becomes: str
) -> None:
    monkeypatch.setattr(Elsewhere, "sees", sees)
    monkeypatch.setattr(Elsewhere, "get_run_worker_debug_info", lambda *_, **__: None)
    with instance_with(f"{__name__}.Guarded") as instance:
        run = started(instance)
        if silent_s is not None:
            silent_for(instance, run, silent_s)
        assert looked_at(instance, run).value == becomes


def test_a_run_of_a_code_server_that_was_killed_is_failed_when_it_is_silent_and_no_other(quick: None) -> None:
    with instance_with("minerecon_dagster.launchers.local.DefaultRunLauncher") as instance:
        assert not runs_elsewhere(instance)
        healthy, killed, small = started(instance), started(instance), started(instance)
        beat(instance, healthy.run_id)
        silent_for(instance, killed, LONG)
        assert looked_at(instance, healthy) is DagsterRunStatus.STARTED
        assert looked_at(instance, killed) is DagsterRunStatus.FAILURE
        assert looked_at(instance, small) is DagsterRunStatus.STARTED, "it has never told that it lives"


@pytest.mark.first_quick
@pytest.mark.parametrize("is_launched", [False, True])
def test_after_an_outage_of_the_storage_a_run_has_time_to_speak_again(
    instance: dg.DagsterInstance, is_launched: bool
) -> None:
    run = started(instance) if is_launched else of_a_command(instance)
    silent_for(instance, run, 600)
    assert looked_at(instance, run) is DagsterRunStatus.STARTED
    beat(instance, run.run_id)
    assert looked_at(instance, run) is DagsterRunStatus.STARTED


@pytest.mark.first_quick
def test_a_run_tells_that_it_lives_from_before_its_work_to_its_end(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_S", 0.02)
    run = started(instance)
    assert ages_s(instance, [run.run_id]) == {}
    with beating(instance, run.run_id), beating(instance, run.run_id):
        assert 0 <= ages_s(instance, [run.run_id])[run.run_id] < 5
        silent_for(instance, run, 600)
        again = threading.Event()
        while ages_s(instance, [run.run_id])[run.run_id] > 5:
            again.wait(0.01)
    assert ages_s(instance, [run.run_id]) == {}, "after its end its silence means nothing"
    silent_for(instance, run, 600)
    assert not any(thread.name == "heartbeat" for thread in threading.enumerate())
    assert ages_s(instance, [run.run_id])[run.run_id] > 590


@pytest.mark.first_quick
def test_old_heartbeats_are_forgotten_and_nothing_else_of_the_table(instance: dg.DagsterInstance) -> None:
    run, old = started(instance), started(instance)
    beat(instance, run.run_id)
    silent_for(instance, old, 31 * 86400.0)
    instance.run_storage.set_cursor_values({"a cursor": "of Dagster's"})
    forget_old(instance)
    assert ages_s(instance, [run.run_id, old.run_id]).keys() == {run.run_id}
    assert instance.run_storage.get_cursor_values({"a cursor"}) == {"a cursor": "of Dagster's"}


@pytest.mark.first_quick
def test_the_end_of_a_commands_run_is_where_the_command_was_given(instance: dg.DagsterInstance) -> None:
    run, launched = of_a_command(instance), started(instance)
    assert not instance.run_launcher.terminate(run.run_id)
    assert instance.run_launcher.terminate(launched.run_id)


class Api:
    """Stands before what a launcher asks: lets through, or answers as a service does that is in trouble.

    Args:
        answer: gives status and body of a question that is let through, by its method, path, headers and body.
    """

    def __init__(self, answer: Callable[[str, str, Mapping[str, str], bytes], tuple[int, bytes]]) -> None:
        api = self
        self.trouble: int | str | None = None
        self.asked = 0
        self._released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                api.asked += 1
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if api.trouble == "slow":
                    api._released.wait(30)
                    return
                if api.trouble is None:
                    status, found = answer(self.command, self.path, self.headers, body)
                else:
                    kind = "ThrottlingException" if api.trouble == 400 else "ServerException"
                    status = int(api.trouble)
                    found = json.dumps({"kind": "Status", "status": "Failure", "code": status, "__type": kind}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(found)))
                self.end_headers()
                self.wfile.write(found)

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None: ...

        self._handler = Handler
        self.port = 0
        self.rise()

    def rise(self) -> None:
        """Listen, at the same port as before."""
        self._released.clear()
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def fall(self) -> None:
        """Be gone: nobody listens."""
        self.server.shutdown()
        self.server.server_close()
        self._released.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class KubernetesApi(Api):
    """An API of Kubernetes that knows one job, under any name, or none."""

    def __init__(self, folder: Path) -> None:
        self.job: dict[str, int] | None = None
        super().__init__(self._answer)
        self.config = folder / "kubeconfig"
        self.config.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "here",
                    "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
                    "clusters": [{"name": "here", "cluster": {"server": self.url}}],
                    "users": [{"name": "me", "user": {}}],
                }
            )
        )

    def _answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        if self.job is None:
            return 404, json.dumps({"kind": "Status", "status": "Failure", "code": 404}).encode()
        return 200, json.dumps({"kind": "Job", "apiVersion": "batch/v1", "status": self.job}).encode()


def in_trouble(api: Api, troubles: Iterable[int | str], look: Callable[[], DagsterRunStatus]) -> dict[Any, str]:
    """What a look finds in each trouble of an API, while it is gone, and when it is back."""
    found = {}
    for trouble in troubles:
        api.trouble, before = trouble, api.asked
        found[trouble] = look().value
        assert api.asked > before, "it was asked"
    api.trouble = None
    api.fall()
    found["gone"] = look().value
    api.rise()
    found["back"] = look().value
    return found


@pytest.mark.slow
def test_on_kubernetes_no_healthy_run_is_failed_whatever_its_api_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: None
) -> None:
    from dagster_k8s import client

    from minerecon_dagster.launchers import k8s

    monkeypatch.setattr(k8s, "ANSWERED_WITHIN_S", 0.1)
    # What is worth another try is tried again 10 s later.
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    api = KubernetesApi(tmp_path)
    config = {
        "service_account_name": "x",
        "instance_config_map": "x",
        "load_incluster_config": False,
        "kubeconfig_file": str(api.config),
        "job_image": "image",
    }
    troubles = (404, 403, 422, 429, 500, 503, "slow")
    with instance_with("minerecon_dagster.launchers.k8s.K8sRunLauncher", config) as instance:
        command, healthy, unseen = of_a_command(instance), started(instance), started(instance)
        for run in (healthy, unseen):
            beat(instance, run.run_id)
        for job, run in (({"active": 1}, healthy), (None, unseen)):
            api.job = job
            found = in_trouble(api, troubles, partial(looked_at, instance, run, times=1))
            assert set(found.values()) == {"STARTED"}, found
            assert found.keys() == {*troubles, "gone", "back"}
        assert looked_at(instance, command) is DagsterRunStatus.STARTED
        api.job = {"succeeded": 1}
        assert looked_at(instance, healthy) is DagsterRunStatus.STARTED, "it has just ended: its last word is under way"
        api.job = {"active": 1}
        silent_for(instance, healthy, LONG)
        assert looked_at(instance, healthy) is DagsterRunStatus.FAILURE, "its node died, and the API has not noticed"
        silent_for(instance, command, LONG)
        assert looked_at(instance, command) is DagsterRunStatus.FAILURE
    api.fall()


@pytest.mark.slow
def test_the_extras_are_loaded_by_those_who_name_them_only() -> None:
    code = "import sys, minerecon_dagster.launchers.guard, minerecon_dagster.definitions; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "minerecon_dagster.launchers.guard" in loaded
    assert {"celery", "dagster_celery", "dagster_k8s", "kubernetes", "dagster_aws"}.isdisjoint(loaded)


class Answering:
    """Celery as a worker's last word and its answers to pings make it."""

    def __init__(self) -> None:
        self.state = "STARTED"
        self.info: Any = {"pid": 7, "hostname": "celery@b"}
        self.pongs: list[Any] = []
        self.asked: list[Any] = []
        self.control = self

    def AsyncResult(self, task_id: str) -> Answering:  # noqa: N802 - Celery's
        return self

    def inspect(self, destination: list[str], timeout: float) -> Answering:
        self.asked.append(destination)
        return self

    def ping(self) -> Any:
        return self.pongs.pop(0) if self.pongs else None


@pytest.mark.first_quick
@pytest.mark.parametrize("silent_s", [None, LONG])
def test_a_celery_worker_that_answers_no_ping_and_whose_run_is_silent_is_dead(
    quick: None, silent_s: float | None
) -> None:
    from minerecon_dagster.launchers.celery import PINGS

    config = {"broker": "memory://", "backend": "cache+memory://"}
    with instance_with("minerecon_dagster.launchers.celery.CeleryRunLauncher", config) as instance:
        run, command = started(instance, **{"dagster-celery/task_id": "t"}), of_a_command(instance)
        instance.run_launcher.celery = answering = Answering()  # type: ignore[attr-defined]
        beat(instance, run.run_id)
        assert looked_at(instance, run) is DagsterRunStatus.STARTED
        assert answering.asked == [], "a run that tells that it lives is not asked"
        if silent_s is None:
            run = started(instance, **{"dagster-celery/task_id": "t"})
        else:
            silent_for(instance, run, silent_s)
        answering.pongs = [{"celery@b": {"ok": "pong"}}, None, None, {"celery@b": {"ok": "pong"}}]
        assert looked_at(instance, run, times=1) is DagsterRunStatus.STARTED
        assert looked_at(instance, run, times=3) is DagsterRunStatus.STARTED, "pongs may be lost"
        answering.pongs = []
        assert looked_at(instance, run, times=PINGS) is DagsterRunStatus.FAILURE
        assert set(map(tuple, answering.asked)) == {("celery@b",)}
        assert looked_at(instance, command) is DagsterRunStatus.STARTED


@pytest.mark.first_quick
def test_a_command_that_was_killed_on_any_host_is_found_out_by_the_next_one(instance: dg.DagsterInstance) -> None:
    from minerecon_dagster.cli.dagster_run import _close_runs_of_killed_commands

    killed, working, older = of_a_command(instance), of_a_command(instance), started(instance, **{PROCESS_TAG: "h 7"})
    launched = started(instance)
    for run in (killed, launched):
        silent_for(instance, run, LONG)
    silent_for(instance, working, SOME)
    _close_runs_of_killed_commands(instance)
    statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert statuses.pop(killed.run_id) is DagsterRunStatus.FAILURE
    assert set(statuses.values()) == {DagsterRunStatus.STARTED}
    assert older.run_id in statuses


@pytest.mark.slow
def test_on_ecs_no_healthy_run_is_failed_whatever_its_api_answers(monkeypatch: pytest.MonkeyPatch, quick: None) -> None:
    from minerecon_dagster.launchers import ecs as launcher

    monkeypatch.setattr(launcher, "ANSWERED_WITHIN_S", 0.5)
    moto = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()

    def ask_moto(method: str, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host, port, timeout=30)
        with closing(connection):
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()

    api = Api(ask_moto)
    for name, value in {
        "AWS_ENDPOINT_URL": api.url,
        "AWS_DEFAULT_REGION": "eu-west-2",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    ecs = boto3.session.Session().client("ecs")
    ecs.create_cluster(clusterName="runs")
    container = {"name": "run", "image": "image", "memory": 128}
    ecs.register_task_definition(family="run", containerDefinitions=[container], networkMode="awsvpc")
    ec2 = boto3.session.Session().client("ec2")
    [vpc] = (v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"])
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    [subnet, *_] = (s["SubnetId"] for s in ec2.describe_subnets()["Subnets"])
    group = ec2.create_security_group(GroupName="runs", Description="runs", VpcId=vpc)["GroupId"]
    made = ecs.run_task(
        cluster="runs",
        taskDefinition="run",
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group]}},
    )
    arn = made["tasks"][0]["taskArn"]
    there = {"ecs/cluster": "runs", "ecs/task_arn": arn}
    gone = {"ecs/cluster": "runs", "ecs/task_arn": f"{arn.rpartition('/')[0]}/6e1b33cb0f924e0e8f8a5c8d0d6a6f0f"}
    config = {"task_definition": "run", "container_name": "run", "use_current_ecs_task_config": False}
    troubles = (400, 404, 403, 429, 500, 503, "slow")
    with instance_with("minerecon_dagster.launchers.ecs.EcsRunLauncher", config) as instance:
        command, healthy, dead = of_a_command(instance), started(instance, **there), started(instance, **gone)
        unseen = started(instance, **gone)
        health = instance.run_launcher.check_run_worker_health(healthy)
        assert health.status is WorkerStatus.RUNNING, "moto has the task"
        for run in (healthy, unseen):
            beat(instance, run.run_id)
            found = in_trouble(api, troubles, partial(looked_at, instance, run, times=1))
            assert set(found.values()) == {"STARTED"}, found
            assert found.keys() == {*troubles, "gone", "back"}
        silent_for(instance, dead, LONG)
        assert looked_at(instance, command) is DagsterRunStatus.STARTED
        assert looked_at(instance, dead) is DagsterRunStatus.FAILURE
        silent_for(instance, command, LONG)
        assert looked_at(instance, command) is DagsterRunStatus.FAILURE
    api.fall()
    moto.stop()
