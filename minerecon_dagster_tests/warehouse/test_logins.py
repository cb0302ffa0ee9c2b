"""Servers as they are: logins that are only the pipeline, that are leased, or behind a pool; messages in German."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest
from psycopg2 import errors
from sqlalchemy import Engine, text

from minerecon_dagster.core.errors import ConfigurationError, DayBusyError
from minerecon_dagster.warehouse import migrate, roles
from minerecon_dagster.warehouse.store import RefusedError, day_lock, open_warehouse
from minerecon_dagster.warehouse.watchdog import end_overlong
from minerecon_dagster_tests.warehouse.pgbouncer import pgbouncer
from minerecon_dagster_tests.warehouse.servers import VERSIONS, Busy, Server, cluster, connect

DAY = dt.date(2025, 3, 28)
OWNER, WORKER = "chief", "hand"
WHO = "SELECT current_user, session_user, current_setting('search_path'), current_setting('TimeZone')"
IN_ITS_PLACE = (roles.PIPELINE, "public", "UTC")
OF_THE_SESSION = (
    "SELECT name, setting FROM pg_settings WHERE source = 'session' AND name <> 'application_name' ORDER BY 1"
)


class Split(NamedTuple):
    """A warehouse whose owner upgrades it, and whose worker can only be the pipeline."""

    server: Server
    database: str

    def url(self, login: str, port: int | None = None) -> str:
        url = self.server.url(self.database, login, "x")
        return url if port is None else url.replace(f":{self.server.running.port}/", f":{port}/")

    @contextlib.contextmanager
    def engine(self, login: str, port: int | None = None) -> Iterator[Engine]:
        engine = open_warehouse(self.url(login, port))
        try:
            yield engine
        finally:
            engine.dispose()


@pytest.fixture(scope="module", params=VERSIONS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp(f"server of {request.param}")
    with cluster(home, request.param, {"unix_socket_directories": "''"}) as made:
        yield made


@pytest.fixture(scope="module")
def split(server: Server) -> Split:
    """As docs/operate/go-live.md makes it: an ordinary owner, and what is left over to a superuser, once."""
    server.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD 'x'; CREATE ROLE {WORKER} LOGIN PASSWORD 'x'")
    made = Split(server, server.create(owner=OWNER))
    with made.engine(OWNER) as engine:
        left_over = migrate.upgrade(engine, worker=WORKER).not_enforced
        assert f"{WORKER} works as the pipeline" in [one.promise for one in left_over]
        script = roles.superuser_script(left_over).removeprefix("\\set ON_ERROR_STOP on\n")
        server.execute(script, made.database)
        assert migrate.upgrade(engine, worker=WORKER).not_enforced == []
    assert migrate.what_is_wrong_with_worker(made.url(WORKER)) is None
    return made


# --- A login that can only be the pipeline ----------------------------------------------------------------------------


@pytest.mark.first_quick
def test_the_workers_login_changes_data_and_never_the_schema_whatever_it_sets(split: Split) -> None:
    with split.engine(WORKER) as engine:
        with day_lock(engine, DAY), engine.begin() as connection:
            migrate.require_current(connection)
            migrate.sync_reference_data(connection)
        with contextlib.closing(connect("127.0.0.1", split.server.running.port, WORKER, "x", split.database)) as bare:
            cursor = bare.cursor()
            for become in ("RESET ROLE", "SET ROLE NONE", "SET ROLE minerecon_pipeline"):
                cursor.execute(become)
                for refused in ("CREATE TABLE minerecon.mine (x int)", f"SET ROLE {OWNER}", "CREATE ROLE mine"):
                    with pytest.raises(errors.InsufficientPrivilege):
                        cursor.execute(refused)
        with pytest.raises(ConfigurationError, match="could not be migrated, nothing was changed"):
            migrate.upgrade(engine)


def test_what_is_wrong_with_the_workers_login_is_one_line(split: Split) -> None:
    assert "may become the owner" in (migrate.what_is_wrong_with_worker(split.url(OWNER)) or "")
    wrong = split.url(WORKER).replace(":x@", ":y@")
    assert f"the login {WORKER} of DATABASE_URL cannot work yet" in (migrate.what_is_wrong_with_worker(wrong) or "")
    other = split.server.create(owner=OWNER)
    split.server.execute(f"GRANT CONNECT ON DATABASE {other} TO {WORKER}")
    elsewhere = split.url(WORKER).replace(split.database, other)
    assert "leads to another warehouse" in (migrate.what_is_wrong_with_worker(elsewhere) or "")


def test_a_login_without_rights_is_refused_in_one_line_with_what_to_do(split: Split) -> None:
    split.server.execute(
        f"CREATE ROLE stranger LOGIN PASSWORD 'x'; GRANT CONNECT ON DATABASE {split.database} TO stranger"
    )
    with split.engine("stranger") as engine, pytest.raises(RefusedError) as caught, day_lock(engine, DAY):
        pass
    assert isinstance(caught.value, ConfigurationError)
    said = str(caught.value)
    assert said.startswith("the warehouse refuses the login stranger: ")
    assert "minerecon db upgrade" in said
    assert "\n" not in said


# --- Behind a pool ----------------------------------------------------------------------------------------------------


def statements(engine: Engine, count: int) -> set[tuple[Any, ...]]:
    """Who each of ``count`` statements was, in transactions of their own, some of which wait for a day's lock."""
    found = set()
    for n in range(count):
        if n % 25 == 0:
            with day_lock(engine, DAY + dt.timedelta(days=n)):
                pass
        with engine.begin() as connection:
            found.add(tuple(connection.execute(text(WHO)).one()))
        if n % 10 == 0:  # as turns of requests are taken
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                found.add(tuple(connection.execute(text(f"{WHO} WHERE :n >= 0"), {"n": n}).one()))
    return found


@pytest.mark.first_quick
@pytest.mark.parametrize("login", [WORKER, OWNER])
def test_behind_pgbouncer_none_of_a_thousand_statements_is_the_owners_and_nothing_leaks(
    split: Split, tmp_path: Path, login: str
) -> None:
    """FR-32: sessions are handed on between transactions, to a client that asked for nothing, too."""
    with pgbouncer(tmp_path, split.server.running.port, {login: "x"}) as port, contextlib.ExitStack() as stack:
        engines = [stack.enter_context(split.engine(login, port)) for _ in range(8)]
        with ThreadPoolExecutor(len(engines)) as pool:
            found = set().union(*pool.map(lambda engine: statements(engine, 125), engines))
        assert found == {(roles.PIPELINE, login, "public", "UTC")}
        bare = [
            stack.enter_context(contextlib.closing(connect("127.0.0.1", port, login, "x", split.database)))
            for _ in range(3)
        ]
        for client in bare:  # one for each session of the pool
            client.autocommit = False
            cursor = client.cursor()
            cursor.execute(OF_THE_SESSION)
            assert [name for name, _ in cursor.fetchall() if name not in ("client_encoding", "DateStyle")] == []
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (roles.PIPELINE if login == WORKER else OWNER,)


@pytest.mark.first_quick
def test_an_upgrade_and_the_watchdog_leave_nothing_in_a_pool(split: Split, tmp_path: Path) -> None:
    server = split.server
    with (
        pgbouncer(tmp_path, server.running.port, {OWNER: "x"}, sessions=1) as port,
        split.engine(OWNER, port) as engine,
        contextlib.closing(connect("127.0.0.1", port, OWNER, "x", split.database)) as bare,
    ):
        assert migrate.upgrade(engine, worker=WORKER).not_enforced == []
        server.execute("ALTER ROLE minerecon_analyst PASSWORD 'x'")
        analyst = connect("127.0.0.1", server.running.port, "minerecon_analyst", "x", split.database)
        with Busy(analyst, "SELECT pg_sleep(600)") as busy:
            outcomes: list[str] = []
            while "cancelled" not in outcomes:
                outcomes += [one.outcome for one in end_overlong(engine, 0.1) or []]
            busy.thread.join(10)
            assert isinstance(busy.error, errors.QueryCanceled)
        cursor = bare.cursor()
        cursor.execute(OF_THE_SESSION)
        assert [name for name, _ in cursor.fetchall() if name not in ("client_encoding", "DateStyle")] == []
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


# --- Logins that are leased -------------------------------------------------------------------------------------------


def lease(server: Server, name: str, owner: str) -> None:
    """As Vault makes one: a login for some hours, which becomes the owner."""
    server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'x' IN ROLE {owner}; ALTER ROLE {name} SET role = {owner}")


def owners(server: Server, database: str) -> set[str]:
    with contextlib.closing(server.superuser(database)) as superuser:
        cursor = superuser.cursor()
        cursor.execute(
            "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relnamespace IN"
            " ('minerecon'::regnamespace, 'analytics'::regnamespace)"
            " UNION SELECT pg_get_userbyid(proowner) FROM pg_proc WHERE pronamespace IN"
            " ('minerecon'::regnamespace, 'analytics'::regnamespace)"
            " UNION SELECT pg_get_userbyid(nspowner) FROM pg_namespace WHERE nspname IN ('minerecon', 'analytics')"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.slow
def test_leased_logins_in_turn_upgrade_and_work_and_leave_nothing_of_their_own(server: Server) -> None:
    """FR-31."""
    server.execute("CREATE ROLE app_owner NOLOGIN")
    name = server.create(owner="app_owner")
    place = Split(server, name)
    for number in (1, 2):
        login = f"v_lease{number}"
        lease(server, login, "app_owner")
        with place.engine(login) as engine:
            left_over = migrate.upgrade(engine).not_enforced
            server.execute(
                roles.superuser_script(left_over).removeprefix("\\set ON_ERROR_STOP on\n") or "SELECT 1", name
            )
            assert migrate.upgrade(engine).not_enforced == []
            with day_lock(engine, DAY), engine.begin() as connection:
                migrate.sync_reference_data(connection)
                assert connection.execute(text("SELECT current_user")).scalar_one() == roles.PIPELINE
        assert owners(server, name) == {"app_owner"}
        server.execute(f"DROP ROLE {login}")  # nothing belongs to it, in no database


@pytest.mark.slow
def test_what_a_leased_login_made_for_itself_is_handed_over_by_a_superusers_upgrade(server: Server) -> None:
    """As an upgrade of before made it: the next lease could do nothing with it."""
    server.execute("CREATE ROLE late_owner NOLOGIN")
    lease(server, "v_early", "late_owner")
    name = server.create(owner="v_early")
    place = Split(server, name)
    with place.engine("v_early") as engine:
        migrate.upgrade(engine)
    server.execute(f"ALTER DATABASE {name} OWNER TO late_owner")
    assert owners(server, name) == {"v_early"}
    lease(server, "v_next", "late_owner")
    with place.engine("v_next") as engine, pytest.raises(ConfigurationError, match="or may become who does"):
        migrate.upgrade(engine)
    superuser = open_warehouse(server.url(name))
    assert migrate.upgrade(superuser).not_enforced == []
    superuser.dispose()
    assert owners(server, name) == {"late_owner"}
    with place.engine("v_next") as engine:
        assert migrate.upgrade(engine).not_enforced == []


@pytest.mark.slow
def test_the_owner_of_another_warehouse_of_the_server_stays_an_owner(server: Server) -> None:
    server.execute("CREATE ROLE neighbour LOGIN PASSWORD 'x'")
    theirs = Split(server, server.create(owner="neighbour"))
    superuser = open_warehouse(server.url(theirs.database))
    migrate.upgrade(superuser)
    superuser.dispose()
    ours = open_warehouse(server.url(server.create()))
    assert migrate.upgrade(ours).not_enforced == []
    ours.dispose()
    with contextlib.closing(connect("127.0.0.1", server.running.port, "neighbour", "x", theirs.database)) as session:
        cursor = session.cursor()
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("neighbour",)


# --- Passwords --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_password_that_the_owner_may_not_set_is_a_verifier_in_the_script_and_told_until_it_is_in_force(
    split: Split,
) -> None:
    """B12: psql's own command for it reads the terminal, and clears the password in a script."""
    with split.engine(OWNER) as engine:
        (left_over,) = migrate.upgrade(engine, worker=WORKER, analyst_password="hush hush").not_enforced
        assert left_over.promise == "analysts log in with MINERECON_ANALYST_PASSWORD"
        script = roles.superuser_script([left_over])
        assert 'ALTER ROLE "minerecon_analyst" PASSWORD \'SCRAM-SHA-256$4096:' in script
        assert "hush" not in script
        assert "\\password" not in script
        split.server.execute(left_over.statement)
        assert migrate.upgrade(engine, worker=WORKER, analyst_password="hush hush").not_enforced == []
        assert migrate.upgrade(engine, worker=WORKER, analyst_password="another").not_enforced != []
    connect("127.0.0.1", split.server.running.port, "minerecon_analyst", "hush hush", split.database).close()


# --- A server in another language -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_server_that_speaks_german_is_understood(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    localedef = shutil.which("localedef")
    if localedef is None or not Path("/usr/share/i18n/locales/de_DE").is_file():
        pytest.skip("no German locale can be made here")
    locales, home = tmp_path / "locales", tmp_path / "server"
    locales.mkdir()
    home.mkdir()
    subprocess.run(
        [localedef, "-i", "de_DE", "-f", "UTF-8", str(locales / "de_DE.UTF-8")], check=False, capture_output=True
    )
    tmp_path.chmod(0o755)
    monkeypatch.setenv("LOCPATH", str(locales))
    with cluster(home, "15", {"unix_socket_directories": "''", "lc_messages": "'de_DE.UTF-8'"}) as server:
        server.execute(f"CREATE ROLE {OWNER} LOGIN CREATEROLE PASSWORD 'x'; CREATE ROLE {WORKER} LOGIN PASSWORD 'x'")
        place = Split(server, server.create(owner=OWNER))
        with pytest.raises(psycopg2.Error, match="Relation »nirgends« existiert nicht"):
            server.execute("SELECT * FROM nirgends")
        with place.engine(OWNER) as engine:
            left_over = migrate.upgrade(engine, worker=WORKER, analyst_password="x").not_enforced
            server.execute(roles.superuser_script(left_over).removeprefix("\\set ON_ERROR_STOP on\n"), place.database)
            assert migrate.upgrade(engine, worker=WORKER).not_enforced == []
        with place.engine(WORKER) as engine:
            with (
                day_lock(engine, DAY),
                pytest.raises(DayBusyError, match="another run"),
                day_lock(engine, DAY, wait_s=0.1),
            ):
                pass
            with pytest.raises(RefusedError, match="keine Berechtigung"), engine.begin() as connection:
                connection.execute(text("CREATE TABLE minerecon.mine (x int)"))
