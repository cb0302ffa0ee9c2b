"""PostgreSQL servers as a superuser made them, the embedded 18 and Debian's 15, and a reader who is at work on one."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from psycopg2 import sql

from minerecon_dagster.local import postgres

DEBIAN = Path("/usr/lib/postgresql/15/bin")
VERSIONS = ("embedded", pytest.param("15", marks=pytest.mark.slow))


def connect(host: str, port: int, user: str, password: str, database: str, **options: Any) -> Any:
    connection = psycopg2.connect(host=host, port=port, user=user, password=password, dbname=database, **options)
    connection.autocommit = True
    return connection


class Server(NamedTuple):
    """A PostgreSQL as a superuser made it: what PUBLIC may is what PostgreSQL gives it."""

    running: postgres.Server

    def superuser(self, database: str = "postgres") -> Any:
        return connect("127.0.0.1", self.running.port, "postgres", self.running.superuser_password, database)

    def create(self, owner: str = "postgres") -> str:
        """A new database; its name."""
        name = f"test_{secrets.token_hex(6)}"
        with contextlib.closing(self.superuser()) as connection:
            names = (sql.Identifier(name), sql.Identifier(owner))
            connection.cursor().execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(*names))
        return name

    def url(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        password = password or self.running.superuser_password
        return f"postgresql+psycopg2://{user}:{password}@127.0.0.1:{self.running.port}/{database}"

    def execute(self, statement: str, database: str = "postgres") -> None:
        with contextlib.closing(self.superuser(database)) as connection:
            connection.cursor().execute(statement)

    def forget_roles(self) -> None:
        """Leave the server as it was: no role of ours, and PUBLIC may what it could."""
        with contextlib.closing(self.superuser()) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE 'test\\_%'")
            for (name,) in cursor.fetchall():
                cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
            cursor.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' AND NOT rolsuper")
            for (name,) in cursor.fetchall():
                cursor.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))
            cursor.execute("GRANT CONNECT, TEMPORARY ON DATABASE postgres TO PUBLIC")
            cursor.execute("GRANT CONNECT ON DATABASE template1 TO PUBLIC")


@contextlib.contextmanager
def untouched(home: Path) -> Iterator[Server]:
    (home / "run").mkdir()
    (home / "run" / "supervisor.log").touch()
    with postgres.serving(home) as server:
        yield Server(server)


@contextlib.contextmanager
def cluster(home: Path, version: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """A server of ``version`` (of `VERSIONS`) with settings of its own; skips where it is not installed."""
    if version == "15" and not DEBIAN.is_dir():
        pytest.skip("Debian's postgresql-15 is not installed")
    programs = DEBIAN if version == "15" else postgres.programs_folder()
    account = postgres._account(programs)
    data, password = home / "data", home / "password"
    (home / "run").mkdir()
    (home / "run" / "supervisor.log").touch()
    password.write_text(secrets.token_hex(12))
    data.mkdir(mode=0o700)
    postgres._give(data, account.owner)
    home.chmod(0o755)
    password.chmod(0o644)
    command = [*account.prefix, str(programs / "initdb"), f"--pgdata={data}", "--username=postgres"]
    command += [f"--pwfile={password}", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)
    with (data / "postgresql.conf").open("a") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in {"fsync": "off", **settings}.items())
    running = postgres._start(data, programs, account, password.read_text(), None)
    try:
        yield Server(running)
    finally:
        postgres._stop(running.process)


class Busy:
    """An analyst's statements in a thread of its own, and how they ended; closes the session, ended or not."""

    def __init__(self, session: Any, *statements: str) -> None:
        self.session = session
        self.error: psycopg2.Error | None = None
        self.pid: int = session.get_backend_pid()
        self._socket = os.dup(session.fileno())
        self.thread = threading.Thread(target=self._run, args=(statements,), daemon=True)
        self.thread.start()

    def __enter__(self) -> Busy:
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(fileno=self._socket) as line, contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)
        self.thread.join(10)
        self.session.close()

    def _run(self, statements: tuple[str, ...]) -> None:
        try:
            with self.session.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except psycopg2.Error as error:
            self.error = error
