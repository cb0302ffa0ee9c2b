"""What analysts and the pipeline may do, tried over TCP with a password: by a superuser's upgrade, and embedded."""

from __future__ import annotations

import contextlib
import io
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import ProgrammingError

from minerecon_dagster.defs.sensors import build_sensors
from minerecon_dagster.warehouse import migrate, roles
from minerecon_dagster.warehouse.store import act_as_owner, open_warehouse
from minerecon_dagster.warehouse.watchdog import Overlong, Watch, Watchdog, end_overlong, stop_watching
from minerecon_dagster_tests.warehouse.servers import Busy, Server, connect, untouched

PASSWORD = "a made-up 'password' with a \\ and an é"
PREPARED_BY = (pytest.param("a superuser", marks=pytest.mark.slow), "embedded")


class Warehouse(NamedTuple):
    """A migrated warehouse: whose URL migrates it, where it is, and what the upgrade left over."""

    url: str
    host: str
    port: int
    database: str
    other_databases: tuple[str, ...]
    not_enforced: list[roles.NotEnforced]

    @property
    def engine(self) -> Engine:
        return open_warehouse(self.url)

    def analyst(self, database: str | None = None, password: str = PASSWORD, **options: Any) -> Any:
        """A session of an analyst, over TCP."""
        return connect(self.host, self.port, "minerecon_analyst", password, database or self.database, **options)

    def owner(self, statement: str) -> None:
        with contextlib.closing(psycopg2.connect(self.url.replace("+psycopg2", ""))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with untouched(tmp_path_factory.mktemp("shared server")) as server:
        yield server


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """A server without a role of ours."""
    yield shared_server
    shared_server.forget_roles()


@pytest.fixture(scope="module", params=PREPARED_BY)
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, embedded_environ: dict[str, str]
) -> Iterator[Warehouse]:
    """A migrated warehouse whose analysts know a password, on a server with Dagster's database beside it."""
    with contextlib.ExitStack() as stack:
        if request.param == "a superuser":
            server = stack.enter_context(untouched(tmp_path_factory.mktemp("untouched server")))
            dagster, name = server.create(), server.create()
            url = server.url(name)
            others: tuple[str, ...] = ("postgres", "template1", dagster)
        else:
            name = f"test_{secrets.token_hex(6)}"
            given = embedded_environ["DATABASE_URL"]
            execute_at(given, f"CREATE DATABASE {name}")
            stack.callback(execute_at, given, f"DROP DATABASE {name} WITH (FORCE)")
            url = given.rpartition("/")[0] + f"/{name}"
            others = ("postgres", "template1", "dagster")
        engine = open_warehouse(url)
        done = migrate.upgrade(engine, analyst_password=PASSWORD)
        place = engine.url
        assert place.host is not None
        assert place.port is not None
        engine.dispose()
        yield Warehouse(url, place.host, place.port, name, others, done.not_enforced)


def execute_at(url: str, statement: str) -> None:
    with contextlib.closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        connection.cursor().execute(statement)


@pytest.fixture
def analyst(prepared: Warehouse) -> Iterator[Any]:
    """A cursor of an analyst's session in which all that a session can change for itself is changed."""
    with contextlib.closing(prepared.analyst()) as connection, connection.cursor() as cursor:
        for setting in ("default_transaction_read_only = off", "transaction_read_only = off", "statement_timeout = 0"):
            cursor.execute(f"SET {setting}")
        yield cursor


def only(cursor: Any) -> Any:
    (row,) = cursor.fetchall()
    return row[0]


# --- What analysts may do ---------------------------------------------------------------------------------------------


def test_an_upgrade_that_may_do_everything_leaves_nothing_over(prepared: Warehouse) -> None:
    assert prepared.not_enforced == []


def test_an_analyst_reads_every_table_and_view(analyst: Any) -> None:
    analyst.execute(
        "SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = relnamespace"
        " WHERE n.nspname IN ('minerecon', 'analytics') AND c.relkind IN ('r', 'p', 'v', 'm')"
    )
    names = [name for (name,) in analyst.fetchall()]
    assert {"minerecon.daily_summaries", "analytics.reconciliation_status"} <= set(names)
    for name in names:
        analyst.execute(f"SELECT * FROM {name} LIMIT 1")
    analyst.execute("SELECT count(*) FROM minerecon.miner_models")
    assert only(analyst) == 3


def test_what_a_later_migration_makes_is_readable_with_no_further_grant(prepared: Warehouse, analyst: Any) -> None:
    prepared.owner("CREATE TABLE minerecon.of_a_later_migration AS SELECT 42 AS answer")
    prepared.owner("CREATE VIEW analytics.of_a_later_migration AS SELECT answer FROM minerecon.of_a_later_migration")
    analyst.execute(
        "SELECT t.answer + v.answer FROM minerecon.of_a_later_migration AS t, analytics.of_a_later_migration v"
    )
    assert only(analyst) == 84
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute("DELETE FROM minerecon.of_a_later_migration")


def test_an_analyst_begins_read_only_with_time_outs(prepared: Warehouse) -> None:
    with contextlib.closing(prepared.analyst()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),"
            " current_setting('idle_in_transaction_session_timeout'), current_setting('idle_session_timeout'),"
            " current_setting('temp_file_limit')"
        )
        assert cursor.fetchone() == ("on", "1min", "10min", "1h", "2GB")


# --- What they may not ------------------------------------------------------------------------------------------------

ADVISORY_LOCKS = [
    f"pg_{t}advisory_{x}lock{shared}({key})"
    for t in ("", "try_")
    for x in ("", "xact_")
    for shared in ("", "_shared")
    for key in ("1", "1, 2")
]
REFUSED = [
    "INSERT INTO minerecon.miner_models VALUES ('X', 1, 1)",
    "UPDATE minerecon.daily_summaries SET paid_gbp = 0",
    "DELETE FROM minerecon.daily_summaries",
    "TRUNCATE minerecon.daily_summaries",
    "MERGE INTO minerecon.miner_models AS m USING (VALUES ('S9')) AS x (n) ON miner_model = n WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM minerecon.daily_summaries RETURNING 1) SELECT count(*) FROM gone",
    "DO $$ BEGIN DELETE FROM minerecon.daily_summaries; END $$",
    "SELECT * FROM minerecon.miner_models FOR UPDATE",
    "SELECT * FROM minerecon.miner_models FOR KEY SHARE",
    "BEGIN; LOCK TABLE minerecon.daily_summaries IN EXCLUSIVE MODE",
    "INSERT INTO minerecon.alembic_version VALUES ('9999')",
    "INSERT INTO minerecon.day_locks VALUES ('2025-03-28')",
    "CREATE TABLE minerecon.mine (x int)",
    "CREATE TABLE analytics.mine (x int)",
    "CREATE TABLE public.mine (x int)",
    "CREATE SCHEMA mine",
    "CREATE FUNCTION analytics.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql RETURN 1",
    "CREATE VIEW analytics.mine AS SELECT 1 AS one",
    "CREATE VIEW pg_temp.mine AS SELECT 1 AS one",
    "CREATE TEMPORARY TABLE mine (x int)",
    "SELECT 1 AS one INTO TEMPORARY mine",
    "CREATE TEMPORARY SEQUENCE mine",
    "DROP TABLE minerecon.daily_summaries",
    "DROP SCHEMA minerecon CASCADE",
    "DROP VIEW analytics.reconciliation_status",
    "DROP DATABASE template1",
    "ALTER TABLE minerecon.daily_summaries DISABLE TRIGGER ALL",
    "COMMENT ON TABLE minerecon.daily_summaries IS 'mine'",
    "CREATE RULE mine AS ON INSERT TO minerecon.daily_summaries DO NOTHING",
    "CREATE RULE mine AS ON INSERT TO pg_catalog.pg_database DO NOTHING",
    "CREATE TRIGGER mine BEFORE INSERT ON minerecon.day_locks EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE STATISTICS mine ON summary_date, curtailed_mwh FROM minerecon.daily_summaries",
    "CREATE POLICY mine ON minerecon.daily_summaries",
    "CREATE INDEX mine ON minerecon.daily_summaries (curtailed_mwh)",
    "COMMENT ON TABLE pg_catalog.pg_authid IS 'mine'",
    "ALTER VIEW analytics.curtailment_by_day SET (security_barrier)",
    "ALTER TABLE minerecon.daily_summaries OWNER TO minerecon_analyst",
    "DROP OWNED BY minerecon_analyst",
    "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC",
    "DO $$ BEGIN CREATE RULE mine AS ON INSERT TO minerecon.daily_summaries DO NOTHING; END $$",
    "PREPARE later AS SELECT 1; CREATE TYPE mine AS (x int)",
    "CREATE EVENT TRIGGER mine ON ddl_command_start EXECUTE FUNCTION minerecon_guard.refuse_readers()",
    "DROP EVENT TRIGGER minerecon_readers_make_nothing",
    "DROP FUNCTION minerecon_guard.refuse_readers() CASCADE",
    "SET event_triggers = off",
    "SET session_replication_role = replica",
    "CREATE ROLE mine",
    "CREATE DATABASE mine",
    "ALTER ROLE minerecon_analyst SUPERUSER",
    "ALTER ROLE minerecon_analyst CONNECTION LIMIT -1",
    "ALTER ROLE minerecon_pipeline LOGIN",
    "ALTER ROLE postgres PASSWORD 'mine'",
    "ALTER ROLE minerecon_analyst SET temp_file_limit = -1",
    "ALTER ROLE minerecon_analyst SET session_preload_libraries = 'mine'",
    "SET temp_file_limit = -1",
    "ALTER SYSTEM SET fsync = off",
    "SET ROLE minerecon_pipeline",
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION postgres",
    "SELECT set_config('role', 'minerecon_pipeline', false)",
    "GRANT minerecon_pipeline TO minerecon_analyst",
    "COPY minerecon.miner_models TO PROGRAM 'cat >/dev/null'",
    "COPY minerecon.miner_models FROM PROGRAM 'true'",
    "COPY minerecon.miner_models TO '/tmp/of an analyst'",
    "COPY minerecon.miner_models FROM STDIN",
    "SELECT pg_read_file('PG_VERSION')",
    "SELECT pg_read_binary_file('PG_VERSION')",
    "SELECT pg_ls_dir('.')",
    "SELECT pg_stat_file('PG_VERSION')",
    "SELECT rolpassword FROM pg_authid",
    "SELECT lo_creat(-1)",
    "SELECT lo_create(0)",
    "SELECT lo_import('/etc/hostname')",
    "SELECT lo_export(1, '/tmp/of an analyst')",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_put(1, 0, 'x')",
    "SELECT lo_unlink(1)",
    "SELECT lo_open(1, 131072)",
    "SELECT lowrite(0, 'x')",
    "SELECT loread(0, 1)",
    "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000))",
    "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
    "SELECT pg_switch_wal()",
    "SELECT pg_reload_conf()",
    "SELECT pg_stat_reset()",
    *(f"SELECT {lock}" for lock in ADVISORY_LOCKS),
]


@pytest.mark.parametrize("statement", REFUSED)
def test_an_analyst_is_refused_whatever_he_sets(analyst: Any, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.copy_expert(statement, io.StringIO()) if "STDIN" in statement else analyst.execute(statement)


@pytest.mark.slow
def test_the_embedded_servers_queue_of_notifications_is_small_and_is_not_filled_beside_the_watchdog(
    prepared: Warehouse,
) -> None:
    """Dagster notifies in the transaction of each event: while the queue is full, none can be stored."""
    watch = Watch(Watchdog(prepared.engine, 300))
    assert watch.told() == []
    try:
        with contextlib.closing(prepared.analyst()) as holder, contextlib.closing(prepared.analyst()) as sender:
            for statement in ("LISTEN x", "BEGIN", "SELECT 1"):
                holder.cursor().execute(statement)
            cursor = sender.cursor()
            cursor.execute("SHOW max_notify_queue_pages")
            assert int(only(cursor)) * 8192 == 1 << 30
            told: list[Overlong] = []
            try:
                while holder.get_backend_pid() not in {one.pid for one in told}:
                    cursor.execute("SELECT pg_notify('x', n || repeat('y', 7900)) FROM generate_series(1, 200) AS n")
                    told = list(watch._untold)
            except psycopg2.OperationalError as error:  # it may be met at work, and ended as the other is
                assert not isinstance(error, errors.ProgramLimitExceeded), error
            with pytest.raises(psycopg2.OperationalError):
                holder.cursor().execute("SELECT pg_sleep(20)")
            prepared.owner("NOTIFY x")
            while not (found := watch.told()):  # the look that ended it is on record when it is over
                pass
            assert {one.kind for one in found} == {"queue"}
    finally:
        watch.stop()


def test_an_analyst_cannot_become_the_owner(prepared: Warehouse, analyst: Any) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        analyst.execute(f"SET ROLE {prepared.engine.url.username}")


def test_an_analyst_ends_nobody_elses_session_and_hands_no_right_on(prepared: Warehouse, analyst: Any) -> None:
    engine = prepared.engine
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        for function in ("pg_cancel_backend", "pg_terminate_backend"):
            with pytest.raises(errors.InsufficientPrivilege):
                analyst.execute(f"SELECT {function}({pid})")
        with pytest.raises(errors.InsufficientPrivilege):
            analyst.execute("GRANT SELECT ON minerecon.daily_summaries TO PUBLIC")
        acl = "SELECT relacl::text FROM pg_class WHERE oid = 'minerecon.daily_summaries'::regclass"
        assert ",=r/" not in connection.execute(text(acl)).scalar_one()
    engine.dispose()


@pytest.mark.slow
def test_a_setting_of_his_own_role_does_not_help_in_the_next_session_and_goes_with_the_next_upgrade(
    prepared: Warehouse, analyst: Any
) -> None:
    analyst.execute("ALTER ROLE minerecon_analyst SET default_transaction_read_only = off")
    analyst.execute("ALTER ROLE minerecon_analyst SET work_mem = '1GB'")
    analyst.execute(f"ALTER ROLE minerecon_analyst IN DATABASE {prepared.database} SET statement_timeout = 0")
    with contextlib.closing(prepared.analyst()) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        assert only(cursor) == "off"
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("DELETE FROM minerecon.daily_summaries")
    engine = prepared.engine
    assert migrate.upgrade(engine).not_enforced == []
    engine.dispose()
    with contextlib.closing(prepared.analyst()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_setting('transaction_read_only'), current_setting('statement_timeout'),"
            " current_setting('work_mem'), current_setting('temp_file_limit')"
        )
        assert cursor.fetchone() == ("on", "1min", "4MB", "2GB")


def test_an_analyst_enters_no_other_database(prepared: Warehouse) -> None:
    for database in prepared.other_databases:
        with pytest.raises(psycopg2.OperationalError, match=f'permission denied for database "{database}"'):
            prepared.analyst(database)


def test_no_password_and_a_wrong_one_are_refused(prepared: Warehouse) -> None:
    for password in ("", "wrong"):
        with pytest.raises(psycopg2.OperationalError, match="password"):
            prepared.analyst(password=password)


@pytest.mark.slow
def test_two_hundred_connections_are_refused_beyond_the_limit(prepared: Warehouse) -> None:
    engine = prepared.engine
    with contextlib.ExitStack() as stack, engine.connect() as connection:
        sessions = text("SELECT count(*) FROM pg_stat_activity WHERE usename = 'minerecon_analyst'")
        while connection.execute(sessions).scalar_one():  # those of tests before, which are about to end
            connection.rollback()
        refused = 0
        for _ in range(200):
            try:
                stack.enter_context(contextlib.closing(prepared.analyst()))
            except psycopg2.OperationalError as error:
                assert 'too many connections for role "minerecon_analyst"' in str(error)
                refused += 1
        assert refused == 190
        with open_warehouse(prepared.url).connect() as another:
            assert another.execute(text("SELECT count(*) FROM minerecon.miner_models")).scalar_one() == 3
    engine.dispose()


def test_the_analysts_role_owns_nothing_is_a_member_of_nothing_and_no_function_lends_it_rights(
    prepared: Warehouse,
) -> None:
    engine = prepared.engine
    with engine.connect() as connection:
        found = connection.execute(
            text(
                "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication OR rolbypassrls,"
                " (SELECT count(*) FROM pg_shdepend WHERE refobjid = r.oid AND deptype = 'o'),"
                " (SELECT count(*) FROM pg_auth_members WHERE member = r.oid),"
                " (SELECT count(*) FROM pg_proc AS p"
                "  WHERE prosecdef AND has_function_privilege(r.oid, p.oid, 'EXECUTE')"
                "  AND pronamespace IN ('minerecon'::regnamespace, 'analytics'::regnamespace, 'public'::regnamespace))"
                " FROM pg_roles AS r WHERE rolname = 'minerecon_analyst'"
            )
        ).one()
    engine.dispose()
    assert tuple(found) == (False, 0, 0, 0)


@pytest.mark.slow
def test_a_function_that_is_made_later_lends_a_reader_no_rights_of_its_owner(prepared: Warehouse, analyst: Any) -> None:
    """PostgreSQL makes every function executable for everybody."""
    made = "analytics.made_later(), minerecon.made_later_too(integer)"
    engine = prepared.engine
    with engine.begin() as connection:
        act_as_owner(connection)
        for signature in made.split(", "):
            connection.execute(
                text(f"CREATE FUNCTION {signature} RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user'")
            )
    analyst.execute("SELECT analytics.made_later()")
    assert only(analyst) != "minerecon_analyst", "it works with its owner's rights"
    analyst.connection.commit()
    assert {found.promise for found in migrate.not_enforced(engine)} == {
        f"no reader works with the rights of whoever owns {signature}" for signature in made.split(", ")
    }
    assert migrate.upgrade(engine).not_enforced == []
    for call in ("analytics.made_later()", "minerecon.made_later_too(1)"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            analyst.execute(f"SELECT {call}")
        analyst.connection.rollback()
    with engine.begin() as connection:
        act_as_owner(connection)
        connection.execute(text(f"DROP FUNCTION {made}"))
    engine.dispose()


# --- The watchdog -----------------------------------------------------------------------------------------------------


def ended_by_the_watchdog(engine: Engine, limit_s: float, pid: int, patience_s: float = 5.0) -> Any:
    """Look until the session of ``pid`` is found to have gone on for too long; what was done about it."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for session in end_overlong(engine, limit_s, patience_s=patience_s) or []:
            if session.pid == pid:
                return session
    raise AssertionError("the watchdog does not see the session")


@pytest.mark.first_quick
@pytest.mark.parametrize(
    "statement", ["SELECT pg_sleep(600)", "DO $$ BEGIN LOOP PERFORM pg_sleep(0.01); COMMIT; END LOOP; END $$"]
)
def test_the_watchdog_cancels_a_long_query_of_a_session_without_time_outs(prepared: Warehouse, statement: str) -> None:
    engine = prepared.engine
    with Busy(prepared.analyst(), "SET statement_timeout = 0", statement) as busy:
        ended = ended_by_the_watchdog(engine, 0.3, busy.pid)
        busy.thread.join(10)
        assert isinstance(busy.error, errors.QueryCanceled)
        assert (ended.outcome, ended.kind) == ("cancelled", "statement")
        assert str(ended).endswith(statement)
        assert f"statement of minerecon_analyst in {prepared.database}" in str(ended)
        with busy.session.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert only(cursor) == 1
    engine.dispose()


@pytest.mark.slow
def test_a_statement_that_outlives_its_cancellation_is_ended_with_its_session(prepared: Warehouse) -> None:
    engine = prepared.engine
    stubborn = "DO $$ BEGIN LOOP BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN END; END LOOP; END $$"
    with Busy(prepared.analyst(), "SET statement_timeout = 0", stubborn) as busy:
        ended = ended_by_the_watchdog(engine, 0.3, busy.pid, patience_s=0.3)
        busy.thread.join(10)
        assert ended.outcome == "terminated"
        assert isinstance(busy.error, psycopg2.OperationalError)
        assert busy.session.closed
    engine.dispose()


def test_a_transaction_that_stays_open_is_ended_and_an_idle_session_is_not(prepared: Warehouse) -> None:
    engine = prepared.engine
    with (
        contextlib.closing(prepared.analyst()) as session,
        contextlib.closing(prepared.analyst()) as idle,
        session.cursor() as cursor,
        idle.cursor() as other,
    ):
        other.execute("SELECT 1")
        cursor.execute("SET idle_in_transaction_session_timeout = 0")
        cursor.execute("BEGIN")
        cursor.execute("SELECT count(*) FROM minerecon.daily_summaries")
        ended = ended_by_the_watchdog(engine, 0.2, session.get_backend_pid())
        assert (ended.outcome, ended.kind) == ("terminated", "transaction")
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1")
        other.execute("SELECT 1")
        assert only(other) == 1
    engine.dispose()


def test_the_watchdog_leaves_short_statements_and_the_pipeline_alone(prepared: Warehouse) -> None:
    engine = prepared.engine
    with engine.connect() as ours, contextlib.closing(prepared.analyst()) as session, session.cursor() as cursor:
        ours.execute(text("SELECT pg_sleep(0.3)"))
        cursor.execute("SELECT 1")
        assert end_overlong(engine, 0.1) == []
        ours.execute(text("SELECT 1"))
    engine.dispose()


def test_the_sensor_ends_statements_beyond_the_setting_and_says_so_in_its_tick(
    prepared: Warehouse, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("DATABASE_URL", prepared.url)
    monkeypatch.setenv("MINERECON_ANALYST_MAX_SECONDS", "1")
    (watchdog,) = (sensor for sensor in build_sensors().sensors if sensor.name == "analysts_watchdog")
    assert watchdog.default_status == dg.DefaultSensorStatus.RUNNING
    assert watchdog.minimum_interval_seconds == 30

    def tick() -> str:
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(instance=instance)
            return str(watchdog.evaluate_tick(context).skip_message)

    request.addfinalizer(stop_watching)
    assert tick() == "no analyst's statement has run for over 1 s"
    with Busy(prepared.analyst(), "SET statement_timeout = 0", "SELECT pg_sleep(600)") as busy:
        deadline = time.monotonic() + 30
        while "SELECT pg_sleep(600)" not in (said := tick()):
            assert time.monotonic() < deadline, said
        busy.thread.join(10)
        assert isinstance(busy.error, errors.QueryCanceled)
    assert "cancelled after" in said


@pytest.mark.slow
def test_the_watchdog_says_of_whom_it_may_see_nothing_and_which_statement_mends_that(server: Server) -> None:
    server.execute("CREATE ROLE chief LOGIN CREATEROLE PASSWORD 'x'")
    name = server.create(owner="chief")
    engine = open_warehouse(server.url(name, "chief", "x"))
    migrate.upgrade(engine)
    server.execute("CREATE ROLE alice LOGIN PASSWORD 'x' IN ROLE minerecon_analyst")
    alice = connect("127.0.0.1", server.running.port, "alice", "x", name)
    with Busy(alice, "SELECT pg_sleep(600)") as busy:
        (hidden,) = end_overlong(engine, 0.1) or []
        assert (hidden.kind, hidden.outcome) == ("hidden", "not ended")
        assert "GRANT alice TO minerecon_pipeline" in str(hidden)
        server.execute("GRANT alice TO minerecon_pipeline")
        assert ended_by_the_watchdog(engine, 0.1, busy.pid).outcome == "cancelled"
        busy.thread.join(10)
        assert isinstance(busy.error, errors.QueryCanceled)
    engine.dispose()


def test_the_watchdog_has_nothing_to_do_where_there_is_no_such_role(server: Server) -> None:
    engine = create_engine(server.url("postgres"))
    assert end_overlong(engine, 1) is None
    engine.dispose()


# --- The pipeline -----------------------------------------------------------------------------------------------------


def test_the_pipeline_changes_data_and_not_the_schema(prepared: Warehouse) -> None:
    engine = prepared.engine
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "minerecon_pipeline"
        migrate.require_current(connection)
        migrate.sync_reference_data(connection)
        for done in (
            "INSERT INTO minerecon.day_locks VALUES ('2025-03-28')",
            "UPDATE minerecon.day_locks SET settlement_date = '2025-03-29'",
            "DELETE FROM minerecon.day_locks",
            "SELECT pg_advisory_xact_lock(1)",
            "CREATE TEMPORARY TABLE worked_on (x int) ON COMMIT DROP",
            "SELECT * FROM analytics.reconciliation_status",
        ):
            connection.execute(text(done))
        connection.rollback()
        for refused in (
            "CREATE TABLE minerecon.mine (x int)",
            "CREATE VIEW analytics.mine AS SELECT 1 AS one",
            "CREATE TABLE public.mine (x int)",
            "CREATE SCHEMA mine",
            "DROP TABLE minerecon.day_locks",
            "ALTER TABLE minerecon.day_locks ADD COLUMN x int",
            "TRUNCATE minerecon.day_locks",
            "DROP VIEW analytics.reconciliation_status",
            "UPDATE minerecon.alembic_version SET version_num = '0001'",
            "CREATE OR REPLACE FUNCTION minerecon.mined_btc(numeric, numeric, numeric, numeric, numeric)"
            " RETURNS numeric LANGUAGE sql RETURN 1",
        ):
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                connection.execute(text(refused))
            connection.rollback()
    engine.dispose()


def test_the_pipeline_changes_the_tables_of_a_later_migration(prepared: Warehouse) -> None:
    prepared.owner("CREATE TABLE minerecon.numbered (id int GENERATED ALWAYS AS IDENTITY, s serial, x int)")
    engine = prepared.engine
    with engine.begin() as connection:
        inserted = connection.execute(text("INSERT INTO minerecon.numbered (x) VALUES (7) RETURNING id, s, x")).one()
        connection.execute(text("DELETE FROM minerecon.numbered"))
    engine.dispose()
    assert tuple(inserted) == (1, 1, 7)


def test_an_owner_who_has_to_is_one_for_a_transaction_or_for_an_engine(prepared: Warehouse) -> None:
    engine = prepared.engine
    with engine.begin() as connection:
        act_as_owner(connection)
        connection.execute(text("CREATE TABLE minerecon.for_a_moment (x int)"))
        connection.execute(text("DROP TABLE minerecon.for_a_moment"))
    with engine.begin() as connection:  # the pool's same connection
        assert connection.execute(text("SELECT current_user")).scalar_one() == "minerecon_pipeline"
    with open_warehouse(prepared.url, as_owner=True).connect() as connection:
        assert connection.execute(text("SELECT current_user = session_user")).scalar_one()
    engine.dispose()


# --- The upgrade ------------------------------------------------------------------------------------------------------


def upgrade_as(server: Server, user: str, database: str, password: str | None = None) -> migrate.Upgrade:
    engine = open_warehouse(server.url(database, user, "x"))
    try:
        return migrate.upgrade(engine, analyst_password=password)
    finally:
        engine.dispose()


@pytest.mark.slow
def test_an_owner_who_is_no_superuser_is_told_what_is_not_enforced_and_the_statements_enforce_it(
    server: Server, tmp_path: Path
) -> None:
    server.execute("CREATE ROLE chief LOGIN CREATEROLE PASSWORD 'x'")
    name = server.create(owner="chief")
    done = upgrade_as(server, "chief", name, PASSWORD)
    assert {left_over.promise for left_over in done.not_enforced} == {
        "only roles that are named enter the database postgres",
        "only roles that are named enter the database template1",
        "analysts take no advisory lock, and write no large object and no message into the log",
        "the pipeline, and whoever owns the database, takes advisory locks",
        "a query of minerecon_analyst fills no disk",
        "a query of minerecon_api fills no disk",
        "a reader is refused before any lock is taken",
    }
    script = roles.superuser_script(done.not_enforced)
    assert "-- only roles that are named enter the database postgres\nGRANT CONNECT, TEMPORARY ON DATABASE" in script
    server.execute(script.removeprefix("\\set ON_ERROR_STOP on\n"), name)
    assert upgrade_as(server, "chief", name).not_enforced == []
    with (
        contextlib.closing(connect("127.0.0.1", server.running.port, "minerecon_analyst", PASSWORD, name)) as session,
        session.cursor() as cursor,
    ):
        for refused in ("SELECT lo_create(0)", "SELECT pg_advisory_lock(1)"):
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(refused)


def test_the_read_api_has_a_login_of_its_own_that_reads_both_schemas_and_nothing_else(server: Server) -> None:
    name = server.create()
    engine = open_warehouse(server.url(name))
    assert migrate.upgrade(engine, api_password="of the api").not_enforced == []
    engine.dispose()
    with (
        contextlib.closing(connect("127.0.0.1", server.running.port, "minerecon_api", "of the api", name)) as session,
        session.cursor() as cursor,
    ):
        cursor.execute("SELECT count(*) FROM analytics.curtailment_by_day, minerecon.miner_models")
        cursor.execute("SET default_transaction_read_only = off")
        for refused in (
            "DELETE FROM minerecon.miner_models", "CREATE TEMPORARY TABLE mine (a int)", "SELECT pg_advisory_lock(1)",
            "SELECT pg_read_file('/etc/passwd')", "SET ROLE minerecon_pipeline", "SELECT * FROM pg_authid",
        ):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                cursor.execute(refused)
    with pytest.raises(psycopg2.OperationalError, match="permission denied"):
        connect("127.0.0.1", server.running.port, "minerecon_api", "of the api", "postgres")


@pytest.mark.slow
def test_an_owner_who_may_make_no_role_migrates_all_the_same_and_works_as_before(server: Server) -> None:
    server.execute("CREATE ROLE tenant LOGIN PASSWORD 'x'")
    name = server.create(owner="tenant")
    done = upgrade_as(server, "tenant", name, PASSWORD)
    assert done.after is not None
    promises = [left_over.promise for left_over in done.not_enforced]
    assert promises[:3] == [
        "there is a role for analysts", "there is a role for the read API", "there is a role for the pipeline",
    ]  # fmt: skip
    assert promises[-1] == "analysts log in with MINERECON_ANALYST_PASSWORD"
    engine = open_warehouse(server.url(name, "tenant", "x"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "tenant"
        migrate.sync_reference_data(connection)
    engine.dispose()
    script = roles.superuser_script(done.not_enforced)
    server.execute(script.removeprefix("\\set ON_ERROR_STOP on\n"), name)
    connect("127.0.0.1", server.running.port, "minerecon_analyst", PASSWORD, name).close()
    assert upgrade_as(server, "tenant", name).not_enforced == []
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "minerecon_pipeline"
        migrate.sync_reference_data(connection)
    engine.dispose()


@pytest.mark.slow
def test_other_roles_keep_by_name_what_public_loses(server: Server) -> None:
    server.execute("CREATE ROLE \"an application's 100% own\" LOGIN PASSWORD 'x'")
    name = server.create()
    server.execute("CREATE ROLE minerecon_analyst LOGIN; CREATE ROLE bob LOGIN PASSWORD 'x' IN ROLE minerecon_analyst")
    engine = open_warehouse(server.url(name))
    migrate.upgrade(engine)
    engine.dispose()
    with contextlib.closing(
        connect("127.0.0.1", server.running.port, "an application's 100% own", "x", "postgres")
    ) as connection:
        connection.cursor().execute("CREATE TEMPORARY TABLE its_own (x int)")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        connect("127.0.0.1", server.running.port, "bob", "x", "postgres")
    with contextlib.closing(connect("127.0.0.1", server.running.port, "bob", "x", name)) as connection:
        connection.cursor().execute("SELECT * FROM analytics.reconciliation_status")


@pytest.mark.slow
def test_rights_that_somebody_gave_the_analysts_are_taken_back(server: Server) -> None:
    name = server.create()
    server.execute("CREATE ROLE minerecon_analyst LOGIN SUPERUSER CREATEDB")
    engine = open_warehouse(server.url(name))
    migrate.upgrade(engine)
    server.execute(
        "GRANT ALL ON ALL TABLES IN SCHEMA minerecon TO minerecon_analyst;"
        " GRANT pg_read_server_files TO minerecon_analyst;"
        " GRANT CREATE ON SCHEMA analytics TO minerecon_analyst; GRANT INSERT ON minerecon.day_locks TO PUBLIC;"
        " GRANT CREATE ON SCHEMA public TO PUBLIC; GRANT TRUNCATE ON minerecon.day_locks TO minerecon_pipeline;"
        " CREATE TABLE public.taken (x int); ALTER TABLE public.taken OWNER TO minerecon_analyst;"
        f" GRANT TEMPORARY ON DATABASE {name} TO minerecon_analyst;"
        " GRANT EXECUTE ON FUNCTION lo_create TO minerecon_analyst;"
        " GRANT UPDATE ON ALL SEQUENCES IN SCHEMA minerecon TO minerecon_analyst;"
        " GRANT USAGE ON SCHEMA minerecon TO PUBLIC; GRANT CREATE ON SCHEMA minerecon TO minerecon_pipeline;"
        " REVOKE USAGE ON ALL SEQUENCES IN SCHEMA minerecon FROM minerecon_pipeline; CREATE ROLE anybody",
        name,
    )
    assert migrate.upgrade(engine).not_enforced == []
    with engine.connect() as connection:
        may = connection.execute(
            text(
                "SELECT rolsuper, rolcreatedb, rolconnlimit <> 10,"
                " pg_has_role(r.oid, 'pg_read_server_files', 'MEMBER'),"
                " has_schema_privilege(r.oid, 'analytics', 'CREATE'), has_schema_privilege(r.oid, 'public', 'CREATE'),"
                " has_table_privilege(r.oid, 'minerecon.day_locks', 'INSERT, UPDATE, DELETE, TRUNCATE'),"
                " has_table_privilege('minerecon_pipeline', 'minerecon.day_locks', 'TRUNCATE'),"
                " has_table_privilege(r.oid, 'public.taken', 'SELECT'),"
                " has_database_privilege(r.oid, current_database(), 'TEMPORARY'),"
                " has_function_privilege(r.oid, 'lo_create(oid)', 'EXECUTE'),"
                " has_schema_privilege('anybody', 'minerecon', 'USAGE'),"
                " has_schema_privilege('minerecon_pipeline', 'minerecon', 'CREATE'),"
                " (SELECT NOT bool_and(has_sequence_privilege('minerecon_pipeline', c.oid, 'USAGE')) FROM pg_class AS c"
                "  WHERE c.relkind = 'S' AND c.relnamespace = 'minerecon'::regnamespace)"
                " FROM pg_roles AS r WHERE rolname = 'minerecon_analyst'"
            )
        ).one()
    engine.dispose()
    assert set(may) == {False}


@pytest.mark.slow
def test_a_warehouse_of_before_these_roles_is_upgraded_while_its_owner_works(server: Server) -> None:
    name = server.create()
    engine = open_warehouse(server.url(name))
    migrate.upgrade(engine)
    engine.dispose()
    server.execute(
        "REASSIGN OWNED BY minerecon_pipeline TO postgres; DROP OWNED BY minerecon_pipeline;"
        " DROP OWNED BY minerecon_analyst",
        name,
    )
    server.execute("DROP OWNED BY minerecon_pipeline; DROP ROLE minerecon_pipeline")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar_one() == "postgres"
        connection.rollback()
        assert migrate.upgrade(engine).not_enforced == []
    with engine.connect() as one, engine.connect() as other:  # whichever the pool has kept
        for connection in (one, other):
            assert connection.execute(text("SELECT current_user")).scalar_one() == "minerecon_pipeline"
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "done"),
    [
        ("CREATE ROLE minerecon_analyst LOGIN CONNECTION LIMIT 10", False),
        ("CREATE ROLE minerecon_pipeline NOLOGIN", False),
        ("CREATE ROLE minerecon_api LOGIN CONNECTION LIMIT 8", False),
        ("REVOKE CONNECT, TEMPORARY ON DATABASE postgres FROM PUBLIC", False),
        ("ALTER ROLE minerecon_analyst PASSWORD NULL", True),
    ],
)
def test_what_another_upgrade_of_the_server_does_at_the_same_time_is_found_done(
    server: Server, first: str, done: bool
) -> None:
    """The other one has done it, and commits only when this one waits for that."""
    name = server.create()
    engine = open_warehouse(server.url(name))
    if done:
        migrate.upgrade(engine)
    found: list[migrate.Upgrade] = []
    upgrade = threading.Thread(target=lambda: found.append(migrate.upgrade(engine, analyst_password=PASSWORD)))
    with contextlib.closing(server.superuser()) as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(first)
        upgrade.start()
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        with contextlib.closing(server.superuser()) as look, look.cursor() as looking:
            looking.execute(waiting)
            while not only(looking):
                assert upgrade.is_alive()
                looking.execute(waiting)
        cursor.execute("COMMIT")
    upgrade.join(60)
    assert [upgraded.not_enforced for upgraded in found] == [[]]
    engine.dispose()


UPGRADE = """
import sys
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
engine = open_warehouse(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
print(migrate.upgrade(engine, analyst_password="x").not_enforced)
"""


@pytest.mark.slow
def test_upgrades_of_several_databases_of_one_server_at_once_all_succeed(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        upgrades = []
        for _ in range(4):
            command = [sys.executable, "-c", UPGRADE, server.url(server.create())]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            upgrades.append(stack.enter_context(subprocess.Popen(command, text=True, **pipes)))  # type: ignore[call-overload]
        for upgrade in upgrades:
            assert upgrade.stdout.readline() == "ready\n"
        for upgrade in upgrades:
            upgrade.stdin.write("now\n")
            upgrade.stdin.flush()
        for upgrade in upgrades:
            out, error = upgrade.communicate(timeout=120)
            assert (out, error) == ("[]\n", "")


@pytest.mark.slow
def test_the_password_is_in_no_statement_no_log_and_no_message(
    server: Server,
) -> None:
    sent: list[str] = []
    name = server.create()
    engine = open_warehouse(server.url(name))
    migrate.upgrade(engine)
    with contextlib.closing(server.superuser(name)) as connection:
        connection.cursor().execute("SET client_min_messages = log; SET log_statement = 'all'; SET log_duration = on")
        roles.set_password(connection, roles.ANALYST, "hush-hush")
        sent += connection.notices
    assert any("ALTER ROLE" in line and "SCRAM-SHA-256$4096:" in line for line in sent)
    assert not any("hush" in line for line in sent)
    server.execute(f"CREATE ROLE tenant LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE {name} TO tenant")
    with contextlib.closing(connect("127.0.0.1", server.running.port, "tenant", "x", name)) as connection:
        assert roles.set_password(connection, roles.ANALYST, "hush-hush") == []
        (left_over,) = roles.set_password(connection, roles.ANALYST, "hush-another")
    assert "hush" not in repr(left_over)
    engine.dispose()


def test_a_server_that_goes_away_during_an_upgrade_is_an_error_and_not_a_promise_unkept(server: Server) -> None:
    name = server.create()
    with contextlib.closing(server.superuser(name)) as connection:
        connection.cursor().execute("SELECT pg_backend_pid()")
        server.execute(f"SELECT pg_terminate_backend({connection.get_backend_pid()}, 5000)")
        with pytest.raises(psycopg2.OperationalError):
            roles.enforce(connection)
