"""What a reader cannot do to others, tried on the embedded PostgreSQL and on Debian's 15: freeze, fill, stay."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from click.testing import CliRunner
from psycopg2 import errors, sql
from sqlalchemy import Engine

from minerecon_dagster.cli.main import cli
from minerecon_dagster.local import postgres
from minerecon_dagster.warehouse import migrate, roles, watchdog
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster.warehouse.watchdog import Limits, Session, Watch, Watchdog, end_overlong, judge
from minerecon_dagster_tests.warehouse.servers import VERSIONS, Busy, Server, cluster, connect
from minerecon_dagster_tests.warehouse.test_roles import REFUSED

UNBOUND = "SET default_transaction_read_only = off; SET statement_timeout = 0; SET idle_session_timeout = 0;"
UNBOUND_TOO = f"{UNBOUND} SET idle_in_transaction_session_timeout = 0"


class Place(NamedTuple):
    """A migrated warehouse on a server with Dagster's database beside it."""

    server: Server
    name: str
    dagster: str
    engine: Engine

    def reader(self, user: str = "minerecon_analyst") -> Any:
        session = connect("127.0.0.1", self.server.running.port, user, "x", self.name, connect_timeout=10)
        session.cursor().execute(UNBOUND_TOO)
        return session

    def logs_in(self) -> bool:
        """Whether the superuser and Dagster come in."""
        for database in ("postgres", self.dagster):
            with contextlib.closing(self.server.superuser(database)) as session:
                session.cursor().execute("SELECT 1")
        return True


@pytest.fixture(scope="module", params=VERSIONS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    settings = {"max_prepared_transactions": "5"} | ({"max_notify_queue_pages": "64"} if request.param != "15" else {})
    with cluster(tmp_path_factory.mktemp(f"server {request.param}"), request.param, settings) as server:
        dagster, name = server.create(), server.create()
        engine = open_warehouse(server.url(name))
        assert migrate.upgrade(engine, analyst_password="x").not_enforced == []
        yield Place(server, name, dagster, engine)
        engine.dispose()


@contextlib.contextmanager
def without_the_wall(place: Place) -> Iterator[None]:
    place.server.execute("ALTER EVENT TRIGGER minerecon_readers_make_nothing DISABLE", place.name)
    try:
        yield
    finally:
        place.server.execute("ALTER EVENT TRIGGER minerecon_readers_make_nothing ENABLE", place.name)


LOCKS_FIRST = [
    "CREATE RULE r AS ON INSERT TO pg_catalog.pg_database DO NOTHING",
    "CREATE RULE r AS ON INSERT TO pg_catalog.pg_authid DO NOTHING",
    "CREATE RULE r AS ON INSERT TO pg_catalog.pg_class DO NOTHING",
    "CREATE RULE r AS ON INSERT TO pg_catalog.pg_proc DO NOTHING",
    "CREATE RULE r AS ON INSERT TO minerecon.daily_summaries DO NOTHING",
    "CREATE TRIGGER t BEFORE INSERT ON minerecon.daily_summaries EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "COMMENT ON TABLE minerecon.daily_summaries IS 'x'",
    "CREATE STATISTICS s ON summary_date, curtailed_mwh FROM minerecon.daily_summaries",
    "DROP TABLE minerecon.daily_summaries",
    "ALTER VIEW analytics.curtailment_by_day RENAME TO x",
]


@pytest.mark.first_quick
@pytest.mark.parametrize("statement", LOCKS_FIRST)
def test_a_reader_is_refused_before_any_lock_within_50_ms_and_everybody_comes_in(place: Place, statement: str) -> None:
    with contextlib.closing(place.reader()) as one, contextlib.closing(place.reader()) as other:
        one.cursor().execute("BEGIN; SELECT count(*) FROM pg_database; SELECT count(*) FROM minerecon.daily_summaries")
        took = []
        for _ in range(5):
            began = time.monotonic()
            with pytest.raises(errors.InsufficientPrivilege, match="a reader makes and changes nothing"):
                other.cursor().execute(statement)
            took.append(time.monotonic() - began)
        assert min(took) < 0.05
        assert place.logs_in()


OUTSIDE_THE_WALL = [
    "DROP DATABASE postgres",
    "ALTER DATABASE postgres RENAME TO mine",
    "ALTER DATABASE postgres SET TABLESPACE pg_default",
    "COMMENT ON DATABASE postgres IS 'x'",
    "COMMENT ON ROLE postgres IS 'x'",
    "COMMENT ON TABLESPACE pg_default IS 'x'",
    "GRANT CONNECT ON DATABASE postgres TO minerecon_analyst",
    "GRANT pg_monitor TO minerecon_analyst",
    "REVOKE minerecon_analyst FROM minerecon_api",
    "DROP ROLE postgres",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "REINDEX TABLE pg_catalog.pg_database",
    "REINDEX INDEX pg_catalog.pg_database_oid_index",
    "REINDEX SYSTEM {name}",
    "VACUUM FULL pg_catalog.pg_database",
    "ANALYZE pg_catalog.pg_database",
    "CLUSTER pg_catalog.pg_database USING pg_database_oid_index",
    "BEGIN; LOCK TABLE pg_catalog.pg_database IN ACCESS EXCLUSIVE MODE",
    "BEGIN; LOCK TABLE minerecon.daily_summaries IN SHARE MODE",
    "TRUNCATE pg_catalog.pg_database",
    "DELETE FROM pg_catalog.pg_database",
    "SELECT * FROM pg_catalog.pg_database FOR UPDATE",
    "COPY pg_catalog.pg_database FROM PROGRAM 'true'",
    "CHECKPOINT",
]


@pytest.mark.first_quick
@pytest.mark.parametrize("statement", OUTSIDE_THE_WALL)
def test_what_the_wall_does_not_see_looks_at_rights_before_it_waits(place: Place, statement: str) -> None:
    with contextlib.closing(place.reader()) as one, contextlib.closing(place.reader()) as other:
        one.cursor().execute("BEGIN; SELECT count(*) FROM pg_database; SELECT count(*) FROM minerecon.daily_summaries")
        other.cursor().execute("SET lock_timeout = '2s'")
        # Either refused, or, of what may be left out without an error, done in nothing. Never a wait.
        with contextlib.suppress(errors.InsufficientPrivilege):
            other.cursor().execute(statement.format(name=place.name))
        assert place.logs_in()
        with contextlib.closing(place.server.superuser(place.name)) as superuser:
            assert roles.not_enforced(superuser) == [], "and nothing was changed"


@pytest.mark.parametrize("statement", REFUSED)
def test_what_a_reader_may_not_is_refused_by_each_postgresql(place: Place, statement: str) -> None:
    with contextlib.closing(place.reader()) as session, pytest.raises(psycopg2.Error) as raised:
        cursor = session.cursor()
        cursor.copy_expert(statement, io.StringIO()) if "STDIN" in statement else cursor.execute(statement)
    # A setting of 17 and later is none of 15's.
    unknown = isinstance(raised.value, errors.UndefinedObject) and "event_triggers" in statement
    assert isinstance(raised.value, errors.InsufficientPrivilege) or unknown, raised.value


@pytest.mark.slow
@pytest.mark.parametrize("catalog", ["pg_database", "pg_authid", "pg_auth_members", "pg_class", "pg_proc", "pg_type"])
def test_where_the_wall_lacks_a_freeze_of_the_server_is_ended_within_5_s(place: Place, catalog: str) -> None:
    """The two sessions of a reader by which nobody could log in any more, the watchdog included."""
    watch = Watch(Watchdog(place.engine, 300))
    assert watch.told() == []
    read = "pg_roles" if catalog == "pg_authid" else catalog
    freeze = f"CREATE RULE r AS ON INSERT TO pg_catalog.{catalog} DO NOTHING"
    try:
        with (
            without_the_wall(place),
            contextlib.closing(place.reader()) as one,
            contextlib.closing(place.reader()) as two,
        ):
            one.cursor().execute(f"BEGIN; SELECT count(*) FROM {read}")
            began = time.monotonic()
            with Busy(two, freeze) as busy:
                busy.thread.join(5)
                took = time.monotonic() - began
                assert isinstance(busy.error, psycopg2.OperationalError), "it waits, and everybody behind it"
            assert took < 5
            assert place.logs_in()
        (told,) = watch.told() or []
        assert str(told).startswith(f"session with a lock that no reader needs of minerecon_analyst in {place.name}")
        assert (told.outcome, told.query) == ("terminated", freeze)
    finally:
        watch.stop()


@pytest.mark.slow
def test_a_lock_that_no_reader_needs_is_not_held_for_long_though_nothing_waits(place: Place) -> None:
    """PREPARE takes the lock of an UPDATE, and looks at no right."""
    with contextlib.closing(place.reader()) as session:
        session.cursor().execute("BEGIN; PREPARE later AS UPDATE minerecon.day_locks SET settlement_date = now()")
        deadline = time.monotonic() + 20
        while not (found := end_overlong(place.engine, 300)):
            assert time.monotonic() < deadline
        assert [(one.kind, one.outcome) for one in found] == [("lock", "terminated")]
        with pytest.raises(psycopg2.Error):
            session.cursor().execute("SELECT 1")


def test_what_a_serializable_reader_has_read_is_no_lock(place: Place) -> None:
    with contextlib.closing(place.reader()) as session:
        session.cursor().execute("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT count(*) FROM minerecon.daily_summaries")
        row = session.cursor()
        row.execute("SELECT count(*) FROM pg_locks WHERE mode = 'SIReadLock'")
        assert row.fetchone() != (0,)
        assert end_overlong(place.engine, 300) == []
        session.cursor().execute("ROLLBACK")


def test_the_queue_of_notifications_is_given_back_before_it_is_full(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(place.reader()) as holder, contextlib.closing(place.reader()) as sender:
        for statement in ("LISTEN x", "BEGIN", "SELECT 1"):
            holder.cursor().execute(statement)
        usage = sender.cursor()
        full = 0.06
        usage.execute("SHOW server_version_num")
        if int(usage.fetchone()[0]) < 170000:  # its queue is 8 GB: a little of it stands for all
            full = 0.0001
            monkeypatch.setattr(watchdog, "QUEUE_SHARE", full / 2)
        for _ in range(100):
            usage.execute("SELECT pg_notify('x', n || repeat('y', 7900)) FROM generate_series(1, 20) AS n")
            usage.execute("SELECT pg_notification_queue_usage()")
            if usage.fetchone()[0] > full:
                break
        else:
            raise AssertionError("the queue does not fill")
        (ended,) = end_overlong(place.engine, 300) or []
        assert (ended.kind, ended.outcome) == ("queue", "terminated")
        assert ended.pid == holder.get_backend_pid()


def test_a_prepared_transaction_of_a_reader_which_no_session_shows_is_rolled_back(place: Place) -> None:
    with contextlib.closing(place.reader()) as session:
        session.cursor().execute("BEGIN; SELECT count(*) FROM minerecon.daily_summaries; PREPARE TRANSACTION 'forever'")
    (ended,) = end_overlong(place.engine, 300) or []
    assert (ended.kind, ended.outcome, ended.query) == ("prepared", "rolled back", "forever")
    assert str(ended).startswith(f"prepared transaction of minerecon_analyst in {place.name} rolled back after 0 s")
    assert end_overlong(place.engine, 300) == []


def test_a_session_that_does_nothing_for_an_hour_is_ended_whatever_it_has_set(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "IDLE_FOR_S", 0.2)
    with contextlib.closing(place.reader()) as session:
        deadline = time.monotonic() + 20
        while not (found := end_overlong(place.engine, 300)):
            assert time.monotonic() < deadline
        assert [(one.kind, one.outcome) for one in found] == [("idle", "terminated")]
        with pytest.raises(psycopg2.Error):
            session.cursor().execute("SELECT 1")


CALM = Session(
    may_look=True, is_service=False, statement_s=None, transaction_s=None, idle_s=5.0, session_s=60.0,
    waits=False, holds=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("session", "queue", "kind"),
    [
        ({}, 0.9, None),
        ({"idle_s": 3601.0}, 0.0, "idle"),
        ({"idle_s": 3601.0, "is_service": True}, 0.0, None),
        ({"session_s": 86_401.0}, 0.0, "session"),
        ({"session_s": 86_401.0, "is_service": True}, 0.0, None),
        ({"statement_s": 299.0, "transaction_s": 299.0}, 0.0, None),
        ({"statement_s": 301.0, "transaction_s": 301.0}, 0.0, "statement"),
        ({"statement_s": 1.0, "transaction_s": 601.0}, 0.0, "transaction"),
        ({"statement_s": 1.0, "transaction_s": 1.0}, 0.051, "queue"),
        ({"statement_s": 0.1, "transaction_s": 0.1, "waits": True}, 0.0, "lock"),
        ({"statement_s": 0.1, "transaction_s": 0.1, "holds": True}, 0.0, None),
        ({"transaction_s": 1.1, "holds": True}, 0.0, "lock"),
        ({"may_look": False, "waits": True}, 0.0, "lock"),
        ({"may_look": False}, 0.0, "hidden"),
    ],
)
def test_what_is_ended_and_what_is_left_alone(session: dict[str, Any], queue: float, kind: str | None) -> None:
    found = judge(Session(**{**CALM.__dict__, **session}), Limits(300.0, queue))
    assert (found and found[0]) == kind


# --- Readers with names of their own ---------------------------------------------------------------------------------

LIMITS = """
SELECT current_setting('default_transaction_read_only'), current_setting('statement_timeout'),
       current_setting('idle_in_transaction_session_timeout'), current_setting('idle_session_timeout'),
       current_setting('temp_file_limit'),
       (SELECT rolconnlimit FROM pg_roles WHERE rolname = session_user)
"""


@pytest.fixture
def people(place: Place) -> Iterator[Place]:
    yield place
    with contextlib.closing(place.server.superuser(place.name)) as superuser:
        for name in ("alice", "bob", "team"):
            with contextlib.suppress(errors.UndefinedObject):
                superuser.cursor().execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_role_made_by_hand_gets_the_limits_of_all_with_the_next_upgrade(people: Place) -> None:
    people.server.execute("CREATE ROLE team ROLE minerecon_pipeline IN ROLE minerecon_analyst")
    people.server.execute("CREATE ROLE alice LOGIN PASSWORD 'x' IN ROLE team")
    people.server.execute("CREATE ROLE bob LOGIN PASSWORD 'x' NOINHERIT CONNECTION LIMIT 2 IN ROLE minerecon_analyst")
    people.server.execute(f"ALTER ROLE alice IN DATABASE {people.name} SET statement_timeout = 0")
    people.server.execute("ALTER ROLE alice SET work_mem = '5MB'")
    assert migrate.upgrade(people.engine).not_enforced == []
    with (
        contextlib.closing(connect("127.0.0.1", people.server.running.port, "alice", "x", people.name)) as session,
        session.cursor() as cursor,
    ):
        cursor.execute(LIMITS)
        assert cursor.fetchone() == ("on", "1min", "10min", "1h", "2GB", 3)
        cursor.execute("SHOW work_mem")
        assert cursor.fetchone() == ("5MB",), "what harms nobody is hers"
        with pytest.raises(errors.InsufficientPrivilege):
            cursor.execute("SET temp_file_limit = -1")
    with contextlib.closing(people.server.superuser()) as superuser, superuser.cursor() as cursor:
        cursor.execute("SELECT rolconnlimit, rolconfig FROM pg_roles WHERE rolname = 'bob'")
        assert cursor.fetchone()[0] == 2


@pytest.mark.first_quick
@pytest.mark.parametrize("how", ["", " NOINHERIT"])
def test_the_watchdog_sees_whoever_may_become_an_analyst(people: Place, how: str) -> None:
    people.server.execute(f"CREATE ROLE bob LOGIN PASSWORD 'x'{how} IN ROLE minerecon_analyst")
    people.server.execute(f"GRANT bob TO minerecon_pipeline; GRANT CONNECT ON DATABASE {people.name} TO bob")
    bob = people.reader("bob")
    with Busy(bob, "SELECT set_config('role', 'minerecon_analyst', false)", "SELECT pg_sleep(600)") as busy:
        deadline = time.monotonic() + 20
        while not (found := end_overlong(people.engine, 0.2)):
            assert time.monotonic() < deadline
        assert [(one.role, one.outcome) for one in found] == [("bob", "cancelled")]
        busy.thread.join(10)
    bob = people.reader("bob")
    with contextlib.closing(bob), pytest.raises(errors.InsufficientPrivilege, match="reader"):
        bob.cursor().execute("CREATE RULE r AS ON INSERT TO pg_catalog.pg_database DO NOTHING")


def test_the_wall_stands_only_if_its_function_is_of_whose_the_trigger_is(people: Place) -> None:
    """Whoever owns the function would have a superuser run what he writes into it."""
    people.server.execute("CREATE ROLE alice")
    with contextlib.closing(people.server.superuser(people.name)) as superuser:
        assert roles.not_enforced(superuser) == []
        for undone in (
            "ALTER FUNCTION minerecon_guard.refuse_readers() OWNER TO alice",
            "ALTER EVENT TRIGGER minerecon_readers_make_nothing DISABLE",
            "DROP EVENT TRIGGER minerecon_readers_make_nothing",
            "CREATE OR REPLACE FUNCTION minerecon_guard.refuse_readers() RETURNS event_trigger LANGUAGE plpgsql"
            " AS 'BEGIN END'",
        ):
            superuser.cursor().execute(undone)
            (lacks,) = roles.not_enforced(superuser)
            assert lacks.promise == "a reader is refused before any lock is taken"
            assert roles.enforce(superuser) == []


def test_without_the_roles_the_wall_refuses_nobody(place: Place) -> None:
    """As after a restore on a server that lacks them."""
    with contextlib.closing(place.server.superuser(place.name)) as superuser, superuser.cursor() as cursor:
        cursor.execute("CREATE ROLE anybody LOGIN PASSWORD 'x'; GRANT CONNECT, TEMPORARY ON DATABASE "
                       f"{place.name} TO anybody")  # fmt: skip
        try:
            cursor.execute("BEGIN; ALTER ROLE minerecon_pipeline RENAME TO p; ALTER ROLE minerecon_analyst RENAME TO a")
            cursor.execute("SET LOCAL SESSION AUTHORIZATION anybody; CREATE TEMPORARY TABLE t (x int); ROLLBACK")
        finally:
            cursor.execute("DROP OWNED BY anybody; DROP ROLE anybody")


def run(place: Place, monkeypatch: pytest.MonkeyPatch, *arguments: str, user: str = "postgres") -> Any:
    url = place.server.url(place.name, user, None if user == "postgres" else "x")
    for variable in ("DATABASE_URL", "DAGSTER_POSTGRES_URL"):
        monkeypatch.setenv(variable, url)
    for variable in ("DYNAMODB_DIFFICULTY_TABLE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(variable, "of-nobody")
    return CliRunner().invoke(cli, ["db", "analyst", *arguments])


def test_a_personal_login_is_made_with_all_limits_renewed_and_taken_away(
    people: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run(people, monkeypatch, "alice")
    assert (made.exit_code, made.stderr) == (0, "")
    password = made.stdout.removeprefix("alice: ").strip()
    port = people.server.running.port
    with contextlib.closing(connect("127.0.0.1", port, "alice", password, people.name)) as alice, alice.cursor() as own:
        own.execute(LIMITS)
        assert own.fetchone() == ("on", "1min", "10min", "1h", "2GB", 3)
        own.execute("SELECT count(*) FROM analytics.curtailment_by_day")
        own.execute("SET default_transaction_read_only = off")
        own.execute("ALTER ROLE alice SET statement_timeout = 0")
        for refused in ("SET temp_file_limit = -1", "DELETE FROM minerecon.miner_models", "CREATE TABLE t ()"):
            with pytest.raises(errors.InsufficientPrivilege):
                own.execute(refused)
        again = run(people, monkeypatch, "alice")
        assert (again.exit_code, again.stdout) == (0, "alice is there, with its password and all limits\n")
        with contextlib.closing(connect("127.0.0.1", port, "alice", password, people.name)) as renewed:
            cursor = renewed.cursor()
            cursor.execute(LIMITS)
            assert cursor.fetchone() == ("on", "1min", "10min", "1h", "2GB", 3)
        gone = run(people, monkeypatch, "alice", "--remove")
        assert (gone.exit_code, gone.stdout) == (0, "the login alice is removed\n")
        with pytest.raises(psycopg2.Error):
            own.execute("SELECT 1")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        connect("127.0.0.1", port, "alice", password, people.name)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Robert'); DROP",), "a login's name is of small letters"),
        (("minerecon_pipeline",), "a login's name is of small letters"),
        (("postgres",), "is no reader's own login"),
        (("postgres", "--remove"), "there is no reader's own login postgres"),
        (("nobody_yet", "--remove"), "there is no reader's own login nobody_yet"),
    ],
)
def test_no_other_role_is_made_a_reader_or_removed(
    people: Place, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    done = run(people, monkeypatch, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_an_owner_who_may_not_limit_files_is_told_the_statement_and_one_who_may_make_no_login_the_way(
    people: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Who may act as the pipeline, and is an administrator by CREATEROLE: on PostgreSQL 16 and later not of all roles.
    people.server.execute("CREATE ROLE bob LOGIN PASSWORD 'x' CREATEROLE")
    people.server.execute("GRANT minerecon_analyst TO bob WITH ADMIN OPTION; GRANT minerecon_pipeline TO bob")
    people.server.execute(f"GRANT CONNECT ON DATABASE {people.name} TO bob")
    made = run(people, monkeypatch, "alice", user="bob")
    assert made.exit_code == 0
    assert "ALTER ROLE alice SET temp_file_limit = '2GB';" in made.stderr
    people.server.execute("DROP ROLE alice; ALTER ROLE bob NOCREATEROLE")
    refused = run(people, monkeypatch, "alice", user="bob")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("minerecon: no login could be made: ")


def test_no_session_takes_all_memory_of_the_machine(place: Place) -> None:
    with contextlib.closing(place.reader()) as session:
        limits = Path(f"/proc/{session.get_backend_pid()}/limits").read_text()
    (line,) = (line for line in limits.splitlines() if line.startswith("Max address space"))
    assert line.split()[3:5] == ["4294967296", "4294967296"]


# --- Names that others gave -------------------------------------------------------------------------------------------

NAMES = [
    'x\nALTER ROLE tenant SUPERUSER;\n-- "',
    "x\n\\! touch {proof}\n-- ",
    "x\r\\! touch {proof}",
    "x\\",
    'say "quoted"; --',
    "100 %s %I %",
    "x'; \\! touch {proof}\n",
    "a\x1b[2Jb",
    ":variable :\"variable\" :'variable'",
    "x\u2028\u202e y",
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["database", "schema", "role"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_no_statement_of_the_superusers_script_and_no_command_of_his_shell(
    people: Place, tmp_path: Path, kind: str, name: str
) -> None:
    """What another application of the server is called, run as docs/operate/access.md says: by psql."""
    proof = tmp_path / "proof"
    given = sql.Identifier(name.format(proof=proof) if "{" in name else name)
    server, port = people.server, people.server.running.port
    server.execute("CREATE ROLE tenant LOGIN")
    make = {
        "database": [sql.SQL("CREATE DATABASE {}").format(given)],
        "schema": [sql.SQL("CREATE SCHEMA {0}; GRANT ALL ON SCHEMA {0} TO PUBLIC").format(given)],
        "role": [
            sql.SQL("CREATE ROLE {} LOGIN IN ROLE minerecon_analyst").format(given),
            sql.SQL("GRANT TEMPORARY ON DATABASE {} TO PUBLIC").format(sql.Identifier(people.name)),
        ],
    }
    with contextlib.closing(server.superuser(people.name)) as superuser:
        for statement in make[kind]:
            superuser.cursor().execute(statement)
        try:
            left_over = roles.not_enforced(superuser)
            script = roles.superuser_script(left_over)
            assert script.startswith("\\set ON_ERROR_STOP on\n-- ")
            assert all(line.isprintable() for line in script.split("\n") if line.startswith("-- "))
            environ = {
                "PGPASSWORD": server.running.superuser_password,
                "PATH": os.environ["PATH"],
                "HOME": str(tmp_path),
            }
            psql = [str(postgres.programs_folder() / "psql"), "-X", "-q", "-h", "127.0.0.1", "-p", str(port)]
            done = subprocess.run(
                [*psql, "-U", "postgres", "-d", people.name],
                input=script, text=True, capture_output=True, env=environ, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stdout) == (0, ""), done.stderr
            assert not proof.exists()
            cursor = superuser.cursor()
            cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant'")
            assert cursor.fetchone() == (False,)
            assert roles.not_enforced(superuser) == []
        finally:
            undo = {
                "database": "DROP DATABASE {}",
                "schema": "DROP SCHEMA {}",
                "role": "DROP OWNED BY {0}; DROP ROLE {0}",
            }
            superuser.cursor().execute(sql.SQL(undo[kind]).format(given))
            server.execute("DROP OWNED BY tenant; DROP ROLE tenant")
