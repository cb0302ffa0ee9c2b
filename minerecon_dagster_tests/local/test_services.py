from __future__ import annotations

import contextlib
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
import pytest

from minerecon_dagster.core.errors import ConfigurationError
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.local.postgres import analyst_password
from minerecon_dagster.local.services import local_services
from minerecon_dagster.warehouse import migrate
from minerecon_dagster.warehouse.store import open_warehouse
from minerecon_dagster_tests.local.conftest import Client, postmasters, processes, query_one, supervisors

pytestmark = pytest.mark.slow  # each starts services of its own

GIVEN = {
    "DATABASE_URL": "postgresql://real/warehouse",
    "DAGSTER_POSTGRES_URL": "postgresql://real/dagster",
    "DYNAMODB_DIFFICULTY_TABLE": "real-table",
}


def test_where_embedded_services_are_forbidden_a_forgotten_variable_is_an_error(tmp_path: Path) -> None:
    forgotten = {name: value for name, value in GIVEN.items() if name != "DATABASE_URL"}
    with (
        pytest.raises(ConfigurationError, match=r"^set DATABASE_URL: MINERECON_EMBEDDED=never lets nothing stand in$"),
        local_services(tmp_path / "home", forgotten | {"MINERECON_EMBEDDED": "never"}),
    ):
        pass
    assert not (tmp_path / "home").exists()


def test_two_processes_share_the_services_and_the_last_one_stops_them(home: Path) -> None:
    first = Client(home)
    first.query("CREATE TABLE seen AS SELECT 1 AS one")
    second = Client(home)
    assert second.environ == first.environ

    first.leave()
    assert second.query("SELECT one FROM seen") == 1

    second.leave()
    assert processes(home) == []
    assert not (home / "run" / "services.json").exists()


def test_clients_that_start_at_the_same_instant_get_the_same_services(home: Path) -> None:
    clients = [Client(home) for _ in range(4)]
    assert all(client.environ == clients[0].environ for client in clients)
    assert len(supervisors(home)) == len(postmasters(home)) == 1
    for client in clients:
        client.leave()
    assert processes(home) == []


def test_a_client_that_comes_while_the_services_stop_gets_new_ones(home: Path) -> None:
    for _ in range(3):
        leaving = Client(home)
        assert leaving.environ
        assert leaving.process.stdin is not None
        leaving.process.stdin.close()
        coming = Client(home)
        assert coming.query("SELECT 1") == 1
        leaving.process.wait(15)
        coming.leave()
    assert processes(home) == []


def test_a_killed_client_is_not_waited_for(home: Path) -> None:
    client = Client(home)
    assert client.environ
    running = processes(home)
    client.kill()
    _, alive = psutil.wait_procs(running, timeout=10)
    assert alive == []


def test_an_interrupted_client_leaves_nothing_running(home: Path) -> None:
    client = Client(home)
    assert client.environ
    client.process.send_signal(signal.SIGINT)
    assert client.process.wait(15) != 0
    assert processes(home) == []


def test_a_killed_supervisor_is_replaced_and_nothing_is_lost(home: Path) -> None:
    before = Client(home)
    before.query("CREATE TABLE kept AS SELECT 42 AS answer")
    before.table().put_item(Item={"Date": "2025-03-28", "Difficulty": 113757508810854})
    orphan = postmasters(home)
    killed = supervisors(home)[0]
    killed.kill()
    before.kill()
    # Until it is gone it holds its lock, and a newcomer would be told the addresses of what ends with it.
    killed.wait(60)
    assert orphan[0].is_running()

    after = Client(home)
    assert after.query("SELECT answer FROM kept") == 42
    assert after.table().get_item(Key={"Date": "2025-03-28"})["Item"]["Difficulty"] == 113757508810854
    assert orphan[0] not in postmasters(home)
    assert len(postmasters(home)) == 1
    after.leave()
    assert processes(home) == []


def test_backends_that_a_killed_server_left_in_a_query_are_ended(home: Path) -> None:
    before = Client(home)
    url = before.environ["DATABASE_URL"].replace("+psycopg2", "")
    query = (
        "import psycopg2, sys; c = psycopg2.connect(sys.argv[1]).cursor(); print(1, flush=True); c.execute(sys.argv[2])"
    )
    busy = "DO $$ BEGIN LOOP END LOOP; END $$"
    with subprocess.Popen(
        [sys.executable, "-c", query, url, busy], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as user:
        assert user.stdout is not None
        user.stdout.readline()
        active = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
        while not (found := before.query(active)):
            pass
        backend = psutil.Process(found)
        killed = supervisors(home)[0]
        killed.kill()
        postmasters(home)[0].kill()
        before.kill()
        killed.wait(60)

        after = Client(home)
        assert after.query("SELECT 1") == 1
        assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
    after.leave()


def test_the_last_client_of_a_killed_supervisor_stops_what_it_left(home: Path) -> None:
    client = Client(home)
    assert client.environ
    supervisors(home)[0].kill()
    assert postmasters(home)
    client.leave()
    assert processes(home) == []


def test_a_half_made_data_folder_is_never_taken_for_a_whole_one(home: Path) -> None:
    leftover = home / "postgres.new-killed"
    (leftover / "data").mkdir(parents=True)
    (leftover / "data" / "PG_VERSION").write_text("18\n")
    client = Client(home)
    assert client.query("SELECT 1") == 1
    assert not leftover.exists()
    client.leave()


def test_a_data_folder_that_is_not_ours_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir(parents=True)
    (home / "postgres" / "precious").touch()
    client = Client(home)
    assert client.answer["error"] == "ConfigurationError"
    assert "not a whole PostgreSQL folder" in client.answer["message"]
    assert (home / "postgres" / "precious").exists()
    assert client.process.wait(15) == 0
    assert processes(home) == []


def test_a_stale_process_id_that_now_is_somebody_elses_does_not_matter(home: Path) -> None:
    Client(home).leave()
    data = home / "postgres" / "data"
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        (data / "postmaster.pid").write_text(f"{stranger.pid}\n{data}\n1700000000\n5432\n\n127.0.0.1\n")
        client = Client(home)
        assert client.query("SELECT 1") == 1
        client.leave()
        assert stranger.poll() is None
        stranger.kill()


def test_a_failed_start_says_in_one_line_why(home: Path) -> None:
    Client(home).leave()
    (home / "postgres" / "data" / "PG_VERSION").write_text("9.6\n")
    client = Client(home)
    assert client.answer["error"] == "MinereconError"
    assert "FATAL:  database files are incompatible with server" in client.answer["message"]
    assert "\n" not in client.answer["message"]
    assert client.process.wait(15) == 0
    assert processes(home) == []


def test_a_client_that_comes_while_the_supervisor_was_told_to_end_gets_a_new_one(home: Path) -> None:
    first = Client(home)
    assert first.environ
    supervisors(home)[0].terminate()
    while (home / "run" / "services.json").exists():
        pass
    with local_services(home, {}) as additional:
        assert query_one(additional["DATABASE_URL"], "SELECT 1") == 1
        first.leave()
    assert processes(home) == []


def test_a_server_that_ends_by_itself_is_replaced_for_the_next_client(home: Path) -> None:
    first = Client(home)
    assert first.environ
    supervisor = supervisors(home)
    postmasters(home)[0].kill()
    assert psutil.wait_procs(supervisor, timeout=10)[1] == []
    second = Client(home)
    assert second.query("SELECT 1") == 1
    first.leave()
    second.leave()
    assert processes(home) == []


def test_the_password_is_readable_by_the_owner_only(home: Path) -> None:
    client = Client(home)
    assert client.environ
    for name in (
        "run/services.json",
        "run/supervisor.log",
        "postgres/password",
        "postgres/analyst_password",
        "dynamodb/requests.jsonl",
    ):
        assert (home / name).stat().st_mode & 0o777 == 0o600, name
    client.leave()


def test_analysts_log_in_with_the_generated_password_on_the_port_that_was_asked_for(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with local_services(home, {"MINERECON_POSTGRES_PORT": str(port)}) as additional:
        assert f"@127.0.0.1:{port}/" in additional["DATABASE_URL"]
        password = analyst_password(home)
        url = f"postgresql://minerecon_analyst:{password}@127.0.0.1:{port}"
        for database in ("minerecon", "dagster", "postgres", "template1"):
            # Nobody let them into the warehouse yet: that is for `minerecon db upgrade`.
            with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
                query_one(f"{url}/{database}", "SELECT 1")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query_one(f"{url.replace(password, 'wrong')}/minerecon", "SELECT 1")
    with local_services(home, {}):
        assert analyst_password(home) == password


def test_connections_that_never_log_in_keep_others_out_for_seconds_only(home: Path) -> None:
    client = Client(home)
    url = client.environ["DATABASE_URL"]
    port = int(url.rpartition(":")[2].partition("/")[0])
    asks = b"user\0nobody\0database\0postgres\0\0"
    packet = struct.pack("!ii", len(asks) + 8, 3 << 16) + asks
    with contextlib.ExitStack() as held:
        for _ in range(230):
            one = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            with contextlib.suppress(OSError):  # those that are too many are shown the door
                one.sendall(packet)
        with pytest.raises(psycopg2.OperationalError, match=r"too many clients|remaining connection slots"):
            for _ in range(50):
                query_one(url, "SELECT 1")
        began = time.monotonic()
        while time.monotonic() - began < 30:
            with contextlib.suppress(psycopg2.OperationalError):
                assert client.query("SELECT 1") == 1
                break
        assert time.monotonic() - began < 30, "60 s is what a server gives by itself"
    client.leave()


def test_a_port_that_is_taken_is_a_clear_error(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with (
            pytest.raises(ConfigurationError, match=f"MINERECON_POSTGRES_PORT: port {port} cannot be had"),
            local_services(home, {"MINERECON_POSTGRES_PORT": port}),
        ):
            pass
    assert processes(home) == []


def test_a_warehouse_made_before_there_were_roles_for_analysts_gets_them_at_the_next_start(home: Path) -> None:
    with local_services(home, {}) as additional:
        engine = open_warehouse(additional["DATABASE_URL"])
        migrate.upgrade(engine)
        engine.dispose()
        server = additional["DATABASE_URL"].partition("@")[2].partition("/")[0]
        for database in ("template1", "dagster", "minerecon"):
            superuser_does(home, server, database, "DROP OWNED BY minerecon_pipeline, minerecon_analyst")
        superuser_does(home, server, "minerecon", "DROP ROLE minerecon_pipeline, minerecon_analyst")
        superuser_does(home, server, "minerecon", "GRANT EXECUTE ON FUNCTION lo_create TO PUBLIC")
        (home / "postgres" / "analyst_password").unlink()
    with local_services(home, {}) as additional:
        owner = additional["DATABASE_URL"]
        url = owner.partition("://")[0] + f"://minerecon_analyst:{analyst_password(home)}@" + owner.partition("@")[2]
        assert query_one(url, "SELECT count(*) FROM minerecon.miner_models") == 3
        with pytest.raises(psycopg2.errors.InsufficientPrivilege):
            query_one(url, "SELECT lo_create(0)")


def superuser_does(home: Path, server: str, database: str, statement: str) -> None:
    password = (home / "postgres" / "superuser_password").read_text()
    query_one(f"postgresql://postgres:{password}@{server}/{database}", statement)


def test_the_owner_is_no_superuser_and_databases_are_durable_and_utf8(home: Path) -> None:
    with local_services(home, {}) as additional:
        for query, expected in (
            ("SELECT rolsuper FROM pg_roles WHERE rolname = current_user", False),
            ("SHOW server_encoding", "UTF8"),
            ("SHOW fsync", "on"),
            ("SHOW synchronous_commit", "on"),
        ):
            assert query_one(additional["DATABASE_URL"], query) == expected


@pytest.mark.parametrize("missing", list(GIVEN))
def test_only_what_is_missing_is_given(missing: str, home: Path) -> None:
    given = {name: value for name, value in GIVEN.items() if name != missing}
    with local_services(home, {**given, missing: ""}) as additional:
        aws = {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_REGION", "AWS_DEFAULT_REGION"}
        aws |= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "MINERECON_EMBEDDED_DYNAMODB_KEY"}
        with_it = {"DYNAMODB_DIFFICULTY_TABLE": aws, "DATABASE_URL": {"MINERECON_API_DATABASE_URL"}}
        assert set(additional) == {missing} | with_it.get(missing, set())


def test_credentials_of_the_user_are_not_replaced(embedded_environ: dict[str, str], home: Path) -> None:
    given = {"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "mine"}
    with local_services(home, given) as additional:
        assert not given.keys() & additional.keys()
        assert additional["AWS_DEFAULT_REGION"] == "eu-west-1"
    with local_services(home, {"MINERECON_ARCHIVE_URL": "s3://bucket/prefix"}) as additional:
        assert [name for name in additional if name.startswith("AWS")] == ["AWS_ENDPOINT_URL_DYNAMODB"]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (additional | given | {"AWS_SECRET_ACCESS_KEY": "of an archive in S3"}).items():
                patch.setenv(name, value)
            # The embedded table is asked by its own key, whatever credentials there are beside.
            assert DifficultyTable(additional["DYNAMODB_DIFFICULTY_TABLE"], region="eu-west-1").last_day() is None


SECRETS = {
    "DATABASE_URL": "postgresql://somebody:hush-hush@db.example.com/warehouse",
    "AWS_SECRET_ACCESS_KEY": "hush-hush",
    "MINERECON_ALERT_WEBHOOK_URL": "https://hooks.example.com/hush-hush",
    "MINERECON_ANALYST_PASSWORD": "hush-hush",
}


def test_no_process_of_the_embedded_services_has_a_secret_of_the_operator_in_its_environment(home: Path) -> None:
    client = Client(home, environ=SECRETS)
    assert client.query("SELECT 1") == 1
    started = [*supervisors(home), *processes(home)]
    assert len(started) > 3
    assert all("PATH" in process.environ() for process in supervisors(home))
    for process in started:
        assert "hush" not in "".join(process.environ().values()), process
    client.leave()


def test_nothing_is_started_if_nothing_is_missing(home: Path) -> None:
    with local_services(home, GIVEN) as additional:
        assert additional == {}
        assert not home.exists()


def test_without_the_extra_one_line_says_what_to_do(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", None)
    assert find_spec("moto") is None
    with (
        pytest.raises(ConfigurationError, match=r"set DATABASE_URL, .*pip install \"minerecon-dagster\[local\]\""),
        local_services(home, {"DYNAMODB_DIFFICULTY_TABLE": "real-table"}),
    ):
        pass


def test_a_client_imports_nothing_heavy() -> None:
    code = "import sys, minerecon_dagster.local.services; print(*sys.modules)"
    imported = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"moto", "psycopg2", "psutil", "boto3", "werkzeug", "dagster"} & set(imported)


def test_a_home_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(ConfigurationError, match=f"{os.fspath(tmp_path)}/file/.* cannot be used"),
        local_services(tmp_path / "file", {}),
    ):
        pass


def test_a_fresh_database_is_empty(fresh_database: str) -> None:
    tables = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    assert query_one(fresh_database, tables) == 0
    query_one(fresh_database, "CREATE TABLE left_over AS SELECT 1; SELECT 1")


test_a_fresh_database_is_empty_again = test_a_fresh_database_is_empty


def test_the_superuser_has_a_password_of_his_own_that_no_address_and_no_client_has(home: Path) -> None:
    with local_services(home, {}) as additional:
        password = (home / "postgres" / "superuser_password").read_text()
        assert not any(password in value for value in additional.values())
        assert password not in (home / "run" / "services.json").read_text()
        assert (home / "postgres" / "superuser_password").stat().st_mode & 0o077 == 0
        given = additional["DATABASE_URL"]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query_one(given.replace("//minerecon:", "//postgres:"), "SELECT 1")


def test_a_superuser_who_had_the_owners_password_gets_his_own_at_the_next_start(home: Path) -> None:
    with local_services(home, {}) as additional:
        server = additional["DATABASE_URL"].partition("@")[2].partition("/")[0]
        shared = (home / "postgres" / "password").read_text()
        superuser_does(home, server, "minerecon", f"ALTER ROLE postgres PASSWORD '{shared}'")
        (home / "postgres" / "superuser_password").unlink()
    with local_services(home, {}) as additional:
        given = additional["DATABASE_URL"]
        assert query_one(given, "SELECT current_user") == "minerecon"
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query_one(given.replace("//minerecon:", "//postgres:"), "SELECT 1")
        superuser_does(home, given.partition("@")[2].partition("/")[0], "minerecon", "SELECT 1")
