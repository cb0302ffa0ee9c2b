"""What goes wrong around the API stays around it: an outage, a crowd, odd names, a login that may much."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from urllib.parse import quote

import psycopg2
import pytest
from sqlalchemy import Engine

from minerecon_dagster.web.database import POOL_SIZE, Database
from minerecon_dagster.web.resources import RESOURCES
from minerecon_dagster.web.service import MOST_WAITING, Service
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.analytics.by_hand import store_day
from minerecon_dagster_tests.web.conftest import READY, Api, until, until_no_connection_is_in_use, url_of
from minerecon_dagster_tests.web.test_resources import example

Serve = Callable[..., Api]
SECRETS = (
    "SELECT",
    "select ",
    "postgres",
    "psycopg",
    "/work",
    "/usr",
    "/tmp",
    "Traceback",
    "://127",
    "password",
    ".py",
)
OTHERS = ("/healthz", "/readyz", "/health", "/openapi.json", "/metrics", "/api/v1/feed.json", "/api/v1/feed.atom",
          "/api/summary/daily/2025-03-12", "/api/curtailment/mining-potential", "/api/lead-parties")  # fmt: skip


@pytest.fixture
def copy(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[str]:
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        yield url


def changing(headers: dict[str, str]) -> dict[str, str]:
    """Headers without those that differ from one request to the next."""
    apart = ("date", "x-request-id", "server-timing")
    return {name: value for name, value in headers.items() if name not in apart}


@pytest.mark.first_quick
@pytest.mark.parametrize("path", [*(f"/api/v1/{r.path}" for r in RESOURCES), *OTHERS])
def test_head_says_what_get_says_without_a_body(api: Api, stored: Engine, path: str) -> None:
    path = f"/api/v1/{example(path.removeprefix('/api/v1/'), stored)}" if path.startswith("/api/v1/") else path
    for packed in ({}, {"Accept_Encoding": "gzip"}):
        got, head = api.get(path, **packed), api.get(path, "HEAD", **packed)
        assert (head.status, head.body) == (got.status, b"")
        if path != "/metrics":  # it counts, so that the second has more
            assert changing(dict(head.headers)) == changing(dict(got.headers))


NAMES = (
    "'", '"', "%", "%%s", "%(farm)s", "\\", "{farm}", "$1", "; DROP TABLE minerecon.daily_summaries; --",
    "../../etc/passwd", "..%2f..%2f", "<script>", "é", "\u202e", "🌬", "a" * 4_000, "\r\nX-Evil: 1", "\x01", "NULL",
    "None", "null", " ", "/", "//", "farms", "days", ".csv", "T_SGRWO-1' OR '1'='1", "\ud7ff",
)  # fmt: skip


@pytest.mark.first_quick
@pytest.mark.parametrize("name", NAMES, ids=[ascii(name)[:30] for name in NAMES])
def test_a_name_from_anywhere_is_a_name_and_no_more(api: Api, name: str) -> None:
    written = quote(name, safe="")
    paths = [
        f"farms/{written}/days", f"units/{written}/days", f"farms?farm={written}", f"units?lead_party={written}",
        f"mining/days?model={written}", f"days?fields={written}", f"days?after={written}", f"days?{written}=1",
        f"sizing?farm={written}&model=S9&machines=1", f"days?as_of={written}", f"compare?with={written}",
        f"feed.json?kind={written}", f"none/{written}",
    ]  # fmt: skip
    for path in paths:
        got = api.get_raw(f"/api/v1/{path}")
        assert got.status in (400, 404, 422), (path, got.status, got.body)
        assert "x-evil" not in got.headers
        said = got.body.decode().replace(name, "").replace(name[:40], "")
        assert not [secret for secret in SECRETS if secret in said], said
    for path in ("summary/daily", "curtailment/mining-potential", "lead-parties"):
        assert api.get_raw(f"/api/{path}/{written}").status in (400, 404)
    assert api("days").status == 200


def test_no_answer_leads_to_another_address(api: Api) -> None:
    for path in (
        "/api/v1/days/",
        "/api/v1/feed/",
        "/healthz/",
        "/api/summary/daily/2025-03-12/",
        "//evil.example.com/",
    ):
        got = api.get_raw(path)
        assert (got.status, "location" in got.headers) in ((404, False), (400, False)), path


def test_of_a_hundred_readers_at_once_each_is_answered_or_told_to_come_back(copy: str, serve: Serve) -> None:
    api = serve(copy)
    assert api("models").status == 200
    begin = threading.Barrier(100)

    def asked(n: int) -> tuple[int, bool]:
        begin.wait(30)
        got = api(f"half-hours?from=2025-03-01&to=2025-04-09&limit={n + 100}")
        return got.status, "retry-after" in got.headers

    with ThreadPoolExecutor(100) as threads:
        started = time.monotonic()
        found = list(threads.map(asked, range(100)))
    assert time.monotonic() - started < 30, "none hangs"
    assert {status for status, _ in found} <= {200, 503}
    assert all(told == (status == 503) for status, told in found)
    answered = sum(status == 200 for status, _ in found)
    assert POOL_SIZE + MOST_WAITING <= answered < 100
    until_no_connection_is_in_use(api)


def test_its_own_role_reads_what_the_api_needs_and_nothing_else_and_is_ready(copy: str, serve: Serve) -> None:
    with contextlib.closing(databases.connect(copy)) as owner:
        cursor = owner.cursor()
        cursor.execute("CREATE ROLE web_probe LOGIN PASSWORD 'x' IN ROLE minerecon_api")
        cursor.execute("CREATE SCHEMA private CREATE TABLE private.things (id int)")
        try:
            url = "postgresql://web_probe:x@" + copy.rpartition("@")[2]
            api = serve(url)
            assert api.get("/readyz").json == READY
            assert api("days").status == 200
            assert api("feed.json").status == 200
            with contextlib.closing(psycopg2.connect(url)) as reading:
                reading.autocommit = True
                probe = reading.cursor()
                for refused in (
                    "SELECT * FROM private.things", "DELETE FROM minerecon.daily_summaries",
                    "UPDATE minerecon.miner_models SET power_w = 1", "CREATE TABLE minerecon.mine (id int)",
                    "CREATE TABLE analytics.mine (id int)", "SELECT rolpassword FROM pg_authid",
                    "SELECT pg_read_file('/etc/passwd')", "COPY minerecon.miner_models TO PROGRAM 'cat'",
                ):  # fmt: skip
                    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                        probe.execute(refused)
        finally:
            cursor.execute("DROP SCHEMA private CASCADE")
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'web_probe'")
            cursor.execute("DROP ROLE web_probe")


def test_an_older_or_half_migrated_warehouse_is_refused_in_words_and_what_is_there_is_answered(
    copy: str, serve: Serve
) -> None:
    with contextlib.closing(databases.connect(copy)) as owner:
        cursor = owner.cursor()
        cursor.execute("UPDATE minerecon.alembic_version SET version_num = '0003'")
        cursor.execute("DROP VIEW analytics.mining_potential_by_year")
    api = serve(copy)
    assert "at 0003" in api.get("/readyz").json["schema"]
    assert api("days").status == 200
    got = api("mining/years")
    assert (got.status, "db upgrade" in got.json["detail"]) == (503, True)
    assert "potential" not in got.json["detail"]
    assert api("feed.json").status == 200


def test_no_answer_has_an_address_of_the_machine_or_of_the_archive(api: Api, stored: Engine) -> None:
    for resource in RESOURCES:
        body = api.get(f"/api/v1/{example(resource.path, stored)}").body.decode()
        # Words of checks for people name commands; an address, a statement or a file of the machine is none.
        for secret in ("synthetic://", "file://", "s3://", "postgresql", "/work/", "/tmp/", "Traceback", ".minerecon"):
            assert secret not in body, (resource.path, secret)


@pytest.mark.slow
def test_the_room_needs_no_dagster() -> None:
    code = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("dagster", "dagster_postgres", "sqlalchemy", "alembic", "boto3"):
            raise ImportError(name)
sys.meta_path.insert(0, Refusing())
import minerecon_dagster.cli.serve, minerecon_dagster.web.server
from minerecon_dagster.web.app import build_app
build_app("postgresql://nowhere/x")
print("ok")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "ok", done.stderr


def test_the_log_of_requests_has_no_question_and_no_token(
    copy: str, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    api = serve(copy)
    with caplog.at_level("INFO", "minerecon.web"):
        api("farms?farm=Hush Hush", Authorization="Bearer hushhush")
        # It is written when the answer is given, which its reader may have before.
        until(lambda: any(record.name == "minerecon.web" for record in caplog.records), 5)
    lines = [record.getMessage() for record in caplog.records if record.name == "minerecon.web"]
    assert lines
    assert not re.search("hush", " ".join(lines), re.IGNORECASE)


WORTHLESS = (
    "NaN", "Infinity", "-Infinity", "1e308", "1e99999999999999999999", "-1", "9" * 400, "0x10", "1_0", "٣",
    "2025-02-30", "0001-01-01", "9999-12-31", "10000-01-01", "2025-00", "2025-13", "-2025", "now", "infinity", "epoch",
    "today", "2025-03-01T00:00:00Z", "[" * 5_000,
    '[["' + "x" * 50 + '"]]', '["9999-99-99","_P"]', '[null,"x"]', '["1e400","x"]',
    f'["{"9" * 200}","x"]', '["-1e-99999999999999999999","x"]', '[1e999,"x"]', "{}", "true", "_P'--", "\x00", "\x7f",
    "\ud7ff", "null",
)  # fmt: skip
ASKED_BY_NAME = {
    "/api/v1/zones/days": ("zone", "from", "to", "after", "limit", "basis", "fields", "as_of", "numbers"),
    "/api/v1/zones/months": ("zone", "from", "to", "after", "limit", "basis", "fields"),
    "/api/v1/zones/days.csv": ("zone", "from", "limit"),
    "/border": ("from", "to", "period", "basis", "sort", "after"),
    "/chart/zones.svg": ("period", "basis", "size"),
    "/chart/border.svg": ("from", "to", "basis", "size"),
    "/farms": ("from", "to", "basis", "sort", "after"),
}


@pytest.mark.slow
@pytest.mark.parametrize("path", ASKED_BY_NAME)
def test_a_parameter_that_is_worth_nothing_is_refused_in_words_or_finds_nothing(api: Api, path: str) -> None:
    for name in ASKED_BY_NAME[path]:
        for value in WORTHLESS:
            got = api.get_raw(f"{path}?{name}={quote(value, safe='', errors='surrogatepass')}")
            asked = (path, name, value[:40], got.status)
            assert got.status in (200, 400, 404, 422), (*asked, got.body[-400:])
            if got.status == 200:
                assert name in ("zone", "farm", "after", "limit", "from", "to"), asked
            said = got.body.decode()
            assert not [secret for secret in ("Traceback", "psycopg", "SELECT ") if secret in said], asked
    assert api("zones/days").status == 200


def test_how_days_stand_is_not_kept_as_of_news_that_came_after_it_was_asked(warehouse: Engine) -> None:
    first, second = dt.date(2025, 3, 27), dt.date(2025, 3, 28)

    def store(day: dt.date) -> None:
        with warehouse.begin() as connection:
            store_day(connection, day, difficulty=Decimal(10**14))

    store(first)
    service = Service(Database(url_of(warehouse)), lambda: dt.datetime.now(dt.UTC))
    with contextlib.closing(service):
        asyncio.run(service.look())
        with service.database.asking() as asking:
            asking.rows("SELECT FROM minerecon.daily_summaries")  # from here on it sees this instant
            store(second)
            asyncio.run(service.look())
            assert len(service._states(asking, None, None)) == 1
        with service.database.asking() as asking:
            assert len(service._states(asking, None, None)) == 2
