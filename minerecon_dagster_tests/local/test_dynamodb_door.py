"""Whom the embedded DynamoDB answers: every user of the machine reaches its port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from werkzeug.test import Client, TestResponse

from minerecon_dagster.local import dynamodb
from minerecon_dagster.local.dynamodb import DIFFICULTY_TABLE, JournalledDynamoDB, serve

KEY = "k" * 32
PUT = {"TableName": DIFFICULTY_TABLE, "Item": {"Date": {"S": "2025-03-30"}, "Difficulty": {"N": "1"}}}
GET = {"TableName": DIFFICULTY_TABLE, "Key": {"Date": {"S": "2025-03-28"}}}
SIGNED = f"AWS4-HMAC-SHA256 Credential={KEY}/20250328/eu-west-2/dynamodb/aws4_request, SignedHeaders=host, Signature=0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home") / "dynamodb"


@pytest.fixture(scope="module")
def endpoint(folder: Path) -> Iterator[str]:
    return serve(folder, KEY)


@pytest.fixture
def app(tmp_path: Path) -> JournalledDynamoDB:
    made = JournalledDynamoDB(tmp_path / "requests.jsonl", KEY)
    made.call(
        "CreateTable",
        {
            "TableName": DIFFICULTY_TABLE,
            "KeySchema": [{"AttributeName": "Date", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "Date", "AttributeType": "S"}],
            "BillingMode": "PAY_PER_REQUEST",
        },
    )
    return made


def asked(
    app: JournalledDynamoDB, operation: str, body: Any, authorization: str | None = SIGNED, **more: Any
) -> TestResponse:
    headers = {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Origin": "http://evil.example"}
    if authorization is not None:
        headers["Authorization"] = authorization
    return Client(app).open("/", **{"method": "POST", "data": json.dumps(body), "headers": headers, **more})


def journal(app: JournalledDynamoDB) -> list[str]:
    return Path(app._journal.name).read_text().splitlines()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic a2V5",
        SIGNED.replace(KEY, "embedded"),
        SIGNED.replace(KEY, "somebody"),
        SIGNED.replace(KEY, KEY[:-1]),
        SIGNED.replace(KEY, KEY + "k"),
        SIGNED.replace(KEY, "\u00e9"),
    ],
)
def test_without_the_key_nothing_is_read_or_written(app: JournalledDynamoDB, authorization: str | None) -> None:
    before = journal(app)
    for operation, body in (("GetItem", GET), ("PutItem", PUT), ("CreateBackup", {}), ("ListTables", {})):
        answer = asked(app, operation, body, authorization)
        assert answer.status_code == 403
        assert "UnrecognizedClientException" in answer.text
    assert journal(app) == before


@pytest.mark.parametrize(
    "operation",
    ["CreateBackup", "DeleteBackup", "UpdateTable", "TagResource", "ExecuteStatement", "TransactWriteItems",
     "UpdateTimeToLive", "ExportTableToPointInTime", "", "getitem"],
)  # fmt: skip
def test_only_what_is_used_is_answered_so_that_the_journal_can_always_be_replayed(
    app: JournalledDynamoDB, operation: str, tmp_path: Path
) -> None:
    before = journal(app)
    backup = {"TableName": DIFFICULTY_TABLE, "BackupName": "b", "BackupArn": "b"}
    assert asked(app, operation, backup).status_code == 400
    assert journal(app) == before
    JournalledDynamoDB(tmp_path / "requests.jsonl", KEY)


def test_with_the_key_it_is_dynamodb_and_no_page_of_a_browser_may_read_it(app: JournalledDynamoDB) -> None:
    before = len(journal(app))
    put = asked(app, "PutItem", PUT)
    assert put.status_code == 200
    assert not [name for name, _ in put.headers.to_wsgi_list() if name.lower().startswith("access-control-")]
    assert len(journal(app)) == before + 1
    assert asked(app, "GetItem", GET, method="GET").status_code == 400


@pytest.mark.parametrize("length", ["-1", "17000000", "1e3", "many"])
def test_a_body_has_an_end_and_says_where(app: JournalledDynamoDB, length: str) -> None:
    class Unread:
        def read(self, size: int = -1) -> bytes:
            raise AssertionError(size)

    said: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": "/", "HTTP_X_AMZ_TARGET": "DynamoDB_20120810.PutItem",
        "HTTP_AUTHORIZATION": SIGNED, "CONTENT_LENGTH": length, "wsgi.input": Unread(),
    }  # fmt: skip
    list(app(environ, lambda status, headers: said.append(status)))  # type: ignore[arg-type, return-value]
    assert said == ["413 Content Too Large"]
    assert dynamodb._MOST_BYTES < 17_000_000


def test_over_the_wire_boto3_gets_in_by_the_key_alone(endpoint: str, folder: Path) -> None:
    def table(key: str) -> Any:
        return boto3.resource(
            "dynamodb", endpoint_url=endpoint, region_name="eu-west-2", aws_access_key_id=key, aws_secret_access_key="x"
        ).Table(DIFFICULTY_TABLE)

    table(KEY).put_item(Item={"Date": "2025-03-28", "Difficulty": 5})
    assert table(KEY).get_item(Key={"Date": "2025-03-28"})["Item"]["Difficulty"] == 5
    before = (folder / "requests.jsonl").read_bytes()
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        table("embedded").put_item(Item={"Date": "2025-03-28", "Difficulty": 6})
    assert (folder / "requests.jsonl").read_bytes() == before
