"""What every request meets: validators, memory, methods, hosts, tokens, other pages' browsers, overload and outages."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Engine

from minerecon_dagster.settings import PROJECT_ROOT
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.warehouse import Warehouse
from minerecon_dagster.web import openapi, service
from minerecon_dagster.web.database import Asking, Database
from minerecon_dagster.web.front import Access
from minerecon_dagster.web.service import NEWS_EVERY_S
from minerecon_dagster_tests import databases
from minerecon_dagster_tests.web.conftest import READY, Api, until_no_connection_is_in_use, url_of

Serve = Callable[..., Api]
MARCH = "days?from=2025-03-01&to=2025-03-31"
COMMITTED = PROJECT_ROOT / "docs" / "analyse" / "openapi.json"


@pytest.fixture
def copy(forty_days: str, embedded_environ: dict[str, str]) -> Iterator[str]:
    """The URL of forty days of one's own, as their owner."""
    with databases.database(embedded_environ["DATABASE_URL"], forty_days) as url:
        yield url


def change(url: str, sql: str) -> None:
    with contextlib.closing(databases.connect(url)) as connection:
        connection.cursor().execute(sql)


def test_who_has_the_bytes_already_gets_304_without_a_statement(api: Api) -> None:
    first = api(MARCH)
    hits = api.app.service.counters.hits
    again = api(MARCH, If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert 'cache;desc="hit"' in again.headers["server-timing"]
    assert api.app.service.counters.hits == hits + 1
    assert api(MARCH, If_None_Match='"another"').status == 200
    assert api(MARCH, If_None_Match=f'"x", W/{first.headers["etag"]}').status == 304


@pytest.mark.slow
def test_an_old_month_keeps_its_validator_although_another_day_changes_and_a_change_is_seen(
    copy: str, serve: Serve
) -> None:
    api = serve(copy)
    april, march = "days?from=2025-04-01&to=2025-04-05", MARCH
    before = api(april), api(march)
    change(
        copy,
        "UPDATE minerecon.daily_summaries SET curtailed_mwh = 1, built_at = now() WHERE summary_date = '2025-03-01'",
    )
    deadline = time.monotonic() + 3
    while api(march).data[0]["curtailed_mwh"] != "1":
        assert time.monotonic() < deadline, "a change is seen at most 3 s after its commit"
        time.sleep(0.05)
    assert api(march).headers["etag"] != before[1].headers["etag"]
    assert api(april, If_None_Match=before[0].headers["etag"]).status == 304


@pytest.mark.slow
def test_a_change_of_a_name_alone_is_seen_too(copy: str, serve: Serve) -> None:
    api = serve(copy)
    assert api("models?model=S9").data[0]["power_w"] == "1323"
    change(copy, "UPDATE minerecon.miner_models SET power_w = 1324 WHERE miner_model = 'S9'")
    deadline = time.monotonic() + 15  # by the counters of the server, which are written at the end of a session
    while api("models?model=S9").data[0]["power_w"] != "1324":
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(api: Api, method: str) -> None:
    got = api.get("/api/v1/days", method)
    assert (got.status, got.headers["allow"]) == (405, "GET, HEAD")


def test_a_host_of_another_name_is_refused_and_ours_are_not(stored: Engine, serve: Serve) -> None:
    api = serve(url_of(stored), Access(hosts=frozenset({"wind.example.com"})))
    assert api.get("/healthz", Host="evil.example.com").status == 400
    assert api.get("/healthz", Host="").status == 400
    for host in ("wind.example.com", "WIND.example.com:8080", "localhost:3001", "[::1]:3001", "192.168.0.7"):
        assert api.get("/healthz", Host=host).status == 200, host


def test_a_token_is_asked_for_as_bearer_or_as_a_password_but_not_by_health(stored: Engine, serve: Serve) -> None:
    api = serve(url_of(stored), Access(token="söcret"))
    refused = api("days")
    assert refused.status == 401
    assert "Basic" in refused.headers["www-authenticate"]
    assert api("days", Authorization="Bearer wrong").status == 401
    basic = base64.b64encode("anybody:söcret".encode()).decode()
    assert api("days", Authorization=f"Basic {basic}").status == 200
    assert api("days", Authorization="Basic %%%").status == 401
    assert api.get("/healthz").status == 200
    assert "private" in api("days", Authorization=f"Basic {basic}").headers["cache-control"]
    api = serve(url_of(stored), Access(token="plain"))
    assert api("days", Authorization="Bearer plain").status == 200
    assert api("days").status == 401, "what was answered to one is not given to another"


def test_pages_of_named_origins_may_read_and_only_there_is_options_answered(stored: Engine, serve: Serve) -> None:
    api = serve(url_of(stored), Access(origins=frozenset({"https://maps.example.com"})))
    asked = api.get("/api/v1/days", "OPTIONS", Origin="https://maps.example.com", Access_Control_Request_Method="GET")
    assert (asked.status, asked.headers["access-control-allow-origin"]) == (204, "https://maps.example.com")
    assert "Origin" in asked.headers["vary"]
    other = api("days", Origin="https://evil.example.com")
    assert other.status == 200
    assert "access-control-allow-origin" not in other.headers
    assert (
        api("days", Origin="https://maps.example.com").headers["access-control-allow-origin"]
        == "https://maps.example.com"
    )


def test_every_answer_has_the_headers_that_keep_a_browser_safe(api: Api) -> None:
    for path in ("/api/v1/days", "/nothing", "/healthz", "/api/v1/days?x=1"):
        headers = api.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["x-content-type-options"] == "nosniff"
    assert api("days", X_Request_Id="abc-1").headers["x-request-id"] == "abc-1"
    assert re.fullmatch("[0-9a-f]{16}", api("days", X_Request_Id="a b").headers["x-request-id"])


def test_it_works_under_the_path_of_a_proxy(stored: Engine, serve: Serve) -> None:
    api = serve(url_of(stored), Access(prefix="/wind"))
    got = api.get("/wind/api/v1/days?from=2025-03-01&to=2025-03-31&limit=3")
    assert got.meta["next"].startswith("/wind/api/v1/days?")
    assert api.get(got.meta["next"]).data[0]["settlement_date"] == "2025-03-04"


def test_health_ready_and_what_makes_it_not_so(
    copy: str, serve: Serve, warehouse: Engine, embedded_environ: dict[str, str]
) -> None:
    api = serve(copy)
    assert api.get("/healthz").json == {"status": "ok"}
    found = api.get("/readyz")
    assert found.status == 503
    assert "may change the warehouse" in found.json["login"]
    change(copy, "UPDATE minerecon.alembic_version SET version_num = '0007'")
    assert "at 0007, and" in api.get("/readyz").json["schema"]
    with databases.database(embedded_environ["DATABASE_URL"]) as empty:
        api = serve(empty)
        assert api.get("/readyz").status == 503
        got = api("days")
        assert (got.status, "retry-after" in got.headers) == (503, True)
        assert "db upgrade" in got.json["detail"]
    assert serve(url_of(warehouse))("days?from=2025-03-01&to=2025-03-02").data[0]["status"] == "missing"


@pytest.mark.first_quick
@pytest.mark.parametrize("asked", [MARCH, f"{MARCH}&limit=3", MARCH.replace("?", ".csv?"), "models"])
def test_the_time_in_sql_is_of_every_statement_of_an_answer(
    copy: str, serve: Serve, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """By a clock that goes on by a second in each statement of a question, and stands still otherwise."""
    api = serve(copy)
    assert api("days?from=2025-03-02&to=2025-03-02").status == 200  # what columns there are is known then
    statements = []

    def counted(ask: Callable[..., Any]) -> Callable[..., Any]:
        def asking(*given: Any) -> Any:
            if threading.current_thread().name.startswith("asking"):  # and not the watch
                statements.append(given[1])
            return ask(*given)

        return asking

    def one_list(asking: Asking, asked: str, values: Any, *_: Any) -> Iterator[list[tuple[Any, ...]]]:
        yield asking.rows(asked, values)

    monkeypatch.setattr(Asking, "rows", counted(Asking.rows))
    monkeypatch.setattr(Asking, "chunks", one_list)
    monkeypatch.setattr(Asking, "pieces", one_list)
    monkeypatch.setattr(
        service, "time", SimpleNamespace(perf_counter=lambda: len(statements), monotonic=time.monotonic)
    )
    got = api(asked)
    assert got.status == 200
    assert len(statements) >= 1
    assert f"sql;dur={len(statements)}000.0," in got.headers["server-timing"]


@pytest.mark.slow
def test_views_of_another_version_are_not_ready_and_a_field_that_they_lack_is_no_fault_of_the_reader(
    copy: str, serve: Serve
) -> None:
    """An upgrade makes views anew without a new revision; who updates the code alone has the views of before."""
    older = "ALTER VIEW analytics.curtailment_by_farm_year RENAME COLUMN days_incomplete TO days_unheard_of"
    api, asked = serve(copy), "farms/years?from=2025&to=2025&fields=farm_name,days_incomplete"
    assert (api.get("/readyz").json["views"], api(asked).status) == ("ok", 200)
    change(copy, f"{older}; COMMENT ON SCHEMA analytics IS 'Views for analysts; made from 0123, and are 4567'")
    api = serve(copy)
    ready = api.get("/readyz")
    assert (ready.status, ready.json["schema"]) == (503, "ok")
    assert ready.json["views"] == "of another version: `minerecon db upgrade` makes it so"
    for got in (api(asked), api.get("/farms?period=2025")):
        assert (got.status, "retry-after" in got.headers) == (503, True), got.body
        assert b"minerecon db upgrade" in got.body
    assert api("farms/years?from=2025&to=2025&fields=farm_name,days_final").status == 200
    with Warehouse.open(copy) as warehouse:
        migrate.upgrade(warehouse.engine)
    api = serve(copy)
    assert (api.get("/readyz").json["views"], api(asked).status) == ("ok", 200)
    assert api("farms/years?fields=nothing").status == 422


def test_of_a_warehouse_of_a_newer_version_it_is_said_that_this_one_is_to_be_updated(copy: str, serve: Serve) -> None:
    change(
        copy,
        "UPDATE minerecon.alembic_version SET version_num = '9999';"
        " UPDATE minerecon.schema_compatibility SET min_code_revision = '9998'",
    )
    ready = serve(copy).get("/readyz")
    assert (ready.status, ready.json["views"]) == (503, "ok")
    assert ready.json["schema"].startswith("at 9999, and ")
    assert ready.json["schema"].endswith("a newer version of this program has migrated it: update this one")


def test_a_warehouse_of_a_newer_version_that_only_adds_is_answered_from_by_the_one_before(
    copy: str, serve: Serve
) -> None:
    """While a new version is brought in, or taken back: the schema stays, and so may its views."""
    later = (
        "UPDATE minerecon.alembic_version SET version_num = '9999';"
        " COMMENT ON SCHEMA analytics IS 'Views for analysts; made from 0123, and are 4567'"
    )
    change(copy, f"{later}; CREATE ROLE web_reader LOGIN PASSWORD 'x' IN ROLE minerecon_analyst")
    try:
        api = serve("postgresql://web_reader:x@" + copy.rpartition("@")[2])
        assert (api.get("/readyz").status, api.get("/readyz").json) == (200, READY)
        assert len(api(MARCH).data) == 31
        change(copy, "ALTER VIEW analytics.curtailment_by_farm_year RENAME COLUMN days_incomplete TO days_unheard_of")
        got = api("farms/years?from=2025&to=2025&fields=farm_name,days_incomplete")
        assert (got.status, "update this one" in got.json["detail"]) == (503, True)
        change(copy, "COMMENT ON SCHEMA analytics IS NULL")
        assert (api.get("/readyz").status, api.get("/readyz").json["views"] == "ok") == (503, False), "of no version"
        change(copy, f"{later}; UPDATE minerecon.schema_compatibility SET min_code_revision = '9998'")
        assert api.get("/readyz").status == 503
    finally:
        change(copy, "DROP ROLE web_reader")


def test_an_analyst_s_login_is_enough_and_ready(copy: str, serve: Serve) -> None:
    change(copy, "CREATE ROLE web_reader LOGIN PASSWORD 'x' IN ROLE minerecon_analyst")
    try:
        api = serve("postgresql://web_reader:x@" + copy.rpartition("@")[2])
        assert api.get("/readyz").json == READY
        assert len(api(MARCH).data) == 31
    finally:
        change(copy, "DROP ROLE web_reader")


@pytest.mark.slow
def test_a_statement_that_takes_too_long_is_ended_and_health_is_answered_all_the_while(copy: str, serve: Serve) -> None:
    api = serve(copy)
    assert api("models").status == 200
    with contextlib.closing(psycopg2.connect(copy)) as locking:
        locking.cursor().execute("LOCK minerecon.miner_models IN ACCESS EXCLUSIVE MODE")
        with ThreadPoolExecutor() as threads:
            waiting = threads.submit(api, "models?limit=2")
            while not waiting.done():
                started = time.monotonic()
                assert api.get("/healthz").status == 200
                assert time.monotonic() - started < 1
            assert waiting.result().status == 504
        locking.rollback()
    assert api("models?limit=2").status == 200


@pytest.mark.slow
def test_of_a_crowd_some_are_told_to_come_back_at_once_and_none_hangs(copy: str, serve: Serve) -> None:
    api = serve(copy)
    assert api("models").status == 200

    def timed(n: int) -> tuple[int, bool, float]:
        started = time.monotonic()
        got = api(f"models?limit={n + 10}")
        return got.status, "retry-after" in got.headers, time.monotonic() - started

    with contextlib.closing(psycopg2.connect(copy)) as locking, ThreadPoolExecutor(60) as threads:
        locking.cursor().execute("LOCK minerecon.miner_models IN ACCESS EXCLUSIVE MODE")
        found = [threads.submit(timed, n) for n in range(60)]
        time.sleep(1.5)
        refused = [f.result() for f in found if f.done()]
        assert len(refused) == 60 - 4 - 12
        assert {(status, told) for status, told, _ in refused} == {(503, True)}
        locking.rollback()
        answered = [f.result() for f in found]
    assert sum(status == 200 for status, _, _ in answered) == 16


@pytest.mark.slow
def test_without_the_database_what_was_answered_is_given_with_its_age_and_it_comes_back(
    copy: str, serve: Serve
) -> None:
    name = copy.rpartition("/")[2]
    api = serve(copy)
    before = api(MARCH)
    other = copy.rpartition("/")[0] + "/template1"
    change(other, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    change(other, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    try:
        time.sleep(2 * NEWS_EVERY_S)
        stale = api(MARCH)
        assert (stale.status, stale.body) == (200, before.body)
        assert "cannot be reached" in stale.headers["minerecon-stale"]
        gone = api("days?from=2025-03-02&to=2025-03-03")
        assert (gone.status, "retry-after" in gone.headers) == (503, True)
        assert api.get("/healthz").status == 200
        assert api.get("/readyz").json["database"] == "cannot be reached"
    finally:
        change(other, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    deadline = time.monotonic() + 5
    while api("days?from=2025-03-02&to=2025-03-03").status != 200:
        assert time.monotonic() < deadline, "back within 5 s"
        time.sleep(0.1)
    assert "minerecon-stale" not in api(MARCH).headers


def test_the_session_cannot_write_even_as_the_owner(copy: str) -> None:
    database = Database(copy)
    with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction), database.asking() as asking:
        asking.rows("DELETE FROM minerecon.miner_models RETURNING 1")
    with database.asking() as asking:
        shown = [
            asking.rows(f"SHOW {name}")[0][0]
            for name in ("statement_timeout", "jit", "max_parallel_workers_per_gather")
        ]
    database.close()
    assert shown == ["3s", "off", "0"]


def test_a_question_without_an_answer_costs_no_connection(copy: str) -> None:
    database, pid = Database(copy), "SELECT pg_backend_pid()"
    with database.asking() as asking:
        before = asking.rows(pid)
    with pytest.raises(ZeroDivisionError), database.asking() as asking:
        asking.rows(pid)
        raise ZeroDivisionError
    with database.asking() as asking:
        assert asking.rows(pid) == before
    assert database.in_use == 0
    database.close()


def test_the_description_is_the_one_that_is_committed(api: Api) -> None:
    got = api.get("/openapi.json")
    if os.environ.get("UPDATE_DOCS"):
        COMMITTED.write_bytes(got.body)
    assert got.body == COMMITTED.read_bytes(), "it is not what the code says: make docs"
    assert set(got.json["paths"]) > {"/api/v1/days", "/api/v1/farms/{farm}/days", "/readyz"}
    assert openapi._PARAMETERS.keys() >= {
        p["name"]
        for path, o in got.json["paths"].items()
        if path != "/api/v1/feed"
        for p in o["get"].get("parameters", ())
    }


def test_the_command_serves_within_seconds_without_dagster_and_ends_when_it_is_told(stored: Engine) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MINERECON")} | {
        "DATABASE_URL": "postgresql://nowhere/x"
    }
    command = [str(Path(sys.executable).with_name("minerecon")), "serve", "--port", "0"]
    refused = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "MINERECON_API_DATABASE_URL is not set" in refused.stderr
    started = time.monotonic()
    with subprocess.Popen(
        command, env=environ | {"MINERECON_API_DATABASE_URL": url_of(stored)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/api/v1/days", line)
        assert found, line
        api = Api(int(found[1]), None)  # type: ignore[arg-type]
        assert api(MARCH).status == 200
        assert time.monotonic() - started < 30
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=30)
    lines = [json.loads(text) for text in err.splitlines() if text.startswith("{")]
    assert (lines[0]["route"], lines[0]["status"], lines[0]["rows"]) == ("/api/v1/days", 200, 31)


@pytest.mark.slow
def test_ctrl_c_that_comes_of_the_terminal_and_of_a_parent_ends_it_without_a_traceback(stored: Engine) -> None:
    command = [str(Path(sys.executable).with_name("minerecon")), "serve", "--port", "0"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("MINERECON")}
    with subprocess.Popen(
        command, env=environ | {"MINERECON_API_DATABASE_URL": url_of(stored)}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert "http://" in process.stdout.readline()
        for _ in range(2):
            process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert "Traceback" not in err


def test_no_dagster_and_no_sqlalchemy_is_loaded() -> None:
    heavy = ("dagster", "sqlalchemy", "pyarrow")
    code = f"import sys, minerecon_dagster.web.server; print([m for m in {heavy} if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_nothing_of_a_warehouse_is_told_to_somebody_by_a_failure(copy: str, serve: Serve) -> None:
    api = serve(copy)
    change(copy, "DROP VIEW analytics.checks_now")
    got = api("checks")
    assert got.status == 503
    assert "checks_now" not in got.body.decode()


def test_what_is_counted_is_told_on_this_machine_alone(copy: str, serve: Serve) -> None:
    api = serve(copy)
    for _ in range(2):
        assert api(MARCH).status == 200
    assert api("days?typo=1").status == 422
    lines = api.get("/metrics").body.decode().splitlines()
    assert 'minerecon_requests_total{route="/api/v1/days",status="200"} 1' in lines
    assert 'minerecon_requests_total{route="(kept)",status="200"} 1' in lines
    assert 'minerecon_requests_total{route="/api/v1/days",status="422"} 1' in lines
    assert 'minerecon_request_seconds_count{route="/api/v1/days"} 2' in lines
    assert {"minerecon_cache_hits_total 1", "minerecon_database_up 1"} <= set(lines)
    until_no_connection_is_in_use(api)
    assert api.get("/metrics", X_Forwarded_For="198.51.100.7").status == 404
