"""The heartbeat and the watch over the alerts: what they say of each outage, by ticks and by a real daemon."""

from __future__ import annotations

import datetime as dt
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_shared.error import SerializableErrorInfo
from sqlalchemy import Engine

from minerecon_dagster.alerts import heartbeat, runs
from minerecon_dagster.alerts.redaction import HIDDEN, redact
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.defs.alerts import ALERTS
from minerecon_dagster.settings import PROJECT_ROOT, Settings
from minerecon_dagster_tests.alerts.test_alerts import NOW, SENSORS, Alarm, Receiver, failing_job
from minerecon_dagster_tests.alerts.test_alerts import alarm as alarm
from minerecon_dagster_tests.alerts.test_alerts import environ as environ
from minerecon_dagster_tests.alerts.test_alerts import instance as instance
from minerecon_dagster_tests.alerts.test_alerts import receiver as receiver
from minerecon_dagster_tests.databases import database
from minerecon_dagster_tests.fake_elexon import FakeElexon
from minerecon_dagster_tests.stopped_clock import StoppedClock

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

IN_THREE_MINUTES = 6
"""Ticks of 30 s."""


class Switch:
    """A dead man's switch: when it was asked, and how it answers."""

    def __init__(self) -> None:
        self.pings: list[float] = []
        self.headers: list[str] = []
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                assert self.path == "/ping/veryverysecretpart"
                outer.pings.append(time.monotonic())
                outer.headers += [name.lower() for name in self.headers]
                self.send_response(outer.status)
                self.send_header("Location", "/ping/veryverysecretpart")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/ping/veryverysecretpart"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def count(self) -> int:
        return len(self.pings)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def switch(environ: pytest.MonkeyPatch) -> Iterator[Switch]:
    made = Switch()
    environ.setenv("MINERECON_HEARTBEAT_URL", made.url)
    yield made
    made.close()


def ticks(alarm: Alarm, count: int = IN_THREE_MINUTES) -> list[str]:
    return [line for _ in range(count) for line in alarm.tick()]


@pytest.fixture
def watched(switch: Switch, instance: dg.DagsterInstance, warehouse: Engine, receiver: Receiver) -> Alarm:
    """The alerts with a heartbeat, after their first tick, which is healthy."""
    made = Alarm(instance, warehouse, receiver)
    assert made.tick() == []
    assert switch.count == 1
    return made


def test_each_healthy_tick_pings_once_and_without_credentials(
    watched: Alarm, switch: Switch, environ: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password hush\n", "utf-8")
    environ.setenv("NETRC", str(netrc))
    watched.result("2025-03-14")
    assert len(ticks(watched)) == 1
    assert switch.count == 1 + IN_THREE_MINUTES
    assert watched.skipped == "nothing new; heartbeat sent; 1 failures are told and not cleared"
    assert "authorization" not in switch.headers


def test_without_the_setting_nothing_is_pinged_and_nothing_said_of_it(alarm: Alarm) -> None:
    assert alarm.tick() == []
    assert "heartbeat" not in alarm.skipped


def test_webhook_dead_no_ping_once_a_message_has_waited_for_an_hour(watched: Alarm, switch: Switch) -> None:
    watched.receiver.down()
    watched.result("2025-03-14")
    ticks(watched, 2)
    assert switch.count == 3, "an hour is given to a webhook that restarts"
    watched.now += dt.timedelta(minutes=58)
    ticks(watched, 1)
    assert switch.count == 4
    watched.now += dt.timedelta(minutes=3)
    ticks(watched)
    assert switch.count == 4
    assert "no heartbeat: a message has waited for over 1 h" in watched.skipped
    watched.receiver.up()
    assert len(watched.tick()) == 1
    assert switch.count == 5


def test_database_dead_no_ping(watched: Alarm, switch: Switch, environ: pytest.MonkeyPatch) -> None:
    url = os.environ["DATABASE_URL"]
    environ.setenv("DATABASE_URL", f"postgresql://ann@127.0.0.1:{closed_port()}/minerecon")
    (told,) = ticks(watched)
    assert told.startswith("UNREACHABLE: ")
    assert switch.count == 1
    assert "no heartbeat: the warehouse cannot be read" in watched.skipped
    environ.setenv("DATABASE_URL", url)
    watched.tick()
    assert switch.count == 2


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return int(nobody.getsockname()[1])


def test_sensor_raising_no_ping(watched: Alarm, switch: Switch, environ: pytest.MonkeyPatch) -> None:
    environ.setenv("MINERECON_AUDIT_DAYS", "many")
    for _ in range(IN_THREE_MINUTES):
        with pytest.raises(ConfigurationError, match="MINERECON_AUDIT_DAYS"):
            watched.tick()
    assert switch.count == 1
    environ.delenv("MINERECON_AUDIT_DAYS")
    watched.tick()
    assert switch.count == 2


def test_something_unreadable_that_is_not_told_yet_no_ping(
    watched: Alarm, switch: Switch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> object:
        raise AttributeError("of another version")

    watched.failed_run(failing_job("ingest", "broken"))
    watched.receiver.down()
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_why", odd)
        watched.tick()
    ticks(watched, 2)
    assert switch.count == 1, "not even within the hour"
    assert "no heartbeat: something that it could not read is not told yet" in watched.skipped
    watched.receiver.up()
    (told,) = watched.tick()
    assert told.startswith("UNREADABLE: ")
    assert switch.count == 2


def test_events_that_are_not_read_yet_no_ping(watched: Alarm, switch: Switch, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.failed_run(failing_job("ingest", "broken"))
    with monkeypatch.context() as patch:
        patch.setattr(runs, "READ_FOR_S", -1.0)
        watched.tick()
    assert switch.count == 1
    assert "no heartbeat: there are failed runs that it has not read yet" in watched.skipped
    watched.tick()
    assert switch.count == 2


@pytest.mark.first_quick
@pytest.mark.parametrize(("status", "asks_a_person"), [(500, False), (404, True), (302, True)])
def test_a_heartbeat_that_is_not_taken_is_said_and_fails_no_tick(
    watched: Alarm, switch: Switch, caplog: pytest.LogCaptureFixture, status: int, asks_a_person: bool
) -> None:
    switch.status = status
    watched.result("2025-03-14")
    assert len(watched.tick()) == 1
    assert switch.count == 2, "and no redirection is followed"
    said = f"the heartbeat at 127.0.0.1 was not taken: HTTP {status}"
    assert said in watched.skipped
    assert said in caplog.text
    assert ("correct MINERECON_HEARTBEAT_URL" in watched.skipped) == asks_a_person
    assert "veryverysecretpart" not in caplog.text + watched.skipped


def test_a_heartbeat_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "_LONGEST_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        refused = heartbeat.ping(f"http://127.0.0.1:{silent.getsockname()[1]}/ping/secret")
    assert refused is not None
    assert refused.reason == "no answer within 0.3 s"
    assert time.monotonic() - began < 2


def test_the_heartbeat_is_a_secret() -> None:
    environ = {"MINERECON_HEARTBEAT_URL": "https://hc-ping.com/0b1e7a3c-7a0d-4f0e-9f5e-3f2b6d1c9a10"}
    assert Settings.from_environ(environ).heartbeat_url == environ["MINERECON_HEARTBEAT_URL"]
    assert redact("GET /0b1e7a3c-7a0d-4f0e-9f5e-3f2b6d1c9a10 failed", environ) == f"GET {HIDDEN} failed"
    assert "0b1e7a3c" not in repr(Settings.from_environ(environ))
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"MINERECON_HEARTBEAT_URL": "hc-ping.com/hush"})
    assert str(caught.value) == "MINERECON_HEARTBEAT_URL must be an http or https URL"


# --- the watch over the alerts


class Watch:
    """Ticks of the real sensor `alerts_watch` over what Dagster has on record of the sensor `alerts`."""

    def __init__(self, instance: dg.DagsterInstance, receiver: Receiver) -> None:
        self.instance = instance
        self.receiver = receiver
        self.now = NOW
        self.cursor: str | None = None
        self.said = ""
        location = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="minerecon_dagster.definitions"))
        self.origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), ALERTS)
        self.selector_id = self.origin.get_selector().get_id()
        self._state = InstigatorState(
            self.origin, InstigatorType.SENSOR, InstigatorStatus.DECLARED_IN_CODE, SensorInstigatorData()
        )
        instance.add_instigator_state(self._state)

    def ticked(self, status: TickStatus = TickStatus.SKIPPED, error: str | None = None) -> None:
        """The sensor `alerts` has ticked, now."""
        said = None if error is None else SerializableErrorInfo(error, [], "ConfigurationError")
        self.instance.create_tick(
            TickData(
                self.origin.get_id(),
                ALERTS,
                InstigatorType.SENSOR,
                status,
                self.now.timestamp(),
                error=said,
                selector_id=self.selector_id,
            )
        )

    def switch(self, status: InstigatorStatus) -> None:
        self._state = self._state.with_status(status)
        self.instance.update_instigator_state(self._state)

    def look(self) -> list[str]:
        """A minute goes by, and the watch looks; what the webhook got by it."""
        self.now += dt.timedelta(minutes=1)
        before = len(self.receiver.texts)
        resources = {"clock": StoppedClock(stopped_at=self.now.isoformat())}
        context = dg.build_sensor_context(cursor=self.cursor, resources=resources, sensor_name="alerts_watch")
        context._instance = self.instance
        with context:
            found = SENSORS["alerts_watch"].evaluate_tick(context)
            self.said, self.cursor = found.skip_message or "", found.cursor
        return self.receiver.texts[before:]

    def minutes(
        self, count: int, status: TickStatus | None = TickStatus.SKIPPED, error: str | None = None
    ) -> list[str]:
        told = []
        for _ in range(count):
            if status is not None:
                self.ticked(status, error)
            told += self.look()
        return told


@pytest.fixture
def watch(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    with dg.instance_for_test() as instance:
        made = Watch(instance, receiver)
        assert made.minutes(3) == []
        yield made


def test_alerts_that_fail_are_told_once_and_once_when_they_work_again(watch: Watch) -> None:
    assert watch.minutes(2, TickStatus.FAILURE, "a database restarts") == []
    assert watch.minutes(1) == []
    error = "MINERECON_AUDIT_DAYS must be a whole number; password=hush-hush"
    (told,) = watch.minutes(8, TickStatus.FAILURE, error)
    assert told.startswith("ALERTS ARE DEAD: the sensor `alerts`: its last 3 ticks failed, the latest with: MINERECON_")
    assert "hush" not in told
    assert "Repair: look at `alerts` under Automation" in told
    assert watch.minutes(3) == ["CLEARED: the sensor `alerts` works again; what happened meanwhile is told by itself"]


def test_alerts_that_are_switched_off_are_told_and_so_is_that_they_are_on_and_work(watch: Watch) -> None:
    watch.switch(InstigatorStatus.STOPPED)
    (told,) = watch.minutes(20, None)
    assert told.startswith("ALERTS ARE DEAD: the sensor `alerts`: it is switched off. Nothing else is told")
    watch.switch(InstigatorStatus.RUNNING)
    assert watch.minutes(2, None) == [], "it is on, and has not worked yet"
    (cleared,) = watch.minutes(2)
    assert cleared.startswith("CLEARED: ")


def test_alerts_that_stand_still_are_told(watch: Watch) -> None:
    assert watch.minutes(4, TickStatus.STARTED) == []
    (told,) = watch.minutes(4, TickStatus.STARTED)
    assert "no tick of it has ended well since 2025-03-20 09:02 UTC" in told
    (cleared,) = watch.minutes(2)
    assert cleared.startswith("CLEARED: ")


@pytest.mark.slow
def test_after_a_night_without_a_daemon_the_alerts_are_given_their_time(watch: Watch) -> None:
    watch.now += dt.timedelta(hours=8)
    assert watch.minutes(2, None) == []
    assert watch.minutes(2) == []


@pytest.mark.slow
def test_a_watch_that_cannot_deliver_tries_again_and_tells_once(watch: Watch) -> None:
    watch.receiver.down()
    assert watch.minutes(5, TickStatus.FAILURE, "broken") == []
    assert "the webhook at 127.0.0.1 took no message: connection failed" in watch.said
    watch.receiver.up()
    (told,) = watch.minutes(3, TickStatus.FAILURE, "broken")
    assert told.startswith("ALERTS ARE DEAD: ")


@pytest.mark.slow
def test_a_setting_that_ends_the_alerts_does_not_end_the_watch(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_AUDIT_DAYS", "many")
    with pytest.raises(ConfigurationError):
        Settings.from_environ()
    (told,) = watch.minutes(4, TickStatus.FAILURE, "MINERECON_AUDIT_DAYS must be a whole number")
    assert told.startswith("ALERTS ARE DEAD: ")


@pytest.mark.slow
def test_without_a_webhook_the_watch_says_it_in_the_log(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("MINERECON_ALERT_WEBHOOK_URL")
    assert watch.minutes(6, TickStatus.FAILURE, "broken") == []
    said = [r.levelname for r in caplog.records if r.name.endswith("defs.watch") and "DEAD" in r.getMessage()]
    assert said == ["ERROR"]


@pytest.mark.first_quick
@pytest.mark.parametrize("damaged", ["not json", "{}", '{"up_since": 1, "looked_at": "x"}', "[]"])
def test_a_damaged_memory_of_the_watch_is_a_new_one(watch: Watch, damaged: str) -> None:
    watch.cursor = damaged
    assert watch.minutes(2) == []
    (told,) = watch.minutes(4, TickStatus.FAILURE, "broken")
    assert told.startswith("ALERTS ARE DEAD: ")


# --- a real daemon


def wait_for(happened: Callable[[], bool], within_s: float, what: str) -> None:
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, f"{what}: not within {within_s} s"
        time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.waits
def test_with_a_real_daemon_sensor_switched_off_and_daemon_stopped_are_silence(
    switch: Switch,
    receiver: Receiver,
    elexon: FakeElexon,
    embedded_environ: dict[str, str],
    environ: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    environ.setenv("ELEXON_BASE_URL", elexon.base_url)  # synthetic: schedules ask it for nothing
    environ.setenv("MINERECON_HOME", str(tmp_path / "home"))
    environ.setenv("DAGSTER_HOME", str(PROJECT_ROOT))
    with database(embedded_environ["DATABASE_URL"]) as dagster_url:
        environ.setenv("DAGSTER_POSTGRES_URL", dagster_url)
        command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-m", "minerecon_dagster.definitions"]
        with (tmp_path / "daemon.log").open("wb") as log:
            daemon = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log)
        try:
            wait_for(lambda: switch.count >= 2, 300, "two pings of a healthy daemon")
            with dg.DagsterInstance.get() as instance:

                def turn(status: InstigatorStatus) -> None:
                    (state,) = [s for s in instance.all_instigator_state() if s.instigator_name == ALERTS]
                    instance.update_instigator_state(state.with_status(status))

                turn(InstigatorStatus.STOPPED)
                wait_for(lambda: bool(receiver.texts), 240, "that the alerts are off is told")
                (told,) = receiver.texts
                assert told.startswith("ALERTS ARE DEAD: the sensor `alerts`: it is switched off.")
                count = switch.count
                time.sleep(180)  # what is to be seen is that nothing happens
                assert switch.count == count, "sensor switched off: no ping within 3 minutes"
                turn(InstigatorStatus.RUNNING)
                wait_for(lambda: switch.count > count, 120, "a ping of a sensor that is on again")
                wait_for(lambda: len(receiver.texts) == 2, 180, "that the alerts are on again is told")
                assert receiver.texts[1].startswith("CLEARED: the sensor `alerts` works again")
        finally:
            daemon.terminate()
            daemon.wait(60)
    count = switch.count
    time.sleep(180)
    assert switch.count == count, "daemon stopped: no ping within 3 minutes"
