"""S3 stores that are not AWS, and rights that lack: the archive works, or one line says what is missing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from minerecon_dagster.core.answers import Answer, AnswerKey
from minerecon_dagster.core.errors import ArchiveError, ConfigurationError
from minerecon_dagster.elexon.archive import Archive
from minerecon_dagster_tests.fake_s3 import FakeS3, fake_s3

DAY = dt.date(2025, 3, 28)
NOW = dt.datetime(2025, 4, 2, 9, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
BID_1 = AnswerKey("stack", "bid", 1)
PLACE = "s3://b/some/archive"


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeS3]:
    with fake_s3() as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        monkeypatch.setenv("AWS_REGION", "eu-west-2")
        yield server


def look(at: dt.datetime = NOW, body: bytes = b"{}") -> bool:
    """A look at the day by a process of its own; whether it brought something new."""
    answer = Answer("http://elexon.test/some/call", 200, at, body)
    return Archive.from_url(PLACE).record(DAY, {BID_1: answer}, now=at)[1]


def said(caught: pytest.ExceptionInfo[BaseException]) -> str:
    text = str(caught.value)
    assert "\n" not in text
    assert "botocore" not in text
    return text


def test_a_store_that_knows_no_checksum_behind_the_body_takes_objects_with_their_md5(store: FakeS3) -> None:
    """FR-47."""
    assert look()
    assert not look(LATER)
    puts = [(key, headers) for method, key, headers in store.seen if method == "PUT"]
    assert any(key.endswith(".zip") for key, _ in puts)
    assert all("Content-MD5" in headers for _, headers in puts)
    assert not any(name.lower().startswith("x-amz-checksum") for _, headers in puts for name in headers)


def test_a_store_without_conditional_writes_is_told_in_one_line(store: FakeS3) -> None:
    """FR-48."""
    store.conditions = "lacking"
    with pytest.raises(ConfigurationError, match="this store lacks conditional writes") as caught:
        look()
    assert "MINERECON_ARCHIVE_URL" in said(caught)
    assert store.objects == {}


def test_a_store_that_ignores_the_condition_is_noticed_at_the_first_object(store: FakeS3) -> None:
    """FR-48: else two writers at once would overwrite each other unseen."""
    store.conditions = "ignored"
    with pytest.raises(ConfigurationError, match="ignores If-None-Match and overwrites what is there") as caught:
        look()
    assert "MINERECON_ARCHIVE_URL" in said(caught)
    assert len(store.objects) == 1


def test_whether_a_store_keeps_what_is_there_is_asked_once_by_each_process(store: FakeS3) -> None:
    archive = Archive.from_url(PLACE)
    for n in range(3):
        at = NOW + n * dt.timedelta(hours=1)
        archive.record(DAY, {BID_1: Answer("http://elexon.test/some/call", 200, at, str(n).encode())}, now=at)
    puts = [key for method, key, _ in store.seen if method == "PUT" and key.endswith(".zip")]
    assert len(puts) == 4
    assert len(set(puts)) == 3


def test_what_is_not_there_may_be_forbidden_and_the_second_look_works(store: FakeS3) -> None:
    """FR-49: without the right to list the whole bucket, S3 answers 403 for a key that is missing."""
    store.is_forbidden = True
    assert look()
    assert not look(LATER)
    assert Archive.from_url(PLACE).newest(DAY) is not None


@pytest.mark.parametrize(
    ("denied", "right"),
    [("list", "s3:ListBucket"), ("get", "s3:GetObject"), ("put", "s3:PutObject")],
)
def test_a_right_that_lacks_is_named_with_where_all_of_them_are_listed(store: FakeS3, denied: str, right: str) -> None:
    look()
    store.denied = {denied}
    with pytest.raises(ConfigurationError, match=f"{right} is refused") as caught:
        look(LATER, b"news")
    assert "docs/operate/go-live.md" in said(caught)


def test_without_the_right_to_delete_what_is_no_longer_needed_stays_and_the_log_says_so(
    store: FakeS3, caplog: pytest.LogCaptureFixture
) -> None:
    store.denied = {"delete"}
    for hour in (1, 2):
        look(dt.datetime(2025, 3, 28, hour, tzinfo=dt.UTC), str(hour).encode())
    assert len(Archive.from_url(PLACE).versions(DAY)) == 2
    assert "s3:DeleteObject is refused" in caplog.text


def test_a_bucket_that_is_not_there_is_told_with_the_command_that_makes_it(store: FakeS3) -> None:
    with pytest.raises(ArchiveError, match="there is no bucket other") as caught:
        Archive.from_url("s3://other/x").days()
    assert "aws s3api create-bucket --bucket other" in said(caught)
    assert isinstance(caught.value, ConfigurationError)
