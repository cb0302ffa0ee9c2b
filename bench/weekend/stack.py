"""The project alive on the moved clock: its services, code location, daemon and commands, each a process of its own."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import yaml
from dagster._core.scheduler.instigation import InstigatorState, InstigatorTick, TickStatus
from dagster._utils.schedules import schedule_execution_time_iterator

from bench import bare_environ
from bench.weekend.clock import Clock

ROOT = Path(__file__).resolve().parents[2]
LONGEST_WAIT_S = 600
"""Real seconds for one thing to happen; what takes longer is stuck."""
_PATIENT = {"DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "600", "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "600"}
"""A machine that is busy with other things is no fault of the project's."""
_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class StuckError(Exception):
    """Something that had to happen did not."""


@dataclass(frozen=True)
class Command:
    """What came of a command: when it was given by the moved clock, its exit code, and what it printed."""

    at: dt.datetime
    arguments: tuple[str, ...]
    code: int
    output: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.output) if self.output.startswith("{") else {}
        return found


def apart(clock: Clock, folder: Path) -> dict[str, str]:
    """The whole environment of everything that is started: of what is around, no setting and no credential."""
    homes = {"MINERECON_HOME": str(folder / "home"), "DAGSTER_HOME": str(folder)}
    return bare_environ() | clock.environ | homes | _PATIENT


def write_dagster_yaml(folder: Path) -> None:
    """The project's instance, but that a run which starts while the clock jumps is not taken for one that never did.

    And that sensors tick beside each other: the driver waits for all of them at each step.
    """
    config = yaml.safe_load((ROOT / "dagster.yaml").read_text("utf-8"))
    config["run_monitoring"]["start_timeout_seconds"] = 86_400
    config["sensors"] = {"use_threads": True, "num_workers": 4}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(config, sort_keys=False), "utf-8")


def command(clock: Clock, *arguments: str) -> Command:
    """Run `minerecon` as an operator would, now by the moved clock."""
    at = clock.now()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("minerecon")), *arguments], capture_output=True, text=True, check=False
    )
    return Command(at, arguments, done.returncode, done.stdout if done.stdout.strip() else done.stderr)


@contextlib.contextmanager
def process(name: str, arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs inside the ``with`` block, in a process group of its own, with its output in a file."""
    with (folder / f"{name}.log").open("wb") as log:
        started = subprocess.Popen(
            list(arguments), cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, process_group=0
        )
    try:
        yield started
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(started.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                started.wait(10)
                break
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # runs that it leaves behind


@contextlib.contextmanager
def dagster_alive(folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """The code location and the daemon."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    location = {"host": "127.0.0.1", "port": port, "location_name": "minerecon_dagster"}
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": location}]}), "utf-8")
    dagster = str(Path(sys.executable).with_name("dagster"))
    serve = [dagster, "api", "grpc", "-m", "minerecon_dagster.definitions", "-h", "127.0.0.1", "-p", str(port)]
    look = [sys.executable, str(Path(__file__).with_name("daemon.py")), "run", "-w", str(workspace)]
    with process("code-location", serve, folder) as code:
        wait_for(lambda: _listens(port), "the code location to listen", [code])
        with process("daemon", look, folder) as daemon:
            yield [code, daemon]


def wait_for(
    happened: Callable[[], object], what: str, alive: Sequence[subprocess.Popen[bytes]], at_most_s: float | None = None
) -> None:
    """Wait until something has happened.

    Raises:
        StuckError: it does not, or a process that it depends on has ended.
    """
    deadline = time.monotonic() + (at_most_s or LONGEST_WAIT_S)
    while not happened():
        if ended := [p.args for p in alive if p.poll() is not None]:
            raise StuckError(f"ended by itself, while we waited for {what}: {ended}")
        if time.monotonic() > deadline:
            raise StuckError(f"waited {at_most_s or LONGEST_WAIT_S:.0f} s in vain for {what}")
        time.sleep(0.1)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Tick:
    """A tick of a schedule: when it was due, how it ended, and the runs that it asked for."""

    schedule: str
    due: dt.datetime
    status: str
    run_ids: tuple[str, ...]
    said: str | None


class Watcher:
    """What Dagster's storage says, for a driver that waits for it.

    Args:
        clock: the moved clock.
        alive: the processes without which nothing happens.
    """

    def __init__(self, clock: Clock, alive: Sequence[subprocess.Popen[bytes]]) -> None:
        from minerecon_dagster.definitions import build_defs

        definitions = build_defs()
        self.schedules = {s.name: s for s in definitions.schedules or () if isinstance(s, dg.ScheduleDefinition)}
        self.sensors = {s.name: s.minimum_interval_seconds or 0 for s in definitions.sensors or ()}
        self._clock, self._alive = clock, alive
        self._instance = dg.DagsterInstance.get()

    def close(self) -> None:
        self._instance.dispose()

    def wait_until_known(self) -> None:
        """Wait until the daemon has met every schedule and sensor, and each sensor has ticked."""
        names = self.schedules.keys() | self.sensors.keys()
        wait_for(lambda: names <= self._states().keys(), "the daemon to meet all schedules and sensors", self._alive)

    def due_times(self, first: dt.datetime, last: dt.datetime) -> dict[dt.datetime, list[str]]:
        """When schedules tick after ``first`` and until ``last``, and which."""
        found: dict[dt.datetime, list[str]] = {}
        for name, schedule in self.schedules.items():
            for due in schedule_execution_time_iterator(
                first.timestamp(), schedule.cron_schedule, schedule.execution_timezone
            ):
                if due > last:
                    break
                if due > first:
                    found.setdefault(due.astimezone(dt.UTC), []).append(name)
        return dict(sorted(found.items()))

    def settle(self, due: Mapping[str, dt.datetime], *, to_the_end: bool = True, most_rounds: int = 12) -> None:
        """Wait until everything that is to happen at this time of the moved clock has happened.

        The schedules that are due have ticked, no run is unfinished, and then every sensor has ticked once more and
        asked for nothing. Each such round moves the clock on, so that the sensors may tick.

        Args:
            due: the schedules that tick now, and for when.
            to_the_end: False to leave what the sensors ask for, after their first round, to the next time.
            most_rounds: more are taken for a circle.

        Raises:
            StuckError: it goes on and on, or stands still.
        """
        for name, at in due.items():
            wait_for(lambda n=name, t=at: self._has_ticked(n, t), f"{name} to tick for {at}", self._alive)  # type: ignore[misc]
        for _ in range(most_rounds):
            wait_for(lambda: not self._unfinished(), "all runs to end", self._alive)
            self._clock.move_by(max(self.sensors.values()) + 1)
            mark = self._clock.now().timestamp() - 1
            wait_for(lambda m=mark: self._all_looked_since(m), "every sensor to tick", self._alive)  # type: ignore[misc]
            if not to_the_end or not self._unfinished():
                return
        raise StuckError(f"runs go on being asked for after {most_rounds} looks of all sensors")

    def ticks(self, since: dt.datetime) -> list[Tick]:
        """The ticks of schedules, in their order."""
        found = [
            Tick(
                name,
                dt.datetime.fromtimestamp(tick.timestamp, dt.UTC),
                tick.status.value,
                tuple(tick.run_ids),
                tick.skip_reason or (tick.error.message if tick.error else None),
            )
            for name, state in self._states().items()
            if name in self.schedules
            for tick in self._ticks(state, since.timestamp())
        ]
        return sorted(found, key=lambda tick: (tick.due, tick.schedule))

    def sensor_ticks(self, since: dt.datetime) -> dict[str, dict[str, Any]]:
        """Of each sensor how many ticks came to what, and the first error."""
        found: dict[str, dict[str, Any]] = {}
        for name, state in self._states().items():
            if name in self.sensors:
                ticks = self._ticks(state, since.timestamp())
                statuses = [tick.status.value for tick in ticks]
                errors = [tick.error.message for tick in ticks if tick.error]
                found[name] = {s: statuses.count(s) for s in sorted(set(statuses))} | (
                    {"first_error": errors[-1]} if errors else {}
                )
        return found

    def runs(self, since: dt.datetime) -> list[dict[str, Any]]:
        """The runs since then: job, what asked for it, days, status, and when it ran."""
        # Dagster compares the figures of the time as they are written with its own, which are UTC.
        created_after = since.astimezone(dt.UTC)
        records = self._instance.get_run_records(dg.RunsFilter(created_after=created_after), ascending=True)
        return [_run(record) for record in records]

    def _states(self) -> dict[str, InstigatorState]:
        return {state.name: state for state in self._instance.all_instigator_state()}

    def _ticks(self, state: InstigatorState, after: float, limit: int | None = None) -> Sequence[InstigatorTick]:
        return self._instance.get_ticks(state.instigator_origin_id, state.selector_id, after=after - 0.5, limit=limit)

    def _has_ticked(self, name: str, at: dt.datetime) -> bool:
        state = self._states().get(name)
        return state is not None and any(
            tick.timestamp == at.timestamp() and tick.status != TickStatus.STARTED
            for tick in self._ticks(state, at.timestamp())
        )

    def _all_looked_since(self, mark: float) -> bool:
        # Any finished tick that began since: where ticks take longer than their interval, the newest is never finished.
        states = self._states()
        return all(
            name in states and any(t.status != TickStatus.STARTED for t in self._ticks(states[name], mark))
            for name in self.sensors
        )

    def _unfinished(self) -> int:
        return self._instance.get_runs_count(dg.RunsFilter(statuses=_UNFINISHED))


def _run(record: dg.RunRecord) -> dict[str, Any]:
    run, tags = record.dagster_run, record.dagster_run.tags
    first = tags.get("dagster/asset_partition_range_start", tags.get("dagster/partition"))
    last = tags.get("dagster/asset_partition_range_end", first)
    asker = tags.get("dagster/schedule_name") or tags.get("dagster/sensor_name") or tags.get("dagster/from_ui")
    makes = sorted(key.to_user_string() for key in run.asset_selection or ())
    return {
        "run_id": run.run_id,
        "job": run.job_name if not run.job_name.startswith("__") else (makes[0] if makes else run.job_name),
        "asked_by": asker or "a person",
        "partitions": first if first == last else f"{first} to {last}",
        "status": run.status.value,
        "created": dt.datetime.fromtimestamp(record.create_timestamp.timestamp(), dt.UTC).isoformat(),
        "seconds": round(record.end_time - record.start_time, 1) if record.end_time and record.start_time else None,
    }


class Warehouse:
    """The warehouse as the driver reads it, and as a superuser's hand may change it."""

    def __init__(self, url: str, home: Path) -> None:
        self._url = url.replace("+psycopg2", "")
        self._password = home / "postgres" / "superuser_password"

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            cursor.execute(query, values)
            return cursor.fetchall()

    @contextlib.contextmanager
    def cursor(self) -> Iterator[psycopg2.extensions.cursor]:
        with contextlib.closing(psycopg2.connect(self._url)) as connection, connection.cursor() as cursor:
            yield cursor

    def typed_in(self, statement: str, *values: object) -> int:
        """Execute a statement as the superuser; the number of rows that it changed."""
        with contextlib.closing(
            psycopg2.connect(self._url, user="postgres", password=self._password.read_text())
        ) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.rowcount
