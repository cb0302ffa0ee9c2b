"""Each line of `minerecon doctor` red once with the thing really wrong, and what stands beside it all the same."""

from __future__ import annotations

import datetime as dt
import socket
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from sqlalchemy import Engine, create_engine, text

from minerecon_dagster.core.difficulty import WARN_AHEAD_DAYS
from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.doctor.line import Line, State, exit_code, looked_at, ok, unseen, wrong
from minerecon_dagster.doctor.machine import machine_lines
from minerecon_dagster.doctor.services import (
    OLDEST_REGISTER_DAYS,
    archive_line,
    dagster_line,
    difficulty_lines,
    warehouse_lines,
)
from minerecon_dagster.settings import Settings
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster_tests.project import Project

DIFFICULTY = Decimal("113757508810854.0")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def url(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def of_warehouse(engine: Engine, archive: Path, clock: Any = now) -> dict[str, Line]:
    return {line.name: line for line in warehouse_lines(url(engine), str(archive), clock)}


def as_owner(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        act_as_owner(connection)
        connection.execute(text(statement))


def nobody_listens() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture
def dynamodb(embedded_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in embedded_environ.items():
        monkeypatch.setenv(name, value)
    return boto3.client("dynamodb")


@pytest.fixture
def own_table(dynamodb: Any) -> Iterator[str]:
    """A table of difficulties that no other test sees, empty."""
    name = "doctor"
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "Date", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "Date", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    yield name
    dynamodb.delete_table(TableName=name)


def test_of_a_migrated_warehouse_every_line_is_well_and_the_register_is_not_there_yet(
    warehouse: Engine, tmp_path: Path
) -> None:
    lines = of_warehouse(warehouse, tmp_path)
    assert [line.state for line in lines.values()] == [State.OK] * 5 + [State.NOT_YET], lines
    assert "minerecon works as minerecon_pipeline" in lines["role"].says
    assert exit_code(list(lines.values())) == 0


def test_a_server_that_does_not_answer_is_named_and_its_other_lines_are_not_looked_at(tmp_path: Path) -> None:
    address = f"postgresql+psycopg2://minerecon:hush-hush@127.0.0.1:{nobody_listens()}/minerecon"
    first, *others = warehouse_lines(address, str(tmp_path), now)
    assert first.state is State.WRONG
    assert "cannot connect" in first.says
    assert first.remedy == "start the server, or correct DATABASE_URL"
    assert "hush" not in f"{first.says}{first.remedy}"
    assert {line.state for line in others} == {State.UNSEEN}
    assert len(others) == 5


def test_an_empty_database_has_another_schema_and_the_upgrade_mends_it(fresh_database: str, tmp_path: Path) -> None:
    engine = create_engine(fresh_database)
    lines = of_warehouse(engine, tmp_path)
    engine.dispose()
    assert lines["schema"].state is State.WRONG
    assert "empty" in lines["schema"].says
    assert lines["schema"].remedy == "minerecon db upgrade"
    assert lines["role"].state is State.WRONG
    assert lines["clock"].state is State.OK
    assert lines["register"].state is State.UNSEEN


def test_views_of_another_version_are_another_schema_although_the_revision_is_the_codes(
    warehouse: Engine, tmp_path: Path
) -> None:
    assert of_warehouse(warehouse, tmp_path)["schema"].state is State.OK
    as_owner(warehouse, "COMMENT ON SCHEMA analytics IS 'Views for analysts; made from 0123, and are 4567'")
    line = of_warehouse(warehouse, tmp_path)["schema"]
    assert line.state is State.WRONG
    assert line.says.endswith("the code's, but its views are of another version")
    assert line.remedy == "minerecon db upgrade"


def test_a_warehouse_of_a_newer_version_is_mended_by_no_upgrade_of_this_one(warehouse: Engine, tmp_path: Path) -> None:
    as_owner(warehouse, "UPDATE minerecon.alembic_version SET version_num = '9999'")
    line = of_warehouse(warehouse, tmp_path)["schema"]
    assert (line.state, line.says.partition(", ")[0]) == (State.OK, "at revision 9999"), "it takes this code"
    as_owner(warehouse, "COMMENT ON SCHEMA analytics IS NULL")
    assert of_warehouse(warehouse, tmp_path)["schema"].state is State.WRONG, "it has no views"
    as_owner(warehouse, "UPDATE minerecon.schema_compatibility SET min_code_revision = '9998'")
    line = of_warehouse(warehouse, tmp_path)["schema"]
    assert line.state is State.WRONG
    assert line.says.startswith("at revision 9999")
    assert line.remedy == "update this program: a newer one has migrated the warehouse"


def test_a_promise_that_is_not_in_force_is_the_roles_line_and_nothing_is_mended_by_looking(
    warehouse: Engine, tmp_path: Path
) -> None:
    as_owner(warehouse, "GRANT CREATE ON SCHEMA analytics TO minerecon_analyst")
    for _ in range(2):
        line = of_warehouse(warehouse, tmp_path)["role"]
        assert line.state is State.WRONG
        assert line.says == "not in force: analysts make nothing in the schema analytics"
        assert line.remedy.startswith(
            "minerecon db upgrade; what it may not do: minerecon db upgrade --print-superuser"
        )


def test_a_right_that_a_run_lacks_is_named_with_its_table(warehouse: Engine, tmp_path: Path) -> None:
    as_owner(warehouse, "REVOKE INSERT ON minerecon.daily_summaries FROM minerecon_pipeline")
    line = of_warehouse(warehouse, tmp_path)["right"]
    assert (line.state, line.says) == (State.WRONG, "a run has no INSERT on minerecon.daily_summaries")
    assert line.remedy == "minerecon db upgrade"


@pytest.mark.parametrize(("off", "way"), [(3600, "ahead of"), (-3600, "behind")])
def test_a_clock_that_is_an_hour_wrong_is_told_with_its_direction(
    warehouse: Engine, tmp_path: Path, off: int, way: str
) -> None:
    line = of_warehouse(warehouse, tmp_path, lambda: now() + dt.timedelta(seconds=off))["clock"]
    assert line.state is State.WRONG
    assert f"this machine is 3,600 s {way} the database" in line.says


def test_the_register_has_its_age_and_units_and_is_red_when_nobody_has_seen_it_for_weeks(
    project: Project, day_stored: None
) -> None:
    archive = Path(Settings.from_environ().archive_url)
    line = of_warehouse(project.engine, archive)["register"]
    assert line.state is State.OK, line
    assert "wind units" in line.says
    assert "0 days ago" in line.says
    days = OLDEST_REGISTER_DAYS + 1
    old = of_warehouse(project.engine, archive, lambda: now() + dt.timedelta(days=days))["register"]
    assert old.state is State.WRONG
    assert f"{days} days ago" in old.says

    project.sql_write("UPDATE minerecon.bm_units SET fuel_type = NULL")
    none = of_warehouse(project.engine, archive)["register"]
    assert (none.state, none.says) == (State.WRONG, "no wind unit is in force")


def test_an_answer_of_the_register_that_waits_is_told_with_the_command_that_takes_it(
    project: Project, day_stored: None
) -> None:
    project.sql_write(
        "INSERT INTO minerecon.register_refusals (payload_sha256, state, reason, unit_count, wind_unit_count,"
        " lost_unit_count, lost_capacity_mw, lost_units, archive_uri, first_seen_at, last_seen_at, is_synthetic)"
        " VALUES (:s, 'waiting', 'it lacks 20 wind units', 1, 1, 20, 400, '[]', 'x', now(), now(), true)",
        s="ab" * 32,
    )
    line = of_warehouse(project.engine, Path(Settings.from_environ().archive_url))["register"]
    assert line.state is State.WRONG
    assert "it lacks 20 wind units" in line.says
    assert f"minerecon register accept {'ab' * 32}" in line.remedy


def test_dagsters_database_is_well_when_it_is_empty_and_tables_may_be_made(fresh_database: str) -> None:
    line = dagster_line(fresh_database)
    assert line.state is State.OK
    assert "empty: Dagster makes its tables when it starts" in line.says


def test_dagsters_database_is_red_where_its_role_may_make_nothing_or_nobody_listens(
    warehouse: Engine, fresh_database: str
) -> None:
    role = "doctor_dagster"
    as_owner(warehouse, f"CREATE ROLE {role} LOGIN PASSWORD 'long-enough'")
    engine = create_engine(fresh_database)
    try:
        with engine.begin() as connection:
            connection.execute(text(f'GRANT CONNECT ON DATABASE "{engine.url.database}" TO {role}'))
        theirs = engine.url.set(username=role, password="long-enough").render_as_string(hide_password=False)
        line = dagster_line(theirs)
        assert line.state is State.WRONG
        assert f"{role} may make no tables" in line.says
        assert line.remedy.endswith(f"OWNER TO {role}")
    finally:
        with engine.begin() as connection:
            connection.execute(text(f'REVOKE CONNECT ON DATABASE "{engine.url.database}" FROM {role}'))
        engine.dispose()
        as_owner(warehouse, f"DROP ROLE {role}")
    gone = dagster_line(f"postgresql+psycopg2://d:d@127.0.0.1:{nobody_listens()}/dagster")
    assert gone.state is State.WRONG
    assert "DAGSTER_POSTGRES_URL" in gone.says


def test_a_table_that_is_not_there_is_told_and_its_horizon_not_looked_at(dynamodb: Any) -> None:
    first, horizon = difficulty_lines("nowhere", "eu-west-2", now().date())
    assert first.state is State.WRONG
    assert "nowhere" in first.says
    assert "minerecon difficulty create-table" in first.remedy
    assert horizon.state is State.UNSEEN


def test_a_dynamodb_that_does_not_answer_is_told(dynamodb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{nobody_listens()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    first, _ = difficulty_lines("minerecon-bitcoin-difficulty", "eu-west-2", now().date())
    assert first.state is State.WRONG
    assert "check that it can be reached" in f"{first.says} {first.remedy}"


def test_the_horizon_is_the_last_day_with_a_difficulty_and_red_before_it_ends(own_table: str) -> None:
    today = now().date()
    _, empty = difficulty_lines(own_table, "eu-west-2", today)
    assert empty.state is State.WRONG
    assert "no difficulty at all" in empty.says
    DifficultyTable(own_table, region="eu-west-2").load({today: DIFFICULTY})

    def seen(days_before: int) -> Line:
        return difficulty_lines(own_table, "eu-west-2", today - dt.timedelta(days=days_before))[1]

    assert seen(WARN_AHEAD_DAYS).state is State.OK
    near = seen(WARN_AHEAD_DAYS - 1)
    assert near.state is State.WRONG
    assert f"{today}, in {WARN_AHEAD_DAYS - 1} days" in near.says
    assert "minerecon difficulty load" in near.remedy
    of_sample = difficulty_lines(own_table, "eu-west-2", today + dt.timedelta(days=400), is_sample=True)[1]
    assert (of_sample.state, of_sample.says.endswith("after the sample's last")) == (State.OK, True)
    over = seen(-2)
    assert over.state is State.WRONG
    assert "2 days ago" in over.says


def test_an_archive_is_red_where_it_is_no_folder_or_holds_something_damaged(tmp_path: Path) -> None:
    assert archive_line(str(tmp_path / "not" / "yet")).state is State.OK
    assert not (tmp_path / "not").exists()
    file = tmp_path / "file"
    file.write_text("")
    assert archive_line(str(file)).state is State.WRONG
    damaged = tmp_path / "archive" / "register" / "20250328T000000.000000Z.zip"
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"PK, and no more")
    line = archive_line(str(tmp_path / "archive"))
    assert line.state is State.WRONG
    assert str(damaged) in line.says


def settings_of(tmp_path: Path, **more: str) -> Settings:
    return Settings.from_environ({"MINERECON_HOME": str(tmp_path), **more})


def test_a_disk_without_room_is_named_by_what_lies_on_it(tmp_path: Path) -> None:
    well, _ = machine_lines(settings_of(tmp_path), least_free_bytes=1)
    assert well.state is State.OK
    full, _ = machine_lines(settings_of(tmp_path), least_free_bytes=1 << 60)
    assert full.state is State.WRONG
    assert "MINERECON_HOME" in full.says


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_the_proxy_that_would_be_used_is_named_without_its_password_and_never_for_this_machine(
    no_proxy: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert machine_lines(settings_of(tmp_path))[1].says == "none: sources are asked directly"
    no_proxy.setenv("HTTPS_PROXY", "http://somebody:hush-hush@proxy.example:3128")
    no_proxy.setenv("HTTP_PROXY", "http://proxy.example:3129")
    line = machine_lines(settings_of(tmp_path, BITCOIN_PRICE_BASE_URL="http://127.0.0.1:1/prices"))[1]
    assert line.state is State.OK
    assert line.says == "Elexon by proxy.example:3128; prices directly; this machine directly"


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [("HTTPS_PROXY", "http://", "is no address"), ("REQUESTS_CA_BUNDLE", "/no/such/file.pem", "/no/such/file.pem")],
)
def test_a_proxy_that_is_no_address_and_certificates_that_are_not_there_are_red(
    no_proxy: pytest.MonkeyPatch, tmp_path: Path, variable: str, value: str, words: str
) -> None:
    no_proxy.setenv(variable, value)
    line = machine_lines(settings_of(tmp_path))[1]
    assert line.state is State.WRONG
    assert words in line.says
    assert "correct" in line.remedy


def test_whatever_a_look_raises_is_a_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINERECON_ANALYST_PASSWORD", "very-hush-hush")

    def fail() -> Line:
        raise ZeroDivisionError("of very-hush-hush\nby 0")

    line = looked_at("all", fail)
    assert line == wrong("all", "ZeroDivisionError: of [hidden] by 0", "mend what it says, and look again")


def test_exit_codes_are_of_the_worst_line() -> None:
    unset = Line("x", State.UNSET, "")
    assert exit_code([ok("x", ""), *unseen(["y"], "z"), Line("n", State.NOT_YET, "")]) == 0
    assert exit_code([ok("x", ""), unset]) == 2
    assert exit_code([unset, wrong("x", "", "")]) == 1
