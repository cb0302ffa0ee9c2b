from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
import psutil
import psycopg2
import pytest

_CLIENT = """
import json, os, sys
from pathlib import Path
from minerecon_dagster.core.errors import MinereconError
from minerecon_dagster.local.services import local_services
try:
    with local_services(Path(sys.argv[1]), {}) as additional:
        print(json.dumps(additional), flush=True)
        sys.stdin.read()
except KeyboardInterrupt:
    sys.exit(130)
except MinereconError as error:
    print(json.dumps({"error": type(error).__name__, "message": str(error)}), flush=True)
"""


class Client:
    """A process that uses the services of ``home`` until it is told to leave."""

    def __init__(self, home: Path, prefix: Sequence[str] = (), environ: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _CLIENT, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **(environ or {})},
            cwd=Path(__file__).parents[2],
            text=True,
        )
        self._answer: dict[str, str] | None = None

    @property
    def answer(self) -> dict[str, str]:
        """What it was given, or the error that it got; waits for it."""
        if self._answer is None:
            assert self.process.stdout is not None
            self._answer = json.loads(self.process.stdout.readline())
        return self._answer

    @property
    def environ(self) -> dict[str, str]:
        assert "error" not in self.answer, self.answer
        return self.answer

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(15) == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(5)

    def query(self, statement: str) -> Any:
        """The first column of the first row, None if there is none."""
        return query_one(self.environ["DATABASE_URL"], statement)

    def table(self) -> Any:
        resource = boto3.resource(
            "dynamodb",
            endpoint_url=self.environ["AWS_ENDPOINT_URL_DYNAMODB"],
            region_name="ap-southeast-2",
            aws_access_key_id=self.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key="else",
        )
        return resource.Table(self.environ["DYNAMODB_DIFFICULTY_TABLE"])


def query_one(url: str, statement: str) -> Any:
    """The first column of the first row, None if there is none."""
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None


def processes(home: Path) -> list[psutil.Process]:
    """Everything that runs for ``home``, but for the clients: supervisor, postmaster and its children."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and "-c" not in command[:2] and str(home) in str(command):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended while it was looked at
                found += [process, *process.children(recursive=True)]
    return list({process.pid: process for process in found}.values())


def command_line(process: psutil.Process) -> list[str]:
    """The process's command line; empty if it has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def supervisors(home: Path) -> list[psutil.Process]:
    return [p for p in processes(home) if "minerecon_dagster.local.supervisor" in command_line(p)]


def postmasters(home: Path) -> list[psutil.Process]:
    return [p for p in processes(home) if str(home / "postgres" / "data") in command_line(p)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home below a closed folder whose name has a space; what a failed test leaves running is ended."""
    closed = tmp_path / "closed folder"
    closed.mkdir(mode=0o700)
    yield closed / "home"
    for process in processes(closed / "home"):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
