"""`minerecon serve` in a process of its own, over a PostgreSQL that really stops, stands still, is locked or is old."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from alembic import command
from sqlalchemy import text

from bench.five_years import make_five_years
from minerecon_dagster.local import postgres
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.warehouse.version import newest_revision
from minerecon_dagster.web.database import POOL_SIZE, STATEMENT_TIMEOUT_S, UNHEARD_S
from minerecon_dagster.web.pages.views import PAGES
from minerecon_dagster.web.resources import RESOURCES
from minerecon_dagster.web.service import MOST_WAITING
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.forty_days import FIRST
from minerecon_dagster_tests.web.conftest import Api, Got, served, until, until_no_connection_is_in_use

pytestmark = pytest.mark.slow
DAYS = "days?from=2025-03-01&to=2025-03-03"
OTHER = "days?from=2025-03-01&to=2025-03-02"
WAREHOUSE = "warehouse"
READERS = 100
BACK_WITHIN_S = 5
"""After PostgreSQL has come back."""
TOLD_WITHIN_S = 0.05
"""A reader who is too much is told so."""


class Stoppable:
    """A PostgreSQL server with a warehouse of three days, on one port whenever it runs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        (home / "run").mkdir()
        (home / "run" / "supervisor.log").touch()
        with postgres.running(home, WAREHOUSE) as server:
            make_five_years(server.url(WAREHOUSE), FIRST, 3)
            self.running, self.url = server, postgres.api_url(home, server, WAREHOUSE)
        self.start()

    def start(self) -> None:
        data, programs = self.home / "postgres" / "data", postgres.programs_folder()
        account, password = postgres._account(programs), self.home / "postgres" / "password"
        superuser = self.running.superuser_password
        self.running = postgres._start(data, programs, account, superuser, self.running.port, password)

    def stop(self) -> None:
        postgres._stop(self.running.process)

    def processes(self) -> list[psutil.Process]:
        server = psutil.Process(self.running.process.pid)
        return [server, *server.children(recursive=True)]

    def stand_still(self) -> None:
        """It is there, its connections too, and it does nothing: as with a disk or a pool that hangs."""
        for process in self.processes():
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self.processes():
            process.send_signal(signal.SIGCONT)

    @contextlib.contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody reads a table, so that whoever asks for it waits."""
        with contextlib.closing(databases.connect(self.running.url(WAREHOUSE))) as owner:
            owner.autocommit = False
            owner.cursor().execute(f"LOCK {table} IN ACCESS EXCLUSIVE MODE")
            yield
            owner.rollback()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stoppable]:
    made = Stoppable(tmp_path_factory.mktemp("a server"))
    yield made
    made.stop()


@contextlib.contextmanager
def serving(url: str, log: Path) -> Iterator[Api]:
    """The command, over a warehouse."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("MINERECON", "DATABASE_URL"))}
    program = [str(Path(sys.executable).with_name("minerecon")), "serve", "--port", "0"]
    with log.open("w") as lines, subprocess.Popen(
        program, env=environ | {"MINERECON_API_DATABASE_URL": url}, stdout=subprocess.PIPE, stderr=lines, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())
        assert found, log.read_text()
        try:
            yield Api(int(found[1]), None)  # type: ignore[arg-type]
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture
def api(server: Stoppable, tmp_path: Path) -> Iterator[Api]:
    with serving(server.url, tmp_path / "serve.log") as found:
        yield found


def is_problem(got: Got) -> bool:
    return got.headers["content-type"] == "application/problem+json" and got.json["status"] == got.status


@pytest.mark.parametrize("how", ["stopped", "standing still"])
def test_while_postgresql_is_away_what_is_known_is_given_as_stale_and_all_is_back_soon_after_it(
    server: Stoppable, api: Api, how: str, tmp_path: Path
) -> None:
    known, page = api(DAYS), api.get("/")
    assert (known.status, page.status, api.get("/readyz").status) == (200, 200, 200)
    away, back = (server.stop, server.start) if how == "stopped" else (server.stand_still, server.go_on)
    away()
    try:
        started = time.monotonic()
        got = api(OTHER)
        assert time.monotonic() - started < UNHEARD_S + 3, "nobody waits for a server that is not there"
        assert (got.status, is_problem(got), "retry-after" in got.headers) == (503, True, True)
        until(lambda: "minerecon-stale" in api(DAYS).headers, UNHEARD_S + 3)
        stale = api(DAYS)
        assert (stale.status, stale.body) == (200, known.body)
        assert int(stale.headers["age"]) >= 0
        assert api(DAYS, If_None_Match=known.headers["etag"]).status == 304
        assert "minerecon-stale" in api.get("/").headers
        assert api.get("/").body == page.body
        unseen = api.get("/explore?from=2025-03-01")
        assert (unseen.status, unseen.headers["content-type"]) == (503, "text/html; charset=utf-8")
        started = time.monotonic()
        assert api.get("/healthz").status == 200
        assert time.monotonic() - started < 1
        ready = api.get("/readyz")
        assert (ready.status, ready.json["database"]) == (503, "cannot be reached")
        assert "minerecon_database_up 0" in api.get("/metrics").body.decode().splitlines()
    finally:
        back()
    until(lambda: api(OTHER).status == 200, BACK_WITHIN_S)
    until(lambda: "minerecon-stale" not in api(DAYS).headers, BACK_WITHIN_S)
    assert api.get("/readyz").status == 200

    def told() -> list[str]:
        return [line for line in (tmp_path / "serve.log").read_text().splitlines() if line.startswith("the warehouse")]

    until(lambda: "the warehouse is reached again" in told(), BACK_WITHIN_S)
    gone, _ = told()  # once when it goes, with what the driver says of it, and once when it is back
    assert gone.startswith("the warehouse of MINERECON_API_DATABASE_URL cannot be reached: ")
    assert len(gone.partition("reached: ")[2]) > 10


def test_slow_statements_are_ended_with_504_and_health_is_answered_all_the_while(server: Stoppable, api: Api) -> None:
    with server.locked("minerecon.miner_models"), ThreadPoolExecutor() as threads:
        started = time.monotonic()
        slow = [threads.submit(api, f"models?limit={n + 1}") for n in range(POOL_SIZE)]
        healthy = []
        while not all(s.done() for s in slow):
            before = time.monotonic()
            assert api.get("/healthz").status == 200
            healthy.append(time.monotonic() - before)
        took = time.monotonic() - started
        assert [(s.result().status, is_problem(s.result())) for s in slow] == [(504, True)] * POOL_SIZE
    assert STATEMENT_TIMEOUT_S <= took < STATEMENT_TIMEOUT_S + 2
    assert max(healthy) < 1
    assert statistics.median(healthy) < TOLD_WITHIN_S
    assert api("models").status == 200


def test_of_a_hundred_readers_those_who_are_too_many_are_told_within_moments_and_none_hangs(
    server: Stoppable, api: Api
) -> None:
    assert api("models").status == 200
    with server.locked("minerecon.miner_models"), ThreadPoolExecutor(POOL_SIZE + MOST_WAITING) as threads:
        first = [threads.submit(api, f"models?limit={n + 1}") for n in range(POOL_SIZE + MOST_WAITING)]
        until(lambda: f"minerecon_requests_waiting {MOST_WAITING}" in api.get("/metrics").body.decode(), 3)
        told = []
        for n in range(READERS - len(first)):
            before = time.monotonic()
            got = api(f"models?limit={n + 1_000}")
            told.append((got.status, "retry-after" in got.headers, time.monotonic() - before))
    assert {(status, later) for status, later, _ in told} == {(503, True)}
    assert statistics.median(seconds for *_, seconds in told) < TOLD_WITHIN_S
    statuses = {f.result().status for f in first}
    assert statuses <= {200, 504}
    until_no_connection_is_in_use(api)


def test_a_file_that_needs_a_large_library_leaves_none_of_it_in_the_server(api: Api) -> None:
    got = api("days.parquet?from=2025-03-01&to=2025-03-03")
    assert (got.status, got.body[:4]) == (200, b"PAR1")
    (served_by,) = {
        child.pid
        for child in psutil.Process().children()
        for line in child.net_connections("tcp")
        if line.status == psutil.CONN_LISTEN and line.laddr.port == api.port
    }
    mapped = Path(f"/proc/{served_by}/maps").read_text("utf-8")
    assert "libpq" in mapped
    assert "libarrow" not in mapped


def test_a_crowd_that_comes_at_once_has_an_answer_each(api: Api) -> None:
    asked = selectors.DefaultSelector()
    path = "/api/v1/half-hours?from=2025-03-01&to=2025-03-03"
    for n in range(READERS):
        line = socket.create_connection(("127.0.0.1", api.port))
        asked.register(line, selectors.EVENT_READ)
        line.sendall(f"GET {path}&limit={n + 1} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    heads, deadline = [], time.monotonic() + 30
    while asked.get_map() and time.monotonic() < deadline:
        for key, _ in asked.select(1):
            assert isinstance(key.fileobj, socket.socket)
            heads.append(key.fileobj.recv(4_096).decode("latin-1").partition("\r\n\r\n")[0].lower())
            asked.unregister(key.fileobj)
            key.fileobj.close()
    assert len(heads) == READERS, "none hangs"
    statuses = [int(head.split()[1]) for head in heads]
    assert set(statuses) <= {200, 503}
    assert statuses.count(200) >= POOL_SIZE
    assert all(("retry-after" in head) == (" 503" in head.splitlines()[0]) for head in heads)


def test_for_readers_who_have_gone_nothing_is_asked_so_that_nobody_waits_for_them(server: Stoppable, api: Api) -> None:
    assert api("models").status == 200
    with server.locked("minerecon.miner_models"):
        for n in range(POOL_SIZE + MOST_WAITING):
            with contextlib.closing(socket.create_connection(("127.0.0.1", api.port))) as reader:
                reader.sendall(f"GET /api/v1/models?limit={n + 1} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        until(lambda: api(OTHER).status == 503, STATEMENT_TIMEOUT_S)
        # Those who were at it are ended in time; the others, for whom it would take three times as long, are not asked.
        until(lambda: api(OTHER).status == 200, STATEMENT_TIMEOUT_S + 2)
    assert f'status="499"}} {MOST_WAITING}' in api.get("/metrics").body.decode()
    until_no_connection_is_in_use(api)


@pytest.mark.parametrize(
    "host", ["Host: evil.example.com", "Host: 127.0.0.1.evil.example.com", "Host:", "X-Host: localhost"]
)
def test_another_hosts_name_leads_nobody_here(api: Api, host: str) -> None:
    with contextlib.closing(socket.create_connection(("127.0.0.1", api.port))) as line:
        line.sendall(f"GET /api/v1/{DAYS} HTTP/1.1\r\n{host}\r\nConnection: close\r\n\r\n".encode())
        said = line.makefile("rb").read().decode()
    assert said.startswith("HTTP/1.1 400 "), said
    assert "curtailed_mwh" not in said


OLD = ("", "0001", "0004", "0009", "0013", "0016")


def nothing_fails(api: Api, log: Path | None = None) -> Counter[int]:
    """Every resource and page is answered, or says in words what is to be done; the statuses."""
    statuses: Counter[int] = Counter()
    for path in [f"/api/v1/{resource.path}" for resource in RESOURCES] + [page.path for page in PAGES]:
        got = api.get(re.sub(r"{\w+}", "2025-03-01", path))
        assert got.status in (200, 404, 422, 503), (path, got.body)
        assert got.status != 503 or b"minerecon db upgrade" in got.body, (path, got.body)
        statuses[got.status] += 1
    assert log is None or "Traceback" not in log.read_text()
    return statuses


@pytest.mark.parametrize("revision", OLD, ids=[old or "empty" for old in OLD])
def test_of_a_warehouse_that_is_empty_or_older_nothing_fails_without_a_word(
    fresh_database: str, tmp_path: Path, revision: str
) -> None:
    if revision:
        engine = open_warehouse(fresh_database)
        with engine.begin() as connection:
            for schema in ("minerecon", "analytics"):
                connection.execute(text(f"CREATE SCHEMA {schema}"))
            config = migrate._config()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        engine.dispose()
    with serving(fresh_database, tmp_path / "serve.log") as api:
        ready = api.get("/readyz")
        assert ready.status == 503
        assert newest_revision() in ready.json["schema"]
        assert (revision or "none") in ready.json["schema"]
        assert api.get("/healthz").status == 200
        assert nothing_fails(api, tmp_path / "serve.log")[503] > len(RESOURCES) / 2


def test_while_an_upgrade_is_half_done_nothing_fails_without_a_word_and_what_is_there_is_answered(
    forty_days: str, embedded_environ: dict[str, str], tmp_path: Path
) -> None:
    with (
        databases.database(embedded_environ["DATABASE_URL"], forty_days) as url,
        contextlib.closing(databases.connect(url)) as owner,
        serving(url, tmp_path / "serve.log") as api,
    ):
        cursor = owner.cursor()
        assert 503 not in nothing_fails(api, tmp_path / "serve.log")
        # One after another, as each is made anew; what hangs on it goes with it.
        cursor.execute("SELECT viewname FROM pg_views WHERE schemaname = 'analytics' ORDER BY 1")
        refused = 0
        for (view,) in cursor.fetchall():
            cursor.execute(f"DROP VIEW IF EXISTS analytics.{view} CASCADE")
            found = nothing_fails(api, tmp_path / "serve.log")
            assert found[503] >= refused
            refused = found[503]
        # What was answered before is given until the next look at the warehouse.
        until(lambda: nothing_fails(api, tmp_path / "serve.log")[503] > len(RESOURCES) / 2, BACK_WITHIN_S)
        assert api("models").status == 200, "it is of no view"


def test_where_the_views_are_older_than_the_code_nothing_fails_without_a_word(
    forty_days: str, embedded_environ: dict[str, str]
) -> None:
    """A view of the same revision may lack what is asked of it: each in turn has its columns by other names."""
    found: Counter[int] = Counter()
    asked = {resource.relation for resource in RESOURCES}
    with (
        databases.database(embedded_environ["DATABASE_URL"], forty_days) as url,
        contextlib.closing(databases.connect(url)) as owner,
    ):
        cursor = owner.cursor()
        cursor.execute("COMMENT ON SCHEMA analytics IS 'Views for analysts; made from others'")
        cursor.execute(
            "SELECT c.relname, array_agg(CAST(a.attname AS text)) FROM pg_class AS c JOIN pg_attribute AS a"
            " ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = CAST('analytics' AS regnamespace)"
            " AND c.relkind = 'v' GROUP BY 1 ORDER BY 1"
        )
        for view, columns in cursor.fetchall():
            if f"analytics.{view}" not in asked:
                continue
            renamed = f"ALTER VIEW analytics.{view} RENAME COLUMN"
            for column in columns:
                cursor.execute(f'{renamed} "{column}" TO "{column}_once"')
            with served(url) as api:
                found += nothing_fails(api)
                assert api.get("/readyz").json["views"] == "of another version: `minerecon db upgrade` makes it so"
            for column in columns:
                cursor.execute(f'{renamed} "{column}_once" TO "{column}"')
    assert found[503] > len(RESOURCES)
