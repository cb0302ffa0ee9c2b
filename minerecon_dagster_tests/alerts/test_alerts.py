"""Alerts, by ticks of the real sensor over a real warehouse, a real Dagster instance and a webhook on loopback."""

import datetime as dt
import http.server
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    AUTO_RETRY_RUN_ID_TAG,
    PARTITION_NAME_TAG,
    WILL_RETRY_TAG,
)
from sqlalchemy import Engine, text

from minerecon_dagster.alerts import state as state_module
from minerecon_dagster.alerts import text as words
from minerecon_dagster.alerts.failures import Detail
from minerecon_dagster.alerts.redaction import HIDDEN, redact
from minerecon_dagster.alerts.state import Check, FailedRuns, Message, State, Watermark
from minerecon_dagster.alerts.text import MOST_CHARACTERS
from minerecon_dagster.alerts.webhook import Refused, Webhook, escaped
from minerecon_dagster.checks.properties import PROPERTIES
from minerecon_dagster.core.checks import DIFFICULTY_KNOWN, RECORDS_MATCH_ARCHIVE, SOURCE_UNCHANGED, Property
from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.core.spans import spans
from minerecon_dagster.core.unfinished import Unfinished
from minerecon_dagster.defs.resources import WarehouseResource
from minerecon_dagster.defs.sensors import build_sensors
from minerecon_dagster.settings import Settings
from minerecon_dagster_tests.analytics.by_hand import store_day
from minerecon_dagster_tests.fake_elexon import Fault, boav_path
from minerecon_dagster_tests.project import DAY, Project
from minerecon_dagster_tests.stopped_clock import StoppedClock

pytestmark = pytest.mark.filterwarnings("ignore::dagster.BetaWarning")

D = dt.date.fromisoformat
SENSORS = {sensor.name: sensor for sensor in build_sensors().sensors}
NOW = dt.datetime(2025, 3, 20, 9, 0, tzinfo=dt.UTC)
HALF_A_MINUTE = dt.timedelta(seconds=30)
FINE = 200


class Receiver:
    """A webhook: what it was sent, and how it answers."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.attempts = 0
        self.answer: Callable[[int], int] = lambda _: FINE
        self.path = "/services/T0001/B0001/veryverysecretpart"
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.path}"

    def up(self) -> None:
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.attempts += 1
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == outer.path
                assert set(body) == {"text"}
                status = outer.answer(outer.attempts)
                if status == FINE:
                    outer.texts.append(body["text"])
                self._answer(status)

            def do_GET(self) -> None:  # where a redirection that is followed ends
                self._answer(FINE)

            def _answer(self, status: int) -> None:
                self.send_response(status)
                self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()
        self._server = None

    def close(self) -> None:
        if self._server is not None:
            self.down()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class Alarm:
    """Ticks of the sensor, each with the cursor that the one before left, as the daemon has it."""

    def __init__(self, instance: dg.DagsterInstance, engine: Engine, receiver: Receiver) -> None:
        self.instance = instance
        self.engine = engine
        self.receiver = receiver
        self.cursor: str | None = None
        self.now = NOW
        self.skipped = ""
        self.result_id = 0

    def evaluate(self, cursor: str | None) -> dg.SensorEvaluationContext:
        """A tick that is not remembered: of a daemon that dies before it has written down the cursor."""
        resources = {"warehouse": WarehouseResource(), "clock": StoppedClock(stopped_at=self.now.isoformat())}
        context = dg.build_sensor_context(cursor=cursor, resources=resources, sensor_name="alerts")
        context._instance = self.instance  # the builder wants an instance that another process could open
        with context:
            found = SENSORS["alerts"].evaluate_tick(context)
            assert not found.run_requests
            self.skipped = found.skip_message or ""
            assert found.cursor is not None
            context.update_cursor(found.cursor)
        return context

    def tick(self) -> list[str]:
        """A tick, and what the webhook got by it."""
        before = len(self.receiver.texts)
        self.cursor = self.evaluate(self.cursor).cursor
        self.now += HALF_A_MINUTE
        return self.receiver.texts[before:]

    @property
    def state(self) -> State:
        return State.from_cursor(self.cursor)

    def result(
        self,
        *days: str,
        passed: bool = False,
        check: str = RECORDS_MATCH_ARCHIVE.full_name,
        severity: str = "ERROR",
        scope: str = "day",
        repair: str = "minerecon reingest {} --from-archive",
        expected: str = "12 rows",
        actual: str = "9 rows",
        waived_until: str | None = None,
        run_id: str | None = "run-of-the-check",
        violations: str = "[]",
    ) -> None:
        """Record an evaluation of a check for each of ``days``."""
        family, _, name = check.partition(".")
        with self.engine.begin() as connection:
            for day in days:
                connection.execute(
                    text(
                        "INSERT INTO minerecon.reconciliation_results (settlement_date, check_family, check_name,"
                        " passed, severity, expected, actual, looked_at, violation_count, violations, repair, run_id,"
                        " evaluated_at, scope, waiver, waived_until) VALUES (:day, :family, :name, :passed, :severity,"
                        " :expected, :actual, 120, :wrong, :violations, :repair, :run_id, :at, :scope, :waiver, :until)"
                    ),
                    {
                        "day": day,
                        "family": family,
                        "name": name,
                        "passed": passed,
                        "severity": severity,
                        "expected": expected,
                        "actual": actual,
                        "wrong": 0 if passed else 3,
                        "violations": violations,
                        "repair": repair.format(day),
                        "run_id": run_id,
                        "at": self.now,
                        "scope": scope,
                        "waiver": "known, says Ann" if waived_until else None,
                        "until": waived_until,
                    },
                )

    def mend(self, *days: str, **options: Any) -> None:
        self.result(*days, passed=True, **options)

    def restate(self, day: str, *, old_state: str = "final", number: int | None = None) -> None:
        """A change of a day at the source, as the pipeline records it."""
        overriding = "" if number is None else "OVERRIDING SYSTEM VALUE"
        with self.engine.begin() as connection:
            connection.execute(
                text(
                    f"INSERT INTO minerecon.restatements ({'' if number is None else 'restatement_id,'}"
                    " settlement_date, detected_at, old_state, old_curtailed_mwh, new_curtailed_mwh, old_payment_gbp,"
                    " new_payment_gbp, old_all_bids_mwh, new_all_bids_mwh, old_archive_uri, new_archive_uri, run_id)"
                    f" {overriding} VALUES ({'' if number is None else ':number,'} :day, :at, :state, 1234.5, 1300,"
                    " 5000, 5100.25, 2000, 2100, 'a', 'b', 'run-that-saw-it')"
                ),
                {"day": day, "at": self.now, "state": old_state, "number": number},
            )

    def failed_run(self, job: dg.JobDefinition, **tags: str) -> str:
        """A real run of a job that fails; its id."""
        result = job.execute_in_process(instance=self.instance, tags=tags, raise_on_error=False)
        assert not result.success
        return result.run_id


@pytest.fixture
def environ(
    warehouse: Engine, receiver: Receiver, embedded_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> pytest.MonkeyPatch:
    values = embedded_environ | {
        "DATABASE_URL": warehouse.url.render_as_string(hide_password=False),
        "MINERECON_ALERT_WEBHOOK_URL": receiver.url,
        "MINERECON_UI_URL": "https://dagster.example.com/ui",
        "ELEXON_BASE_URL": "http://elexon.invalid/bmrs/api/v1",
    }
    for variable, value in values.items():
        monkeypatch.setenv(variable, value)
    return monkeypatch


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def alarm(instance: dg.DagsterInstance, warehouse: Engine, receiver: Receiver, environ: pytest.MonkeyPatch) -> Alarm:
    """The alerts after their first tick, over a warehouse in which nothing fails."""
    made = Alarm(instance, warehouse, receiver)
    assert made.tick() == []
    assert made.skipped == "nothing new; 0 failures are told and not cleared"
    return made


def failing_job(name: str, error: str) -> dg.JobDefinition:
    @dg.op(name=f"{name}_op")
    def fails() -> None:
        raise RuntimeError(error)

    return dg.GraphDefinition(name=name, node_defs=[fails]).to_job()


def good_job(name: str) -> dg.JobDefinition:
    @dg.op(name=f"{name}_op")
    def works() -> None:
        pass

    return dg.GraphDefinition(name=name, node_defs=[works]).to_job()


# --- checks


@pytest.mark.parametrize("checked", PROPERTIES, ids=lambda p: p.full_name)
def test_whichever_check_fails_what_must_hold_is_told(checked: Property) -> None:
    detail = Detail("a", "b", 3, 1, checked.repair_of(DAY), None, None, None, NOW)
    told = words.failing(Check("day", checked.family, checked.name), {DAY.toordinal(): detail}, "")
    assert f"What must hold: {checked.meaning}" in told.splitlines()


def test_a_check_is_told_once_when_it_fails_and_once_when_it_clears(alarm: Alarm) -> None:
    alarm.result("2025-03-14", "2025-03-15")
    assert alarm.tick() == [
        "FAILING: conservation.records_match_archive (ERROR), 2025-03-14 to 2025-03-15 (2 days): on 2025-03-14 "
        "3 of 120 wrong; expected 12 rows, found 9 rows\n"
        f"What must hold: {escaped(RECORDS_MATCH_ARCHIVE.meaning)}\n"
        "Repair: `minerecon reingest 2025-03-14 2025-03-15 --from-archive`\n"
        "Run: https://dagster.example.com/ui/runs/run-of-the-check"
    ]
    assert alarm.tick() == []
    alarm.result("2025-03-14")  # evaluated again, and no news
    assert alarm.tick() == []
    alarm.mend("2025-03-14", "2025-03-15")
    assert alarm.tick() == [
        "CLEARED: conservation.records_match_archive (ERROR), 2025-03-14 to 2025-03-15 (2 days); "
        "it was failing since 2025-03-20 09:00 UTC"
    ]
    assert alarm.tick() == []


def test_a_range_that_grows_and_shrinks_is_told_by_its_new_and_its_cleared_days_only(alarm: Alarm) -> None:
    alarm.result("2025-03-14", "2025-03-15")
    alarm.tick()
    alarm.result("2025-03-16", "2025-03-14")
    (grown,) = alarm.tick()
    assert grown.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-16: 3 of 120 wrong")
    assert "`minerecon reingest 2025-03-16 --from-archive`" in grown
    alarm.mend("2025-03-15", "2025-03-16")
    (shrunk,) = alarm.tick()
    assert shrunk.startswith("CLEARED: conservation.records_match_archive (ERROR), 2025-03-15 to 2025-03-16 (2 days)")
    assert "since 2025-03-20 09:00 UTC" in shrunk  # by the earlier of the two days
    assert alarm.skipped.endswith("1 failures are told and not cleared")


def test_checks_and_ranges_are_told_apart(alarm: Alarm) -> None:
    alarm.result("2025-03-01", "2025-03-02", "2025-03-05")
    alarm.result("2025-03-02", check=DIFFICULTY_KNOWN.full_name, repair="minerecon difficulty load FILE.csv")
    told = alarm.tick()
    assert [line.partition(":")[0] + line.partition(":")[2].partition(":")[0] for line in told] == [
        "FAILING calculation.difficulty_known (ERROR), 2025-03-02",
        "FAILING conservation.records_match_archive (ERROR), 2025-03-01 to 2025-03-02 (2 days)",
        "FAILING conservation.records_match_archive (ERROR), 2025-03-05",
    ]
    assert "Repair: `minerecon difficulty load FILE.csv`" in told[0]


def test_repairs_that_differ_by_more_than_the_date_are_listed_up_to_three(alarm: Alarm) -> None:
    alarm.result("2025-03-01", repair="minerecon reingest {} --force")
    alarm.result("2025-03-02", "2025-03-03", "2025-03-04")
    (told,) = alarm.tick()
    assert (
        "Repair: `minerecon reingest 2025-03-01 --force`; `minerecon reingest 2025-03-02 --from-archive`; "
        "`minerecon reingest 2025-03-03 --from-archive`; and 1 more, see `minerecon status`"
    ) in told


def test_what_already_fails_at_the_first_tick_is_a_message_a_check(
    instance: dg.DagsterInstance, warehouse: Engine, receiver: Receiver, environ: pytest.MonkeyPatch
) -> None:
    alarm = Alarm(instance, warehouse, receiver)
    days = [f"2025-01-{n:02d}" for n in (1, 2, 4, 6, 8, 10, 12, 14)]
    alarm.result(*days)
    alarm.result(*days[:5], check=DIFFICULTY_KNOWN.full_name)
    alarm.restate("2025-01-01")
    alarm.failed_run(failing_job("before", "an old story"))
    told = alarm.tick()
    assert len(told) == 2
    assert (
        "(ERROR), 8 days: 2025-01-01 to 2025-01-02, 2025-01-04, 2025-01-06, 2025-01-08, 2025-01-10 and 2 more ranges:"
    ) in told[1]
    assert "`minerecon reingest 2025-01-01 2025-01-02 --from-archive`" in told[1]
    assert "(ERROR), 5 days: 2025-01-01 to 2025-01-02, 2025-01-04, 2025-01-06, 2025-01-08:" in told[0]
    assert alarm.tick() == []


def test_many_ranges_of_a_check_at_once_are_one_message(alarm: Alarm) -> None:
    days = [f"2025-01-{n:02d}" for n in range(1, 13, 2)]
    alarm.result(*days)
    assert len(alarm.tick()) == 1
    alarm.mend(*days)
    (told,) = alarm.tick()
    assert "6 days: 2025-01-01, 2025-01-03" in told


def test_warnings_and_waived_results_alert_nobody_and_a_waiver_that_lapses_does(alarm: Alarm) -> None:
    alarm.result("2025-03-14", severity="WARN")
    alarm.result("2025-03-15", waived_until="2025-03-21")
    assert alarm.tick() == []
    alarm.now = dt.datetime(2025, 3, 21, 23, 59, tzinfo=dt.UTC)
    assert alarm.tick() == []
    alarm.now = dt.datetime(2025, 3, 22, 0, 0, tzinfo=dt.UTC)
    (told,) = alarm.tick()
    assert told.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-15:")


def test_a_failure_that_is_waived_is_not_called_cleared(alarm: Alarm) -> None:
    alarm.result("2025-03-14")
    alarm.tick()
    alarm.result("2025-03-14", waived_until="2025-04-01")
    (told,) = alarm.tick()
    assert told.startswith("ACCEPTED: conservation.records_match_archive (ERROR), 2025-03-14: it still fails")
    assert "until 2025-04-01: known, says Ann" in told
    assert alarm.tick() == []


def test_months_and_years_are_ranges_of_their_own_kind(alarm: Alarm) -> None:
    stale = {"check": "rollups.sums_not_older_than_parts", "repair": "minerecon reingest 2025-01-07"}
    alarm.result("2024-12-01", "2025-01-01", scope="month", **stale)
    alarm.result("2025-01-01", scope="year", **stale)
    told = alarm.tick()
    assert [line.partition(", ")[2].partition(":")[0] for line in told] == ["2024-12 to 2025-01 (2 months)", "2025"]
    assert "Repair: `minerecon reingest 2025-01-07`\n" in told[0]
    alarm.mend("2024-12-01", scope="month", **stale)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: rollups.sums_not_older_than_parts (ERROR), 2024-12;")


def test_a_freshness_breach_goes_on_over_the_days_on_which_it_is_looked_at(alarm: Alarm) -> None:
    late = {"check": "freshness.yesterday_is_there", "scope": "all", "repair": "minerecon reingest 2025-03-19"}
    alarm.result("2025-03-20", **late)
    (told,) = alarm.tick()
    assert told.startswith("FAILING: freshness.yesterday_is_there (ERROR), over all days: 3 of 120 wrong;")
    assert "Repair: `minerecon reingest 2025-03-19`" in told
    alarm.result("2025-03-21", **late)
    assert alarm.tick() == []
    alarm.mend("2025-03-22", **late)  # the failed looks of the days before stay on record
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: freshness.yesterday_is_there (ERROR), over all days;")


def test_a_look_by_a_clock_that_was_ahead_hides_none_that_comes_after_it(alarm: Alarm) -> None:
    late = {"check": "freshness.yesterday_is_there", "scope": "all"}
    alarm.mend("2026-03-20", **late)
    assert alarm.tick() == []
    alarm.result("2025-03-21", **late)
    (told,) = alarm.tick()
    assert told.startswith("FAILING: freshness.yesterday_is_there")
    alarm.mend("2025-03-22", **late)
    (cleared,) = alarm.tick()
    assert cleared.startswith("CLEARED: freshness.yesterday_is_there")


def test_that_nobody_looks_at_all_days_any_more_is_told_and_so_is_that_somebody_does(alarm: Alarm) -> None:
    look = {"check": "freshness.yesterday_is_there", "scope": "all"}
    assert alarm.state.failing == {}, "where nothing is stored, no look is missing"
    alarm.mend("2025-03-20", **look)
    began = alarm.now
    alarm.now = began + dt.timedelta(hours=26)
    assert alarm.tick() == []
    (told,) = alarm.tick()
    assert told == (
        "FAILING: freshness.inventory_is_taken (ERROR), over all days: 1 of 1 wrong; expected a look at all days "
        "within 26 h, found none since 2025-03-20 09:00 UTC\n"
        "Repair: `minerecon local -- dagster job execute -m minerecon_dagster.definitions -j standing_inventory`"
    )
    assert alarm.tick() == []
    alarm.result("2025-03-21", **look)  # whatever it finds
    assert [message.partition(" (ERROR)")[0] for message in alarm.tick()] == [
        "CLEARED: freshness.inventory_is_taken",
        "FAILING: freshness.yesterday_is_there",
    ]


def test_that_all_days_were_never_looked_at_is_told_a_day_after_the_first_was_built(alarm: Alarm) -> None:
    with alarm.engine.begin() as connection:
        store_day(connection, DAY, difficulty=Decimal(1), synthetic=False)
        connection.execute(text("UPDATE minerecon.daily_summaries SET built_at = :at"), {"at": alarm.now})
    alarm.now += dt.timedelta(hours=26)
    assert alarm.tick() == []
    (told,) = alarm.tick()
    assert told.startswith("FAILING: freshness.inventory_is_taken (ERROR), over all days: ")


def test_a_look_that_is_dated_far_ahead_is_none(alarm: Alarm) -> None:
    alarm.mend("2025-03-20", check="freshness.yesterday_is_there", scope="all")
    began = alarm.now
    alarm.now -= dt.timedelta(days=300)
    (told,) = alarm.tick()
    assert f"found the newest is dated {began:%Y-%m-%d %H:%M} UTC" in told


def test_of_the_sample_which_no_schedule_asks_no_look_is_missed(alarm: Alarm) -> None:
    with alarm.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO minerecon.bm_units (bmu_id, valid_from, looks_like_wind, is_synthetic)"
                " VALUES ('T_SYNTW-1', '2025-01-01', true, true)"
            )
        )
    alarm.mend("2025-03-20", check="freshness.yesterday_is_there", scope="all")
    alarm.now += dt.timedelta(days=90)
    assert alarm.tick() == []


# --- the webhook


def test_a_webhook_that_is_down_loses_nothing_and_keeps_the_order(alarm: Alarm) -> None:
    alarm.receiver.down()
    alarm.result("2025-03-14")
    assert alarm.tick() == []
    assert alarm.skipped.startswith("the webhook at 127.0.0.1 took no message: connection failed; 1 wait, in order")
    alarm.mend("2025-03-14")  # it opens and clears while nobody can be told
    alarm.tick()
    alarm.result("2025-03-15")
    alarm.tick()
    assert "; 3 wait, in order" in alarm.skipped
    alarm.receiver.up()
    told = alarm.tick()
    assert [re.sub(r"[:;] .*", "", line.replace(": ", " ", 1), flags=re.S) for line in told] == [
        "FAILING conservation.records_match_archive (ERROR), 2025-03-14",
        "CLEARED conservation.records_match_archive (ERROR), 2025-03-14",
        "FAILING conservation.records_match_archive (ERROR), 2025-03-15",
    ]
    assert alarm.skipped.startswith("3 messages delivered")
    assert alarm.tick() == []


@pytest.mark.first_quick
@pytest.mark.parametrize(
    ("status", "is_lasting"),
    [(500, False), (503, False), (429, False), (404, True), (410, True), (403, True), (302, True)],
)
def test_an_answer_that_is_no_2xx_keeps_the_message(
    alarm: Alarm, caplog: pytest.LogCaptureFixture, status: int, is_lasting: bool
) -> None:
    # The second message is refused: the first is not sent again, and nothing is sent after it.
    alarm.receiver.answer = lambda attempt: status if attempt > 1 else FINE
    alarm.result("2025-03-01", "2025-03-03", "2025-03-05")
    for _ in range(2):
        caplog.clear()
        alarm.tick()
        (record,) = [r for r in caplog.records if r.name == "minerecon_dagster.defs.alerts"]
        assert f"HTTP {status}; 2 wait, in order" in record.getMessage()
        assert record.levelno == (logging.ERROR if is_lasting else logging.WARNING)
    assert alarm.receiver.attempts == 3
    alarm.receiver.answer = lambda _: FINE
    alarm.tick()
    assert [line.partition(", ")[2][:10] for line in alarm.receiver.texts] == ["2025-03-01", "2025-03-03", "2025-03-05"]


@contextmanager
def odd_server(serve: Callable[[socket.socket, threading.Event], None]) -> Iterator[str]:
    """A server that does what ``serve`` does with each connection, until the end of the block."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    serve(connection, over)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/services/secret-path-of-the-hook"
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_webhook_that_never_answers_is_given_up_in_time() -> None:
    with odd_server(lambda _, over: over.wait() and None) as url:
        assert Webhook(url, read_timeout_s=0.2).post("text") == Refused("no answer within 0.2 s")


@pytest.mark.slow
def test_a_webhook_that_answers_drop_by_drop_is_given_up_in_time() -> None:
    def drip(connection: socket.socket, over: threading.Event) -> None:
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not over.wait(0.05):
                connection.sendall(b"X-More: yes\r\n")
        except OSError:
            pass

    with odd_server(drip) as url:
        began = time.monotonic()
        assert Webhook(url, read_timeout_s=5, longest_s=0.5).post("text") == Refused("no answer within 0.5 s")
        assert time.monotonic() - began < 2


@pytest.mark.slow
def test_a_body_without_end_is_not_read() -> None:
    def stream(connection: socket.socket, over: threading.Event) -> None:
        try:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            while not over.wait(0.05):
                connection.sendall(b"more ")
        except OSError:
            pass

    with odd_server(stream) as url:
        assert Webhook(url, longest_s=5).post("text") is None


def test_no_delivery_begins_late_in_a_tick(alarm: Alarm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minerecon_dagster.defs.alerts.DELIVER_FOR_S", 0.0)
    alarm.result("2025-03-01", "2025-03-03")
    assert len(alarm.tick()) == 1
    assert alarm.skipped.startswith("1 messages delivered; 1 wait for the next tick")
    assert len(alarm.tick()) == 1
    assert alarm.tick() == []


def test_a_tick_that_dies_after_delivery_is_repeated_as_a_whole(alarm: Alarm) -> None:
    alarm.result("2025-03-14")
    alarm.evaluate(alarm.cursor)
    (first,) = alarm.receiver.texts
    assert alarm.tick() == [first]  # twice, rather than perhaps never
    assert alarm.tick() == []


def test_without_a_webhook_messages_go_to_the_log(
    alarm: Alarm, environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environ.delenv("MINERECON_ALERT_WEBHOOK_URL")
    caplog.set_level(logging.INFO)
    alarm.result("2025-03-14")
    alarm.tick()
    alarm.mend("2025-03-14")
    alarm.tick()
    said = [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "minerecon_dagster.defs.alerts"]
    assert [level for level, _ in said] == ["ERROR", "INFO"]
    assert said[0][1].startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-14: 3 of 120 wrong;")
    assert " | Repair: `minerecon reingest 2025-03-14 --from-archive` | Run: " in said[0][1]
    assert said[1][1].startswith("CLEARED: ")
    assert alarm.state.queue == []
    assert alarm.receiver.texts == []


def test_of_too_many_waiting_messages_the_oldest_become_one_that_counts_them(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_module, "MOST_WAITING", 3)
    alarm.receiver.down()
    for day in ("2025-03-01", "2025-03-03", "2025-03-05"):
        alarm.result(day)
        alarm.tick()
        alarm.mend(day)
        alarm.tick()
    assert [message.kind for message in alarm.state.queue] == ["DELAYED", "FAILING", "CLEARED"]
    alarm.receiver.up()
    told = alarm.tick()
    assert told[0].startswith("DELAYED: 4 older messages, 2025-03-20 09:00 UTC to ")
    assert "because more than 3 waited: 2 CLEARED, 2 FAILING." in told[0]
    assert [line.partition(", ")[2][:10] for line in told[1:]] == ["2025-03-05", "2025-03-05"]


def test_a_message_is_shorter_than_slack_and_a_reader_can_take(alarm: Alarm) -> None:
    for n in range(1, 29):
        alarm.result(f"2025-02-{n:02d}", repair="minerecon reingest {} " + "x" * 3000, actual="<&>" * 3000)
    (told,) = alarm.tick()
    assert len(told.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")) <= MOST_CHARACTERS
    assert "Run: https://dagster.example.com/ui/runs/run-of-the-check" in told


def test_slack_finds_no_link_and_no_mention_that_others_wrote(alarm: Alarm) -> None:
    alarm.result("2025-03-14", actual="<!channel> <https://evil.example|click> & more")
    (told,) = alarm.tick()
    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; more" in told


# --- restatements


def test_a_final_day_that_was_restated_is_told_once_and_others_are_not(alarm: Alarm) -> None:
    alarm.restate("2025-03-14")
    alarm.restate("2025-03-15")
    alarm.restate("2025-03-16", old_state="provisional")
    assert alarm.tick() == [
        "RESTATED: 2025-03-14 to 2025-03-15 (2 days), final before, changed at the source; what is stored follows it\n"
        "2025-03-14: SO-flagged 1,234.50 → 1,300.00 MWh, £5,000.00 → £5,100.25; all bids 2,000.00 → 2,100.00 MWh\n"
        "2025-03-15: SO-flagged 1,234.50 → 1,300.00 MWh, £5,000.00 → £5,100.25; all bids 2,000.00 → 2,100.00 MWh\n"
        "Run: https://dagster.example.com/ui/runs/run-that-saw-it"
    ]
    assert alarm.tick() == []


def test_a_restatement_that_is_committed_after_one_with_a_higher_number_is_told_too(alarm: Alarm) -> None:
    alarm.restate("2025-03-14", number=12)
    alarm.tick()
    alarm.restate("2025-03-10", number=11)
    (told,) = alarm.tick()
    assert "2025-03-10" in told
    alarm.now += dt.timedelta(hours=2)
    assert alarm.tick() == []
    assert alarm.state.restatements == Watermark(12)


# --- the warehouse


def test_a_warehouse_that_is_down_is_told_once_and_clears_nothing(alarm: Alarm, environ: pytest.MonkeyPatch) -> None:
    alarm.result("2025-03-14")
    alarm.tick()
    url = Settings.from_environ().database_url
    assert url is not None
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    environ.setenv("DATABASE_URL", f"postgresql://ann:hush-hush-hush@127.0.0.1:{port}/minerecon")
    (told,) = alarm.tick()
    assert told.startswith("UNREACHABLE: the warehouse cannot be read")
    assert f"cannot connect to postgresql+psycopg2://{HIDDEN}@127.0.0.1:{port}/minerecon: " in told
    assert "hush" not in told
    run_id = alarm.failed_run(failing_job("bm_units_refresh", "no register"))
    (of_run,) = alarm.tick()
    assert of_run.startswith("RUN FAILED: bm_units_refresh: ")
    assert run_id in of_run
    environ.setenv("DATABASE_URL", url)
    alarm.result("2025-03-15")
    back, new = alarm.tick()
    assert back.startswith("CLEARED: the warehouse can be read again; it could not since 2025-03-20 09:01 UTC")
    assert new.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-15:")


def test_a_warehouse_without_its_tables_is_told_like_one_that_is_down(alarm: Alarm) -> None:
    with alarm.engine.begin() as connection:
        connection.execute(text("RESET ROLE"))  # the pipeline's role may not, and the owner's may
        connection.execute(text("DROP TABLE minerecon.restatements CASCADE"))
    (told,) = alarm.tick()
    assert 'relation "minerecon.restatements" does not exist' in told
    assert alarm.tick() == []


# --- runs


def test_a_run_that_failed_is_told_once_with_what_repairs_it_and_clears_with_a_good_one(alarm: Alarm) -> None:
    day = {PARTITION_NAME_TAG: "2025-03-14"}
    run_id = alarm.failed_run(failing_job("recalculate", "first line\nsecond line"), **day)
    assert alarm.tick() == [
        "RUN FAILED: recalculate of 2025-03-14: RuntimeError: first line\n"
        "Repair: `minerecon recalculate 2025-03-14`\n"
        f"Run: https://dagster.example.com/ui/runs/{run_id}"
    ]
    assert alarm.tick() == []
    alarm.failed_run(failing_job("recalculate", "first line\nof another try"), **day)
    assert alarm.tick() == []  # the same failure, which nothing has made good
    good_job("recalculate").execute_in_process(instance=alarm.instance, tags={PARTITION_NAME_TAG: "2025-03-15"})
    assert alarm.tick() == []
    good_job("recalculate").execute_in_process(instance=alarm.instance, tags=day)
    assert alarm.tick() == [
        "CLEARED: recalculate of 2025-03-14: a later run of it succeeded; 2 runs of it had failed, "
        "told 2025-03-20 09:00 UTC"
    ]
    alarm.failed_run(failing_job("recalculate", "first line"), **day)
    assert len(alarm.tick()) == 1  # it fails anew


def test_failed_runs_of_a_range_and_without_partitions_say_what_repairs_them(alarm: Alarm) -> None:
    march = {ASSET_PARTITION_RANGE_START_TAG: "2025-03-01", ASSET_PARTITION_RANGE_END_TAG: "2025-03-31"}
    for job, tags in (("ingest", march), ("verify", march), ("roll_up_months", {PARTITION_NAME_TAG: "2025-03"})):
        alarm.failed_run(failing_job(job, "broken"), **tags)
    alarm.failed_run(failing_job("purge_superseded_runs", "broken"))
    found = [line.splitlines()[0] + " " + line.splitlines()[1] for line in alarm.tick()]
    local = "minerecon local -- dagster job execute -m minerecon_dagster.definitions -j"
    assert found == [
        "RUN FAILED: ingest of 2025-03-01 to 2025-03-31: RuntimeError: broken "
        "Repair: `minerecon reingest 2025-03-01 2025-03-31`",
        "RUN FAILED: verify of 2025-03-01 to 2025-03-31: RuntimeError: broken "
        "Repair: `minerecon verify 2025-03-01 2025-03-31`",
        f"RUN FAILED: roll_up_months of 2025-03: RuntimeError: broken Repair: `{local} rollup_sweep`",
        f"RUN FAILED: purge_superseded_runs: RuntimeError: broken Repair: `{local} purge_superseded_runs`",
    ]


def test_runs_of_a_job_that_fail_alike_in_one_tick_are_one_message(alarm: Alarm) -> None:
    for day in ("2025-03-01", "2025-03-02"):
        alarm.failed_run(failing_job("ingest", f"no space left for {day}"), **{PARTITION_NAME_TAG: day})
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: ingest of 2025-03-01, 2025-03-02 (2 runs): RuntimeError: no space left")


def test_a_run_that_is_tried_again_is_not_told_unless_nobody_tries(alarm: Alarm) -> None:
    retried = alarm.failed_run(failing_job("ingest", "the machine went"))
    forgotten = alarm.failed_run(failing_job("recalculate", "the machine went"))
    for run_id in (retried, forgotten):
        alarm.instance.add_run_tags(run_id, {WILL_RETRY_TAG: "true"})
    assert alarm.tick() == []
    alarm.instance.add_run_tags(retried, {AUTO_RETRY_RUN_ID_TAG: "another"})
    alarm.now += dt.timedelta(minutes=9)
    assert alarm.tick() == []
    alarm.now += dt.timedelta(minutes=2)
    (told,) = alarm.tick()
    assert told.startswith(
        "RUN FAILED: recalculate: RuntimeError: the machine went (Dagster was to start it again, and"
    )
    assert alarm.state.retrying == {}


def test_a_run_that_a_tick_meets_between_its_event_and_its_status_is_told(
    alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    change_status = alarm.instance.run_storage.handle_run_event

    def slowly(run_id: str, event: dg.DagsterEvent, *more: Any) -> None:
        if event.is_run_failure:  # which everybody can read by now
            told.extend(alarm.tick())
        change_status(run_id, event, *more)

    monkeypatch.setattr(alarm.instance.run_storage, "handle_run_event", slowly)
    run_id = alarm.failed_run(failing_job("ingest", "broken"))
    assert told == []
    (message,) = alarm.tick()
    assert message.startswith("RUN FAILED: ingest")
    assert run_id in message
    assert alarm.tick() == []
    assert alarm.state.retrying == {}


def test_whether_a_run_will_be_tried_again_is_waited_for(
    warehouse: Engine, receiver: Receiver, environ: pytest.MonkeyPatch
) -> None:
    retries = {"run_retries": {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": False}}
    with dg.DagsterInstance.ephemeral(settings=retries) as instance:
        alarm = Alarm(instance, warehouse, receiver)
        alarm.tick()
        # Dagster tells that a run failed, and marks it a moment later: a tick may come in between.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(instance, "add_run_tags", lambda *_, **__: None)
            run_id = alarm.failed_run(failing_job("ingest", "broken"))
        assert alarm.tick() == []
        instance.add_run_tags(run_id, {WILL_RETRY_TAG: "false"})
        (told,) = alarm.tick()
        assert run_id in told
        again = alarm.failed_run(failing_job("recalculate", "broken"))  # marked at once
        (told,) = alarm.tick()
        assert again in told


@pytest.mark.slow
def test_a_failed_day_is_told_by_its_checks_and_not_again_by_its_run(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    alarm = Alarm(project.instance, project.engine, receiver)
    alarm.tick()
    project.elexon.faults = lambda path: Fault(400) if path == boav_path("bid", DAY) else None
    assert not project.run(DAY).success
    (told,) = alarm.tick()
    assert told.startswith(f"[SYNTHETIC] FAILING: completeness.control_total_present (ERROR), {DAY}:")
    project.elexon.faults = lambda _: None
    project.ingest()
    (cleared,) = alarm.tick()
    assert cleared.startswith(f"[SYNTHETIC] CLEARED: completeness.control_total_present (ERROR), {DAY};")


@pytest.mark.slow
def test_a_failed_day_that_no_check_tells_of_is_told_by_its_run(
    project: Project, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINERECON_ALERT_WEBHOOK_URL", receiver.url)
    alarm = Alarm(project.instance, project.engine, receiver)
    alarm.tick()
    following = DAY + dt.timedelta(days=1)
    project.ingest(DAY)
    alarm.mend(following.isoformat())  # of long ago
    # Nothing is archived of the second day, and Elexon is not asked: no check comes to look at it.
    result = project.run(DAY, following, from_archive=True)
    assert not result.success
    (told,) = alarm.tick()
    assert told.startswith(f"[SYNTHETIC] RUN FAILED: ingest of {following}: {following}: ")
    assert f"Repair: `minerecon reingest {following}`\nRun: http://127.0.0.1:3000/runs/{result.run_id}" in told
    assert alarm.tick() == []
    alarm.now = dt.datetime.now(dt.UTC)
    project.ingest(following)
    (cleared,) = alarm.tick()
    assert cleared.startswith(f"[SYNTHETIC] CLEARED: ingest of {following}: ")
    assert alarm.tick() == []


def test_a_failed_look_at_a_day_that_is_not_stored_any_more_is_told_by_its_run(alarm: Alarm) -> None:
    @dg.op(name="verify_days")
    def looks(context: dg.OpExecutionContext) -> None:
        alarm.result("2025-03-14", check=SOURCE_UNCHANGED.full_name, run_id=context.run_id)
        trouble = Unfinished.of({"2025-03-14": "it was deleted while it was looked at"})
        raise dg.Failure("1 of 1 days is wrong", metadata=trouble.to_metadata(), allow_retries=False)

    job = dg.GraphDefinition(name="verify", node_defs=[looks]).to_job()
    run_id = alarm.failed_run(job, **{PARTITION_NAME_TAG: "2025-03-14"})
    (told,) = alarm.tick()
    assert told.startswith("RUN FAILED: verify of 2025-03-14: it was deleted")
    assert run_id in told


def test_of_a_failed_run_only_the_days_are_told_that_no_check_tells_of(alarm: Alarm) -> None:
    days = ["2025-03-01", "2025-03-02", "2025-03-04"]

    @dg.op
    def two_of_three(context: dg.OpExecutionContext) -> None:
        alarm.result("2025-03-01", run_id=context.run_id)
        alarm.result("2025-03-02", run_id="another run")
        alarm.result("2025-03-04", run_id=context.run_id, waived_until="2025-04-01")
        raise dg.Failure("3 of 4 days not done", metadata={"days_not_done": dict.fromkeys(days, "the disk is full")})

    march = {ASSET_PARTITION_RANGE_START_TAG: "2025-03-01", ASSET_PARTITION_RANGE_END_TAG: "2025-03-04"}
    alarm.failed_run(dg.GraphDefinition(name="ingest", node_defs=[two_of_three]).to_job(), **march)
    check, run = alarm.tick()
    assert check.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-01 to 2025-03-02 (2 days):")
    assert run.startswith(
        "RUN FAILED: ingest of 2025-03-02, 2025-03-04: the disk is full\n"
        "Repair: `minerecon reingest 2025-03-02`; `minerecon reingest 2025-03-04`\n"
    )


# --- secrets

HOSTILE = {
    "DATABASE_URL": "postgresql://owner:p%40ss%2Fw0rd-x@db.example.com/minerecon",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "MINERECON_ANALYST_PASSWORD": "hunter2",
    "MINERECON_ALERT_WEBHOOK_URL": "https://hooks.slack.com/services/T0001/B0001/veryverysecretpart",
    "SOME_API_TOKEN": "tok\"en\\with-odd'characters",
    "HOME": "/home/minerecon",
}


@pytest.mark.parametrize(
    "leak",
    [
        "could not connect to postgresql://owner:p%40ss%2Fw0rd-x@db.example.com/minerecon",
        "password p@ss/w0rd-x was refused",
        "Max retries exceeded with url: /services/T0001/B0001/veryverysecretpart (Caused by …)",
        "POST https://hooks.slack.com/services/T0001/B0001/veryverysecretpart failed",
        "the key wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY is wrong",
        "key=wJalrXUtnFEMI%2FK7MDENG%2FbPxRfiCYEXAMPLEKEY&x=1",
        "InvalidClientTokenId: AKIAIOSFODNN7EXAMPLE",
        "login with hunter2 failed",
        "header: tok\"en\\with-odd'characters",
        'body: {"t": "tok\\"en\\\\with-odd\'characters"}',
        # Secrets of others, by their form.
        "postgres://x:elsewhere-1@h/d and http://a:b@c@h/",
        "redis://:elsewhere-2@cache:6379/0",
        "host=h user=u password=elsewhere-3 dbname=d",
        "{'password': 'elsewhere-4', \"secret_access_key\": \"elsewhere-5\"}",
        "Authorization: Bearer elsewhere-6.abc",
        "https://bucket/x?X-Amz-Signature=elsewhere7&X-Amz-Security-Token=elsewhere8",
        "AWS_SECRET=elsewhere9",
        "https://hooks.slack.com/services/T9/B9/elsewhereA",
        "postgresql://u:else/where-B@h/d",
        "an unnamed je7MtGbClwBF/2Zp9Utk/h3yCo8nvbEXAMPLEKEY",
    ],
)
def test_secrets_are_hidden_however_they_are_quoted(leak: str) -> None:
    found = redact(f"before {leak} after", HOSTILE)
    assert HIDDEN in found
    assert "before" in found
    assert "after" in found
    for secret in (
        *("p%40ss", "p@ss", "w0rd", "veryvery", "T0001", "wJalr", "IOSFODNN7", "hunter2", "with-odd"),
        *("elsewhere", "else/where", "je7Mt", "b@c"),
    ):
        assert secret not in found, found


def test_what_is_not_secret_stays() -> None:
    plain = (
        "conservation.records_match_archive (ERROR), 2025-03-14: 3 of 120 wrong; expected 1,234.5 MWh. Repair: "
        "`minerecon reingest 2025-03-14 --from-archive`. Run: http://127.0.0.1:3000/runs/"
        "0b1e7a3c-7a0d-4f0e-9f5e-3f2b6d1c9a10; sha256 "
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08; password authentication failed for user"
    )
    embedded = {"AWS_SECRET_ACCESS_KEY": "embedded", "PGPASSWORD": "minerecon", "A_KEY": "120", "B_TOKEN": "abc"}
    assert redact(plain, HOSTILE | embedded) == plain


def test_no_secret_is_in_a_message_a_log_or_the_cursor(
    alarm: Alarm, environ: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    environ.setenv("MINERECON_ANALYST_PASSWORD", "hunter2-and-more")
    # The secret lies where the text is cut, so that only a part of it would be left.
    actual = "x" * 390 + "hunter2-and-more" + f" {alarm.receiver.url} postgresql://u:elsewhere@h/d"
    alarm.result("2025-03-14", actual=actual, repair="PGPASSWORD=elsewhere psql")
    alarm.failed_run(failing_job("ingest", f"{alarm.receiver.url}: password=elsewhere hunter2-and-more"))
    alarm.receiver.down()
    alarm.tick()
    waiting, lines = alarm.cursor, list(caplog.messages)
    alarm.receiver.up()
    told = alarm.tick()
    alarm.receiver.answer = lambda _: 404
    alarm.result("2025-03-17")
    alarm.tick()
    assert len(told) == 2
    # The job's own error is Dagster's to log; everything else is ours.
    ours = [r.getMessage() for r in caplog.records if not r.name.startswith("dagster") or "webhook" in r.getMessage()]
    assert any("took no message" in line for line in ours)
    assert any("POST" in line for line in ours), "urllib3 has said nothing that could have held the URL"
    assert lines
    for seen in (*told, *ours, waiting, alarm.cursor, alarm.skipped):
        assert seen is not None
        for secret in ("hunter2", "veryverysecret", "elsewhere"):
            assert secret not in seen


@pytest.mark.parametrize("url", ["hooks.slack.com/services/hush", "ftp://h/hush", "http://[hush"])
def test_a_bad_webhook_is_one_line_that_does_not_repeat_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environ({"MINERECON_ALERT_WEBHOOK_URL": url})
    assert str(caught.value) == "MINERECON_ALERT_WEBHOOK_URL must be an http or https URL"
    assert caught.value.__cause__ is None


def test_links_lead_to_the_ui_that_the_settings_name() -> None:
    assert Settings.from_environ({"PORT": "3111"}).ui_url == "http://127.0.0.1:3111"
    assert Settings.from_environ({"MINERECON_UI_URL": "https://d.example.com/x/"}).ui_url == "https://d.example.com/x"
    assert Settings.from_environ({}).alert_webhook_url is None


# --- the cursor


def test_the_cursor_holds_the_whole_state_also_where_it_is_compressed() -> None:
    first = dt.date(2020, 1, 1).toordinal()
    for days in (1, 2000):
        state = State(
            failing={
                Check("day", "a", "b"): {first + 2 * n: "2025-03-20 09:00 UTC" for n in range(days)},
                Check("month", "a", "b"): {2025 * 12 + 11: "x", 2026 * 12: "x"},
                Check("all", "f", "g"): {0: "x"},
            },
            failed_runs=[
                FailedRuns(
                    job="ingest",
                    title="ingest",
                    error="abc",
                    keys=(("2025-03-01", "2025-03-02"), ("2025-03", "2025-03"), ("2025", "2025")),
                    left={
                        ("day", first): "2025-03-20T09:00:00+00:00",
                        ("day", first + 1): "2025-03-20T09:00:01.500000+00:00",
                        ("month", 2025 * 12 + 2): "2025-03-20T09:00:00+00:00",
                        ("year", 2025): "2025-03-20T09:00:00+00:00",
                    },
                    told_at="now",
                    assets=("a", "b/c"),
                    run_count=3,
                ),
                FailedRuns("sweep", "sweep", "def", (), {("all", 0): "2025-03-20T09:00:00+00:00"}, "now"),
            ],
            retrying={"r": "2025-03-20T09:00:00+00:00"},
            restatements=Watermark(7, {9: 1.5}),
            run_failures=Watermark(0),
            unreachable_since="2025-03-20 09:00 UTC",
            queue=[Message("FAILING", "text £ →", "at"), Message("DELAYED", "many", "at", {"FAILING": 2})],
        )
        cursor = state.to_cursor()
        assert cursor.startswith("{") == (days == 1)
        assert State.from_cursor(cursor) == state
        assert len(cursor) < 20_000


def test_a_cursor_that_cannot_be_read_is_said_and_everything_is_told_anew(
    alarm: Alarm, caplog: pytest.LogCaptureFixture
) -> None:
    alarm.result("2025-03-14")
    alarm.tick()
    for damaged in ("{}", '{"version": 99}', "not a cursor", "[1]"):
        alarm.cursor = damaged
        lost, failing = alarm.tick()
        assert lost.startswith("UNREADABLE: what the alerts remembered cannot be read: ")
        assert failing.startswith("FAILING: conservation.records_match_archive (ERROR), 2025-03-14:")
        assert "the cursor is not readable" in caplog.text
        caplog.clear()


def test_neighbours_are_one_range() -> None:
    assert spans([5, 1, 2, 3, 3, 9, 8]) == [(1, 3), (5, 5), (8, 9)]
