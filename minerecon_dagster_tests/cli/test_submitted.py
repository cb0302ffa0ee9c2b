"""`minerecon reingest --submit`: the run is the queue's, and the command tells how it went."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from minerecon_dagster.cli import submitted
from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.project import DAY

pytestmark = pytest.mark.slow
_STARTS_WITHIN_S = 120


@pytest.fixture
def daemon(environ: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment in which Dagster's daemon takes runs from the queue."""
    environ["DAGSTER_HOME"] = str(PROJECT_ROOT)
    process = subprocess.Popen(
        [sys.executable, "-m", "dagster._daemon", "run", "-w", str(PROJECT_ROOT / "workspace.yaml")],
        env=environ,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        check = [sys.executable, "-m", "dagster._daemon", "liveness-check"]
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while subprocess.run(check, env=environ, cwd=tmp_path, capture_output=True, check=False).returncode:
            assert process.poll() is None
            assert time.monotonic() < deadline
        yield environ
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def test_a_run_that_is_handed_to_the_queue_is_followed_to_its_end(
    daemon: dict[str, str], minerecon: Callable[..., Ran]
) -> None:
    ran = minerecon("reingest", str(DAY), "--submit", "--json", DAGSTER_HOME=daemon["DAGSTER_HOME"])
    assert ran.code == 0, ran.err
    assert "is in the queue" in ran.err
    assert f"{DAY}: final" in ran.err
    assert ran.json["ok"]
    assert ran.json["work"][str(DAY)]["requests"] > 0


def test_without_a_daemon_nothing_is_put_into_the_queue(minerecon: Callable[..., Ran], fresh_database: str) -> None:
    ran = minerecon("reingest", str(DAY), "--submit", DAGSTER_POSTGRES_URL=fresh_database)
    assert ran.code == 2
    assert "no daemon takes runs from the queue: start dagster-daemon" in ran.err


@dg.job
def nothing() -> None:
    """A job that only waits to be taken."""


def test_a_run_that_nobody_takes_is_told_once_and_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitted, "_POLL_S", 0.01)
    told: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing)

        def say(line: str, *, err: bool) -> None:
            told.append(line)
            instance.report_run_canceled(run)

        monkeypatch.setattr(submitted.click, "echo", say)
        assert submitted._follow(instance, run.run_id).success is False
    assert len(told) == 1
    assert f"run {run.run_id} waits: the daemon that takes runs from the queue is silent" in told[0]
