"""A deploy where runs are children of the code server: it is replaced while one works and another one waits."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.cli.conftest import Ran, Start
from minerecon_dagster_tests.fake_elexon import FakeElexon
from minerecon_dagster_tests.project import DAY

pytestmark = [pytest.mark.slow, pytest.mark.waits]
WITHIN_S = 240.0
IN_THE_QUEUE_AGAIN = """
    SELECT run_id FROM event_logs WHERE dagster_event_type = 'PIPELINE_ENQUEUED' GROUP BY run_id HAVING count(*) > 1
"""
LOOKED_AT = """
    SELECT r.run_id FROM runs AS r JOIN daemon_heartbeats AS h ON h.daemon_type = 'QUEUED_RUN_COORDINATOR'
    WHERE r.status = 'QUEUED' AND h.timestamp > r.create_timestamp + interval '40 seconds'
"""
"""A run that waits though the daemon has been at its queue: no code server was there, and none was tried."""


class Deployed:
    """Code server and daemon as deploy/ has them, each a process of its own."""

    def __init__(self, environ: dict[str, str], folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = str(free.getsockname()[1])
        self.environ, self._folder, self.log = environ, folder, folder / "log"

    @contextmanager
    def running(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        # Dagster takes SIGTERM as it takes SIGINT, which what a script has begun in the background ignores.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *command], env=self.environ, cwd=self._folder, stdout=log, stderr=log
            )
        signal.signal(signal.SIGINT, before)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def code_server(self) -> Any:
        where = ("--host", "127.0.0.1", "--port", self._port)
        names = ("--module-name", "minerecon_dagster.definitions", "--location-name", "minerecon_dagster")
        return self.running("dagster", "api", "grpc", *where, *names)

    def daemon(self) -> Any:
        return self.running("dagster._daemon", "run", "-w", str(self._folder / "workspace.yaml"))

    def write_home(self) -> None:
        (self._folder / "dagster.yaml").write_text((PROJECT_ROOT / "dagster.yaml").read_text("utf-8"))
        where = f"host: 127.0.0.1\n      port: {self._port}\n      location_name: minerecon_dagster\n"
        (self._folder / "workspace.yaml").write_text(f"load_from:\n  - grpc_server:\n      {where}")

    def answers(self) -> bool:
        check = [sys.executable, "-m", "dagster", "api", "grpc-health-check", "-p", self._port]
        return subprocess.run(check, env=self.environ, capture_output=True, check=False).returncode == 0

    def takes_runs(self) -> bool:
        check = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
        return subprocess.run(check, env=self.environ, capture_output=True, check=False).returncode == 0

    def until(self, what: str, looks: Callable[[], Any]) -> None:
        deadline, again = time.monotonic() + WITHIN_S, threading.Event()
        while not looks():
            said = self.log.read_text("utf-8")[-4_000:]
            assert time.monotonic() < deadline, f"not in {WITHIN_S:.0f} s: {what}; the processes said:\n{said}"
            again.wait(0.2)

    def sql(self, query: str) -> list[Any]:
        with psycopg2.connect(self.environ["DAGSTER_POSTGRES_URL"]) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            return [row[0] for row in cursor.fetchall()]


def test_a_code_server_that_is_replaced_fails_no_run_and_loses_no_day(
    environ: dict[str, str], start: Start, elexon: FakeElexon, fresh_database: str, tmp_path: Path
) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    environ |= {"DAGSTER_HOME": str(home), "DAGSTER_POSTGRES_URL": fresh_database.replace("+psycopg2", "")}
    deployed = Deployed(environ, home)
    deployed.write_home()
    asked, may_answer = threading.Event(), threading.Event()

    def hold(path: str) -> None:
        asked.set()
        may_answer.wait(WITHIN_S)

    elexon.faults = hold
    with ExitStack() as stack:
        stack.callback(may_answer.set)
        old = stack.enter_context(deployed.code_server())
        deployed.until("the code server answers", deployed.answers)
        stack.enter_context(deployed.daemon())
        deployed.until("the daemon takes runs", deployed.takes_runs)
        working = start("reingest", str(DAY), "--submit")
        assert asked.wait(WITHIN_S), "the first run asks"

        old.send_signal(signal.SIGTERM)
        waiting = start("reingest", str(DAY), "--force", "--submit")
        deployed.until(
            "the second run is in the queue, and stays there",
            lambda: deployed.sql(IN_THE_QUEUE_AGAIN) or deployed.sql(LOOKED_AT),
        )
        assert old.poll() is None, "the old one waits for its run"
        may_answer.set()
        old.wait(WITHIN_S)
        stack.enter_context(deployed.code_server())
        for ran in (Ran(working), Ran(waiting)):
            assert f"{DAY}: final" in ran.err, ran.err
            assert "has died" not in ran.err
            [run_id] = re.findall(r"^run (\S+) is in the queue$", ran.err, re.M)
            assert deployed.sql(f"SELECT status FROM runs WHERE run_id = '{run_id}'") == ["SUCCESS"]
