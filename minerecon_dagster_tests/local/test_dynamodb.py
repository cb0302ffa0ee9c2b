from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path

import boto3
import psutil
import pytest

from minerecon_dagster_tests.local.conftest import Client, processes, supervisors

pytestmark = pytest.mark.slow  # each starts services of its own

TABLE = "minerecon-bitcoin-difficulty"
DAYS = [str(dt.date(2017, 1, 1) + dt.timedelta(days=n)) for n in range(3300)]


def journal(home: Path) -> Path:
    return home / "dynamodb" / "requests.jsonl"


def kill_everything(home: Path, client: Client) -> None:
    everything = [*supervisors(home), *processes(home)]
    for process in everything:
        process.kill()
    client.kill()
    # One that is dying yet would be joined by whoever comes next.
    psutil.wait_procs(everything, timeout=60)


def test_the_table_is_keyed_by_date_and_empty(home: Path) -> None:
    client = Client(home)
    table = client.table()
    assert table.key_schema == [{"AttributeName": "Date", "KeyType": "HASH"}]
    assert table.scan()["Items"] == []
    client.leave()


def test_every_kind_of_change_outlives_a_kill(home: Path) -> None:
    client = Client(home)
    table = client.table()
    with table.batch_writer() as batch:
        for day in DAYS[:60]:
            batch.put_item(Item={"Date": day, "Difficulty": Decimal("110568428300952.69")})
    table.put_item(Item={"Date": DAYS[0], "Difficulty": "7"})
    table.delete_item(Key={"Date": DAYS[1]})
    table.update_item(
        Key={"Date": DAYS[2]}, UpdateExpression="SET Difficulty = :d", ExpressionAttributeValues={":d": 5}
    )
    before = table.scan()["Items"]
    kill_everything(home, client)

    client = Client(home)
    after = client.table().scan()["Items"]
    assert sorted(after, key=str) == sorted(before, key=str)
    assert len(after) == 59
    assert {item["Date"]: item["Difficulty"] for item in after}[DAYS[0]] == "7"
    client.leave()


def test_another_table_and_its_removal_outlive_a_restart(home: Path) -> None:
    client = Client(home)
    dynamodb = client.table().meta.client
    for name in ("kept", "removed"):
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "ID", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "ID", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
    dynamodb.delete_table(TableName="removed")
    client.leave()
    client = Client(home)
    assert sorted(client.table().meta.client.list_tables()["TableNames"]) == ["kept", TABLE]
    client.leave()


def test_a_line_that_a_killed_writer_left_torn_is_dropped(home: Path) -> None:
    client = Client(home)
    client.table().put_item(Item={"Date": DAYS[0], "Difficulty": 1})
    client.leave()
    with journal(home).open("a") as file:
        file.write('{"operation":"PutItem","body":{"TableNa')

    for day in DAYS[1:3]:
        client = Client(home)
        client.table().put_item(Item={"Date": day, "Difficulty": 1})
        client.leave()
    client = Client(home)
    assert sorted(item["Date"] for item in client.table().scan()["Items"]) == DAYS[:3]
    client.leave()


def test_a_journal_damaged_in_the_middle_is_a_clear_error(home: Path) -> None:
    Client(home).leave()
    journal(home).write_text("nonsense\n" + journal(home).read_text())
    client = Client(home)
    assert client.answer["error"] == "MinereconError"
    assert f"line 1 of {journal(home)} is damaged" in client.answer["message"]
    assert client.process.wait(60) == 0
    assert processes(home) == []


def test_ten_years_of_days_are_compacted_and_are_all_there_at_the_next_start(home: Path) -> None:
    Client(home).leave()
    with journal(home).open("a") as file:
        for day in DAYS:
            body = {"TableName": TABLE, "Item": {"Date": {"S": day}, "Difficulty": {"N": "110568428300952.69"}}}
            file.write(json.dumps({"operation": "PutItem", "body": body}) + "\n")
    Client(home).leave()
    assert len(journal(home).read_text().splitlines()) < 150

    client = Client(home)
    pages = client.table().meta.client.get_paginator("scan").paginate(TableName=TABLE)
    items = [item for page in pages for item in page["Items"]]
    assert sorted(item["Date"] for item in items) == DAYS
    assert {item["Difficulty"] for item in items} == {Decimal("110568428300952.69")}
    client.leave()


def test_the_additional_environment_is_all_that_boto3_needs(
    embedded_environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in embedded_environ.items():
        monkeypatch.setenv(name, value)
    # Of a session of its own: the default one may have the key of other services.
    table = boto3.Session().resource("dynamodb").Table(embedded_environ["DYNAMODB_DIFFICULTY_TABLE"])
    table.put_item(Item={"Date": "2018-03-28", "Difficulty": 113757508810854})
    assert table.get_item(Key={"Date": "2018-03-28"})["Item"]["Difficulty"] == 113757508810854
    table.delete_item(Key={"Date": "2018-03-28"})
