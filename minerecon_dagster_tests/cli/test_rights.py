"""What is not there or not allowed of services of one's own: exit code 2, one line with the remedy, and no alert."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy import make_url

from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_s3 import fake_s3
from minerecon_dagster_tests.project import DAY
from minerecon_dagster_tests.warehouse.pgbouncer import pgbouncer

Run = Callable[..., Ran]


@pytest.fixture
def statuses(environ: dict[str, str]) -> Callable[[], list[str]]:
    """The statuses of the runs that were recorded since the fixture was made, in their order."""

    def read(after: int) -> list[tuple[int, str]]:
        with contextlib.closing(psycopg2.connect(environ["DAGSTER_POSTGRES_URL"])) as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT id, status FROM runs WHERE id > %s ORDER BY id", (after,))
            return list(cursor.fetchall())

    try:
        before = max((number for number, _ in read(0)), default=0)
    except psycopg2.errors.UndefinedTable:
        before = 0
    return lambda: [status for _, status in read(before)]


def one_line(ran: Ran) -> str:
    """The message, where it is the only one of its kind; no class of somebody else's code is in it."""
    assert ran.code == 2, ran.err
    (said,) = [line for line in ran.err.splitlines() if line.startswith("minerecon: ")]
    for foreign in ("Traceback", "botocore", "psycopg2", "sqlalchemy", "dagster._core"):
        assert foreign not in ran.err
    return said


@pytest.mark.slow
def test_a_bucket_that_is_not_there(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    with fake_s3() as store:
        place = {"MINERECON_ARCHIVE_URL": "s3://nowhere/x", "AWS_ENDPOINT_URL_S3": store.url}
        for command in (["reingest", str(DAY)], ["verify", str(DAY)]):
            assert "there is no bucket nowhere; make it (aws s3api" in one_line(minerecon(*command, **place))
    # Cancelled: alerts tell of failures alone.
    assert set(statuses()) == {"CANCELED"}


@pytest.mark.slow
def test_a_right_to_the_bucket_that_lacks(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    with fake_s3() as store:
        store.denied = {"put"}
        place = {"MINERECON_ARCHIVE_URL": "s3://b/x", "AWS_ENDPOINT_URL_S3": store.url}
        said = one_line(minerecon("reingest", str(DAY), **place))
    assert "s3:PutObject is refused (Access Denied)" in said
    assert statuses() == ["CANCELED"]


@pytest.mark.slow
def test_a_difficulty_table_that_is_not_there(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    said = one_line(minerecon("reingest", str(DAY), DYNAMODB_DIFFICULTY_TABLE="no-such-table"))
    assert "is not there; make it by `minerecon difficulty create-table`" in said
    assert statuses() == ["CANCELED"]


class _Denying(BaseHTTPRequestHandler):
    """A DynamoDB that lets nobody do anything."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = (
            b'{"__type": "com.amazon.coral.service#AccessDeniedException", "Message": "User: reader is not authorized"}'
        )
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.mark.slow
def test_a_right_to_the_difficulty_table_that_lacks(minerecon: Run, statuses: Callable[[], list[str]]) -> None:
    """FR-50."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Denying)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        there = f"http://127.0.0.1:{server.server_port}"
        said = one_line(minerecon("reingest", str(DAY), AWS_ENDPOINT_URL_DYNAMODB=there))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert "dynamodb:DescribeTable is refused (User: reader is not authorized)" in said
    assert "docs/operate/go-live.md" in said
    assert statuses() == ["CANCELED"]


def test_a_difficulty_table_is_made_by_one_command_that_may_be_repeated(minerecon: Run) -> None:
    made = minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="of-a-test")
    assert (made.code, made.out) == (0, "of-a-test: made\n"), made.err
    again = minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="of-a-test")
    assert (again.code, again.out) == (0, "of-a-test: is there already\n")


def test_which_table_to_make_is_never_guessed(minerecon: Run) -> None:
    assert "DYNAMODB_DIFFICULTY_TABLE" in one_line(
        minerecon("difficulty", "create-table", DYNAMODB_DIFFICULTY_TABLE="")
    )


# --- The warehouse ----------------------------------------------------------------------------------------------------


@pytest.fixture
def roles_made(environ: dict[str, str]) -> Iterator[Callable[[str], None]]:
    """Executes a statement as the owner of the embedded server; roles whose names begin with test_ go afterwards."""
    with contextlib.closing(psycopg2.connect(environ["DATABASE_URL"].replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        cursor = connection.cursor()
        yield lambda statement: cursor.execute(statement)
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname LIKE 'test\\_role\\_%' ORDER BY rolname DESC")
        for (name,) in cursor.fetchall():
            cursor.execute(f"GRANT {name} TO CURRENT_USER; DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def as_login(environ: dict[str, str], login: str) -> str:
    return make_url(environ["DATABASE_URL"]).set(username=login, password="x").render_as_string(hide_password=False)


def test_a_login_without_rights_in_the_warehouse(
    minerecon: Run, environ: dict[str, str], roles_made: Callable[[str], None]
) -> None:
    database = make_url(environ["DATABASE_URL"]).database
    roles_made("CREATE ROLE test_role_stranger LOGIN PASSWORD 'x'")
    roles_made(f"GRANT CONNECT ON DATABASE {database} TO test_role_stranger")
    for command in (["reingest", str(DAY)], ["status"], ["verify", str(DAY)]):
        said = one_line(minerecon(*command, DATABASE_URL=as_login(environ, "test_role_stranger")))
        assert "minerecon db upgrade" in said


@pytest.mark.slow
def test_the_owners_login_is_for_upgrades_alone_and_the_days_are_built_by_one_that_can_only_be_the_pipeline(
    minerecon: Run, environ: dict[str, str], roles_made: Callable[[str], None]
) -> None:
    owner = environ["DATABASE_URL"]
    roles_made("CREATE ROLE test_role_worker LOGIN PASSWORD 'x'")
    given = {"DATABASE_URL": as_login(environ, "test_role_worker"), "MINERECON_OWNER_DATABASE_URL": owner}
    refused = minerecon("db", "upgrade", DATABASE_URL=given["DATABASE_URL"])
    assert refused.code == 2
    upgraded = minerecon("db", "upgrade", **given)
    assert (upgraded.code, upgraded.err) == (0, "")
    (role,) = (
        line for line in json.loads(minerecon("doctor", "--json", **given).out)["lines"] if line["name"] == "role"
    )
    assert (role["state"], role["says"]) == (
        "ok", "test_role_worker works as minerecon_pipeline; docs/operate/access.md is in force",
    )  # fmt: skip
    # What cannot be reached is never asked for: only `db upgrade` reads the owner's address.
    given["MINERECON_OWNER_DATABASE_URL"] = "postgresql://nobody:hush@127.0.0.1:1/nowhere"
    ran = minerecon("reingest", str(DAY), **given)
    assert ran.code == 0, ran.err
    for command in (["export", "2025-03"], ["status", "--from", str(DAY), "--to", str(DAY)], ["recalculate", str(DAY)]):
        ran = minerecon(*command, **given)
        assert ran.code == 0, ran.err
    unreachable = minerecon("db", "upgrade", **given)
    assert unreachable.code == 2
    assert "MINERECON_OWNER_DATABASE_URL: cannot connect to" in unreachable.err
    assert "hush" not in unreachable.err


@pytest.mark.slow
@pytest.mark.parametrize("login", ["worker", "owner"])
def test_a_day_is_built_behind_pgbouncer_and_nothing_is_left_in_its_sessions(
    minerecon: Run, environ: dict[str, str], roles_made: Callable[[str], None], tmp_path: Path, login: str
) -> None:
    """FR-32."""
    owner = make_url(environ["DATABASE_URL"])
    roles_made("CREATE ROLE test_role_worker LOGIN PASSWORD 'x'")
    direct = make_url(as_login(environ, "test_role_worker")) if login == "worker" else owner
    assert direct.username is not None
    upgraded = minerecon(
        "db", "upgrade",
        DATABASE_URL=direct.render_as_string(hide_password=False),
        MINERECON_OWNER_DATABASE_URL=owner.render_as_string(hide_password=False),
    )  # fmt: skip
    assert upgraded.code == 0, upgraded.err
    with pgbouncer(tmp_path, owner.port or 5432, {direct.username: str(direct.password)}, sessions=2) as port:
        pooled = direct.set(port=port).render_as_string(hide_password=False)
        for command in (
            ["reingest", str(DAY)], ["verify", str(DAY)], ["recalculate", str(DAY)], ["export", "2025-03"],
            ["status", "--from", str(DAY), "--to", str(DAY)],
        ):  # fmt: skip
            ran = minerecon(*command, DATABASE_URL=pooled)
            assert ran.code == 0, (command, ran.err)
        with contextlib.closing(psycopg2.connect(pooled.replace("+psycopg2", ""))) as bare:
            cursor = bare.cursor()
            cursor.execute("SELECT name FROM pg_settings WHERE source = 'session'")
            assert {name for (name,) in cursor.fetchall()} <= {"application_name", "client_encoding", "DateStyle"}
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == ("minerecon_pipeline" if login == "worker" else owner.username,)


@pytest.mark.slow
def test_two_leased_logins_in_turn_upgrade_and_ingest(
    minerecon: Run, environ: dict[str, str], roles_made: Callable[[str], None]
) -> None:
    """FR-31: what the first one makes is the database's owner's, and no obstacle to the second."""
    roles_made("CREATE ROLE test_role_a_owner NOLOGIN; GRANT test_role_a_owner TO CURRENT_USER")
    roles_made("GRANT minerecon_pipeline TO test_role_a_owner")
    roles_made("CREATE DATABASE test_role_leased OWNER test_role_a_owner")
    try:
        for login in ("test_role_v_lease1", "test_role_v_lease2"):
            roles_made(f"CREATE ROLE {login} LOGIN PASSWORD 'x' IN ROLE test_role_a_owner")
            roles_made(f"ALTER ROLE {login} SET role = test_role_a_owner")
            url = as_login(environ, login).rpartition("/")[0] + "/test_role_leased"
            sample = ["--sample"] if login.endswith("1") else []
            upgraded = minerecon("db", "upgrade", *sample, DATABASE_URL=url)
            assert upgraded.code == 0, upgraded.err
            ran = minerecon("reingest", str(DAY), "--force", DATABASE_URL=url)
            assert ran.code == 0, ran.err
            roles_made(f"DROP ROLE {login}")
    finally:
        roles_made("DROP DATABASE test_role_leased WITH (FORCE)")
