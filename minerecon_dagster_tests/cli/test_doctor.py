"""`minerecon doctor` as an operator gives it: lines, width, JSON, exit codes, and that it changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import boto3
import pytest
from sqlalchemy import Engine, text

from minerecon_dagster.difficulty.source import DifficultyTable
from minerecon_dagster.warehouse.store import act_as_owner
from minerecon_dagster_tests.cli.conftest import Ran
from minerecon_dagster_tests.fake_elexon import FakeElexon

Run = Callable[..., Ran]
TABLE = "doctor-of-the-command"
LOCAL = ["warehouse", "schema", "role", "right", "clock", "register", "dagster", "difficulty", "horizon", "archive",
         "disk", "proxy"]  # fmt: skip


@pytest.fixture
def reaching(embedded_environ: dict[str, str], environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of difficulties that reaches for weeks from today."""
    for name, value in embedded_environ.items():
        monkeypatch.setenv(name, value)
    client = boto3.client("dynamodb")
    if TABLE not in client.list_tables()["TableNames"]:
        client.create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": "Date", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "Date", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    ahead = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=20)
    DifficultyTable(TABLE, region="eu-west-2").load({ahead: Decimal("113757508810854.0")})
    environ["DYNAMODB_DIFFICULTY_TABLE"] = TABLE


def contents(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*")}


def test_all_well_is_exit_0_in_80_columns_and_live_asks_the_source_about_ten_questions(
    minerecon: Run, environ: dict[str, str], day_stored: Engine, reaching: None, elexon: FakeElexon
) -> None:
    home = Path(environ["MINERECON_HOME"])
    before = contents(home)
    ran = minerecon("doctor")
    assert ran.code == 0, ran.out + ran.err
    assert max(map(len, ran.out.splitlines())) <= 80
    assert [line.split()[1] for line in ran.out.splitlines() if not line.startswith(" ")] == LOCAL
    assert not elexon.requests
    live = minerecon("doctor", "--live", "--json")
    assert live.code == 0, live.out + live.err
    assert live.json["ok"]
    assert live.json["live"]
    assert {line["state"] for line in live.json["lines"]} == {"ok"}
    assert [line["name"] for line in live.json["lines"]][: len(LOCAL)] == LOCAL
    assert len(live.json["lines"]) >= len(LOCAL) + 9
    assert 8 <= sum(elexon.requests.values()) <= 12
    assert contents(home) == before


def test_what_is_wrong_is_exit_1_with_its_remedy_and_hides_nothing(
    minerecon: Run, day_stored: Engine, reaching: None
) -> None:
    with day_stored.begin() as connection:
        act_as_owner(connection)
        connection.execute(text("REVOKE DELETE ON minerecon.daily_summaries FROM minerecon_pipeline"))
    ran = minerecon("doctor", DYNAMODB_DIFFICULTY_TABLE="no-such-table")
    assert ran.code == 1
    assert [line.split()[1] for line in ran.out.splitlines() if not line.startswith(" ")] == LOCAL
    wrong = [line.split()[1] for line in ran.out.splitlines() if line.startswith("wrong")]
    assert wrong == ["role", "right", "difficulty"]
    assert "-> minerecon db upgrade" in ran.out


def test_where_nothing_is_configured_it_is_exit_2_and_nothing_is_made(minerecon: Run, tmp_path: Path) -> None:
    home = tmp_path / "nobody was here"
    ran = minerecon(
        "doctor", "--json", MINERECON_HOME=str(home), DATABASE_URL="", DAGSTER_POSTGRES_URL="",
        DYNAMODB_DIFFICULTY_TABLE="", AWS_ENDPOINT_URL_DYNAMODB="",
    )  # fmt: skip
    assert ran.code == 2, ran.out + ran.err
    unset = [line["name"] for line in ran.json["lines"] if line["state"] == "not set"]
    assert unset == ["warehouse", "dagster", "difficulty"]
    assert not home.exists()


def test_a_setting_that_nobody_reads_has_a_line_and_any_other_command_says_so_once(
    minerecon: Run, day_stored: Engine, reaching: None
) -> None:
    ran = minerecon("doctor", "--json", ELEXON_RATELIMIT="60")
    assert (ran.code, ran.err) == (0, "")
    line = ran.json["lines"][-1]
    assert (line["name"], line["state"], line["says"]) == (
        "setting", "ignored", "ELEXON_RATELIMIT is no setting, and is ignored",
    )  # fmt: skip
    said = minerecon("status", "--json", ELEXON_STACK_SIDE="hush", ELASTIC_STACK_SIDES="bid")
    assert said.err == (
        "minerecon: ELEXON_STACK_SIDE is no setting, and is ignored: the nearest is ELEXON_STACK_SIDES"
        " (docs/operate/settings.md has all)\n"
    )
    assert said.json


def test_a_setting_that_is_wrong_is_exit_2_and_one_line(minerecon: Run) -> None:
    ran = minerecon("doctor", ELEXON_STACK_SIDES="both")
    assert ran.code == 2
    assert ran.err.startswith("minerecon: ELEXON_STACK_SIDES must be")
    assert len(ran.err.splitlines()) == 1
